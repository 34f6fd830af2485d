# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server says is in a folder, in whatever way and at whatever length it says so."""

from __future__ import annotations

import os
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
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote import Entry, entries_in
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
    odd = [b".", b"..", b"", b"../up", b"/etc/passwd", b"a\0b", b"\xff", b"same", b"same", b"x" * 5000]
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
