# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils import _units as units
from ansible_collections.courier.filedrop.plugins.plugin_utils._cron import (
    CronJob,
    CronTime,
    NotExpressible,
    cron_time,
    crontab,
)


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


def due(field: str, low: int, high: int) -> set[int]:
    """The values for which a field of cron's is due, as crontab(5) tells."""
    found: set[int] = set()
    for part in field.split(","):
        span, _slash, step = part.partition("/")
        first, _dash, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        found |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return found


@pytest.mark.parametrize("minutes", [each for each in range(1, 1441) if 1440 % each == 0])
def test_whatever_divides_a_day_is_due_when_it_is_with_timers(minutes: int) -> None:
    every = minutes * 60
    start = units.offset("erp1.example.com", "invoices", every)
    found = []
    for event in units.calendar(every, start):
        time = cron_time(event)
        minute, hour, *date = time.fields.split()
        assert date == ["*", "*", "*"]
        found += [h * 3600 + m * 60 + time.second for h in due(hour, 0, 23) for m in due(minute, 0, 59)]
    assert sorted(found) == list(range(start, 86400, every))


def test_a_line_for_each_time() -> None:
    jobs = [
        CronJob("reports", [CronTime("0 6 * * 1-5", 0)], delay=17),
        CronJob("invoices", [CronTime("7-59/15 * * * *", 33)], time_limit=600),
    ]
    assert crontab(jobs, user="filedrop", command="/bin/filedrop", header="# ours").splitlines() == [
        "# ours",
        "SHELL=/bin/sh",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "MAILTO=root",
        "7-59/15 * * * * filedrop umask 027; sleep 33; exec timeout -k 30 600 /bin/filedrop run invoices --quiet",
        "0 6 * * 1-5 filedrop umask 027; sleep 17; exec /bin/filedrop run reports --quiet",
    ]
