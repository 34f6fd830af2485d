# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove old archived files of a job, and its old history in the ledger.

- An archived file is removed only if filedrop put it there according to the ledger, and the file is unchanged.
- History is removed only if no file could be transferred twice without it: not while the original still exists.
- An open row is never removed.
- What happened in the last day stays, however many files there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..config.schedule import DAY
from ..ledger.ledger import CLOSED_FILES
from ..ledger.locks import JobKey
from ..ledger.soundness import NUMBER
from ..transfer.result import Pruned

if TYPE_CHECKING:
    from ..config.jobs.retention import Retention
    from ..ledger.ledger import Ledger, Row
    from ..transfer.base import JobRun

ROWS_AT_ONCE = 1000


def horizon(retention: Retention, key: JobKey, ledger: Ledger, *, now: float) -> float:
    """Return before which time what a job has done may be forgotten, in seconds since 1970.

    The number of files is that before the run, because a pickup must know what may be forgotten before it lists files.
    """
    limits = []
    if retention.age is not None:
        limits.append(now - retention.age)
    if retention.files is not None:
        where = "WHERE open = 0 AND account = ? AND direction = ? AND job = ? ORDER BY changed_at DESC LIMIT 1 OFFSET ?"
        oldest = ledger.look(f"SELECT changed_at FROM {CLOSED_FILES} {where}", (*key, retention.files - 1), (NUMBER,))
        limits += [min(changed_at, now - DAY) for (changed_at,) in oldest]
    return max(limits, default=0.0)


def prune(work: JobRun[Any], ledger: Ledger, *, before: float) -> Pruned:
    """Remove archived files and history from before a time; return their numbers.

    :param work: the run that has just ended.
    :param before: in seconds since 1970.
    :raises DiskError: an archived file cannot be removed. What was removed before it stays removed, with its history.
    """
    archived = history = 0
    key = JobKey(work.account, work.job.direction, work.job.name)
    last = (0.0, 0)
    while True:
        rows = _old_rows(ledger, key, before, last)
        if not rows:
            return Pruned(archived, history)
        last = (rows[-1].changed_at, rows[-1].id or 0)
        done: list[Row] = []
        with _forgetting(ledger, done):
            for row in rows:
                if not work.has_to_remember(row):
                    archived += work.remove_archived(row)
                    done.append(row)
        history += len(done)


def _old_rows(ledger: Ledger, key: JobKey, before: float, last: tuple[float, int]) -> list[Row]:
    """Return the oldest rows after the last one, of which the time and the number are given."""
    where = (
        "WHERE open = 0 AND changed_at < ? AND (changed_at, id) > (?, ?) AND account = ? AND direction = ? AND job = ?"
    )
    values = (before, *last, *key, ROWS_AT_ONCE)
    return list(ledger.rows(f"{where} ORDER BY changed_at, id LIMIT ?", values, of=CLOSED_FILES))


@contextmanager
def _forgetting(ledger: Ledger, rows: list[Row]) -> Iterator[None]:
    """Delete the collected rows at the end of the block, even after an error."""
    try:
        yield
    finally:
        ledger.change("DELETE FROM transfer WHERE id = ? AND open = 0", [(row.id,) for row in rows])
