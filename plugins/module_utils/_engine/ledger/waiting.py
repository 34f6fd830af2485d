# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remember since when the files of a job wait, so that no file waits for ever in silence.

A run records its waiting files once, at its end. A file is known by its path. So it keeps its time if its content or
its reason changes, because it has still not been moved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..errors import NotReached
from ..states import BLOCKED
from .soundness import NUMBER

if TYPE_CHECKING:
    from .ledger import Ledger
    from .locks import JobKey


class Waits(NamedTuple):
    """Hold what is known about a waiting file. The size is in bytes (0: unknown), ``since`` in seconds since 1970."""

    size: int
    remote_path: str
    reason: str
    since: float

    def is_stuck(self, now: float, max_age: float) -> bool:
        """Return whether the file has waited for longer than ``max_age`` seconds."""
        return now - self.since > max_age


@dataclass(frozen=True)
class Waiting:
    """Count the files of a job that waited at the end of its latest run.

    :ivar count: all of them.
    :ivar blocked: those that wait for a taken name.
    :ivar only_blocked: those of them that are not stuck.
    :ivar stuck: those that have waited longer than ``max_age``.
    :ivar oldest_since: when the first of them began to wait, in seconds since 1970; None if no file waits.
    """

    count: int
    blocked: int
    only_blocked: int
    stuck: int
    oldest_since: float | None


def waiting_of(ledger: Ledger, job: JobKey, now: float, max_age: float, *, seen_at: float) -> Waiting:
    """Count the waiting files of a job, as its latest run has left them. Nothing is written.

    A file that waits for a taken name counts until now. Another file only waits for the next run, which may be due in a
    week. So it counts until the end of the latest run, which has seen it wait.

    :param max_age: seconds.
    :param seen_at: the end of the job's latest run, in seconds since 1970.
    """
    seen_at = min(seen_at, now)  # a clock was wrong
    files = waiting_files(ledger, job).values()
    blocked = [one for one in files if one.reason in BLOCKED]
    only_blocked = sum(not one.is_stuck(now, max_age) for one in blocked)
    others_stuck = sum(one.is_stuck(seen_at, max_age) for one in files if one.reason not in BLOCKED)
    return Waiting(
        count=len(files),
        blocked=len(blocked),
        only_blocked=only_blocked,
        stuck=len(blocked) - only_blocked + others_stuck,
        oldest_since=min((one.since for one in files), default=None),
    )


def waiting_files(ledger: Ledger, job: JobKey) -> dict[str, Waits]:
    """Return the waiting files of a job by the paths of their originals."""
    query = (
        "SELECT folder, name, size, remote_path, reason, since FROM waiting"
        " WHERE account = ? AND direction = ? AND job = ?"
    )
    found = ledger.look(query, job, (str, str, int, str, str, NUMBER))
    return {
        os.path.join(folder, name): Waits(
            size, remote_path, reason, max(since, 0.0)
        )  # another program may have written
        for folder, name, size, remote_path, reason, since in found
    }


def merge_waiting(before: Mapping[str, Waits], now: Mapping[str, Waits]) -> dict[str, Waits]:
    """Return the files that wait now, each with the time since when it waits.

    A run that did not reach a file has learned nothing about it. So the file keeps its reason.

    :param before: what earlier runs recorded. A time in the future comes from a wrong clock, and is ignored.
    """
    found = dict(now)
    for path in now.keys() & before.keys():
        earlier, waits = before[path], now[path]
        reason = earlier.reason if waits.reason == NotReached.REASON else waits.reason
        found[path] = waits._replace(since=min(earlier.since, waits.since), reason=reason)
    return found


def record_waiting(
    ledger: Ledger,
    job: JobKey,
    before: Mapping[str, Waits],
    waiting: Mapping[str, Waits],
    is_over: Callable[[str], bool],
) -> None:
    """Record the waiting files of a job. Without a change, nothing is written.

    :param before: what the ledger has.
    :param waiting: the files that wait now.
    :param is_over: whether a path that is not in ``waiting`` has stopped waiting, as far as this run knows.
    """
    new = [(*_key(job, path), *waits) for path, waits in waiting.items() if before.get(path) != waits]
    over = [_key(job, path) for path in before if path not in waiting and is_over(path)]
    if new:
        ledger.change("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", new)
    if over:
        where = "account = ? AND direction = ? AND job = ? AND folder = ? AND name = ?"
        ledger.change(f"DELETE FROM waiting WHERE {where}", over)


def _key(job: JobKey, path: str) -> tuple[str, str, str, str, str]:
    return (*job, *os.path.split(path))
