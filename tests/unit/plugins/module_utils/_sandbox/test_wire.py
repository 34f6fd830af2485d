# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import random
import struct
from pathlib import Path
from typing import Any

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Attributes,
    BadMessage,
    Kind,
    Name,
    Request,
    decode,
)
from support.sandbox_client import text


def body(kind: int, *fields: bytes) -> bytes:
    return struct.pack(">BI", kind, 7) + b"".join(fields)


@pytest.mark.parametrize(
    ("packet", "request_"),
    [
        (
            body(Kind.OPEN, text(b"input/\xff \n"), struct.pack(">II", 0x2A, 0)),
            Request(Kind.OPEN, 7, path=b"input/\xff \n", flags=wire.WRITE | wire.CREATE | wire.EXCLUSIVE),
        ),
        (
            body(Kind.WRITE, text(b"h"), struct.pack(">Q", 2**40), text(b"data")),
            Request(Kind.WRITE, 7, handle=b"h", offset=2**40, data=b"data"),
        ),
        (
            body(Kind.READ, text(b"h"), struct.pack(">QI", 5, 6)),
            Request(Kind.READ, 7, handle=b"h", offset=5, length=6),
        ),
        (body(Kind.RENAME, text(b"a"), text(b"b")), Request(Kind.RENAME, 7, path=b"a", target=b"b")),
        (
            body(Kind.SETSTAT, text(b"a"), struct.pack(">IQIIIII", 0x0F, 9, 1, 2, 0o640, 3, 4)),
            Request(Kind.SETSTAT, 7, path=b"a", attributes=Attributes(9, 1, 2, 0o640, 3, 4)),
        ),
        (
            body(Kind.FSETSTAT, text(b"h"), struct.pack(">II", 0x80000000, 1), text(b"x@y"), text(b"z")),
            Request(Kind.FSETSTAT, 7, handle=b"h"),
        ),
        (
            body(Kind.EXTENDED, text(b"fsync@openssh.com"), text(b"h")),
            Request(Kind.EXTENDED, 7, extension=b"fsync@openssh.com", data=text(b"h")),
        ),
        (body(Kind.INIT, text(b"an"), text(b"extension")), Request(Kind.INIT, 7)),
        (body(99, b"whatever"), Request(99, 7)),
    ],
    ids=lambda value: Kind(value.kind).name if isinstance(value, Request) and value.kind != 99 else "",
)
def test_a_request_is_decoded(packet: bytes, request_: Request) -> None:
    assert decode(packet) == (request_, None)


def test_a_request_cut_short_keeps_its_number_for_the_answer() -> None:
    whole = body(Kind.RENAME, text(b"a"), text(b"b"))
    for length in range(5, len(whole)):
        request, wrong = decode(whole[:length])
        assert request.number == 7
        assert isinstance(wrong, BadMessage)


@pytest.mark.parametrize("packet", [b"", b"\x03", b"\x03\0\0\0"])
def test_a_packet_without_type_and_number_cannot_be_answered(packet: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(packet)


def test_garbage_is_decoded_or_refused_and_nothing_else() -> None:
    chance = random.Random(2)
    for _each in range(5000):
        kind = chance.choice([int(kind) for kind in Kind])
        request, _wrong = decode(body(kind, chance.randbytes(chance.randrange(60))))
        assert request.kind == kind


def test_answers_are_what_another_implementation_reads() -> None:
    attributes = Attributes(5, 0, 0, 0o100644, 1, 2)
    listing = wire.Names([Name(b"a\xff", attributes)]).encode(3)
    message = paramiko.Message(listing[9:])
    assert struct.unpack(">IBI", listing[:9]) == (len(listing) - 4, Kind.NAME, 3)
    assert message.get_int() == 1
    assert message.get_binary() == b"a\xff"
    assert message.get_binary().startswith(b"-rw-r--r--")
    attributes_of: Any = paramiko.SFTPAttributes
    read = attributes_of._from_msg(message)
    assert (read.st_size, read.st_mode, read.st_atime, read.st_mtime) == (5, 0o100644, 1, 2)
    assert message.get_remainder() == b""


def test_times_that_version_3_cannot_say_are_clipped(tmp_path: Path) -> None:
    os.utime(tmp_path, (-5, 2**33))
    attributes = Attributes.of(tmp_path.stat())
    assert (attributes.atime, attributes.mtime) == (0, 2**32 - 1)
    assert attributes.encode()
