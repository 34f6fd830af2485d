# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import UnreachableError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.waiting import waiting_files, waiting_of
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.last_run import latest_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.stuck import mark_stuck
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer import base
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome, RunResult
from support.desk import outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer
from support.results import result_of

DAY = 86400


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


def key_of(desk: Desk, direction: str = "dropoff", job: str = "invoices") -> JobKey:
    return JobKey(desk.server.account().name, direction, job)


def waiting(desk: Desk) -> list[str]:
    with closing(Ledger(desk.ledger, read_only=True)) as ledger:
        return sorted(os.path.basename(path) for path in waiting_files(ledger, key_of(desk)))


def age(desk: Desk, seconds: float) -> None:
    """Let all that waits have waited for longer."""
    with closing(Ledger(desk.ledger)) as ledger:
        ledger.change("UPDATE waiting SET since = since - ?", [(seconds,)])


def block(desk: Desk, server: OddServer) -> str:
    (name,) = desk.fill(1)
    (server.input / name).write_bytes(b"another file")
    return name


@pytest.mark.parametrize(
    ("prepare", "reason", "is_blocked"),
    [
        (lambda desk, _server: desk.dropoff(settle=3600) if desk.fill(1) else None, "unsettled", False),
        (lambda desk, server: desk.dropoff() if block(desk, server) else None, "name_taken", True),
    ],
    ids=["unsettled", "a taken name"],
)
def test_what_has_waited_too_long_needs_a_person(
    desk: Desk, server: OddServer, prepare: Callable[..., Any], reason: str, is_blocked: bool
) -> None:
    job = prepare(desk, server)
    first = desk.run(job)
    assert outcomes(first) == {"000.xml": ("waiting", reason)}
    assert (first.stuck, first.blocked) == (0, int(is_blocked))
    age(desk, DAY + 60)
    for check in (True, False):
        found = desk.run(job, check=check)
        assert (found.stuck, found.blocked, found.outcomes[0].is_stuck) == (1, int(is_blocked), True)
        assert found.outcomes[0].outcome == "waiting"
        assert "It has waited since 20" in found.outcomes[0].message
        assert "longer than 1d (`max_age`)" in found.outcomes[0].message
    with closing(Ledger(desk.ledger, read_only=True)) as ledger:
        past = latest_run(ledger, key_of(desk))
        assert past is not None
        assert (past.waiting, past.blocked, past.stuck, past.well_at is None) == (1, int(is_blocked), 1, is_blocked)
        assert waiting_of(ledger, key_of(desk), time.time(), DAY, seen_at=past.ended).stuck == 1


def test_what_was_sent_or_is_gone_waits_no_longer(desk: Desk) -> None:
    names = desk.fill(3)
    assert desk.run(desk.dropoff(max_files=1)).summary["waiting"] == 2
    still = waiting(desk)
    assert len(still) == 2
    assert set(still) < names
    (desk.outbox / still[0]).unlink()
    assert desk.run(desk.dropoff()).summary["waiting"] == 0
    assert waiting(desk) == []


def test_a_run_that_fails_leaves_the_times_as_they_are(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fill(2)
    desk.run(desk.dropoff(max_files=1))

    def connect(*_arguments: object) -> None:
        raise UnreachableError("no_address", "There is no such host.", "Correct it.")

    before = waiting(desk)
    monkeypatch.setattr(base, "connect", connect)
    found = desk.run(desk.dropoff())
    assert found.error is not None
    assert waiting(desk) == before
    assert len(before) == 1


def test_check_mode_records_nothing(desk: Desk) -> None:
    desk.fill(1)
    desk.run(desk.dropoff(settle=3600, include=("nothing",)))
    before = desk.snapshot()
    assert desk.run(desk.dropoff(settle=3600), check=True).summary["waiting"] == 1
    assert desk.snapshot() == before


def test_the_default_age_is_longer_than_settle(desk: Desk) -> None:
    desk.fill(1)
    desk.run(desk.dropoff(settle=DAY))
    age(desk, DAY + 60)
    assert desk.run(desk.dropoff(settle=DAY)).stuck == 0
    age(desk, DAY)
    assert desk.run(desk.dropoff(settle=DAY)).stuck == 1


def result(*, waits: bool) -> RunResult:
    return result_of([FileOutcome("a", "/out/a", "waiting", "unsettled")] if waits else [])


def test_a_clock_that_is_behind_makes_nothing_older(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fill(1)
    desk.run(desk.dropoff(settle=3600))
    with closing(Ledger(desk.ledger)) as ledger:
        ledger.change("DELETE FROM waiting", [()])
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: 0.0)
            mark_stuck(ledger, key_of(desk), result(waits=True), DAY, is_covered=bool, check=False)
        found = result(waits=True)
        mark_stuck(ledger, key_of(desk), found, DAY, is_covered=bool, check=False)
    assert found.stuck == 0


@pytest.mark.parametrize("known_before", [True, False])
def test_a_clock_that_was_ahead_makes_nothing_older(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, known_before: bool
) -> None:
    desk.fill(1)
    if known_before:
        desk.run(desk.dropoff(settle=3600))
    with monkeypatch.context() as patch:
        ahead = time.time() + 3000 * DAY
        patch.setattr(time, "time", lambda: ahead)
        desk.run(desk.dropoff(settle=4000 * DAY))
    for _run in range(3):
        assert desk.run(desk.dropoff(settle=3600)).stuck == 0
    age(desk, DAY + 60)
    assert desk.run(desk.dropoff(settle=3600)).stuck == 1


def test_nothing_is_asked_or_written_where_nothing_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Ledger(desk.ledger, create=True)) as ledger:
        asked: list[str] = []
        look = ledger.look
        monkeypatch.delattr(Ledger, "change")
        monkeypatch.setattr(ledger, "look", lambda query, *more: asked.append(query) or look(query, *more))
        mark_stuck(ledger, key_of(desk), result(waits=False), DAY, is_covered=bool, check=False)
    assert len(asked) == 1
