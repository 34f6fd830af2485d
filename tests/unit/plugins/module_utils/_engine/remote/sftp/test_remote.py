# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and folders over SFTP, where the server does what it should, and where it does something else."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import struct
import time
from collections import Counter
from typing import Any, Callable

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    FiledropError,
    ProtocolError,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
    RemoteUnsupported,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.limiter import CapacityLimiter
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry, entries_in, join
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.registry import connect
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import sessions as sessions_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import upload as upload_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.session import HOLD_AHEAD, Session
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Code,
    Data,
    Handle,
    Kind,
    Reply,
    Stats,
    Status,
    Version,
)
from support.odd_server import Memory, OddServer, Packet, Sink, drive, failure, upload

CONTENT = random.Random(1).randbytes(700_001)
END = Status(Code.EOF, "the end")


async def fetch(remote: SftpRemote, path: str, size: int) -> tuple[int, bytes]:
    sink = Sink()
    received = await remote.download(path, sink, size=size)
    return received.size, bytes(sink.content)


async def send(remote: SftpRemote, path: str, content: bytes, *, temporary: bool = False) -> int | None:
    """Upload a file; return the size that the server told."""
    uploaded = await upload(remote, path, content, temporary=temporary)
    size = await uploaded.size()
    await uploaded.close()
    return size


def asked(server: OddServer) -> Counter[Kind]:
    return Counter(kind for kind, _length in server.seen)


def shorten_parts(server: OddServer, length_of: Callable[[int], int]) -> None:
    """Of each part, of a size, only so many bytes come."""

    def shorten(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return Data(answer.data[: length_of(len(answer.data))]) if isinstance(answer, Data) else answer

    server.hooks[Kind.READ] = shorten


def put(server: OddServer, name: str = "a.xml", content: bytes = CONTENT) -> str:
    (server.pickup / name).write_bytes(content)
    return f"pickup/{name}"


# --- names and paths


@pytest.mark.parametrize(
    ("folder", "path"),
    [("", "a"), (".", "a"), ("in", "in/a"), ("in/", "in/a"), ("/", "/a"), ("/in//", "/in/a"), ("../in", "../in/a")],
)
def test_a_path_is_a_folder_and_a_name(folder: str, path: str) -> None:
    assert join(folder, "a") == path


@pytest.mark.parametrize(
    ("permissions", "kind"),
    [
        (None, "file"),
        (0o644, "file"),
        (0o100644, "file"),
        (0o040755, "folder"),
        (0o120777, "link"),
        (0o010644, "other"),
        (0o020644, "other"),
        (0o140644, "other"),
    ],
)
def test_what_is_listed_is_of_a_kind(permissions: int | None, kind: str) -> None:
    assert Entry("a", "a", 1, 1, permissions).kind == kind


def test_a_protocol_is_reached_by_its_name(server: OddServer) -> None:
    remote = connect(server.account())
    assert isinstance(remote, SftpRemote)
    remote.close()


# --- looking


def test_a_file_that_is_not_there_is_none_and_no_error(server: OddServer) -> None:
    put(server)
    (server.pickup / "link").symlink_to("a.xml")
    remote = server.connect()

    async def look() -> list[Entry | None]:
        asked = [remote.stat(f"pickup/{name}") for name in ("a.xml", "b.xml", "link")]
        return [await answer for answer in asked]

    found, missing, link = drive(remote, look())
    assert missing is None
    assert found is not None
    assert found[:3] == ("a.xml", "pickup/a.xml", len(CONTENT))
    assert link is not None
    assert link.kind == "link"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.PERMISSION_DENIED, RemoteDenied),
        (Code.OP_UNSUPPORTED, RemoteUnsupported),
        (Code.FAILURE, RemoteError),
        (Code.EOF, RemoteError),
    ],
)
def test_not_to_be_told_is_not_to_be_missing(server: OddServer, code: Code, kind: type[FiledropError]) -> None:
    remote = server.connect()
    for request in (Kind.LSTAT, Kind.STAT, Kind.OPENDIR):
        server.answer(request, Status(code))

    async def look() -> Entry | None:
        return await remote.stat("pickup")

    assert failure(remote, look()).__class__ is kind


# --- downloads


@pytest.mark.parametrize("size", [0, 1, 261_119, 261_120, 261_121, 700_001])
def test_a_file_comes_whole_and_its_end_is_seen(server: OddServer, size: int) -> None:
    path = put(server, content=CONTENT[:size])
    remote = server.connect()
    assert drive(remote, fetch(remote, path, size)) == (size, CONTENT[:size])
    asked = [length for kind, length in server.seen if kind == Kind.READ]
    assert sum(asked) == size + 1
    assert max(asked) <= 261_120


def test_without_limits_parts_are_of_the_size_that_every_server_gives(server: OddServer) -> None:
    server.answer(Kind.INIT, Version(extensions=()))
    path = put(server)
    remote = server.connect()
    assert drive(remote, fetch(remote, path, len(CONTENT))) == (len(CONTENT), CONTENT)
    assert max(length for kind, length in server.seen if kind == Kind.READ) == 32768


@pytest.mark.parametrize("seed", range(3))
def test_parts_that_come_shorter_than_asked_for_are_put_together(server: OddServer, seed: int) -> None:
    path = put(server)
    remote = server.connect()
    chance = random.Random(seed)
    shorten_parts(server, lambda size: chance.randrange(1, size + 1))
    assert drive(remote, fetch(remote, path, len(CONTENT))) == (len(CONTENT), CONTENT)


async def entry_behind(remote: SftpRemote, path: str, size: int) -> Entry | None:
    """What the server says of a fetched file."""
    return await (await remote.download(path, Sink(), size=size)).entry


@pytest.fixture
def in_order(server: OddServer) -> None:
    """The server does one request after the other, and is known for that."""
    server.is_openssh = True


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize("size", [0, 1, 700_001])
def test_a_server_that_works_in_order_is_asked_for_the_look_together_with_the_last_bytes(
    server: OddServer, size: int
) -> None:
    path = put(server, content=CONTENT[:size])
    remote = server.connect()
    looked = drive(remote, entry_behind(remote, path, size))
    assert looked is not None
    assert (looked.name, looked.size) == ("a.xml", size)
    kinds = [kind for kind, _length in server.seen]
    assert kinds[kinds.index(Kind.READ) :] == [Kind.READ] * kinds.count(Kind.READ) + [Kind.LSTAT]


@pytest.mark.usefixtures("in_order")
def test_the_look_is_asked_for_once_behind_all_parts_of_a_file_that_comes_bit_by_bit(server: OddServer) -> None:
    path = put(server)
    remote = server.connect()
    remote._sessions.all[0].holding = CapacityLimiter(300_000)
    assert drive(remote, entry_behind(remote, path, len(CONTENT)))
    assert asked(server)[Kind.LSTAT] == 1
    assert [kind for kind, _length in server.seen][-2:] == [Kind.READ, Kind.LSTAT]


@pytest.mark.usefixtures("in_order")
def test_a_look_that_came_before_the_rest_of_a_short_part_does_not_count(server: OddServer) -> None:
    path = put(server)
    shorten_parts(server, lambda size: size // 2 or 1)
    remote = server.connect()
    found = drive(remote, entry_behind(remote, path, len(CONTENT)))
    assert found is not None
    assert found.size == len(CONTENT)
    assert asked(server)[Kind.LSTAT] == 2
    assert [kind for kind, _length in server.seen][-2:] == [Kind.CLOSE, Kind.LSTAT]


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize("part", [1, 500])
def test_a_server_that_never_answers_the_looks_leaves_no_heap_of_them(server: OddServer, part: int) -> None:
    paths = [put(server, f"{number}.xml", CONTENT[:500]) for number in range(30)]
    remote = server.connect(timeout=1.0)
    shorten_parts(server, lambda _size: part)
    server.answer(Kind.LSTAT, None)

    async def one(path: str) -> None:
        await remote.download(path, Sink(), size=500)

    flow = Loop(remote)
    with pytest.raises(ConnectionLost):
        flow.run(flow.each(one, paths, width=2))
    assert asked(server)[Kind.LSTAT] == 2


@pytest.mark.usefixtures("in_order")
def test_the_look_takes_the_way_of_the_bytes(server: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes over another connection may come before them."""
    path = put(server)
    remote = server.connect(connections=3)
    ways: dict[int, set[Session]] = {}
    request = Session.request

    def note(session: Session, kind: int, *body: Any, **more: Any) -> Any:
        ways.setdefault(kind, set()).add(session)
        return request(session, kind, *body, **more)

    monkeypatch.setattr(Session, "request", note)
    drive(remote, entry_behind(remote, path, len(CONTENT)))
    assert ways[Kind.LSTAT] == ways[Kind.READ]


@pytest.mark.parametrize("is_openssh", [False, True])
def test_a_server_that_may_work_at_several_requests_at_once_is_not_asked_for_the_look_with_the_last_bytes(
    server: OddServer, is_openssh: bool
) -> None:
    server.is_openssh = is_openssh
    if is_openssh:  # and not with its own sftp-server
        server.answer(Kind.INIT, Version(extensions=()))
    path = put(server)
    remote = server.connect()
    assert drive(remote, entry_behind(remote, path, len(CONTENT)))
    assert asked(server)[Kind.LSTAT] == 1
    assert [kind for kind, _length in server.seen][-2:] == [Kind.CLOSE, Kind.LSTAT]


def test_files_in_short_parts_get_along_with_little_room(server: OddServer) -> None:
    """What a file has left to ask for again never waits for what others hold."""
    paths = [put(server, f"{number}.xml", CONTENT[:3000]) for number in range(8)]
    remote = server.connect()
    (session,) = remote._sessions.all
    session.read_chunk, session.holding = 500, CapacityLimiter(2000)
    shorten_parts(server, lambda size: size // 2 or 1)
    found: dict[str, tuple[int, bytes]] = {}

    async def one(path: str) -> None:
        found[path] = await fetch(remote, path, 3000)

    flow = Loop(remote)
    flow.run(flow.each(one, paths, width=8))
    assert found == dict.fromkeys(paths, (3000, CONTENT[:3000]))
    assert session.holding.in_use == session.reading.in_use == 0


def test_a_server_that_owes_the_beginning_is_not_asked_for_all_the_rest(server: OddServer) -> None:
    path = put(server, content=b"")
    os.truncate(server.pickup / "a.xml", 4 * HOLD_AHEAD)
    remote = server.connect(timeout=3.0)
    first = iter([None])
    server.hooks[Kind.READ] = lambda call, go: next(first, go(call.request))
    assert isinstance(failure(remote, fetch(remote, path, 4 * HOLD_AHEAD)), ConnectionLost)
    assert sum(length for kind, length in server.seen if kind == Kind.READ) <= HOLD_AHEAD


def test_a_byte_at_a_time_is_enough(server: OddServer) -> None:
    path = put(server, content=CONTENT[:500])
    remote = server.connect()
    shorten_parts(server, lambda _size: 1)
    assert drive(remote, fetch(remote, path, 500)) == (500, CONTENT[:500])


@pytest.mark.parametrize("actual", [0, 1, 300_000, 700_000])
def test_a_file_that_ends_before_its_listed_size_is_told_by_what_came(server: OddServer, actual: int) -> None:
    path = put(server, content=CONTENT[:actual])
    remote = server.connect()
    assert drive(remote, fetch(remote, path, len(CONTENT))) == (actual, CONTENT[:actual])


@pytest.mark.parametrize("listed", [0, 1, 300_000, 700_000])
def test_a_file_that_goes_on_beyond_its_listed_size_is_told_and_not_taken(server: OddServer, listed: int) -> None:
    path = put(server)
    remote = server.connect()
    assert drive(remote, fetch(remote, path, listed)) == (listed + 1, CONTENT[:listed])


def test_a_file_without_an_end_is_not_followed(server: OddServer) -> None:
    path = put(server, content=b"x")
    remote = server.connect()
    server.hooks[Kind.READ] = lambda call, _go: Data(bytes(call.request.length))
    received, content = drive(remote, fetch(remote, path, 1_000_000))
    assert (received, len(content)) == (1_000_001, 1_000_000)


def test_more_than_can_be_an_answer_is_a_breach_of_the_protocol(server: OddServer) -> None:
    path = put(server, content=bytes(1000))
    remote = server.connect()
    server.answer(Kind.READ, Data(bytes(2000)))
    error = failure(remote, fetch(remote, path, 1000))
    assert isinstance(error, ProtocolError)


def test_data_that_cannot_be_read_is_a_breach_of_the_protocol(server: OddServer) -> None:
    path = put(server)
    remote = server.connect()
    server.answer(Kind.READ, Packet(Kind.DATA, b"\0\0\1\0short"))
    assert isinstance(failure(remote, fetch(remote, path, 1000)), ProtocolError)


BEHIND_THE_END = [
    Status(Code.EOF),
    Status(Code.OK),
    Status(Code.FAILURE, "The requested range is not satisfiable"),
    Status(Code.BAD_MESSAGE),
    Status(Code.PERMISSION_DENIED),
    Status(Code.OP_UNSUPPORTED),
    Status(Code.NO_SUCH_FILE),
    Packet(Kind.STATUS, struct.pack(">I", 9)),  # the handle is invalid, in later versions
    Data(b""),
]


@pytest.mark.parametrize("size", [0, 1, 32768, 300_000])
@pytest.mark.parametrize("answer", BEHIND_THE_END, ids=repr)
def test_what_the_server_answers_behind_the_end_does_not_matter(server: OddServer, answer: Answer, size: int) -> None:
    content = os.urandom(size)
    path = put(server, content=content)
    remote = server.connect()
    server.hooks[Kind.READ] = lambda call, go: answer if call.request.offset >= size else go(call.request)
    assert drive(remote, fetch(remote, path, size)) == (size, content)


@pytest.mark.parametrize("answer", BEHIND_THE_END, ids=repr)
def test_what_the_server_answers_before_the_end_is_no_end(server: OddServer, answer: Answer) -> None:
    path = put(server, content=bytes(600_000))
    remote = server.connect()
    server.hooks[Kind.READ] = lambda call, go: answer if call.request.offset else go(call.request)
    if answer in (Status(Code.EOF), Data(b"")):
        assert 0 < drive(remote, fetch(remote, path, 600_000))[0] < 600_000
    else:
        assert isinstance(failure(remote, fetch(remote, path, 600_000)), RemoteError)


@pytest.mark.parametrize("good", [0, 1, 2])
def test_a_part_that_the_server_cannot_read_is_an_error_of_the_file(server: OddServer, good: int) -> None:
    path = put(server)
    remote = server.connect()
    served = [0]

    def fail(call: Call, go: Serve) -> Answer | None:
        served[0] += 1
        return go(call.request) if served[0] <= good else Status(Code.FAILURE, "bad sector")

    server.hooks[Kind.READ] = fail
    error = failure(remote, fetch(remote, path, len(CONTENT)))
    assert error.__class__ is RemoteError
    assert "bad sector" in error.finding
    del server.hooks[Kind.READ]
    assert drive(remote, fetch(remote, path, len(CONTENT))) == (len(CONTENT), CONTENT)


def test_a_disk_that_fails_while_a_file_comes_is_told_and_the_session_goes_on(server: OddServer) -> None:
    path = put(server)
    remote = server.connect()

    class Full(Sink):
        def write(self, data: bytes | memoryview) -> None:
            raise FiledropError("disk_full", "full")

    assert failure(remote, remote.download(path, Full(), size=len(CONTENT))).reason == "disk_full"
    assert drive(remote, fetch(remote, path, len(CONTENT))) == (len(CONTENT), CONTENT)
    asked = Counter(kind for kind, _length in server.seen)
    assert (asked[Kind.OPEN], asked[Kind.CLOSE]) == (2, 1)  # the last one leaves with what is asked next


@pytest.mark.parametrize("connections", [1, 3])
def test_many_files_come_at_once_and_none_is_taken_for_another(server: OddServer, connections: int) -> None:
    contents = {f"{number}.xml": CONTENT[number * 7 : number * 7 + number * 331] for number in range(300)}
    for name, content in contents.items():
        put(server, name, content)
    remote = server.connect(connections=connections)
    found: dict[str, bytes] = {}

    async def one(name: str) -> None:
        _received, found[name] = await fetch(remote, f"pickup/{name}", len(contents[name]))

    driver = Loop(remote)
    driver.run(driver.each(one, contents, width=200))
    assert found == contents


def test_files_of_names_that_are_not_utf_8_can_be_asked_for(server: OddServer) -> None:
    path = put(server, os.fsdecode(b"caf\xe9.xml"), b"x")
    remote = server.connect()
    assert drive(remote, fetch(remote, path, 1)) == (1, b"x")


# --- handles


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (4, 1), (8, 4), (0, 64)])
def test_no_more_is_open_at_once_than_the_server_bears(server: OddServer, limit: int, most: int) -> None:
    server.answer(Kind.EXTENDED, Reply(struct.pack(">QQQQ", 262144, 0, 0, limit)))
    for number in range(150):
        put(server, f"{number}.xml", b"x")
    remote = server.connect()
    open_now: list[int] = []
    highest = [0]

    def opened(call: Call, go: Serve) -> Answer | None:
        open_now.append(1)
        highest[0] = max(highest[0], len(open_now))
        return go(call.request)

    def closed(call: Call, go: Serve) -> Answer | None:
        open_now.pop()
        return go(call.request)

    server.hooks.update({Kind.OPEN: opened, Kind.CLOSE: closed})

    async def one(number: int) -> None:
        assert await fetch(remote, f"pickup/{number}.xml", 1) == (1, b"x")

    driver = Loop(remote)
    driver.run(driver.each(one, range(150), width=100))
    assert 1 <= highest[0] <= most
    assert limit != 0 or highest[0] > 30


def test_a_refused_open_leaves_room_for_the_next(server: OddServer) -> None:
    server.answer(Kind.EXTENDED, Reply(struct.pack(">QQQQ", 0, 0, 0, 5)))
    path = put(server)
    remote = server.connect()
    for number in range(3):
        assert isinstance(failure(remote, fetch(remote, f"pickup/{number}", 1)), RemoteMissing)
    assert drive(remote, fetch(remote, path, len(CONTENT))) == (len(CONTENT), CONTENT)


def test_a_refusal_with_a_reason_is_not_asked_for_again_while_others_are_open(server: OddServer) -> None:
    remote = server.connect()

    async def open_three() -> None:
        held = [await upload(remote, f"input/{number}.xml", b"x") for number in range(3)]
        with pytest.raises(RemoteMissing):
            await fetch(remote, "pickup/missing.xml", 1)
        for one in held:
            await one.close()

    drive(remote, open_three())
    asked = Counter(kind for kind, _length in server.seen)
    assert asked[Kind.OPEN] == 4


def test_a_refused_close_leaves_room_for_the_next(server: OddServer) -> None:
    server.answer(Kind.EXTENDED, Reply(struct.pack(">QQQQ", 0, 0, 0, 5)))
    server.answer(Kind.CLOSE, Status(Code.FAILURE))
    path = put(server)
    remote = server.connect()
    for _time in range(3):
        assert drive(remote, fetch(remote, path, len(CONTENT))) == (len(CONTENT), CONTENT)


@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.OPENDIR])
@pytest.mark.parametrize("length", [257, 300, 70_000])
def test_a_handle_that_is_too_long_is_a_breach_of_the_protocol(server: OddServer, kind: Kind, length: int) -> None:
    remote = server.connect()
    server.answer(kind, Handle(b"h" * length))
    began = time.monotonic()
    error = failure(remote, entries_in(remote, "pickup") if kind == Kind.OPENDIR else fetch(remote, put(server), 1))
    assert isinstance(error, ProtocolError)
    assert str(length) in error.finding
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("answer", [Status(Code.OK), Data(b"data"), Stats(Attributes()), Packet(Kind.HANDLE)])
def test_a_handle_that_is_none_is_a_breach_of_the_protocol(server: OddServer, answer: Answer) -> None:
    remote = server.connect()
    server.answer(Kind.OPEN, answer)
    assert isinstance(failure(remote, fetch(remote, put(server), 1)), ProtocolError)


def test_a_handle_may_be_any_256_bytes(server: OddServer) -> None:
    path = put(server, content=b"x")
    remote = server.connect()
    theirs: list[bytes] = []
    ours = bytes(range(256))

    def rename(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        assert isinstance(answer, Handle)
        theirs.append(answer.handle)
        return Handle(ours)

    def translate(call: Call, go: Serve) -> Answer | None:
        assert call.request.handle == ours
        call.request.handle = theirs[0]
        return go(call.request)

    server.hooks.update({Kind.OPEN: rename, Kind.READ: translate, Kind.CLOSE: translate})
    assert drive(remote, fetch(remote, path, 1)) == (1, b"x")


# --- uploads


@pytest.mark.parametrize("size", [0, 1, 261_120, 700_001])
def test_a_file_is_sent_whole(server: OddServer, size: int) -> None:
    remote = server.connect()
    assert drive(remote, send(remote, "input/a.xml", CONTENT[:size])) == size
    assert (server.input / "a.xml").read_bytes() == CONTENT[:size]
    assert max((length for kind, length in server.seen if kind == Kind.WRITE), default=0) <= 261_120


def test_without_limits_no_more_is_sent_at_once_than_every_server_takes(server: OddServer) -> None:
    server.answer(Kind.INIT, Version(extensions=()))
    remote = server.connect()
    assert drive(remote, send(remote, "input/a.xml", CONTENT)) == len(CONTENT)
    assert max(length for kind, length in server.seen if kind == Kind.WRITE) == 32768


def test_a_file_that_is_there_is_never_opened_for_a_new_one(server: OddServer) -> None:
    (server.input / "a.xml").write_bytes(b"theirs")
    remote = server.connect()
    assert isinstance(failure(remote, send(remote, "input/a.xml", b"ours")), RemoteError)
    assert (server.input / "a.xml").read_bytes() == b"theirs"


def test_our_own_part_is_written_anew(server: OddServer) -> None:
    (server.input / "a.xml").write_bytes(CONTENT)
    remote = server.connect()

    async def rewrite() -> None:
        await (await upload(remote, "input/a.xml", b"anew", over=True)).close()

    drive(remote, rewrite())
    assert (server.input / "a.xml").read_bytes() == b"anew"


@pytest.mark.parametrize("good", [0, 1, 2])
def test_a_part_that_the_server_does_not_take_is_an_error(server: OddServer, good: int) -> None:
    remote = server.connect()
    served = [0]

    def fail(call: Call, go: Serve) -> Answer | None:
        served[0] += 1
        return go(call.request) if served[0] <= good else Status(Code.FAILURE, "quota")

    server.hooks[Kind.WRITE] = fail
    error = failure(remote, send(remote, "input/a.xml", CONTENT))
    assert error.__class__ is RemoteError
    assert "quota" in error.finding
    assert "'input/a.xml'" in error.finding


def test_a_file_that_changes_while_it_is_sent_is_told_and_the_session_goes_on(server: OddServer) -> None:
    remote = server.connect()

    class Changing(Memory):
        def read(self, length: int) -> bytes:
            if self.position:
                raise FiledropError("changed_while_read", "changed")
            return super().read(length)

    async def send_it() -> None:
        await upload(remote, "input/a.xml", Changing(CONTENT))

    assert failure(remote, send_it()).reason == "changed_while_read"
    assert drive(remote, send(remote, "input/b.xml", CONTENT)) == len(CONTENT)


def test_a_close_that_the_server_refuses_is_told(server: OddServer) -> None:
    remote = server.connect()
    server.answer(Kind.CLOSE, Status(Code.FAILURE, "virus found"))
    error = failure(remote, send(remote, "input/a.xml", b"x"))
    assert "virus found" in error.finding
    assert "to complete 'input/a.xml'" in error.finding


@pytest.mark.parametrize(("told", "size"), [(Attributes(), None), (Attributes(size=1), 1)])
def test_a_server_need_not_tell_the_size_of_an_open_file(server: OddServer, told: Attributes, size: int | None) -> None:
    remote = server.connect()
    server.answer(Kind.FSTAT, Stats(Attributes()))
    server.answer(Kind.LSTAT, Stats(told))
    assert drive(remote, send(remote, "input/.1.part", b"x", temporary=True)) == size
    assert drive(remote, send(remote, "input/a.xml", b"x")) is None, "a look while it is open may fail"


def test_many_files_are_sent_at_once_and_none_gets_the_content_of_another(server: OddServer) -> None:
    contents = {f"{number}.xml": CONTENT[number * 7 : number * 7 + number * 331] for number in range(200)}
    remote = server.connect()

    async def one(name: str) -> None:
        assert await send(remote, f"input/{name}", contents[name]) == len(contents[name])

    driver = Loop(remote)
    driver.run(driver.each(one, contents, width=200))
    assert {path.name: path.read_bytes() for path in server.input.iterdir()} == contents


# --- a large file over several connections

LARGE = CONTENT * 40


@pytest.fixture
def sharing(server: OddServer, monkeypatch: pytest.MonkeyPatch) -> SftpRemote:
    """Three connections, over which any file goes that is a little large."""
    monkeypatch.setattr(upload_module, "SHARED_FROM", len(LARGE))
    server.is_openssh = True
    return server.connect(connections=3)


def test_a_large_file_goes_over_all_connections(server: OddServer, sharing: SftpRemote) -> None:
    assert drive(sharing, send(sharing, "input/a.part", LARGE, temporary=True)) == len(LARGE)
    assert (server.input / "a.part").read_bytes() == LARGE
    assert asked(server)[Kind.OPEN] == asked(server)[Kind.CLOSE] == 3


@pytest.mark.parametrize(("size", "temporary"), [(len(LARGE) - 1, True), (len(LARGE), False)])
def test_a_small_one_and_one_that_may_be_taken_go_over_one(
    server: OddServer, sharing: SftpRemote, size: int, temporary: bool
) -> None:
    assert drive(sharing, send(sharing, "input/a.xml", LARGE[:size], temporary=temporary)) == size
    assert (server.input / "a.xml").read_bytes() == LARGE[:size]
    assert asked(server)[Kind.OPEN] == asked(server)[Kind.CLOSE] == 1


def test_only_servers_that_are_known_for_it_get_a_file_through_several_handles(
    server: OddServer, sharing: SftpRemote
) -> None:
    server.is_openssh = False
    remote = server.connect(connections=3)
    assert drive(remote, send(remote, "input/a.part", LARGE, temporary=True)) == len(LARGE)
    assert asked(server)[Kind.OPEN] == 1


def test_a_server_that_opens_a_file_only_once_gets_it_over_one_connection(
    server: OddServer, sharing: SftpRemote
) -> None:
    opened: list[bytes] = []

    def only_once(call: Call, go: Serve) -> Answer | None:
        opened.append(call.path)
        return go(call.request) if len(opened) == 1 else Status(Code.FAILURE, "in use")

    server.hooks[Kind.OPEN] = only_once
    for name in ("a", "b"):
        opened.clear()
        assert drive(sharing, send(sharing, f"input/{name}.part", LARGE, temporary=True)) == len(LARGE)
        assert (server.input / f"{name}.part").read_bytes() == LARGE
    assert asked(server)[Kind.CLOSE] == 2


@pytest.mark.parametrize("kind", [Kind.WRITE, Kind.CLOSE])
def test_what_one_of_the_connections_cannot_do_is_told_and_the_sessions_go_on(
    server: OddServer, sharing: SftpRemote, kind: Kind
) -> None:
    server.answer(kind, Status(Code.OK), Status(Code.FAILURE, "quota"))
    assert "quota" in failure(sharing, send(sharing, "input/a.part", LARGE, temporary=True)).finding
    server.hooks.clear()
    assert drive(sharing, send(sharing, "input/b.part", LARGE, temporary=True)) == len(LARGE)
    assert (server.input / "b.part").read_bytes() == LARGE


@pytest.mark.parametrize(("far", "channels"), [(0.0, 1 + sessions_module.MORE_CHANNELS), (60.0, 1)])
def test_to_a_server_far_away_it_goes_over_more_channels_of_one_connection(
    server: OddServer, monkeypatch: pytest.MonkeyPatch, far: float, channels: int
) -> None:
    monkeypatch.setattr(upload_module, "SHARED_FROM", len(LARGE))
    server.is_openssh = True
    for name, value in (("WIDE_FROM", len(LARGE)), ("FAR", far)):
        monkeypatch.setattr(sessions_module, name, value)
    remote = server.connect()
    for name in ("a", "b"):
        assert drive(remote, send(remote, f"input/{name}.part", LARGE, temporary=True)) == len(LARGE)
        assert (server.input / f"{name}.part").read_bytes() == LARGE
    assert asked(server)[Kind.OPEN] == asked(server)[Kind.CLOSE] == 2 * channels


# --- names on the server


def test_a_file_gets_another_name_unless_somebody_has_it(server: OddServer) -> None:
    remote = server.connect()
    for name in ("a", "b"):
        (server.input / name).write_bytes(name.encode())

    async def rename(old: str, new: str) -> None:
        await remote.rename(f"input/{old}", f"input/{new}")

    drive(remote, rename("a", "c"))
    assert isinstance(failure(remote, rename("b", "c")), RemoteError)
    assert isinstance(failure(remote, rename("nowhere", "d")), RemoteMissing)
    assert {path.name: path.read_bytes() for path in server.input.iterdir()} == {"b": b"b", "c": b"a"}


def test_a_file_is_deleted(server: OddServer) -> None:
    path = put(server)
    remote = server.connect()

    async def remove() -> None:
        await remote.remove(path)

    drive(remote, remove())
    assert list(server.pickup.iterdir()) == []
    assert isinstance(failure(remote, remove()), RemoteMissing)


def test_an_answer_longer_than_what_was_asked_for_ends_the_session(server: OddServer) -> None:
    """Else hundreds of them, 4 MiB each, would have to be listened to: one for every file that is under way."""
    path = put(server)
    server.answer(Kind.READ, Packet(Kind.DATA, struct.pack(">I", 1_000_000) + bytes(1_000_000)))
    remote = server.connect()
    assert isinstance(failure(remote, remote.download(path, Sink(), size=len(CONTENT))), ProtocolError)
    assert isinstance(failure(remote, entries_in(remote, "pickup")), ProtocolError)


def test_answers_of_two_connections_are_waited_for_while_a_thousand_files_are_open(server: OddServer) -> None:
    remote = server.connect(connections=2)

    def late(call: Call, go: Serve) -> Answer | None:
        time.sleep(0.05)
        return go(call.request)

    server.hooks[Kind.LSTAT] = late

    async def look() -> list[Entry | None]:
        asked = [remote.stat("input"), remote.stat("pickup")]
        return [await answer for answer in asked]

    with contextlib.ExitStack() as stack:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (2000, limits[1]))
        for _file in range(1100):
            stack.enter_context(open(os.devnull, "rb"))
        assert [entry.kind for entry in drive(remote, look()) if entry] == ["folder", "folder"]


def test_what_two_connections_are_asked_leaves_before_anybody_waits(server: OddServer) -> None:
    remote = server.connect(connections=2)
    _answers = [remote.stat("input"), remote.stat("pickup")]
    began = time.monotonic()
    while remote.pending:
        remote.poll(20.0)
    assert time.monotonic() - began < 10
