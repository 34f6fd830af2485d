# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes on a channel, in place of paramiko's own buffers."""

from __future__ import annotations

import queue
import threading
from typing import Any

from ..._deps import paramiko


class ReceiveBuffer:
    """What has come on a channel, until it is read; all of it at once.

    Stands in for `paramiko.buffered_pipe.BufferedPipe`, which copies every byte three times, and wakes its reader for
    every packet.
    """

    def __init__(self) -> None:
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._came = self._taken = 0  # bytes; each is counted by one thread alone
        self._closed = False
        self._event: Any = None
        self._telling = threading.Lock()

    def __len__(self) -> int:
        return self._came - self._taken

    def set_event(self, event: Any) -> None:
        """What to set while there is something to read, or nothing will come any more."""
        self._event = event
        self._tell()

    def feed(self, data: bytes) -> None:
        if data:
            self._came += len(data)
            self._put(data)

    def close(self) -> None:
        self._closed = True
        self._put(b"")

    def read_ready(self) -> bool:
        return len(self) > 0

    def read(self, _length: int, timeout: float | None = None) -> bytes:
        """Everything that has come, or nothing at the end.

        :param timeout: seconds; None: as long as it takes.
        :raises paramiko.buffered_pipe.PipeTimeout: nothing came.
        """
        try:
            chunks = [self._chunks.get(timeout=timeout)]
        except queue.Empty:
            raise paramiko.buffered_pipe.PipeTimeout from None
        while not self._chunks.empty():
            chunks.append(self._chunks.get())
        if self._closed:  # and stays so
            self._chunks.put(b"")
        if self._event is not None:
            self._tell()
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._taken += len(data)
        return data

    def _put(self, data: bytes) -> None:
        self._chunks.put(data)
        if self._event is not None:
            self._tell()

    def _tell(self) -> None:
        with self._telling:
            if self._chunks.empty():
                self._event.clear()
            else:
                self._event.set()


class Discarded(ReceiveBuffer):
    """Where what a server says on the side goes (``sftp-server -e``): as nobody reads it, it must not lie there to be
    read.
    """

    def feed(self, data: bytes) -> None:
        pass
