# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.calendar import CronTime, cron_time
from ansible_collections.courier.filedrop.plugins.plugin_utils import _units as units
from ansible_collections.courier.filedrop.plugins.plugin_utils._cron import CronJob, crontab


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
