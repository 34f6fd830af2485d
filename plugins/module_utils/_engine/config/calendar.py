# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read calendar events (systemd.time(7)): translate them to cron's five fields, and compute when they are due.

An event that the five fields cannot express exactly is refused. The syntax of the fields is the one that all
descendants of Vixie cron know (crontab(5) of Debian's cron and of cronie).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

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


# --- times


_LONGEST_WAIT = 8 * 366
"""Days until a schedule for 29 February is due again, at the most."""


def next_time(event: CronTime, after: float) -> float | None:
    """Return when an event is due next, in this host's time zone; None if it never is.

    Where summer time begins or ends, this is never earlier than systemd starts a job. cron may start it earlier.

    :param after: the result is later than this. Both are in seconds since 1970.
    """
    start = time.localtime(after)
    for ahead in range(_LONGEST_WAIT):
        found = [moment for moment in _moments(event, start, ahead) if moment > after]
        if found:
            return found[0]
    return None


def last_time(event: CronTime, before: float) -> float | None:
    """Return when an event was due last, in this host's time zone; None if it never was.

    :param before: the result is not later than this. Both are in seconds since 1970.
    """
    start = time.localtime(before)
    for back in range(_LONGEST_WAIT):
        found = [moment for moment in _moments(event, start, -back) if moment <= before]
        if found:
            return found[-1]
    return None


def _moments(event: CronTime, start: time.struct_time, days_later: int) -> list[float]:
    """Return when an event is due on a day, in order."""
    minutes, hours, days, months, weekdays = (
        _due(field, low, high) for field, (low, high) in zip(event.fields.split(), _RANGES)
    )
    noon = time.localtime(time.mktime((start.tm_year, start.tm_mon, start.tm_mday + days_later, 12, 0, 0, 0, 0, -1)))
    weekday = (noon.tm_wday + 1) % 7
    if noon.tm_mon not in months or noon.tm_mday not in days or not {weekday, weekday or 7} & weekdays:
        return []
    found = (_moment(noon, hour, minute, event.second) for hour in sorted(hours) for minute in sorted(minutes))
    return [moment for moment in found if moment is not None]


def _moment(day: time.struct_time, hour: int, minute: int, second: int) -> float | None:
    """Return when a clock on the wall shows a time of a day first, in seconds since 1970; None if it skips this time.

    Where summer time begins, the clock skips an hour, and systemd runs nothing in it. Where summer time ends, the clock
    shows an hour twice. What was due in it has run the first time.
    """
    found = []
    for is_summer in (1, 0, -1):
        moment = time.mktime((day.tm_year, day.tm_mon, day.tm_mday, hour, minute, second, 0, 0, is_summer))
        shown = time.localtime(moment)
        if (shown.tm_mday, shown.tm_hour, shown.tm_min) == (day.tm_mday, hour, minute):
            found.append(moment)
    return min(found, default=None)


_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _due(field: str, low: int, high: int) -> set[int]:
    """Return the values for which a field of cron's is due."""
    found: set[int] = set()
    for part in field.split(","):
        span, _slash, step = part.partition("/")
        first, _dash, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return found
