# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes here are written by hand after draft-ietf-secsh-filexfer-02, not by the code that they test."""

from __future__ import annotations

import random
from typing import Callable

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    FiledropError,
    ProtocolError,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
    RemoteUnsupported,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import packets
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.packets import Attributes, Limits

# flags, size, uid, gid, permissions, atime, mtime
USUAL = bytes.fromhex("0000000f 0000000000001000 000003e8 000003e9 000081a4 65000000 65000001")
NO_TYPES = bytes.fromhex("00000000")
SIZE_ALONE = bytes.fromhex("00000001 ffffffffffffffff")
ALL_BUT_SIZE = bytes.fromhex("0000000e 00000001 00000002 000041ed 00000003 00000004")
EXTENDED = bytes.fromhex("80000001 0000000000000005 00000002") + b"\0\0\0\1a\0\0\0\2bc" + b"\0\0\0\0\0\0\0\1d"

TWO_NAMES = (
    bytes.fromhex("00000002")
    + b"\0\0\0\5a.xml\0\0\0\x1b-rw-r--r-- 1 u g 4096 a.xml"
    + USUAL
    + b"\0\0\0\3\xff/\n\0\0\0\0"
    + NO_TYPES
)
LIMITS = bytes.fromhex("0000000000040000 000000000003fc00 000000000003fc00 00000000000000fc")
HANDLE = b"\0\0\0\4\0\0\0\7"
EXTENSIONS = b"\0\0\0\x12limits@openssh.com\0\0\0\x011" + b"\0\0\0\2\xc3x\0\0\0\0"
REFUSED = b"\0\0\0\3\0\0\0\x11Permission denied\0\0\0\2en"


def attributes(body: bytes) -> Attributes:
    return packets.Reader(body).attributes()


def reason(body: bytes) -> FiledropError:
    return packets.refusal(body, "to open 'a'")


def test_a_request_has_its_length_its_type_and_its_number_before_its_body() -> None:
    assert packets.packet(packets.REMOVE, 0x01020304, b"abc") == bytes.fromhex("00000008 0d 01020304") + b"abc"


def test_the_greeting_asks_for_version_3_and_has_no_number() -> None:
    assert packets.hello() == bytes.fromhex("00000005 01 00000003")


def test_a_text_has_its_length_before_it() -> None:
    assert packets.text("ü.xml".encode()) == b"\0\0\0\6\xc3\xbc.xml"
    assert packets.text(b"") == b"\0\0\0\0"


def test_a_file_is_made_exclusively_and_without_wishes_for_its_attributes() -> None:
    flags = packets.WRITE_FLAG | packets.CREATE_FLAG | packets.EXCLUSIVE_FLAG
    assert packets.open_flags(flags) == bytes.fromhex("0000002a 00000000")
    assert packets.open_flags(packets.READ_FLAG) == bytes.fromhex("00000001 00000000")
    assert packets.open_flags(packets.WRITE_FLAG | packets.TRUNCATE_FLAG) == bytes.fromhex("00000012 00000000")


def test_offsets_have_64_bits() -> None:
    handle = packets.text(b"h")
    assert packets.read_body(handle, 2**40, 0x8000) == b"\0\0\0\1h" + bytes.fromhex("0000010000000000 00008000")
    assert packets.write_body(handle, 2**40, 4) == b"\0\0\0\1h" + bytes.fromhex("0000010000000000 00000004")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (USUAL, Attributes(4096, 0o100644, 0x65000001)),
        (NO_TYPES, Attributes(None, None, None)),
        (SIZE_ALONE, Attributes(2**64 - 1, None, None)),
        (ALL_BUT_SIZE, Attributes(None, 0o40755, 4)),
        (EXTENDED, Attributes(5, None, None)),
    ],
)
def test_attributes_are_what_the_flags_say(body: bytes, expected: Attributes) -> None:
    reader = packets.Reader(body + b"rest")
    assert reader.attributes() == expected
    assert not reader.at_end
    assert reader._body[reader._position :] == b"rest"


def test_a_listing_has_names_as_bytes_and_passes_over_what_ls_would_print() -> None:
    assert packets.names(TWO_NAMES) == [
        (b"a.xml", Attributes(4096, 0o100644, 0x65000001)),
        (b"\xff/\n", Attributes(None, None, None)),
    ]
    assert packets.names(bytes(4)) == []


def test_limits_are_four_numbers() -> None:
    assert packets.limits(LIMITS) == Limits(262144, 261120, 261120, 252)


def test_extensions_are_pairs_and_need_not_be_utf_8() -> None:
    assert packets.extensions(EXTENSIONS) == {"limits@openssh.com": "1", "\N{REPLACEMENT CHARACTER}x": ""}
    assert packets.extensions(b"") == {}


def test_a_handle_is_kept_as_requests_repeat_it() -> None:
    assert packets.handle(HANDLE) == HANDLE
    longest = b"\0\0\1\0" + bytes(256)
    assert packets.handle(longest) == longest


@pytest.mark.parametrize("length", [257, 300, 65536])
def test_a_handle_that_is_too_long_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match=str(length)):
        packets.handle(length.to_bytes(4, "big") + bytes(length))


@pytest.mark.parametrize(
    ("code", "kind", "code_word"),
    [
        (1, RemoteError, "remote_end_of_file"),
        (2, RemoteMissing, "remote_missing"),
        (3, RemoteDenied, "remote_denied"),
        (4, RemoteError, "remote_failure"),
        (5, RemoteError, "remote_bad_message"),
        (8, RemoteUnsupported, "remote_unsupported"),
        (4711, RemoteError, "remote_failure"),
    ],
)
def test_each_status_is_an_error_of_its_kind(code: int, kind: type[FiledropError], code_word: str) -> None:
    error = reason(code.to_bytes(4, "big") + b"\0\0\0\2no\0\0\0\0")
    assert error.__class__ is kind
    assert error.reason == code_word
    assert "to open 'a'" in str(error)
    assert f"SFTP status {code}, 'no'" in str(error)


def test_a_status_may_come_without_words() -> None:
    assert isinstance(reason(bytes.fromhex("00000003")), RemoteDenied)
    assert packets.status_code(bytes(4)) == packets.OK


def test_the_words_of_a_server_are_quoted_harmless_and_short() -> None:
    said = b"\x1b[2J\n\xff" + "\N{RIGHT-TO-LEFT OVERRIDE}".encode() + b"x" * 100_000
    error = reason(b"\0\0\0\4" + len(said).to_bytes(4, "big") + said)
    assert str(error).isprintable()
    assert len(str(error)) < 400


WHOLE: list[tuple[str, Callable[[bytes], object], bytes, set[int]]] = [
    # what, how it is read, the bytes, where it may also end
    ("attributes", attributes, USUAL, set()),
    ("size", attributes, SIZE_ALONE, set()),
    ("unusual", attributes, ALL_BUT_SIZE, set()),
    ("extended", attributes, EXTENDED, set()),
    ("names", packets.names, TWO_NAMES, set()),
    ("limits", packets.limits, LIMITS, set()),
    ("handle", packets.handle, HANDLE, set()),
    ("code", packets.status_code, REFUSED[:4], set()),
    ("refusal", reason, REFUSED[:-6], set(range(4, len(REFUSED)))),
    ("extensions", packets.extensions, EXTENSIONS, {0, 27}),
]


@pytest.mark.parametrize(("read", "body", "also"), [one[1:] for one in WHOLE], ids=[one[0] for one in WHOLE])
def test_a_packet_that_ends_too_soon_is_a_breach_of_the_protocol_wherever_it_ends(
    read: Callable[[bytes], object], body: bytes, also: set[int]
) -> None:
    read(body)
    for length in range(len(body)):
        if length in also:
            read(body[:length])
        else:
            with pytest.raises(ProtocolError) as caught:
                read(body[:length])
            assert caught.value.reason == "protocol_error"


@pytest.mark.parametrize(("read", "body"), [one[1:3] for one in WHOLE], ids=[one[0] for one in WHOLE])
def test_whatever_comes_is_understood_or_a_breach_of_the_protocol(read: Callable[[bytes], object], body: bytes) -> None:
    """Random bytes, and the true ones with a few bytes changed: the second get deeper into each reader."""
    chance = random.Random(1)
    understood = refused = 0
    for _try in range(3000):
        if chance.random() < 0.3:
            noise = chance.randbytes(chance.randrange(80))
        else:
            changed = bytearray(body)
            for _change in range(chance.randrange(1, 4)):
                changed[chance.randrange(len(changed))] = chance.choice((0, 1, 2, 127, 128, 255))
            noise = bytes(changed)
        try:
            read(noise)
            understood += 1
        except ProtocolError:
            refused += 1
    assert understood
    assert refused


@pytest.mark.parametrize("count", [3, 1_000_000, 2**32 - 1])
def test_a_count_beyond_what_came_is_refused_at_once(count: int) -> None:
    with pytest.raises(ProtocolError):
        packets.names(count.to_bytes(4, "big") + TWO_NAMES[4:])
    with pytest.raises(ProtocolError):
        attributes(b"\x80\0\0\0" + count.to_bytes(4, "big") + b"\0\0\0\0" * 2)


def test_a_text_is_never_read_beyond_its_packet() -> None:
    with pytest.raises(ProtocolError):
        packets.Reader(b"\xff\xff\xff\xff" + b"x" * 100).text()
    assert packets.Reader(b"\0\0\0\1xy").text() == b"x"


def test_no_packet_is_so_long_that_waiting_for_it_would_fill_the_memory() -> None:
    assert packets.LONGEST_PACKET <= 16 * 1024 * 1024


def test_data_is_never_more_than_there_is() -> None:
    with pytest.raises(ProtocolError):
        packets.data(memoryview(b"\0\0\0\4abc"))
    assert bytes(packets.data(memoryview(b"\0\0\0\3abc, and more"))) == b"abc"
