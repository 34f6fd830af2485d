# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stretches of time as people write them, and when a job is due. Who starts its runs is not our matter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from . import options as read

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_WRITTEN = re.compile(r"([0-9]{1,9})\s*([smhdw])")


@dataclass(frozen=True)
class Schedule:
    """When a job is due: ``every`` so many seconds, counted from midnight, or ``on_calendar`` in systemd's words
    (systemd.time(7)); with neither it runs only by hand. With ``on_arrival`` also when a file appears.
    """

    every: int | None = None
    on_calendar: str | None = None
    on_arrival: bool = False

    def __str__(self) -> str:
        due = f"every {written(self.every)}" if self.every is not None else self.on_calendar or "by hand"
        return f"{due}, and when a file appears" if self.on_arrival else due


def duration(options: Mapping[str, object], name: str, *, low: int, high: int) -> int | None:
    """A stretch of time in seconds, from text such as ``90s``, ``15m``, ``2h``, ``30d`` or ``12w``; None when not
    given.

    :raises InputError: anything else; a bare number too, for nobody can tell what it counts.
    """
    value = options.get(name)
    if value is None:
        return None
    way_out = f"Set {name} to a whole number and one of s, m, h, d and w, such as {written(max(low, MINUTE))}."
    found = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise read.refused(name, value, "is not a stretch of time", way_out)
    seconds = int(found[1]) * _UNITS[found[2]]
    if not low <= seconds <= high:
        why = f"is out of range: {written(low)} is the least, and {written(high)} the most"
        raise read.refused(name, value, why, way_out)
    return seconds


def written(seconds: int) -> str:
    """A stretch of time in the largest unit that divides it."""
    unit = next(name for name in reversed(_UNITS) if seconds % _UNITS[name] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def schedule_from_options(options: Mapping[str, object]) -> Schedule:
    """``every`` or ``on_calendar``, or neither; ``on_arrival`` beside one of them.

    :raises InputError: both are given, or one cannot be meant.
    """
    every = duration(options, "every", low=MINUTE, high=DAY)
    on_calendar = read.text(options, "on_calendar")
    if every is not None and on_calendar is not None:
        why = "is given beside every, and a job has one schedule"
        raise read.refused("on_calendar", on_calendar, why, "Leave one of the two out.")
    if every is not None and (every % MINUTE or DAY % every):
        why = "divides neither an hour nor a day into whole minutes, so the runs would not be evenly spaced"
        raise read.refused("every", options["every"], why, "Use such as 5m, 15m, 30m, 1h, 6h or 1d, or on_calendar.")
    if on_calendar is not None and not on_calendar.isprintable():
        why = "has a line break or another control character in it"
        raise read.refused("on_calendar", on_calendar, why, "Write it as in systemd.time(7), such as Mon..Fri 06:00.")
    on_arrival = read.boolean(options, "on_arrival", default=False)
    if on_arrival and every is None and on_calendar is None:
        why = "is given without a schedule, so what could not be sent at once would wait until another file appears"
        raise read.refused("on_arrival", on_arrival, why, "Add every or on_calendar, such as every: 1h.")
    return Schedule(every, on_calendar, on_arrival)
