# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs against servers that list, look and read in ways of their own. Each table has the variants of one kind."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Code,
    Data,
    Kind,
    Name,
    Names,
    Stats,
    Status,
)
from support.desk import assert_delivered, digests, outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer, Packet

INVALID_HANDLE = Packet(Kind.STATUS, struct.pack(">I", 9))  # a code of later versions
ODD_ANSWERS = [
    Status(Code.FAILURE, "No such file"),
    Status(Code.FAILURE),
    Status(Code.PERMISSION_DENIED, "Access is denied"),
    Status(Code.BAD_MESSAGE),
    Status(Code.OP_UNSUPPORTED),
    INVALID_HANDLE,
]
LOOKS = (Kind.LSTAT, Kind.STAT)


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


def refuse_missing(server: OddServer, answer: Answer) -> None:
    """Answer so where a look finds no file."""

    def hook(call: Call, go: Serve) -> Answer | None:
        honest = go(call.request)
        return answer if isinstance(honest, Status) else honest

    for kind in LOOKS:
        server.hooks[kind] = hook


def refuse(server: OddServer, answer: Answer, *kinds: Kind) -> None:
    for kind in kinds:
        server.answer(kind, answer)


def without_lstat(server: OddServer, answer: Answer) -> None:
    refuse(server, answer, Kind.LSTAT)


def without_looks(server: OddServer, answer: Answer) -> None:
    refuse(server, answer, *LOOKS)


# --- looking at a file

HINDRANCES = [without_lstat, without_looks, refuse_missing]


@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=repr)
@pytest.mark.parametrize("hinder", HINDRANCES)
@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_files_are_sent_and_a_taken_name_is_left_alone(
    server: OddServer, desk: Desk, hinder: Callable[[OddServer, Answer], None], answer: Answer, upload: str
) -> None:
    hinder(server, answer)
    desk.fill(20)
    sent = digests(desk.outbox)
    (server.input / "007.xml").write_bytes(b"theirs")
    result = desk.run(desk.dropoff(upload=upload))
    assert result.error is None
    assert outcomes(result) == dict.fromkeys(sent, ("delivered", "")) | {"007.xml": ("waiting", "name_taken")}
    assert (server.input / "007.xml").read_bytes() == b"theirs"
    assert digests(desk.outbox) == {"007.xml": sent.pop("007.xml")}
    assert digests(server.input).items() >= sent.items()


@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=repr)
@pytest.mark.parametrize("hinder", HINDRANCES)
@pytest.mark.parametrize("after", ["delete", "keep"])
def test_files_are_fetched_once(
    server: OddServer, desk: Desk, hinder: Callable[[OddServer, Answer], None], answer: Answer, after: str
) -> None:
    hinder(server, answer)
    desk.fill(20, folder=server.pickup)
    there = digests(server.pickup)
    assert_delivered(desk.run(desk.pickup(after=after)), there)
    assert_delivered(desk.run(desk.pickup(after=after)), [])
    assert digests(desk.inbox) == there
    assert digests(server.pickup) == (there if after == "keep" else {})


# --- listings

FILE, FOLDER = 0o100644, 0o040755
MARKERS = [
    Name(name, Attributes(size=0, permissions=permissions, mtime=0))
    for name in (b"", b"/", b"archive/", b"pickup", b"pickup/", b"/pickup/", b"./", b".")
    for permissions in (FILE, FOLDER, None)
]


def list_otherwise(server: OddServer, change: Callable[[list[Name]], list[Name]], last: Answer) -> None:
    """Change each part of a listing, and let go of the folder at its end: what is asked behind it is answered so."""
    ended: set[bytes] = set()

    def listed(call: Call, go: Serve) -> Answer | None:
        if call.request.handle in ended:
            return last
        answer = go(call.request)
        if isinstance(answer, Names):
            return Names(change(list(answer.names)))
        ended.add(call.request.handle)
        return answer

    server.hooks[Kind.READDIR] = listed


@pytest.mark.parametrize("last", [*ODD_ANSWERS, Status(Code.EOF), Names([])], ids=repr)
@pytest.mark.parametrize("prefix", [b"", b"/pickup/", b"pickup/", b"./"])
def test_a_folder_is_fetched_however_it_is_listed(server: OddServer, desk: Desk, prefix: bytes, last: Answer) -> None:
    list_otherwise(server, lambda names: [Name(prefix + one.name, one.attributes) for one in names], last)
    desk.fill(150, folder=server.pickup)
    there = digests(server.pickup)
    assert_delivered(desk.run(desk.pickup()), there)
    assert digests(desk.inbox) == there
    assert digests(server.pickup) == {}


@pytest.mark.parametrize("marker", MARKERS, ids=repr)
def test_the_marker_of_a_folder_is_no_trouble(server: OddServer, desk: Desk, marker: Name) -> None:
    list_otherwise(server, lambda names: [marker, *names], Status(Code.EOF))
    (server.pickup / "a.xml").write_bytes(b"a")
    assert_delivered(desk.run(desk.pickup()), ["a.xml"])
    assert_delivered(desk.run(desk.pickup()), [])


@pytest.mark.parametrize(
    "prefix", [b"/etc/", b"../", b"/pickup/../", b"/pickup/../../", b"/input/", b"/", b"sub/", b"/pickup/sub/"]
)
def test_a_path_elsewhere_is_refused(tmp_path: Path, server: OddServer, desk: Desk, prefix: bytes) -> None:
    list_otherwise(server, lambda names: [Name(prefix + b"a.xml", one.attributes) for one in names], Status(Code.EOF))
    (server.pickup / "a.xml").write_bytes(b"a")
    result = desk.run(desk.pickup())
    assert {one.outcome for one in result.outcomes} == {"failed"}
    assert {one.reason for one in result.outcomes} == {"name_refused"}
    assert [path for path in tmp_path.rglob("*.xml*") if path.is_file()] == [server.pickup / "a.xml"]


@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=repr)
def test_a_listing_that_breaks_off_is_not_the_whole_folder(server: OddServer, desk: Desk, answer: Answer) -> None:
    calls: dict[bytes, int] = {}

    def break_off(call: Call, go: Serve) -> Answer | None:
        calls[call.request.handle] = calls.get(call.request.handle, 0) + 1
        return go(call.request) if calls[call.request.handle] == 1 else answer

    server.hooks[Kind.READDIR] = break_off
    desk.fill(150, folder=server.pickup)
    result = desk.run(desk.pickup())
    assert result.error is not None
    assert "to list the folder" in result.error.finding


@pytest.mark.parametrize(
    "line", [b"drwxr-xr-x 1 u g 0 Jan 1 1970 archive", b"d---------+ 1 u g", b"lrwxrwxrwx 1 u g 7 Jan 1 1970 archive"]
)
@pytest.mark.parametrize("permissions", [None, 0o755])
def test_a_folder_is_known_by_the_line_of_the_listing_where_nothing_else_tells(
    server: OddServer, desk: Desk, line: bytes, permissions: int | None
) -> None:
    (server.pickup / "a.xml").write_bytes(b"a")

    def listed(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        if not isinstance(answer, Names):
            return answer
        rest = b"".join(name.encode() for name in answer.names)
        told = wire.string(b"archive") + wire.string(line) + Attributes(size=0, permissions=permissions).encode()
        return Packet(Kind.NAME, struct.pack(">I", len(answer.names) + 1) + rest + told)

    server.hooks[Kind.READDIR] = listed
    assert_delivered(desk.run(desk.pickup()), ["a.xml"])
    assert_delivered(desk.run(desk.pickup()), [])


@pytest.mark.parametrize("answer", [*ODD_ANSWERS, Status(Code.NO_SUCH_FILE)], ids=repr)
@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_server_that_takes_no_relative_paths_gets_absolute_ones(
    server: OddServer, desk: Desk, answer: Answer, upload: str
) -> None:
    def absolute_only(call: Call, go: Serve) -> Answer | None:
        paths = [path for path in (call.request.path, call.request.target) if path]
        return go(call.request) if all(path.startswith(b"/") for path in paths) else answer

    for kind in (Kind.OPENDIR, Kind.OPEN, Kind.LSTAT, Kind.STAT, Kind.REMOVE, Kind.RENAME):
        server.hooks[kind] = absolute_only
    desk.fill(3)
    desk.fill(3, folder=server.pickup)
    sent, there = digests(desk.outbox), digests(server.pickup)
    assert_delivered(desk.run(desk.pickup()), there)
    assert_delivered(desk.run(desk.dropoff(upload=upload)), sent)
    assert (digests(desk.inbox), digests(server.input)) == (there, sent)
    assert digests(server.pickup) == {}


@pytest.mark.parametrize("permissions", [None, 0, 0o755, 0o100644])
def test_what_can_be_listed_is_a_folder_whatever_the_server_calls_it(
    server: OddServer, desk: Desk, permissions: int | None
) -> None:
    def look(call: Call, go: Serve) -> Answer | None:
        is_folder = call.path.endswith(b"input")
        return Stats(Attributes(size=0, permissions=permissions)) if is_folder else go(call.request)

    for kind in LOOKS:
        server.hooks[kind] = look
    sent = desk.fill(3)
    assert_delivered(desk.run(desk.dropoff()), sent)


def test_a_folder_that_only_its_files_make_is_there(server: OddServer, desk: Desk) -> None:
    """Object stores know no folders, and some gateways say that there is none."""

    def look(call: Call, go: Serve) -> Answer | None:
        return Status(Code.NO_SUCH_FILE) if call.path.endswith(b"input") else go(call.request)

    for kind in LOOKS:
        server.hooks[kind] = look
    sent = desk.fill(3)
    assert_delivered(desk.run(desk.dropoff()), sent)


# --- reading

LAST = [*ODD_ANSWERS, Status(Code.OK), Status(Code.NO_SUCH_FILE), Data(b"")]


@pytest.mark.parametrize("answer", LAST, ids=repr)
@pytest.mark.parametrize("verify", ["size", "reread"])
def test_a_file_is_whole_at_its_listed_size(server: OddServer, desk: Desk, answer: Answer, verify: str) -> None:
    """Also one of many parts, and one without a byte."""
    for number, size in enumerate((0, 1, 32768, 65536, 300_000)):
        (server.pickup / f"{number}.xml").write_bytes(os.urandom(size))
    there = digests(server.pickup)

    def read(call: Call, go: Serve) -> Answer | None:
        honest = go(call.request)
        return answer if isinstance(honest, Status) and honest.code == Code.EOF else honest

    server.hooks[Kind.READ] = read
    assert_delivered(desk.run(desk.pickup(verify=verify)), there)
    assert digests(desk.inbox) == there
    assert digests(server.pickup) == {}


@pytest.mark.parametrize("answer", [*LAST, Status(Code.EOF)], ids=repr)
@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
def test_what_comes_before_the_listed_size_is_no_end(
    server: OddServer, desk: Desk, answer: Answer, part: float
) -> None:
    content = os.urandom(600_000)
    (server.pickup / "a.xml").write_bytes(content)
    (server.pickup / "b.xml").write_bytes(b"b")
    end = int(len(content) * part)

    def read(call: Call, go: Serve) -> Answer | None:
        honest = go(call.request)
        if not call.path.endswith(b"a.xml") or not isinstance(honest, Data):
            return honest
        data = honest.data[: max(0, end - call.request.offset)]
        return Data(data) if data else answer

    server.hooks[Kind.READ] = read
    result = desk.run(desk.pickup())
    assert result.error is None
    assert {name: outcome for name, (outcome, _reason) in outcomes(result).items()} == {
        "a.xml": "failed",
        "b.xml": "delivered",
    }
    assert {path.name for path in desk.inbox.iterdir()} == {"b.xml"}
    assert (server.pickup / "a.xml").read_bytes() == content
