# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP packets as a stream of bytes, both ways.

The bytes of files are most of it: each copy that is not made of them is a tenth of the processor time of a large file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import ProtocolError
from . import wire

Packet = tuple[int, int, Any]
"""What a server sent: its kind, the number of the request, and the body; that of DATA is a view."""


class Packets:
    """Takes the stream apart into packets."""

    def __init__(self) -> None:
        self.begun = bytearray()  # a packet that has not come whole

    def taken_from(self, data: bytes) -> Iterator[Packet]:
        """The packets that are whole with this data.

        :raises ProtocolError: this is no SFTP.
        """
        start = 0
        if self.begun:
            start = self._complete(data)
            if len(self.begun) < 4 or len(self.begun) < _end(self.begun, 0):
                return
            packet, self.begun = self.begun, bytearray()
            _length, kind, number = wire.HEADER.unpack_from(packet)
            yield kind, number, _body(kind, packet, 0, len(packet))
        size = len(data)
        while size - start >= wire.HEADER.size:
            length, kind, number = wire.HEADER.unpack_from(data, start)
            end = start + 4 + _sound(length, data, start)
            if end > size:
                break
            yield kind, number, _body(kind, data, start, end)
            start = end
        self.begun += memoryview(data)[start:]
        if len(self.begun) >= 4:
            _end(self.begun, 0)  # what is no SFTP is told at once

    def _complete(self, data: bytes) -> int:
        """Add what belongs to the packet that has begun; return how much of the data that was."""
        taken = 0
        if len(self.begun) < 4:
            taken = 4 - len(self.begun)
            self.begun += data[:taken]
        if len(self.begun) >= 4:
            more = _end(self.begun, 0) - len(self.begun)
            self.begun += memoryview(data)[taken : taken + more]
            taken += more
        return taken


def pieces(buffers: Iterable[bytes], length: int) -> Iterator[bytes]:
    """The bytes of all buffers, one after the other, in pieces of a length; the last may be shorter."""
    piece: list[bytes | memoryview] = []
    room = length
    for buffer in buffers:
        rest: bytes | memoryview = buffer
        left = len(rest)
        while left >= room:
            view = memoryview(rest)
            piece.append(view[:room])
            yield b"".join(piece)
            piece, rest, left, room = [], view[room:], left - room, length
        if left:
            piece.append(rest)
            room -= left
    if piece:
        yield b"".join(piece)


def _not_sftp(start: bytes) -> ProtocolError:
    return ProtocolError(
        "not_sftp",
        f"What the server sends is not SFTP: {start!r}.",
        "Often a login script on the server that prints something; ask the provider to silence it.",
    )


def _end(data: bytes | bytearray, position: int) -> int:
    """Where the packet ends that begins at a position."""
    return position + 4 + _sound(int.from_bytes(data[position : position + 4], "big"), data, position)


def _sound(length: int, data: bytes | bytearray, position: int) -> int:
    """The length of a packet, if any packet may be that long."""
    if not 5 <= length <= wire.LONGEST_PACKET:
        raise _not_sftp(bytes(data[position : position + 64]))
    return length


def _body(kind: int, data: bytes | bytearray, start: int, end: int) -> Any:
    if kind == wire.DATA:
        return memoryview(data)[start + wire.HEADER.size : end]
    return bytes(data[start + wire.HEADER.size : end])
