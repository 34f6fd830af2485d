# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking at a path on servers that refuse LSTAT, refuse STAT, or do not say that a file is missing."""

from __future__ import annotations

import struct
from collections import Counter

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    FiledropError,
    RemoteDenied,
    RemoteError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Code,
    Kind,
    Name,
    Names,
    Status,
)
from support.odd_server import OddServer, Packet, drive, failure

REFUSALS = [
    Status(Code.FAILURE),
    Status(Code.FAILURE, "No such file"),
    Status(Code.PERMISSION_DENIED, "Access is denied"),
    Status(Code.BAD_MESSAGE),
    Status(Code.OP_UNSUPPORTED),
    Status(Code.EOF),
    Status(Code.OK),
    Packet(Kind.STATUS, struct.pack(">I", 11)),  # a code of later versions
]
MISSING = [Status(Code.NO_SUCH_FILE), Packet(Kind.STATUS, struct.pack(">I", 10))]  # NO_SUCH_PATH of later versions
WAYS = (Kind.LSTAT, Kind.STAT, Kind.OPENDIR)


@pytest.fixture
def names(server: OddServer) -> list[str]:
    (server.pickup / "there.xml").write_bytes(b"1234567")
    return ["pickup/there.xml", "pickup/nowhere.xml"]


async def look(remote: SftpRemote, *paths: str) -> list[Entry | None]:
    asked = [remote.stat(path) for path in paths]
    return [await answer for answer in asked]


def refuse_missing(server: OddServer, answer: Answer, *kinds: Kind) -> None:
    """Answer so where the server has to say that a file is missing."""

    def hook(call: Call, go: Serve) -> Answer | None:
        honest = go(call.request)
        return answer if isinstance(honest, Status) and honest.code == Code.NO_SUCH_FILE else honest

    for kind in kinds:
        server.hooks[kind] = hook


def assert_told(found: list[Entry | None]) -> None:
    there, nowhere = found
    assert there is not None
    assert (there.name, there.path, there.size, there.kind) == ("there.xml", "pickup/there.xml", 7, "file")
    assert nowhere is None


@pytest.mark.parametrize("answer", REFUSALS, ids=repr)
@pytest.mark.parametrize("refused", [(Kind.LSTAT,), (Kind.LSTAT, Kind.STAT), (Kind.STAT,)], ids=str)
def test_what_one_request_does_not_tell_another_one_does(
    server: OddServer, names: list[str], refused: tuple[Kind, ...], answer: Answer
) -> None:
    for kind in refused:
        server.answer(kind, answer)
    remote = server.connect()
    for _time in range(2):
        assert_told(drive(remote, look(remote, *names)))


@pytest.mark.parametrize("answer", REFUSALS, ids=repr)
@pytest.mark.parametrize("without_lstat", [True, False])
def test_a_missing_file_is_missing_whatever_the_server_calls_that(
    server: OddServer, names: list[str], answer: Answer, without_lstat: bool
) -> None:
    refuse_missing(server, answer, Kind.LSTAT, Kind.STAT)
    if without_lstat:
        server.answer(Kind.LSTAT, Status(Code.OP_UNSUPPORTED))
    remote = server.connect()
    for _time in range(2):
        assert_told(drive(remote, look(remote, *names)))


@pytest.mark.parametrize("answer", MISSING, ids=repr)
def test_a_word_for_missing_is_believed_without_a_second_question(server: OddServer, answer: Answer) -> None:
    server.answer(Kind.LSTAT, answer)
    remote = server.connect()
    assert drive(remote, look(remote, "pickup/nowhere.xml")) == [None]
    assert {kind for kind, _length in server.seen} & set(WAYS) == {Kind.LSTAT}


@pytest.mark.parametrize("prefix", ["", "/"])
@pytest.mark.parametrize("name", ["pickup", "pickup/there.xml"])
@pytest.mark.usefixtures("names")
def test_the_listing_of_the_parent_folder_tells(server: OddServer, prefix: str, name: str) -> None:
    for kind in (Kind.LSTAT, Kind.STAT):
        server.answer(kind, Status(Code.FAILURE))
    remote = server.connect()
    there, nowhere = drive(remote, look(remote, prefix + name, f"{prefix}{name}x"))
    assert there is not None
    assert there.path == prefix + name
    assert nowhere is None


def test_in_a_folder_that_is_missing_everything_is(server: OddServer) -> None:
    refuse_missing(server, Status(Code.FAILURE), Kind.LSTAT, Kind.STAT)
    remote = server.connect()
    assert drive(remote, look(remote, "nowhere/a.xml")) == [None]


@pytest.mark.parametrize("path", ["", ".", "/", "pickup/", "pickup/.", ".."])
def test_a_folder_without_a_name_cannot_be_found_in_a_listing(server: OddServer, path: str) -> None:
    for kind in (Kind.LSTAT, Kind.STAT):
        server.answer(kind, Status(Code.PERMISSION_DENIED))
    remote = server.connect()
    assert isinstance(failure(remote, look(remote, path)), RemoteDenied)
    assert Kind.OPENDIR not in {kind for kind, _length in server.seen}


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((Status(Code.PERMISSION_DENIED), Status(Code.OP_UNSUPPORTED)), "remote_denied"),
        ((Status(Code.OP_UNSUPPORTED), Status(Code.PERMISSION_DENIED)), "remote_denied"),
        ((Status(Code.OP_UNSUPPORTED), Status(Code.OP_UNSUPPORTED)), "remote_denied"),
        ((Status(Code.FAILURE), Status(Code.FAILURE)), "remote_failure"),
        ((Status(Code.PERMISSION_DENIED, "no such file"),) * 2, "remote_denied"),
        ((Status(Code.FAILURE, "no such user"),) * 2, "remote_failure"),
    ],
)
def test_where_nothing_tells_a_name_is_not_free(
    server: OddServer, names: list[str], answers: tuple[Answer, Answer], reason: str
) -> None:
    for kind, answer in zip(WAYS, [*answers, Status(Code.PERMISSION_DENIED)]):
        server.answer(kind, answer)
    remote = server.connect()
    for path in names:
        assert failure(remote, look(remote, path)).reason == reason


@pytest.mark.parametrize(
    "words",
    ["No such file", "no such file or directory", "File not found", "The file does not exist.", "NO SUCH KEY",
     "The system cannot find the file specified.", "Path not found", "File or directory not found"],
)  # fmt: skip
def test_words_for_missing_are_believed_where_nothing_else_tells(server: OddServer, words: str) -> None:
    server.answer(Kind.LSTAT, Status(Code.FAILURE, words))
    server.answer(Kind.STAT, Status(Code.FAILURE, words))
    server.answer(Kind.OPENDIR, Status(Code.PERMISSION_DENIED))
    remote = server.connect()
    assert drive(remote, look(remote, "pickup/a.xml")) == [None]


def test_words_in_the_name_of_the_file_are_not_the_words_of_the_server(server: OddServer) -> None:
    for kind in WAYS:
        server.answer(kind, Status(Code.FAILURE))
    remote = server.connect()
    assert isinstance(failure(remote, look(remote, "pickup/no such file")), RemoteError)


def test_a_listing_that_breaks_off_does_not_make_a_name_free(server: OddServer, names: list[str]) -> None:
    for kind in (Kind.LSTAT, Kind.STAT):
        server.answer(kind, Status(Code.FAILURE))
    server.answer(Kind.READDIR, Names([Name(b"other.xml")]), Status(Code.FAILURE, "disk"))
    remote = server.connect()
    for path in names:
        assert isinstance(failure(remote, look(remote, path)), RemoteError)


@pytest.mark.parametrize(
    ("refused", "looks"),
    [((), Kind.LSTAT), ((Kind.LSTAT,), Kind.STAT), ((Kind.LSTAT, Kind.STAT), Kind.OPENDIR)],
)
@pytest.mark.parametrize("code", [Code.OP_UNSUPPORTED, Code.FAILURE])
def test_what_a_server_does_not_know_is_asked_once_for_each_session(
    server: OddServer, names: list[str], refused: tuple[Kind, ...], looks: Kind, code: Code
) -> None:
    for kind in refused:
        server.answer(kind, Status(code))
    remote = server.connect(connections=2)
    drive(remote, look(remote, names[0]))
    if code is Code.FAILURE and looks is Kind.OPENDIR:
        return  # the failure may be one of that file
    server.seen.clear()
    drive(remote, look(remote, names[0]))
    drive(remote, look(remote, names[1]))
    assert {kind for kind, _length in server.seen} & set(WAYS) == {looks}


def test_many_names_are_looked_for_in_few_listings(server: OddServer) -> None:
    for number in range(0, 500, 2):
        (server.pickup / f"{number}.xml").write_bytes(b"")
    for kind in (Kind.LSTAT, Kind.STAT):
        server.answer(kind, Status(Code.OP_UNSUPPORTED))
    remote = server.connect()
    found: dict[int, bool] = {}

    async def one(number: int) -> None:
        found[number] = await remote.stat(f"pickup/{number}.xml") is not None

    async def every() -> None:
        await loop.each(one, range(500), width=100)

    loop = Loop(remote)
    loop.run(every())
    assert found == {number: number % 2 == 0 for number in range(500)}
    assert Counter(kind for kind, _length in server.seen)[Kind.OPENDIR] < 50


def test_a_name_that_is_taken_while_a_listing_is_under_way_is_seen(server: OddServer) -> None:
    """Its answer comes from a listing that began after the question."""
    for kind in (Kind.LSTAT, Kind.STAT):
        server.answer(kind, Status(Code.OP_UNSUPPORTED))
    remote = server.connect()
    told: list[Entry | None] = []

    async def first() -> None:
        told.extend(await look(remote, "pickup/first.xml"))

    async def second(server: OddServer = server) -> None:
        (server.pickup / "second.xml").write_bytes(b"")
        told.extend(await look(remote, "pickup/second.xml"))

    async def both() -> None:
        await loop.each(lambda step: step(), [first, second], width=2)

    loop = Loop(remote)
    loop.run(both())
    assert [entry and entry.name for entry in told] == [None, "second.xml"]


def test_all_who_wait_for_a_listing_hear_that_the_session_has_ended(server: OddServer) -> None:
    for kind in (Kind.LSTAT, Kind.STAT):
        server.answer(kind, Status(Code.OP_UNSUPPORTED))

    def end(_call: Call, _go: Serve) -> Answer:
        raise Cut

    server.hooks[Kind.READDIR] = end
    remote = server.connect()
    errors: list[FiledropError] = []

    async def one(number: int) -> None:
        try:
            await look(remote, f"pickup/{number}.xml")
        except FiledropError as error:
            errors.append(error)

    async def every() -> None:
        await loop.each(one, range(10), width=10)

    loop = Loop(remote)
    loop.run(every())
    assert len(errors) == 10
    assert all(isinstance(error, ConnectionLost) for error in errors)


def test_an_honest_server_is_asked_once_and_nothing_is_noted(server: OddServer, names: list[str]) -> None:
    remote = server.connect()
    assert_told(drive(remote, look(remote, *names)))
    assert [kind for kind, _length in server.seen if kind in WAYS] == [Kind.LSTAT, Kind.LSTAT]
    assert remote.info()["notes"] == []


@pytest.mark.parametrize(
    ("refused", "word"),
    [((Kind.LSTAT,), "STAT is used"), ((Kind.LSTAT, Kind.STAT), "neither LSTAT nor STAT")],
)
def test_what_was_found_is_told(server: OddServer, names: list[str], refused: tuple[Kind, ...], word: str) -> None:
    for kind in refused:
        server.answer(kind, Status(Code.OP_UNSUPPORTED))
    remote = server.connect()
    drive(remote, look(remote, *names))
    (note,) = remote.info()["notes"]
    assert word in note


def test_that_a_missing_file_is_not_told_is_told(server: OddServer, names: list[str]) -> None:
    refuse_missing(server, Status(Code.FAILURE), Kind.LSTAT, Kind.STAT)
    remote = server.connect()
    drive(remote, look(remote, *names))
    (note,) = remote.info()["notes"]
    assert "missing" in note
