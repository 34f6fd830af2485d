# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions that end after so many bytes, requests or files: each run gets further, and nothing is moved twice."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Code,
    Data,
    Handle,
    Kind,
    Status,
)
from support.desk import outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer

RUNS = 3


@dataclass
class Limit:
    """End each session after so many of something.

    :ivar counts: how much a request and its answer count: a name in `COUNTS`.
    """

    server: OddServer
    most: int
    counts: str
    used: int = 0
    session: int = -1

    def __post_init__(self) -> None:
        for kind in Kind:
            if kind < Kind.STATUS:
                self.server.hooks[kind] = self.serve

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.session != self.session or call.request.kind == Kind.INIT:
            self.session, self.used = call.session, 0
        if self.used >= self.most:
            self.server.cut()
            return None
        answer = go(call.request)
        self.used += self._cost(call, answer)
        return answer

    def _cost(self, call: Call, answer: Answer | None) -> int:
        if self.counts == "bytes":
            return len(call.request.data) + (len(answer.data) if isinstance(answer, Data) else 0)
        if self.counts == "opens":
            return int(call.request.kind == Kind.OPEN)
        return 1


@pytest.fixture
def desk(tmp_path: Path, server: OddServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(runner, "PAUSES", tuple(0.0 for _pause in runner.PAUSES))
    return Desk(tmp_path, server)


def contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[0] != "."}


MIB = 1 << 20
SITUATIONS = {
    "bytes, 3 files a session": (12, MIB, "bytes", 3 * MIB + MIB // 2),
    "bytes, 1 file a session": (5, MIB, "bytes", MIB + MIB // 2),
    "requests, many files": (100, 1000, "requests", 60),
    "requests, few a session": (9, 1000, "requests", 40),
    "opened files": (20, 1000, "opens", 4),
}
MOVES = ("pickup", "rename", "direct")


def job_of(desk: Desk, move: str) -> tuple[Path, Path, object]:
    if move == "pickup":
        return desk.server.pickup, desk.inbox, desk.pickup()
    return desk.outbox, desk.server.input, desk.dropoff(upload=move)


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_run_gets_further(desk: Desk, server: OddServer, move: str, situation: str) -> None:
    count, size, counts, most = SITUATIONS[situation]
    origin, goal, job = job_of(desk, move)
    desk.fill(count, folder=origin, size=size)
    wanted = contents(origin)
    Limit(server, most, counts)
    for _run in range(RUNS):
        before = len(contents(goal)) - len(contents(origin))
        result = desk.run(job)  # type: ignore[arg-type]
        assert len(contents(goal)) - len(contents(origin)) > before, outcomes(result)
        if result.error is None:
            break
    assert result.error is None, outcomes(result)
    assert contents(goal) == wanted
    assert contents(origin) == {}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("age", [0, 100], ids=["newest", "oldest"])
@pytest.mark.parametrize("large", [1, 2])
def test_a_file_larger_than_a_session_starves_nobody(
    desk: Desk, server: OddServer, move: str, age: int, large: int
) -> None:
    origin, goal, job = job_of(desk, move)
    desk.fill(10, folder=origin, size=1000)
    small = contents(origin)
    too_large = {f"large-{number}.xml" for number in range(large)}
    for name in too_large:
        (origin / name).write_bytes(os.urandom(4 * MIB))
        os.utime(origin / name, (1_700_000_000 - age, 1_700_000_000 - age))
    for name in small:
        os.utime(origin / name, (1_700_000_000 - 50, 1_700_000_000 - 50))
    Limit(server, MIB, "bytes")
    for _run in range(RUNS):
        result = desk.run(job)  # type: ignore[arg-type]
    failed = {one.name for one in result.outcomes if one.outcome in ("failed", "held")}
    assert failed <= too_large
    assert failed
    assert {name: content for name, content in contents(goal).items() if name in small} == small
    assert contents(origin).keys() == too_large


# --- too many at once


@dataclass
class Crowded:
    """Refuse what is asked while too much is open, or under way.

    :ivar most_open: files and folders that may be open at once.
    :ivar says: the answer to one more.
    :ivar breaks_at: files open at once at which the server ends the session.
    """

    server: OddServer
    most_open: int
    says: Answer
    breaks_at: int = 1 << 30
    refused: int = 0

    def __post_init__(self) -> None:
        self._open: set[bytes] = set()
        for kind in (Kind.INIT, Kind.OPEN, Kind.OPENDIR, Kind.CLOSE):
            self.server.hooks[kind] = self.serve

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind == Kind.INIT:
            self._open.clear()
        elif call.request.kind == Kind.CLOSE:
            self._open.discard(call.request.handle)
        elif len(self._open) >= self.breaks_at:
            self.server.cut()
            return None
        elif len(self._open) >= self.most_open:
            self.refused += 1
            return self.says
        answer = go(call.request)
        if isinstance(answer, Handle):
            self._open.add(answer.handle)
        return answer


TOO_MANY = {
    "a failure": Status(Code.FAILURE, "Failure"),
    "its words": Status(Code.PERMISSION_DENIED, "Too many open files"),
    "a quota": Status(Code.PERMISSION_DENIED, "handle quota exceeded"),
    "a code of a later version": Status(15, "quota"),
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("most_open", [1, 2, 5])
@pytest.mark.parametrize("says", TOO_MANY.values(), ids=TOO_MANY)
def test_a_server_that_refuses_more_open_files_is_asked_for_fewer(
    desk: Desk, server: OddServer, move: str, most_open: int, says: Answer
) -> None:
    origin, goal, job = job_of(desk, move)
    desk.fill(30, folder=origin, size=1000)
    wanted = contents(origin)
    crowd = Crowded(server, most_open, says)
    result = desk.run(job)  # type: ignore[arg-type]
    assert outcomes(result) == dict.fromkeys(wanted, ("delivered", ""))
    assert contents(goal) == wanted
    assert crowd.refused
    (note,) = result.notes
    assert "The server refused to open more files at once, so the run went on with" in note
    number = re.search(r"Set `max_open: (\d+)` in the account", note)
    assert number
    assert 1 <= int(number[1]) <= most_open


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("connections", [1, 2])
def test_max_open_is_kept_over_all_connections(desk: Desk, server: OddServer, move: str, connections: int) -> None:
    origin, goal, job = job_of(desk, move)
    desk.fill(20, folder=origin, size=1000)
    wanted = contents(origin)
    crowd = Crowded(server, 2, TOO_MANY["a failure"], breaks_at=2)
    account = replace(server.account(connections=connections), max_open=2)
    assert desk.run(job, account).summary["delivered"] == 20  # type: ignore[arg-type]
    assert contents(goal) == wanted
    assert crowd.refused == 0


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("words", ["Too many requests", "rate limit exceeded, slow down"])
def test_a_server_that_says_that_it_is_asked_too_much_is_asked_less(
    desk: Desk, server: OddServer, move: str, words: str
) -> None:
    origin, goal, job = job_of(desk, move)
    desk.fill(24, folder=origin, size=1000)
    wanted = contents(origin)
    begun: set[bytes] = set()

    def count(call: Call, go: Serve) -> Answer | None:
        if len(begun | {call.path}) > 6:
            return Status(Code.FAILURE, words)
        begun.add(call.path)
        return go(call.request)

    def end(call: Call, go: Serve) -> Answer | None:
        begun.discard(call.path)
        return go(call.request)

    server.hooks |= {Kind.WRITE: count, Kind.READ: count, Kind.CLOSE: end}
    result = desk.run(job)  # type: ignore[arg-type]
    assert outcomes(result) == dict.fromkeys(wanted, ("delivered", ""))
    assert contents(goal) == wanted
