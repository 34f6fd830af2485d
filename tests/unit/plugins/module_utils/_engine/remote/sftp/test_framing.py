# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import ProtocolError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import packets
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.framing import Packets, pieces

ANSWERS = [
    (packets.STATUS, 1, b"ok"),
    (packets.DATA, 2, b"\0\0\0\3abc"),
    (packets.NAME, 3, b""),
    (packets.DATA, 4, b"x" * 50),
]
STREAM = b"".join(packets.packet(*answer) for answer in ANSWERS)


def taken_from(stream_of: Packets, stream: bytes, size: int) -> list[tuple[int, int, bytes]]:
    """What is found in a stream that comes in parts of a size."""
    parts = [stream[start : start + size] for start in range(0, len(stream), size)]
    return [(kind, number, bytes(body)) for part in parts for kind, number, body in stream_of.taken_from(part)]


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_packets_are_the_same_however_they_come(size: int) -> None:
    stream_of = Packets()
    assert taken_from(stream_of, STREAM, size) == ANSWERS
    assert not stream_of.begun


@pytest.mark.parametrize("length", [0, 4, packets.LONGEST_PACKET + 1])
@pytest.mark.parametrize("size", [2, 4, 100])
def test_what_has_no_length_of_a_packet_is_not_sftp(length: int, size: int) -> None:
    with pytest.raises(ProtocolError):
        taken_from(Packets(), STREAM + length.to_bytes(4, "big") + b"Welcome to our server", size)


@pytest.mark.parametrize("size", range(4, 10))
def test_what_is_not_sftp_is_told_by_its_first_bytes(size: int) -> None:
    with pytest.raises(ProtocolError):
        list(Packets().taken_from(b"Welcome to our server"[:size]))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 100])
def test_pieces_hold_all_bytes_in_their_order(length: int) -> None:
    buffers = [b"a", b"bcd", b"", b"efghijklm", b"n"]
    cut = list(pieces(buffers, length))
    assert b"".join(cut) == b"".join(buffers)
    assert {len(piece) for piece in cut[:-1]} <= {length}
    assert 0 < len(cut[-1]) <= length
