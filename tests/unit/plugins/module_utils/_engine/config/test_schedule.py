# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.schedule import (
    Schedule,
    duration,
    format_duration,
    schedule_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError


def read(value: object) -> int | None:
    return duration({"time_limit": value}, "time_limit", low=60, high=86400)


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("15m", 900), (" 2h ", 7200), ("1 d", 86400), ("90 s", 90), (None, None)]
)
def test_stretches_of_time(text: str | None, seconds: int | None) -> None:
    assert read(text) == seconds


@pytest.mark.parametrize("value", [90, "90", "", "1.5h", "h", "15 minutes", "-1h", True, ["1h"], "1h30m", "٣m"])
def test_what_is_no_stretch_of_time_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(InputError, match=r"time_limit: .* is not a duration") as caught:
        read(value)
    assert "such as 1m" in caught.value.way_out


@pytest.mark.parametrize("text", ["59s", "25h", "999999999w"])
def test_a_stretch_out_of_range_is_told_the_range(text: str) -> None:
    with pytest.raises(InputError, match="at least 1m and at most 1d are allowed"):
        read(text)


@pytest.mark.parametrize(("seconds", "text"), [(90, "90s"), (900, "15m"), (3600, "1h"), (86400, "1d"), (604800, "1w")])
def test_it_is_written_in_the_largest_unit_that_fits(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("text", ["1m", "5m", "15m", "30m", "45m", "1h", "90m", "2h", "6h", "12h", "1d"])
def test_runs_that_are_evenly_spaced(text: str) -> None:
    assert str(schedule_from_options({"every": text})) == f"every {text}"


@pytest.mark.parametrize("text", ["7m", "25m", "5h", "61s", "90s"])
def test_runs_that_could_not_be_evenly_spaced_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="divides neither an hour nor a day"):
        schedule_from_options({"every": text})


def test_a_calendar_is_kept_as_it_is() -> None:
    assert schedule_from_options({"on_calendar": "Mon..Fri 06:00"}) == Schedule(on_calendar="Mon..Fri 06:00")
    assert str(schedule_from_options({"on_calendar": "daily"})) == "daily"
    assert str(schedule_from_options({})) == "by hand"


def test_a_calendar_that_would_be_another_line_of_a_unit_is_refused() -> None:
    with pytest.raises(InputError, match="line break"):
        schedule_from_options({"on_calendar": "daily\nExecStart=/bin/sh"})


def test_two_schedules_are_refused() -> None:
    with pytest.raises(InputError, match="together with every"):
        schedule_from_options({"every": "1h", "on_calendar": "daily"})


def test_a_job_that_waits_for_files_has_a_schedule_as_well() -> None:
    found = schedule_from_options({"every": "1h", "on_arrival": True})
    assert (found.on_arrival, str(found)) == (True, "every 1h, and when a file appears")
    assert not schedule_from_options({"every": "1h"}).on_arrival
    with pytest.raises(InputError, match="on_arrival: True is given without a schedule"):
        schedule_from_options({"on_arrival": True})
    with pytest.raises(InputError, match="'yes' is neither true nor false"):
        schedule_from_options({"every": "1h", "on_arrival": "yes"})
