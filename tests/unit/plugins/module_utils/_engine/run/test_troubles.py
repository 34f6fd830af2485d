# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    FiledropError,
    RemoteBusy,
    ServerBusy,
    UnreachableError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.permissions import Permissions
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Remote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.troubles import Troubles
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer import base
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Kind
from support.odd_desk import Desk
from support.odd_server import OddServer

CLOSED = UnreachableError("port_closed", "No server listens there.", "Start it.")
BUSY = ServerBusy("server_busy", "The server takes no more.", "Wait.")
LOST = ConnectionLost("connection_lost", "It is gone.")


@pytest.fixture
def desk(tmp_path: Path, server: OddServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    return Desk(tmp_path, server)


def connecting(monkeypatch: pytest.MonkeyPatch, errors: Sequence[FiledropError | None]) -> list[int]:
    """Let the attempts of a run fail to connect, one after the other (None: it connects); return their count."""
    real, attempts = base.connect, [0]

    def connect(account: Account, permissions: Permissions) -> Remote:
        attempts[0] += 1
        error = errors[attempts[0] - 1] if attempts[0] <= len(errors) else None
        if error is not None:
            raise error
        return real(account, permissions)

    monkeypatch.setattr(base, "connect", connect)
    return attempts


def run(desk: Desk, *, patient: bool, check: bool = False) -> RunResult:
    account = desk.server.account()
    return runner.run(desk.dropoff(), account, ledger=desk.ledger, create_ledger=True, patient=patient, check=check)


@pytest.mark.parametrize(("patient", "check", "attempts"), [(True, False, 4), (False, False, 1), (True, True, 1)])
def test_a_closed_port_is_tried_again_only_where_nobody_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, patient: bool, check: bool, attempts: int
) -> None:
    desk.fill(1)
    made = connecting(monkeypatch, [CLOSED] * 9)
    assert run(desk, patient=patient, check=check).error is CLOSED
    assert made == [attempts]


def test_a_port_that_closes_after_the_first_connection_is_tried_again(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fill(1)

    def cut(_call: Call, _go: Serve) -> None:
        server.hooks.clear()
        server.cut()

    server.hooks[Kind.WRITE] = cut
    made = connecting(monkeypatch, [None, CLOSED, CLOSED])
    found = run(desk, patient=False)
    assert (found.error, found.summary["delivered"], made) == (None, 1, [4])
    lost, closed, fewer = found.notes
    assert lost.startswith("During this run, the connection was lost once, and the run tried again.")
    assert "the port was closed 2 times, and the run tried again. The first reason: No server listens" in closed
    assert fewer.endswith("so the run went on with 1 file at once.")


def test_a_run_without_trouble_has_no_note(desk: Desk) -> None:
    desk.fill(1)
    assert run(desk, patient=True).notes == []


@pytest.mark.parametrize(
    ("errors", "notes"),
    [
        ([(LOST, None), (LOST, None)], ["the connection was lost 2 times"]),
        ([(BUSY, None), (RemoteBusy("x", "X."), None)], ["the server was busy 2 times"]),
        ([(LOST, 4), (LOST, 1), (BUSY, None)], ["was lost 2 times", "was busy once", "went on with 1 file at once"]),
    ],
)
def test_each_kind_of_trouble_is_told_once(errors: list[tuple[FiledropError, int | None]], notes: list[str]) -> None:
    troubles = Troubles()
    for error, width in errors:
        troubles.overcome(error, width)
    found = list(troubles.notes())
    assert len(found) == len(notes)
    assert all(words in note for words, note in zip(notes, found))
