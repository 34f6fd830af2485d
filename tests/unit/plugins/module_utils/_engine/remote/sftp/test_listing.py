# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server says is in a folder, in whatever way and at whatever length it says so."""

from __future__ import annotations

import os
import struct
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ProtocolError,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry, entries_in, join
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import listing
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Code,
    Kind,
    Name,
    Names,
    Stats,
    Status,
    string,
)
from support.odd_server import OddServer, Packet, drive, failure

CONTENT = b"content"
END = Status(Code.EOF, "the end")


def hear_out(remote: SftpRemote) -> None:
    """Wait for the answers for which nobody else waits."""
    while remote.pending:
        remote.poll(None)


def by_name(entries: Sequence[Entry]) -> dict[str, Entry]:
    assert len({entry.name for entry in entries}) == len(entries)
    return {entry.name: entry for entry in entries}


def test_a_listing_tells_all_there_is_of_every_name(server: OddServer) -> None:
    (server.pickup / "a.xml").write_bytes(b"12345")
    os.utime(server.pickup / "a.xml", (1_000_000_000.9,) * 2)
    (server.pickup / "link").symlink_to("a.xml")
    (server.pickup / "folder").mkdir()
    (server.pickup / os.fsdecode(b"caf\xe9\n")).write_bytes(b"")
    remote = server.connect()
    found = by_name(drive(remote, entries_in(remote, "pickup")))
    assert found.keys() == {"a.xml", "link", "folder", os.fsdecode(b"caf\xe9\n")}
    assert found["a.xml"][:4] == ("a.xml", "pickup/a.xml", 5, 1_000_000_000)
    assert {name: entry.kind for name, entry in found.items() if entry.kind != "file"} == {
        "link": "link",
        "folder": "folder",
    }


def test_a_long_listing_is_asked_for_in_many_requests_at_once(server: OddServer) -> None:
    for number in range(2345):
        (server.pickup / f"{number}.xml").write_bytes(b"")
    remote = server.connect()
    assert by_name(drive(remote, entries_in(remote, "pickup"))).keys() == {f"{number}.xml" for number in range(2345)}
    hear_out(remote)
    asked = Counter(kind for kind, _length in server.seen)
    assert 24 <= asked[Kind.READDIR] <= 24 + 2 * listing.READDIRS
    assert asked[Kind.OPENDIR] == asked[Kind.CLOSE] == 1


def test_the_login_folder_can_be_listed(server: OddServer) -> None:
    remote = server.connect()
    assert by_name(drive(remote, entries_in(remote, "."))) == by_name(drive(remote, entries_in(remote, "")))
    assert by_name(drive(remote, entries_in(remote, ""))).keys() == {"input", "pickup"}


def test_a_folder_that_cannot_be_listed_is_named(server: OddServer) -> None:
    remote = server.connect()
    error = failure(remote, entries_in(remote, "nowhere"))
    assert isinstance(error, RemoteMissing)
    assert "'nowhere'" in error.finding
    server.answer(Kind.OPENDIR, Status(Code.PERMISSION_DENIED))
    assert isinstance(failure(remote, entries_in(remote, "pickup")), RemoteDenied)


def test_a_listing_that_breaks_off_is_no_listing(server: OddServer) -> None:
    remote = server.connect()
    server.answer(Kind.READDIR, Names([Name(b"a.xml")]), Status(Code.FAILURE, "disk"))
    assert isinstance(failure(remote, entries_in(remote, "pickup")), RemoteError)
    hear_out(remote)
    assert Kind.CLOSE in {kind for kind, _length in server.seen}


def test_odd_names_come_as_they_are_and_the_two_dots_do_not(server: OddServer) -> None:
    """Whether a name is safe is for names.check_name to say, for each of them."""
    odd = [b".", b"..", b"../up", b"/etc/passwd", b"a\0b", b"\xff", b"same", b"same", b"x" * 5000]
    server.answer(Kind.READDIR, Names([Name(name) for name in odd]), END)
    remote = server.connect()
    found = drive(remote, entries_in(remote, "pickup"))
    assert [os.fsencode(entry.name) for entry in found] == odd[2:]
    assert {(entry.size, entry.mtime, entry.kind) for entry in found} == {(None, None, "file")}


@pytest.mark.parametrize("count", [1, 100])
@pytest.mark.parametrize("name", [b"a", b"."])
def test_a_listing_without_an_end_is_given_up(
    server: OddServer, monkeypatch: pytest.MonkeyPatch, count: int, name: bytes
) -> None:
    monkeypatch.setattr(listing, "LONGEST_LISTING", 2000)
    server.answer(Kind.READDIR, *[Names([Name(name)] * count)] * 3000, END)
    remote = server.connect()
    error = failure(remote, entries_in(remote, "pickup"))
    assert isinstance(error, ProtocolError)
    assert error.reason == "listing_endless"
    asked = Counter(kind for kind, _length in server.seen)
    assert asked[Kind.READDIR] <= 2000 / count + listing.MOST_READDIRS


def test_a_listing_of_endless_size_is_given_up(server: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LARGEST_LISTING", 1_000_000)
    server.answer(Kind.READDIR, Names([Name(b"x" * 100_000)]))
    remote = server.connect()
    assert failure(remote, entries_in(remote, "pickup")).reason == "listing_endless"


def test_what_comes_behind_an_answer_that_does_not_come_counts_too(
    server: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all that was asked for at once would be kept, at 4 MiB each."""
    monkeypatch.setattr(listing, "LARGEST_LISTING", 1_000_000)
    server.answer(Kind.READDIR, Names([Name(b"a")]), None, Names([Name(b"x" * 100_000)]))
    remote = server.connect()
    assert failure(remote, entries_in(remote, "pickup")).reason == "listing_endless"
    asked = Counter(kind for kind, _length in server.seen)
    assert asked[Kind.READDIR] <= 2 * listing.READDIRS


def test_a_short_listing_takes_few_requests_where_answers_come_one_by_one(server: OddServer) -> None:
    def slowly(call: Call, go: Serve) -> Answer | None:
        time.sleep(0.01)
        return go(call.request)

    (server.pickup / "a.xml").write_bytes(CONTENT)
    server.hooks[Kind.READDIR] = slowly
    remote = server.connect()
    assert [entry.name for entry in drive(remote, entries_in(remote, "pickup"))] == ["a.xml"]
    hear_out(remote)
    asked = Counter(kind for kind, _length in server.seen)
    assert asked[Kind.READDIR] <= 2 * listing.READDIRS


def test_a_listing_of_nothing_is_at_its_end(server: OddServer) -> None:
    """Some servers end so, and OpenSSH's client goes along with it."""
    server.answer(Kind.READDIR, Names([Name(b"a")]), Names([]))
    remote = server.connect()
    assert [entry.name for entry in drive(remote, entries_in(remote, "pickup"))] == ["a"]
    asked = Counter(kind for kind, _length in server.seen)
    assert asked[Kind.READDIR] <= 2 * listing.READDIRS


INVALID_HANDLE = Packet(Kind.STATUS, struct.pack(">I", 9))  # a code of later versions
BEHIND_THE_END = [
    Status(Code.FAILURE, "Invalid handle"),
    Status(Code.PERMISSION_DENIED),
    Status(Code.OP_UNSUPPORTED),
    Status(Code.NO_SUCH_FILE),
    Status(Code.OK),
    INVALID_HANDLE,
]


@pytest.mark.parametrize("end", [END, Names([])], ids=["EOF", "no names"])
@pytest.mark.parametrize("answer", BEHIND_THE_END, ids=repr)
def test_what_the_server_answers_behind_the_end_does_not_matter(server: OddServer, answer: Answer, end: Answer) -> None:
    server.answer(Kind.READDIR, Names([Name(b"a")]), Names([Name(b"b")]), end, answer)
    remote = server.connect()
    assert [entry.name for entry in drive(remote, entries_in(remote, "pickup"))] == ["a", "b"]
    hear_out(remote)
    assert Counter(kind for kind, _length in server.seen)[Kind.OPENDIR] == 1


@pytest.mark.parametrize("answer", BEHIND_THE_END, ids=repr)
@pytest.mark.parametrize("good", [0, 1, 20])
def test_a_refusal_before_the_end_is_no_end(server: OddServer, answer: Answer, good: int) -> None:
    answers: dict[bytes, list[Answer]] = {}

    def break_off(call: Call, _go: Serve) -> Answer:
        rest = answers.setdefault(call.request.path, [Names([Name(b"%d" % number)]) for number in range(good)])
        return rest.pop(0) if rest else answer

    server.hooks[Kind.READDIR] = break_off
    remote = server.connect()
    assert isinstance(failure(remote, entries_in(remote, "pickup")), RemoteError)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_server_that_wants_to_be_asked_one_by_one_is_asked_so(server: OddServer, count: int) -> None:
    """It lists on while the request before is answered; else it refuses, as a generator that is running already."""
    rest: list[Name] = []
    asked_ahead: list[int] = []

    def open_folder(call: Call, go: Serve) -> Answer | None:
        rest[:] = [Name(b"%d" % number) for number in range(count)]
        asked_ahead.clear()
        return go(call.request)

    def read_folder(call: Call, _go: Serve) -> Answer:
        asked_ahead.append(call.request.number)
        if len(asked_ahead) == 2 and Counter(kind for kind, _length in server.seen)[Kind.OPENDIR] == 1:
            return Status(Code.FAILURE, "asynchronous generator is already running")
        return Names([rest.pop(0)]) if rest else END

    server.hooks[Kind.OPENDIR] = open_folder
    server.hooks[Kind.READDIR] = read_folder
    remote = server.connect()
    assert by_name(drive(remote, entries_in(remote, "pickup"))).keys() == {str(number) for number in range(count)}
    assert any("one by one" in note for note in remote.info()["notes"])
    assert by_name(drive(remote, entries_in(remote, "pickup"))).keys() == {str(number) for number in range(count)}
    assert Counter(kind for kind, _length in server.seen)[Kind.OPENDIR] == 3


FILE, FOLDER = 0o100644, 0o040755


def listed(server: OddServer, *names: Name) -> None:
    server.answer(Kind.READDIR, Names(list(names)), END)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("pickup", b"/pickup/a.xml"),
        ("pickup", b"pickup/a.xml"),
        ("pickup", b"./a.xml"),
        ("pickup", b"./pickup/a.xml"),
        ("pickup/", b"/pickup//a.xml"),
        ("./pickup", b"/pickup/a.xml"),
        ("/pickup", b"/pickup/a.xml"),
        ("/pickup", b"//pickup/./a.xml"),
        ("", b"/a.xml"),
        (".", b"./a.xml"),
        ("/", b"/a.xml"),
    ],
)
@pytest.mark.parametrize("knows_its_paths", [True, False])
def test_a_whole_path_of_the_listed_folder_is_the_name(
    server: OddServer, folder: str, name: bytes, knows_its_paths: bool
) -> None:
    (server.pickup.parent / "a.xml").write_bytes(CONTENT)
    listed(server, Name(name, Attributes(size=7, permissions=FILE)))
    if not knows_its_paths:
        server.answer(Kind.REALPATH, Status(Code.OP_UNSUPPORTED))
    remote = server.connect()
    (entry,) = drive(remote, entries_in(remote, folder))
    assert (entry.name, entry.size, entry.kind) == ("a.xml", 7, "file")
    assert entry.path == join(folder, "a.xml")
    assert any("paths" in note for note in remote.info()["notes"])


def test_the_whole_path_is_the_one_that_the_server_tells(server: OddServer) -> None:
    server.answer(Kind.REALPATH, Names([Name(b"/home/user/pickup")]))
    listed(server, Name(b"/home/user/pickup/a.xml"), Name(b"/pickup/b.xml"), Name(b"c.xml"))
    remote = server.connect()
    found = drive(remote, entries_in(remote, "pickup"))
    assert [entry.name for entry in found] == ["a.xml", "/pickup/b.xml", "c.xml"]
    assert Counter(kind for kind, _length in server.seen)[Kind.REALPATH] == 1


@pytest.mark.parametrize(
    "name",
    [
        b"/etc/a.xml",
        b"../a.xml",
        b"/pickup/../a.xml",
        b"/pickup/../../a.xml",
        b"/pickup/in/a.xml",
        b"in/a.xml",
        b"/input/a.xml",
        b"/pickup2/a.xml",
        b"pickup/../pickup/a.xml",
        b"\\pickup\\..\\/a.xml",
    ],
)
@pytest.mark.parametrize("answer", [None, Status(Code.FAILURE), Names([]), Names([Name(b"..")])], ids=repr)
def test_any_other_path_comes_as_it_is(server: OddServer, name: bytes, answer: Answer | None) -> None:
    listed(server, Name(name))
    if answer is not None:
        server.answer(Kind.REALPATH, answer)
    remote = server.connect()
    assert [os.fsencode(entry.name) for entry in drive(remote, entries_in(remote, "pickup"))] == [name]


@pytest.mark.parametrize("size", [0, None])
@pytest.mark.parametrize("permissions", [FILE, FOLDER, None])
@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b"", []),
        (b"/", []),
        (b"pickup", []),
        (b"pickup/", []),
        (b"/pickup/", []),
        (b"/pickup", []),
        (b"./", []),
        (b"/pickup/.", []),
        (b"archive/", [("archive", "folder")]),
        (b"/pickup/archive/", [("archive", "folder")]),
    ],
)
def test_the_markers_of_object_stores_are_folders(
    server: OddServer, name: bytes, found: list[tuple[str, str]], permissions: int | None, size: int | None
) -> None:
    listed(server, Name(name, Attributes(size=size, permissions=permissions)), Name(b"a.xml"))
    remote = server.connect()
    *entries, last = drive(remote, entries_in(remote, "pickup"))
    assert last.name == "a.xml"
    if name == b"pickup" and permissions == FOLDER:
        assert [entry.kind for entry in entries] in ([], ["folder"])
    else:
        assert [(entry.name, entry.kind) for entry in entries] == found


@pytest.mark.parametrize("name", [b"", b"archive/", b"/pickup/"])
def test_a_file_with_content_is_no_marker(server: OddServer, name: bytes) -> None:
    listed(server, Name(name, Attributes(size=7, permissions=FILE)))
    remote = server.connect()
    assert [os.fsencode(entry.name) for entry in drive(remote, entries_in(remote, "pickup"))] == [name]


def test_an_empty_file_that_is_called_like_its_folder_is_a_file(server: OddServer) -> None:
    (server.pickup / "pickup").write_bytes(b"")
    remote = server.connect()
    (entry,) = drive(remote, entries_in(remote, "pickup"))
    assert (entry.name, entry.size, entry.kind) == ("pickup", 0, "file")


@pytest.mark.parametrize("line", [b"large.xml", b"drwx.xml", b"drwxr-xr-x", b"-rw-r--r-- 1 u g", b"", b"data 1 u g"])
def test_what_is_no_line_of_ls_tells_no_kind(server: OddServer, line: bytes) -> None:
    body = struct.pack(">I", 1) + string(b"large.xml") + string(line) + Attributes(size=7).encode()
    server.answer(Kind.READDIR, Packet(Kind.NAME, body), END)
    remote = server.connect()
    (entry,) = drive(remote, entries_in(remote, "pickup"))
    assert (entry.name, entry.kind) == ("large.xml", "file")


@pytest.mark.parametrize(("told", "size"), [(0, 0), (2**63 - 1, 2**63 - 1), (2**63, None), (2**64 - 1, None)])
def test_a_size_that_no_file_has_is_taken_for_none(server: OddServer, told: int, size: int | None) -> None:
    server.answer(Kind.READDIR, Names([Name(b"a", Attributes(size=told))]), END)
    server.answer(Kind.LSTAT, Stats(Attributes(size=told)))
    remote = server.connect()

    async def look() -> Entry | None:
        return await remote.stat("pickup/a")

    found = drive(remote, look())
    assert found is not None
    assert found.size == size
    assert [entry.size for entry in drive(remote, entries_in(remote, "pickup"))] == [size]


def test_a_listing_that_cannot_be_read_is_a_breach_of_the_protocol(server: OddServer) -> None:
    server.answer(Kind.READDIR, Packet(Kind.NAME, b"\0\0\0\2\0\0\0\1a\0\0\0\0\0\0\0\0"))
    remote = server.connect()
    assert failure(remote, entries_in(remote, "pickup")).reason == "protocol_error"


def test_a_listing_is_never_longer_than_the_guarantees_say(server: OddServer) -> None:
    """`tests/faults/storms/test_masses.py` tries it with endless ones."""
    remote = server.connect()
    assert len(by_name(drive(remote, entries_in(remote, "")))) == 2
    assert listing.LONGEST_LISTING <= 1_000_000
    assert listing.LARGEST_LISTING <= 128 * 1024 * 1024
