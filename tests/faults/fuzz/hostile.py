# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server made of arbitrary bytes: they say what it answers to each request, and how that is cut into pieces."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.channel import ended
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import packets

MOST_REQUESTS = 20_000
"""More than any input of the size that fuzzers use may lead a client to make."""

_HELLO = (
    struct.pack(">IBI", 5 + 38, packets.VERSION_REPLY, 3)
    + packets.text(b"limits@openssh.com")
    + packets.text(b"1")
    + bytes(7)
)
_FITTING = {
    packets.OPEN: packets.HANDLE, packets.OPENDIR: packets.HANDLE, packets.READ: packets.DATA,
    packets.READDIR: packets.NAME,
    packets.LSTAT: packets.ATTRS, packets.FSTAT: packets.ATTRS, packets.EXTENDED: packets.EXTENDED_REPLY,
}  # fmt: skip


class Endless(AssertionError):
    """The client goes on and on."""


class Input:
    """Arbitrary bytes, taken piece by piece; at the end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def left(self) -> int:
        return max(0, len(self._data) - self._position)

    def number(self) -> int:
        """A byte."""
        return self.take(1)[0] if self.left else 0

    def take(self, length: int) -> bytes:
        found = self._data[self._position : self._position + length]
        self._position += length
        return found

    def rest(self) -> bytes:
        return self.take(self.left)


class HostileServer:
    """A connection with one channel, and the server in it; see `channel.Connection` and `channel.Channel`.

    :param data: what the server is made of. When it is used up, the connection ends.
    :ivar requests: the kinds of what the client has asked so far.
    """

    window = 32 * 1024 * 1024
    send_size = 32 * 1024
    is_openssh = False

    def __init__(self, data: bytes) -> None:
        self._script = Input(data)
        self._coming = bytearray()
        self._asked = bytearray()
        self.requests: list[int] = []

    # --- as a connection

    def open_channel(self) -> HostileServer:
        return self

    def info(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        """There is nothing to close."""

    # --- as its channel

    def fileno(self) -> int:
        raise OSError("a server without a socket")

    def send(self, data: bytes) -> int:
        self._asked += data
        while len(self._asked) >= 4 and len(self._asked) >= 4 + int.from_bytes(self._asked[:4], "big"):
            length = 4 + int.from_bytes(self._asked[:4], "big")
            self._serve(self._asked[4], bytes(self._asked[5:9]))
            del self._asked[:length]
        return len(data)

    def receive(self, timeout: float) -> bytes:
        if not self._coming:
            self._coming += self._script.rest()
        length = 1 + self._script.number() if self._script.left else len(self._coming)
        found = bytes(self._coming[:length])
        del self._coming[:length]
        if not found:
            raise ended("the server has nothing more to say")
        return found

    def _serve(self, kind: int, number: bytes) -> None:
        self.requests.append(kind)
        if len(self.requests) > MOST_REQUESTS:
            raise Endless(f"{len(self.requests)} requests")
        if not self._script.left:
            return
        how = self._script.number()
        if kind == packets.INIT and how < 224:
            self._coming += _HELLO if how < 192 else struct.pack(">IBI", 5, packets.VERSION_REPLY, 3)
        elif how < 96:
            self._answer(_FITTING.get(kind, packets.STATUS), number, self._fitting(kind))
        elif how < 160:
            self._answer(packets.STATUS, number, struct.pack(">I", self._script.number() % 9) + self._piece())
        elif how < 192:
            self._answer(self._script.number(), number, self._piece())
        elif how < 208:
            self._answer(packets.STATUS, self._script.take(4), self._piece())
        elif how < 224:
            self._coming += self._piece()

    def _fitting(self, kind: int) -> bytes:
        """The body of an answer that may well be right."""
        if kind in (packets.OPEN, packets.OPENDIR):
            return packets.text(self._piece())
        if kind in (packets.LSTAT, packets.FSTAT):
            return self._attributes()
        if kind == packets.READ:
            return packets.text(self._piece())
        if kind == packets.READDIR:
            names = [self._piece() for _name in range(self._script.number() % 4)]
            entries = [packets.text(name) + packets.text(b"") + self._attributes() for name in names]
            return struct.pack(">I", len(entries)) + b"".join(entries)
        if kind == packets.EXTENDED:
            return bytes(self._script.take(32)).ljust(32, b"\0")
        return struct.pack(">I", 0)

    def _attributes(self) -> bytes:
        size = int.from_bytes(self._script.take(1 + self._script.number() % 8), "big")
        return struct.pack(">IQIIII", 0x0F, size, 0, 0, 0o100644, 0) + struct.pack(">I", self._script.number())

    def _piece(self) -> bytes:
        return self._script.take(self._script.number())

    def _answer(self, kind: int, number: bytes, body: bytes) -> None:
        self._coming += struct.pack(">IB", len(number) + 1 + len(body), kind) + number + body
