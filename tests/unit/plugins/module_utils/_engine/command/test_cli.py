# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command import cli, signals
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.exit_status import (
    status_of_counts,
    status_of_error,
    status_of_past,
    worst_status,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.parser import make_parser
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    FiledropError,
    JobRunning,
    LedgerError,
    RunEnded,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.last_run import PastRun


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The command takes the signals of its process; a test gives them back."""
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def broken(*_arguments: object) -> int:
    raise ZeroDivisionError("by nothing")


def test_an_error_that_nobody_expected_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_dispatch", broken)
    assert cli.main(["status"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("filedrop: Unexpected error: ZeroDivisionError: by nothing (test_cli.py")
    assert (told.count("\n"), "--debug" in told) == (1, True)


def test_debug_tells_where_it_happened(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "_dispatch", broken)
    assert cli.main(["status", "--debug"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):\n")
    assert "in broken" in told


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As nohup would have it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(cli, "_dispatch", lambda *_arguments: 0)
    assert cli.main(["status"]) == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signals._ignore


def test_the_common_options_may_stand_on_either_side() -> None:
    parser = make_parser()
    before = parser.parse_args(["--json", "--ledger", "/l", "run", "invoices"])
    after = parser.parse_args(["run", "invoices", "--ledger", "/l", "--json"])
    assert vars(before) == vars(after)
    assert (before.config, before.ledger, before.json) == ("/etc/filedrop", "/l", True)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (JobRunning("job_running", ""), 4),
        (LedgerError("ledger_missing", ""), 3),
        (LedgerError("ledger_version", ""), 3),
        (LedgerError("ledger_damaged", ""), 2),
        (RunEnded("time_limit", ""), 1),
        (ConnectionLost("connection_lost", ""), 2),
        (FiledropError("unexpected", ""), 2),
    ],
)
def test_the_status_of_errors(error: FiledropError, status: int) -> None:
    assert status_of_error(error) == status


@pytest.mark.parametrize(
    ("counts", "reason", "status"),
    [
        ({}, "", 0),
        ({"waiting": 3}, "", 0),
        ({"failed": 2}, "", 1),
        ({"waiting": 3, "blocked": 1}, "", 1),
        ({"held": 1, "failed": 2}, "", 3),
        ({"waiting": 2, "blocked": 1, "stuck": 1}, "", 3),
        ({"held": 1, "failed": 2}, "port_closed", 2),
        ({"failed": 1}, "interrupted", 1),
        ({}, "cut_off", 1),
        ({"held": 1}, "cut_off", 3),
        ({"stuck": 1}, "time_limit", 3),
        ({}, "stop_above", 3),
    ],
)
def test_the_status_of_runs(counts: dict[str, int], reason: str, status: int) -> None:
    numbers = dict.fromkeys(("skipped", "waiting", "held", "failed", "blocked", "stuck"), 0) | counts
    run = PastRun("a", "dropoff", "j", 0.0, 1.0, None, reason, "", delivered=5, bytes=100, lying=0, **numbers)
    assert status_of_past(run) == status
    if not reason:
        assert status_of_counts(counts) == status


def test_the_gravest_status_counts() -> None:
    assert worst_status([]) == 0
    assert worst_status([0, 1, 0]) == 1
    assert worst_status([0, 1, 3, 4]) == 3
    assert worst_status([3, 2, 1]) == 2
