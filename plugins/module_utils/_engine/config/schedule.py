# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read durations and schedules. This module does not start runs: systemd or cron does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from . import options as read

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
LONGEST = 100 * 366 * DAY  # of a duration that has no other limit
UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_WRITTEN = re.compile(r"([0-9]{1,9})\s*([smhdw])")
_CALENDAR = re.compile(r"[A-Za-z0-9*][A-Za-z0-9 *,./:~+_-]*")


@dataclass(frozen=True)
class Schedule:
    """Define when a job is due.

    ``every`` is in seconds, counted from midnight. ``on_calendar`` is a calendar event (systemd.time(7)). With neither,
    the job runs only by hand. ``on_arrival`` starts it also when a file appears.
    """

    every: int | None = None
    on_calendar: str | None = None
    on_arrival: bool = False

    def __str__(self) -> str:
        due = f"every {format_duration(self.every)}" if self.every is not None else self.on_calendar or "by hand"
        return f"{due}, and when a file appears" if self.on_arrival else due


def duration(options: Mapping[str, object], name: str, *, low: int, high: int) -> int | None:
    """Read a duration in seconds from text such as ``90s``, ``15m``, ``2h``, ``30d`` or ``12w``; None if not given.

    :raises InputError: invalid duration. A number without a unit is invalid too, because its unit is unknown.
    """
    value = options.get(name)
    if value is None:
        return None
    way_out = (
        f"Set {name} to a whole number with a unit (s, m, h, d or w), such as {format_duration(max(low, MINUTE))}."
    )
    found = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise read.invalid(name, value, "is not a duration", way_out)
    seconds = int(found[1]) * UNITS[found[2]]
    if not low <= seconds <= high:
        why = f"is out of range: at least {format_duration(low)} and at most {format_duration(high)} are allowed"
        raise read.invalid(name, value, why, way_out)
    return seconds


def format_duration(seconds: int) -> str:
    """Format a duration in the largest unit that divides it."""
    unit = next(name for name in reversed(UNITS) if seconds % UNITS[name] == 0)
    return f"{seconds // UNITS[unit]}{unit}"


def schedule_from_options(options: Mapping[str, object]) -> Schedule:
    """Read ``every`` or ``on_calendar``, or neither; ``on_arrival`` requires one of them.

    :raises InputError: both are given, or one is invalid.
    """
    every = duration(options, "every", low=MINUTE, high=DAY)
    on_calendar = read.text(options, "on_calendar")
    if every is not None and on_calendar is not None:
        why = "is given together with every, but a job has only one schedule"
        raise read.invalid("on_calendar", on_calendar, why, "Remove one of the two.")
    if every is not None and (every % MINUTE or DAY % every):
        why = "divides neither an hour nor a day into whole minutes, so the runs would not be evenly spaced"
        raise read.invalid("every", options["every"], why, "Use a value such as 5m, 30m, 1h, 6h or 1d, or on_calendar.")
    if on_calendar is not None and not _CALENDAR.fullmatch(on_calendar):
        why = "contains a character that no calendar event has, such as a line break"
        raise read.invalid("on_calendar", on_calendar, why, "Write it as in systemd.time(7), such as Mon..Fri 06:00.")
    on_arrival = read.boolean(options, "on_arrival", default=False)
    if on_arrival and every is None and on_calendar is None:
        why = "is given without a schedule, so a file that cannot be sent at once would wait for the next one"
        raise read.invalid("on_arrival", on_arrival, why, "Add every or on_calendar, such as every: 1h.")
    return Schedule(every, on_calendar, on_arrival)
