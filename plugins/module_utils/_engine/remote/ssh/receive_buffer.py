# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Buffer received data of a channel, in place of paramiko's own buffers where these are the ones that we know."""

from __future__ import annotations

import queue
import threading
from typing import Any

from ..._paramiko import paramiko

KNOWN_METHODS = {"close", "empty", "feed", "read", "read_ready", "set_event"}
"""The public methods of paramiko's buffers, from paramiko 2.12 to 5.1."""


def replace_buffers(channel: Any) -> None:
    """Replace the buffers of a channel. A release of paramiko with other buffers keeps its own, and is slower."""
    methods = {name for name in dir(getattr(channel, "in_buffer", None)) if not name.startswith("_")}
    if methods == KNOWN_METHODS and hasattr(channel, "in_stderr_buffer"):
        channel.in_buffer, channel.in_stderr_buffer = ReceiveBuffer(), NullBuffer()


class ReceiveBuffer:
    """Keep the data that a channel has received until it is read, all of it at once.

    Replaces `paramiko.buffered_pipe.BufferedPipe`, which copies every byte three times and wakes its reader for every
    packet.
    """

    def __init__(self) -> None:
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._received = self._taken = 0  # bytes; each counter is changed by one thread only
        self._closed = False
        self._event: Any = None
        self._event_lock = threading.Lock()

    def __len__(self) -> int:
        return self._received - self._taken

    def set_event(self, event: Any) -> None:
        """Set the event that is set while data can be read, or after the end of the data."""
        self._event = event
        self._set_event()

    def feed(self, data: bytes) -> None:
        if data:
            self._received += len(data)
            self._put(data)

    def close(self) -> None:
        self._closed = True
        self._put(b"")

    def read_ready(self) -> bool:
        return len(self) > 0

    def read(self, _length: int, timeout: float | None = None) -> bytes:
        """Return all received data; empty at the end.

        :param timeout: seconds; None waits without limit.
        :raises paramiko.buffered_pipe.PipeTimeout: nothing was received in time.
        """
        try:
            chunks = [self._chunks.get(timeout=timeout)]
        except queue.Empty:
            raise paramiko.buffered_pipe.PipeTimeout from None
        while not self._chunks.empty():
            chunks.append(self._chunks.get())
        if self._closed:  # keep the end marker for the next read
            self._chunks.put(b"")
        if self._event is not None:
            self._set_event()
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._taken += len(data)
        return data

    def _put(self, data: bytes) -> None:
        self._chunks.put(data)
        if self._event is not None:
            self._set_event()

    def _set_event(self) -> None:
        with self._event_lock:
            if self._chunks.empty():
                self._event.clear()
            else:
                self._event.set()


class NullBuffer(ReceiveBuffer):
    """Discard what a server writes to stderr (``sftp-server -e``). Nobody reads it, so it must not pile up."""

    def feed(self, data: bytes) -> None:
        pass
