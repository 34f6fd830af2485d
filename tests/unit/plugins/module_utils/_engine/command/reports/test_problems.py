# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.reports import problems
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.reports.problems import (
    due_after,
    of_long_run,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import ConfiguredJob
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import dropoff_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.schedule import Schedule
from support.summer_time import seconds_in_oslo

HOUR, DAY = 3600, 86400


@pytest.mark.usefixtures("in_oslo")
@pytest.mark.parametrize(
    ("every", "after", "due"),
    [
        (24, "2026-11-28 00:01:00", "2026-11-29 00:01:00"),
        (24, "2026-10-25 00:01:00", "2026-10-26 00:01:00"),  # this day has 25 hours
        (6, "2026-10-25 00:01:00", "2026-10-25 06:01:00"),
        (24, "2027-03-28 00:01:00", "2027-03-29 01:01:00"),  # this one has 23: later than needed
    ],
)
def test_runs_at_even_times_of_the_day_are_counted_by_the_clock_on_the_wall(every: int, after: str, due: str) -> None:
    assert due_after(Schedule(every=every * HOUR), seconds_in_oslo(after)) == seconds_in_oslo(due)


@pytest.mark.parametrize("moment", [1e15, 1e300, float("inf")])
@pytest.mark.parametrize("schedule", [Schedule(every=900), Schedule(on_calendar="hourly"), Schedule()])
def test_nothing_is_due_after_a_moment_that_no_calendar_has(schedule: Schedule, moment: float) -> None:
    assert due_after(schedule, moment) is None or moment == 1e15


@pytest.mark.parametrize(
    ("schedule", "time_limit", "hours", "hangs"),
    [
        (Schedule(every=6 * HOUR), None, 29, False),
        (Schedule(every=6 * HOUR), None, 31, True),
        (Schedule(on_calendar="weekly"), None, 23, False),
        (Schedule(on_calendar="weekly"), None, 9 * 24, True),
        (Schedule(), None, 23, False),
        (Schedule(), None, 25, True),
        (Schedule(every=DAY), 2 * HOUR, 2.9, False),
        (Schedule(every=DAY), 2 * HOUR, 3.1, True),
        (Schedule(every=DAY, on_arrival=True), 2 * HOUR, 7.9, False),
        (Schedule(every=DAY, on_arrival=True), 2 * HOUR, 8.1, True),
    ],
)
def test_a_run_that_goes_on_for_too_long_hangs(
    monkeypatch: pytest.MonkeyPatch, schedule: Schedule, time_limit: int | None, hours: float, hangs: bool
) -> None:
    made = dropoff_from_options(
        {"src": "/srv", "remote_dir": "input", "settle": 5 * HOUR}, preset_named(None), name="invoices"
    )
    job = ConfiguredJob(made, "acme", schedule, max_age=DAY, time_limit=time_limit)
    monkeypatch.setattr(problems, "_booted_at", lambda: 0.0)
    began = time.time() - hours * HOUR
    assert [problem.reason for problem in of_long_run(job, began)] == (["hangs"] if hangs else [])
    monkeypatch.setattr(problems, "_booted_at", time.time)  # the clock was wrong when the run began
    assert list(of_long_run(job, began)) == []
