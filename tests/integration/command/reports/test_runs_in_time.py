# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``status``: runs that do not come, fail for days, or do not end."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.console import Console
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.context import CommandContext
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.reports import problems
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.reports.state import (
    state_of as status_of,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.reports.triggers import Triggers
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import Configuration
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey, only_run
from support.command import Host, age, prepared, reasons
from support.sshd import SshServer


@pytest.fixture
def ready(system_host: Host) -> Host:
    return prepared(system_host)


@pytest.mark.parametrize(
    ("schedule", "hours", "overdue"),
    [
        ({"every": "15m"}, 1, True),
        ({"every": "15m"}, 0.3, False),
        ({"every": "1h"}, 1, False),
        ({"on_calendar": "hourly"}, 2, True),
        ({"on_calendar": "Mon..Sun *-*-* 06:00:00"}, 50, True),
        ({"on_calendar": "*-02-30"}, 50, False),
        ({"on_calendar": "*-*-* *:00:00 UTC"}, 2, True),  # only systemd can compute this one
        ({}, 10_000, False),
    ],
)
@pytest.mark.parametrize("ran", [True, False])
def test_a_job_that_has_not_run_by_its_schedule_is_overdue(
    ready: Host, schedule: dict[str, Any], hours: float, overdue: bool, ran: bool
) -> None:
    (ready.config / "jobs" / "reports.json").unlink()
    ready.dropoff(**schedule)
    if ran:
        assert ready.run("run", "invoices").status == 0
    age(ready, hours * 3600)
    told = ready.run("status", "--json")
    assert (told.status, reasons(told)["invoices"]) == ((3, ["overdue"]) if overdue else (0, []))
    ready.dropoff(**schedule, enabled=False)
    age(ready, 0)
    assert ready.run("status").status == 0


def test_a_new_schedule_counts_from_when_it_was_written(ready: Host) -> None:
    ready.dropoff(on_calendar="*-*-01 06:00")
    assert ready.run("run", "invoices").status == 0
    age(ready, 7200)
    ready.dropoff(every="15m")
    assert ready.run("status").status == 0
    age(ready, 7200)
    assert reasons(ready.run("status", "--json"))["invoices"] == ["overdue"]


def test_a_job_that_runs_and_fails_for_days_needs_a_person(ready: Host, sshd: SshServer) -> None:
    assert ready.run("run", "invoices").status == 0
    age(ready, 3 * 86400)
    (ready.outbox / "pipe.xml").mkdir()
    ready.change_ledger("UPDATE run SET ended = ?, failed = 1", time.time())
    told = ready.run("status", "--json")
    assert (told.status, reasons(told)["invoices"]) == (3, ["files_failed", "failing"])


@pytest.mark.parametrize("on_calendar", ["hourly", "*-*-* 06:00:00 UTC"])
@pytest.mark.parametrize("ahead", [86400, 1e15, 1e300])
def test_a_run_in_the_future_is_a_wrong_clock(ready: Host, ahead: float, on_calendar: str) -> None:
    ready.dropoff(on_calendar=on_calendar)
    assert ready.run("run", "invoices").status == 0
    ready.change_ledger("UPDATE run SET ended = ended + ?, well_at = well_at + ?", ahead, ahead)
    told = ready.run("status", "--json")
    assert (told.status, reasons(told)) == (3, {"invoices": ["clock_wrong"], "reports": []})
    ready.change_ledger("UPDATE run SET failed = 1")
    assert "clock_wrong" in reasons(ready.run("status", "--json"))["invoices"]


@pytest.mark.parametrize(("ran", "reason"), [(True, "overdue"), (False, "clock_wrong")])
def test_a_file_that_was_written_in_the_future_hides_nothing(ready: Host, ran: bool, reason: str) -> None:
    if ran:
        assert ready.run("run", "invoices").status == 0
    age(ready, 7200)
    os.utime(ready.config / "jobs" / "invoices.json", (time.time() + 86400,) * 2)
    assert reasons(ready.run("status", "invoices", "--json"))["invoices"] == [reason]


def test_a_run_that_is_in_progress_is_not_overdue_but_may_hang(ready: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.dropoff(every="15m", time_limit="1m")
    age(ready, 7200)
    key = JobKey("acme", "dropoff", "invoices")
    with only_run(str(ready.ledger), key):
        told = ready.run("status", "invoices", "--json")
        assert (told.status, told.document["jobs"][0]["running"], reasons(told)["invoices"]) == (0, True, [])
        (lock,) = Path(f"{ready.ledger}.locks").iterdir()
        os.utime(lock, (time.time() - 7200,) * 2)
        monkeypatch.setattr(problems, "_booted_at", lambda: 0.0)  # this machine may have been started just now
        with closing(Ledger(str(ready.ledger), read_only=True)) as ledger:
            context = CommandContext(Configuration(str(ready.config)), str(ready.ledger), Console())
            state = status_of(context, ledger, Triggers(["invoices"]), "invoices")
        assert [problem.reason for problem in state.problems] == ["hangs"]
