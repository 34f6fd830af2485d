# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translate the schedules of a host's jobs to cron, for hosts without systemd: one line for each time.

Pure: schedules in, text out. Calendar events are those of systemd.time(7). A schedule that cron cannot express exactly
is refused, because a job that runs at the wrong time is worse than one that is not deployed. The syntax is the one that
all descendants of Vixie cron know (crontab(5) of Debian's cron and of cronie).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

KILL_AFTER = 30
"""Seconds between asking a run to end (SIGTERM) and killing it."""

_SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
    "bi-annually": "*-01,07-01 00:00:00",
    "biannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
    "anually": "*-01-01 00:00:00",
}
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_WORD = r"[A-Za-z]+"
_DAYS_OF_WEEK = re.compile(rf"{_WORD}(?:(?:\.\.|-|,){_WORD})*,?")
_DATE = re.compile(r"(?:([^-]+)-)?([^-]+)-([^-]+)")
_TIME = re.compile(r"([^:]+):([^:]+)(?::([^:]+))?")
_STEPS = re.compile(r"(\d{1,4})(?:\.\.(\d{1,4}))?(?:/(\d{1,4}))?")


class NotExpressible(Exception):
    """Report that cron cannot express a schedule. The text is the reason, as the end of a sentence."""


@dataclass(frozen=True)
class CronTime:
    """Hold the five fields of a line, and the second within the minute, which the command has to wait for."""

    fields: str
    second: int


def cron_time(event: str) -> CronTime:
    """Translate a calendar event of systemd.

    :raises NotExpressible: cron cannot express the event, or the event is invalid.
    """
    words = _SHORTHANDS.get(event.strip().lower(), event).split()
    days = "*"
    year, month, day = "*", "*", "*"
    hour, minute, second = "00", "00", "00"
    given: set[str] = set()
    for word in words:
        if _DAYS_OF_WEEK.fullmatch(word) and not given and (found := _days_of_week(word)):
            days, kind = found, "days"
        elif (time := _TIME.fullmatch(word)) and "time" not in given:
            hour, minute, second = time[1], time[2], time[3] or "00"
            kind = "time"
        elif (date := _DATE.fullmatch(word)) and not given & {"date", "time"}:
            year, month, day = date[1] or "*", date[2], date[3]
            kind = "date"
        else:
            raise NotExpressible(f"{word!r} is not supported (for example a time zone: cron uses the host's)")
        given.add(kind)
    if not words:
        raise NotExpressible("it is empty")
    if year != "*":
        raise NotExpressible("cron does not support years")
    fields = [
        _field(minute, 0, 59, "minute"),
        _field(hour, 0, 23, "hour"),
        _field(day, 1, 31, "day"),
        _field(month, 1, 12, "month"),
        days,
    ]
    if fields[2] != "*" and days != "*":
        raise NotExpressible("it has days of the week and days of the month, and cron would run when either matches")
    return CronTime(" ".join(fields), _second(second))


def _days_of_week(word: str) -> str:
    """Translate days of the week, 0 for Sunday; empty if the word is not such a list."""
    found = []
    for part in word.rstrip(",").split(","):
        ends = [_day(name) for name in re.split(r"\.\.|-", part)]
        if None in ends or len(ends) > 2:
            return ""
        numbers = [number for number in ends if number is not None]
        if len(numbers) == 2:
            first, last = numbers[0], numbers[1] or 7  # the week of systemd ends with Sunday
            if (first or 7) > last:
                raise NotExpressible(f"{part!r} is a reversed range")
            found.append(f"{first or 7}-{last}")
        else:
            found.append(str(numbers[0]))
    return ",".join(found)


def _day(name: str) -> int | None:
    lower = name.lower()
    return next((number for number, day in enumerate(_DAYS) if lower in (day, day[:3])), None)


def _field(text: str, low: int, high: int, what: str) -> str:
    if text == "*":
        return "*"
    return ",".join(_range(part, low, high, what) for part in text.split(","))


def _range(text: str, low: int, high: int, what: str) -> str:
    found = _STEPS.fullmatch(text)
    if not found:
        raise NotExpressible(f"{text!r} is not a valid {what} for cron")
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    if not (low <= first <= last <= high):
        raise NotExpressible(f"{text!r} is not a valid {what} ({low} to {high})")
    if found[3] is None:
        return str(first) if found[2] is None else f"{first}-{last}"
    step = int(found[3])
    if not step:
        raise NotExpressible(f"{text!r} has a step of 0")
    return f"{first}-{last if found[2] else high}/{step}"


def _second(text: str) -> int:
    if not re.fullmatch(r"\d{1,2}", text) or int(text) > 59:
        raise NotExpressible("cron does not support seconds, so a job can run at most once a minute")
    return int(text)


@dataclass(frozen=True)
class CronJob:
    """Hold the schedule of one job.

    :param times: the times at which it is due.
    :param delay: seconds by which this host starts later, the same each time.
    :param time_limit: seconds after which a run is ended, or None.
    """

    name: str
    times: Sequence[CronTime]
    delay: int = 0
    time_limit: int | None = None


def crontab(jobs: Sequence[CronJob], *, user: str, command: str, header: str) -> str:
    """Build the content of a file in ``/etc/cron.d``.

    cron mails the output of a run to root, because the jobs' user reads no mail. A run prints nothing while all is
    well.
    """
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    lines = [header, "SHELL=/bin/sh", f"PATH={path}", "MAILTO=root"]
    for job in sorted(jobs, key=lambda each: each.name):
        limit = "" if job.time_limit is None else f"timeout -k {KILL_AFTER} {job.time_limit} "
        for time in job.times:
            wait = time.second + job.delay
            sleep = f"sleep {wait}; " if wait else ""
            lines.append(f"{time.fields} {user} umask 027; {sleep}exec {limit}{command} run {job.name} --quiet")
    return "\n".join(lines) + "\n"
