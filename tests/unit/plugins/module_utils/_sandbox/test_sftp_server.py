# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import faults, wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.catalogue import made
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Fault, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import Filesystem
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sftp_server import HANDLES, Session
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind
from support.sandbox_client import Packet, Raw, text

NEW = wire.WRITE | wire.CREATE | wire.EXCLUSIVE


@dataclass
class Pipe:
    """A channel without SSH: what was asked is served when the answer is wanted."""

    session: Session = field(init=False)
    asked: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)

    def send(self, s: bytes) -> int:
        piece = s[:1000]
        self.answered += piece
        return len(piece)

    def sendall(self, s: bytes) -> None:
        self.asked += s

    def recv(self, nbytes: int) -> bytes:
        """The client's side."""
        self.session._serve_all(self.asked, self, 777)
        data = bytes(self.answered[:nbytes])
        del self.answered[:nbytes]
        return data


@pytest.fixture
def files(tmp_path: Path) -> Filesystem:
    made = Filesystem(str(tmp_path / "root"))
    made.create()
    return made


@pytest.fixture
def root(files: Filesystem) -> Path:
    return Path(os.fsdecode(files.root))


@pytest.fixture
def serve(files: Filesystem) -> Callable[..., Raw]:
    """A session with these faults, and the client that talks to it."""

    def begin(*wanted: Fault) -> Raw:
        pipe = Pipe()
        pipe.session = Session(files, username="alice", faults=wanted)
        return Raw(pipe)

    return begin


@pytest.fixture
def raw(serve: Callable[..., Raw]) -> Raw:
    return serve()


def test_a_file_is_sent_looked_at_and_closed(raw: Raw, root: Path) -> None:
    handle = raw.open(b"input/a", NEW).first
    assert raw.write(handle, 3, b"def").code == Code.OK
    assert raw.write(handle, 0, b"abc").code == Code.OK
    stats = raw.ask(Kind.FSTAT, text(handle))
    assert (stats.kind, struct.unpack(">IQ", stats.body[:12])[1]) == (Kind.ATTRS, 6)
    assert raw.ask(Kind.CLOSE, text(handle)).code == Code.OK
    assert (root / "input" / "a").read_bytes() == b"abcdef"


def test_reads_are_cut_at_the_end_and_end_with_eof(raw: Raw, root: Path) -> None:
    (root / "pickup" / "a").write_bytes(b"0123456789")
    handle = raw.open(b"pickup/a", wire.READ).first
    numbers = [raw.send(Kind.READ, text(handle) + struct.pack(">QI", offset, 4)) for offset in (8, 0, 4, 10)]
    answers = [raw.answer(number) for number in numbers]
    assert [answer.first for answer in answers[:3]] == [b"89", b"0123", b"4567"]
    assert (answers[3].kind, answers[3].code) == (Kind.STATUS, Code.EOF)


def test_a_read_is_no_longer_than_the_limit_says(raw: Raw, root: Path) -> None:
    (root / "pickup" / "a").write_bytes(b"x" * 300_000)
    limits = raw.ask(Kind.EXTENDED, text(b"limits@openssh.com"))
    _packet, read, write, handles = struct.unpack(">QQQQ", limits.body)
    assert (read, write, handles) == (261_120, 261_120, HANDLES)
    handle = raw.open(b"pickup/a", wire.READ).first
    assert len(raw.ask(Kind.READ, text(handle) + struct.pack(">QI", 0, 300_000)).first) == read
    new = raw.open(b"input/b", NEW).first
    assert raw.write(new, 0, b"y" * write).code == Code.OK


def test_requests_that_come_in_pieces_are_put_together(raw: Raw) -> None:
    request = struct.pack(">IBI", 5 + 4 + 1, Kind.REALPATH, 9) + text(b".")
    pipe = raw.channel
    for byte in request[:-1]:
        pipe.asked += bytes([byte])
        assert pipe.recv(100) == b""
    pipe.asked += request[-1:]
    assert raw.receive().number == 9


def test_a_listing_comes_in_parts_and_names_are_bytes(raw: Raw, root: Path) -> None:
    sent = {b"f%d" % number for number in range(230)} | {b"\xff\xfe", b"a\nb"}
    for name in sent:
        (root / "pickup" / os.fsdecode(name)).touch()
    handle = raw.ask(Kind.OPENDIR, text(b"/pickup")).first
    seen: set[bytes] = set()
    counts = []
    while (answer := raw.ask(Kind.READDIR, text(handle))).kind == Kind.NAME:
        reader = wire.Reader(answer.body)
        counts.append(reader.uint32())
        for _each in range(counts[-1]):
            seen.add(reader.string())
            reader.string()
            reader.attributes()
    assert answer.code == Code.EOF
    assert seen == sent | {b".", b".."}
    assert counts == [100, 100, 34]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (Kind.STAT, text(b"input/none"), Code.NO_SUCH_FILE),
        (Kind.STAT, text(b"/etc"), Code.NO_SUCH_FILE),
        (Kind.STAT, text(b"input/" + b"x" * 256), Code.BAD_MESSAGE),
        (Kind.STAT, text(b"input/a\0b"), Code.FAILURE),
        (Kind.MKDIR, text(b"input/a") + struct.pack(">I", 0), Code.PERMISSION_DENIED),
        (Kind.RMDIR, text(b"input"), Code.PERMISSION_DENIED),
        (Kind.SYMLINK, text(b"input/a") + text(b"/etc"), Code.PERMISSION_DENIED),
        (Kind.READLINK, text(b"input/a"), Code.PERMISSION_DENIED),
        (Kind.RENAME, text(b"input/none") + text(b"input/b"), Code.NO_SUCH_FILE),
        (Kind.RENAME, text(b"input/taken") + text(b"input/taken2"), Code.FAILURE),
        (Kind.REMOVE, text(b"input"), Code.PERMISSION_DENIED),
        (Kind.CLOSE, text(b"77"), Code.FAILURE),
        (Kind.READDIR, text(b"77"), Code.FAILURE),
        (Kind.FSTAT, text(b""), Code.FAILURE),
        (Kind.EXTENDED, text(b"statvfs@openssh.com") + text(b"/"), Code.OP_UNSUPPORTED),
        (Kind.EXTENDED, text(b"posix-rename@openssh.com") + text(b"a"), Code.BAD_MESSAGE),
        (Kind.OPEN, text(b"input/a"), Code.BAD_MESSAGE),
        (77, b"", Code.OP_UNSUPPORTED),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_status(
    raw: Raw, root: Path, kind: int, body: bytes, code: Code
) -> None:
    for name in ("taken", "taken2"):
        (root / "input" / name).touch()
    answer = raw.ask(kind, body)
    assert (answer.kind, answer.code) == (Kind.STATUS, code)
    assert raw.ask(Kind.REALPATH, text(b".")).kind == Kind.NAME


def test_numbers_beyond_any_file_are_refused(raw: Raw, root: Path) -> None:
    (root / "pickup" / "a").touch()
    handle = raw.open(b"pickup/a", wire.READ).first
    assert raw.ask(Kind.READ, text(handle) + struct.pack(">QI", 2**64 - 1, 5)).code == Code.FAILURE


def test_handles_are_bounded_and_freed(raw: Raw, root: Path) -> None:
    (root / "pickup" / "a").touch()
    handles = [raw.open(b"pickup/a", wire.READ).first for _each in range(HANDLES)]
    assert raw.open(b"pickup/a", wire.READ).code == Code.FAILURE
    assert raw.ask(Kind.CLOSE, text(handles[0])).code == Code.OK
    assert raw.open(b"pickup/a", wire.READ).kind == Kind.HANDLE


def test_a_packet_that_is_too_long_ends_the_session(raw: Raw) -> None:
    raw.channel.asked += struct.pack(">I", wire.LONGEST_PACKET + 1)
    with pytest.raises(wire.BadMessage, match=str(wire.LONGEST_PACKET + 1)):
        raw.channel.recv(1)


def test_posix_rename_replaces_and_rename_does_not(raw: Raw, root: Path) -> None:
    for name in ("a", "b"):
        (root / "input" / name).write_text(name)
    both = text(b"input/a") + text(b"input/b")
    assert raw.ask(Kind.RENAME, both).code == Code.FAILURE
    assert (root / "input" / "b").read_text() == "b"
    assert raw.ask(Kind.EXTENDED, text(b"posix-rename@openssh.com") + both).code == Code.OK
    assert (root / "input" / "b").read_text() == "a"


def test_random_requests_get_an_answer_each(raw: Raw, root: Path) -> None:
    chance = random.Random(3)
    (root / "pickup" / "p").write_bytes(b"x" * 100)
    (root / "pickup" / "link").symlink_to("/etc")
    paths = [
        b"input/a",
        b"input/b",
        b"pickup/p",
        b"pickup/link/x",
        b"pickup",
        b"/",
        b"..",
        b"\xff",
        b"a\0",
        b"input/" * 99,
    ]
    pieces: list[Callable[[], bytes]] = [
        lambda: text(chance.choice(paths)),
        lambda: text(b"%d" % chance.randrange(30)),
        lambda: struct.pack(">I", chance.choice([0, 1, 2, 8, 0x2A, 0x0F, 0xFFFF, 2**32 - 1])),
        lambda: struct.pack(">Q", chance.choice([0, 5, 2**20, 2**63, 2**64 - 1])),
        lambda: text(chance.choice([b"limits@openssh.com", b"fsync@openssh.com", b"posix-rename@openssh.com"])),
        lambda: chance.randbytes(chance.randrange(9)),
    ]
    kinds = [int(kind) for kind in Kind if kind != Kind.INIT]
    for _each in range(20_000):
        body = b"".join(chance.choice(pieces)() for _piece in range(chance.randrange(5)))
        answer = raw.ask(chance.choice(kinds), body)
        assert answer.kind in (Kind.STATUS, Kind.HANDLE, Kind.DATA, Kind.NAME, Kind.ATTRS, Kind.EXTENDED_REPLY)
    assert set(os.listdir(root)) == {"input", "pickup"}
    assert not (root.parent / "a").exists()


class Seen(Fault):
    """Notes what passes."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, bytes, str]] = []
        self.sessions: set[int] = set()
        self.answers: list[Answer | None] = []

    def serve(self, call: Call, go: Serve) -> Answer | None:
        self.calls.append((call.request.kind, call.path, call.username))
        self.sessions.add(call.session)
        self.answers.append(go(call.request))
        return self.answers[-1]


def test_every_request_and_answer_passes_the_faults(serve: Callable[..., Raw]) -> None:
    seen = Seen()
    raw = serve(seen)
    assert raw.hello().number == 3
    handle = raw.open(b"input/../input/a", NEW).first
    raw.write(handle, 0, b"x")
    raw.ask(Kind.CLOSE, text(handle))
    raw.ask(Kind.STAT, text(b"input/none"))
    raw.ask(77)
    assert [(Kind(kind).name if kind != 77 else "77", path) for kind, path, _username in seen.calls] == [
        ("INIT", b"/"),
        ("OPEN", b"/input/a"),
        ("WRITE", b"/input/a"),
        ("CLOSE", b"/input/a"),
        ("STAT", b"/input/none"),
        ("77", b"/"),
    ]
    assert {username for _kind, _path, username in seen.calls} == {"alice"}
    assert len(seen.sessions) == 1
    serve(seen).ask(Kind.REALPATH, text(b"."))
    assert len(seen.sessions) == 2
    seen.calls.pop()
    assert isinstance(seen.answers[0], wire.Version)
    assert isinstance(seen.answers[1], wire.Handle)
    assert seen.answers[4] == wire.Status(Code.NO_SUCH_FILE, "No such file or directory")


def test_the_first_fault_is_the_outermost(serve: Callable[..., Raw]) -> None:
    seen = Seen()
    refuse = faults.Refuse(frozenset({Kind.STAT}))
    inside, outside = serve(refuse, seen), serve(seen, refuse)
    assert inside.ask(Kind.STAT, text(b"input")).code == Code.PERMISSION_DENIED
    assert seen.calls == []
    assert outside.ask(Kind.STAT, text(b"input")).code == Code.PERMISSION_DENIED
    assert seen.calls == [(Kind.STAT, b"/input", "alice")]


def test_a_fault_may_lie_keep_back_send_garbage_or_cut(serve: Callable[..., Raw], root: Path) -> None:
    (root / "pickup" / "a").write_bytes(b"0123456789")

    @dataclass(frozen=True)
    class Garbage:
        def encode(self, number: int) -> bytes:
            return b"garbage%d" % number

    class Liar(Fault):
        def serve(self, call: Call, go: Serve) -> Answer | None:
            answer = go(call.request)
            if isinstance(answer, wire.Stats):
                return wire.Stats(replace(answer.attributes, size=5))
            if isinstance(answer, wire.Data):
                return wire.Data(answer.data[:-1])
            if call.request.kind == Kind.REMOVE:
                return None
            if call.request.kind == Kind.REALPATH:
                return Garbage()
            if call.request.kind == Kind.READLINK:
                raise Cut
            return answer

    raw = serve(Liar())
    assert struct.unpack(">IQ", raw.ask(Kind.STAT, text(b"pickup/a")).body[:12])[1] == 5
    handle = raw.open(b"pickup/a", wire.READ).first
    assert raw.ask(Kind.READ, text(handle) + struct.pack(">QI", 0, 10)).first == b"012345678"
    raw.send(Kind.REMOVE, text(b"pickup/a"))
    assert raw.channel.recv(100) == b""
    assert not (root / "pickup" / "a").exists()
    number = raw.send(Kind.REALPATH, text(b"."))
    assert raw.channel.recv(100) == b"garbage%d" % number
    raw.send(Kind.READLINK, text(b"a"))
    with pytest.raises(Cut):
        raw.channel.recv(100)


def codes(raw: Raw, root: Path) -> dict[str, Packet]:
    """One of each request that a drop-off or a pickup makes."""
    (root / "pickup" / "p").write_text("p")
    (root / "input" / "taken").write_text("taken")
    handle = raw.open(b"input/a.part", NEW).first
    return {
        "version": raw.hello(),
        "exclusive": raw.open(b"input/taken", NEW),
        "stat": raw.ask(Kind.STAT, text(b"pickup/p")),
        "fstat": raw.ask(Kind.FSTAT, text(handle)),
        "fsetstat": raw.ask(Kind.FSETSTAT, text(handle) + struct.pack(">II", 4, 0o644)),
        "close": raw.ask(Kind.CLOSE, text(handle)),
        "rename": raw.ask(Kind.RENAME, text(b"input/a.part") + text(b"input/a")),
        "list": raw.ask(Kind.OPENDIR, text(b"pickup")),
        "limits": raw.ask(Kind.EXTENDED, text(b"limits@openssh.com")),
    }


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("close_fails", ["close"]),
        ("exclusive_ignored", []),
        ("listing_refused", ["list"]),
        ("no_extensions", ["limits"]),
        ("rename_refused", ["rename"]),
        ("setstat_refused", ["fsetstat"]),
        ("stat_refused", ["stat", "fstat"]),
    ],
)
def test_each_named_fault_does_what_it_says_and_no_more(
    serve: Callable[..., Raw], root: Path, name: str, refused: Sequence[str]
) -> None:
    answers = codes(serve(made(name)), root)
    usually = [] if name == "exclusive_ignored" else ["exclusive"]
    found = [what for what, one in answers.items() if one.kind == Kind.STATUS and one.code != Code.OK]
    assert sorted(found) == sorted([*refused, *usually])
    assert (answers["version"].body == b"") == (name == "no_extensions")
    assert (root / "input" / "taken").read_text() == ("" if name == "exclusive_ignored" else "taken")


def test_a_fault_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'slow'.*rename_refused"):
        Sandbox(tmp_path, faults=["slow"])
