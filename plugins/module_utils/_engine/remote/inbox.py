# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes on a channel, in place of paramiko's own buffers."""

from __future__ import annotations

import threading
from typing import Any

from .._deps import paramiko


class Inbox:
    """What has come on a channel, until it is read; all of it at once.

    Stands in for `paramiko.buffered_pipe.BufferedPipe`, which copies every byte three times.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._chunks: list[bytes] = []
        self._closed = False
        self._event: Any = None

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._chunks))

    def set_event(self, event: Any) -> None:
        """What to set while there is something to read, or nothing will come any more."""
        with self._lock:
            self._event = event
            if self._chunks or self._closed:
                event.set()
            else:
                event.clear()

    def feed(self, data: bytes) -> None:
        with self._lock:
            if data:
                self._chunks.append(data)
                self._notify()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._notify()

    def read_ready(self) -> bool:
        return bool(self._chunks)

    def read(self, _length: int, timeout: float | None = None) -> bytes:
        """Everything that has come, or nothing at the end.

        :param timeout: seconds; None: as long as it takes.
        :raises paramiko.buffered_pipe.PipeTimeout: nothing came.
        """
        with self._lock:
            if not self._changed.wait_for(lambda: self._chunks or self._closed, timeout):
                raise paramiko.buffered_pipe.PipeTimeout
            chunks, self._chunks = self._chunks, []
            if self._event is not None and not self._closed:
                self._event.clear()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _notify(self) -> None:
        self._changed.notify_all()
        if self._event is not None:
            self._event.set()


class Discarded(Inbox):
    """Where what a server says on the side goes (``sftp-server -e``): as nobody reads it, it must not lie there to be
    read.
    """

    def feed(self, data: bytes) -> None:
        pass
