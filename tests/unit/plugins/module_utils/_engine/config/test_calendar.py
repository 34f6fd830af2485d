# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.calendar import (
    CronTime,
    NotExpressible,
    cron_time,
    next_time,
)
from support.summer_time import seconds_in_oslo


@pytest.mark.parametrize(
    ("event", "fields", "second"),
    [
        ("Mon..Fri 06:00", "0 6 * * 1-5", 0),
        ("mon-fri *-*-* 6:00:07", "0 6 * * 1-5", 7),
        ("Sat,Sun 23:59:59", "59 23 * * 6,0", 59),
        ("Fri..Sun 12:00", "0 12 * * 5-7", 0),
        ("Wednesday", "0 0 * * 3", 0),
        ("*:0/15", "0-59/15 * * * *", 0),
        ("*-*-* 05/6:07:33", "7 5-23/6 * * *", 33),
        ("*:05,35", "5,35 * * * *", 0),
        ("8..17/3:30", "30 8-17/3 * * *", 0),
        ("*-*-1,15 04:00", "0 4 1,15 * *", 0),
        ("12-24 18:00", "0 18 24 12 *", 0),
        ("*-1..3-* 10:00", "0 10 * 1-3 *", 0),
        ("minutely", "* * * * *", 0),
        ("hourly", "0 * * * *", 0),
        ("daily", "0 0 * * *", 0),
        ("weekly", "0 0 * * 1", 0),
        ("Quarterly", "0 0 1 1,4,7,10 *", 0),
        ("yearly", "0 0 1 1 *", 0),
        ("*-*-* *:*:30", "* * * * *", 30),
    ],
)
def test_an_event_in_the_words_of_cron(event: str, fields: str, second: int) -> None:
    assert cron_time(event) == CronTime(fields, second)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("*:*:0/10", "at most once a minute"),
        ("*:*:00,30", "at most once a minute"),
        ("*:*:*", "at most once a minute"),
        ("2027-01-01 06:00", "not support years"),
        ("Mon *-*-1..7 06:00", "when either matches"),
        ("06:00 Europe/Oslo", "'Europe/Oslo' is not supported"),
        ("06:00 UTC", "'UTC' is not supported"),
        ("*-*~3 06:00", "'\\*~3' is not a valid day for cron"),
        ("*-02~03 06:00", "'02~03' is not a valid day for cron"),
        ("@1735689600", "is not supported"),
        ("Mon..Fry 06:00", "'Mon..Fry' is not supported"),
        ("Sun..Mon 06:00", "is a reversed range"),
        ("06:00 Mon", "'Mon' is not supported"),
        ("24:00", r"'24' is not a valid hour \(0 to 23\)"),
        ("*:60", r"'60' is not a valid minute \(0 to 59\)"),
        ("*-13-01", r"'13' is not a valid month \(1 to 12\)"),
        ("*-*-0", r"'0' is not a valid day \(1 to 31\)"),
        ("*:*/5", r"'\*/5' is not a valid minute for cron"),
        ("*:0/0", "a step of 0"),
        ("20..6:00", r"'20..6' is not a valid hour \(0 to 23\)"),
        ("06", "'06' is not supported"),
        ("", "it is empty"),
    ],
)
def test_what_cron_has_no_words_for_is_refused(event: str, why: str) -> None:
    with pytest.raises(NotExpressible, match=why):
        cron_time(event)


@pytest.mark.usefixtures("in_oslo")
@pytest.mark.parametrize(
    ("event", "after", "due"),
    [
        ("Mon..Fri 06:00", "2026-11-27 05:59:59", "2026-11-27 06:00:00"),
        ("Mon..Fri 06:00", "2026-11-27 06:00:00", "2026-11-30 06:00:00"),
        ("Sat,Sun 12:00", "2026-11-28 12:00:01", "2026-11-29 12:00:00"),
        ("Fri..Sun 12:00", "2026-11-28 13:00:00", "2026-11-29 12:00:00"),
        ("*:0/15", "2026-11-28 23:50:00", "2026-11-29 00:00:00"),
        ("*-*-* 05/6:07:33", "2026-11-28 11:07:33", "2026-11-28 17:07:33"),
        ("monthly", "2026-12-31 23:59:59", "2027-01-01 00:00:00"),
        ("*-02-29 00:00", "2026-11-28 00:00:00", "2028-02-29 00:00:00"),
        ("daily", "2026-03-28 12:00:00", "2026-03-29 00:00:00"),
        ("daily", "2026-03-29 12:00:00", "2026-03-30 00:00:00"),
        ("hourly", "2026-10-25 00:30:00", "2026-10-25 01:00:00"),
        # The clock skips the hour from 02:00.
        ("02:30", "2027-03-27 12:00:00", "2027-03-29 02:30:00"),
        ("Sun 02:30", "2027-03-27 12:00:00", "2027-04-04 02:30:00"),
        ("hourly", "2027-03-28 01:00:00", "2027-03-28 03:00:00"),
        ("*:0/30", "2027-03-28 01:30:00", "2027-03-28 03:00:00"),
        # The clock shows the hour from 02:00 twice. `seconds` is the first of the two.
        ("02:30", "2026-10-25 02:29:59", "2026-10-25 02:30:00"),
        ("02:30", "2026-10-25 02:30:00", "2026-10-26 02:30:00"),
        ("02:30", "2026-10-25 02:50:00", "2026-10-26 02:30:00"),
        ("hourly", "2026-10-25 02:00:00", "2026-10-25 03:00:00"),
    ],
)
def test_when_an_event_is_due(event: str, after: str, due: str) -> None:
    assert next_time(cron_time(event), seconds_in_oslo(after)) == seconds_in_oslo(due)


def test_a_day_that_no_month_has_is_never_due() -> None:
    assert next_time(cron_time("*-02-30 00:00"), 0.0) is None
