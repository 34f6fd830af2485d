# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions that end after so many bytes, requests or files: each run gets further, and nothing is moved twice."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Data, Kind
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
