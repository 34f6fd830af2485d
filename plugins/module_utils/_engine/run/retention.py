# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a job keeps for a time only: the files that it archived, and its history in the ledger.

An archived file goes only if the ledger says that filedrop put it there, and it is still that file. History goes only
where it keeps nothing from being moved twice: not while the original is still there, and never while a row is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..transfer.result import Pruned

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger, Row
    from ..transfer.base import JobRun

ROWS_AT_ONCE = 1000


def prune(work: JobRun[Any], ledger: Ledger, *, before: float) -> Pruned:
    """Remove what was archived, and forget what was moved, before a time in seconds since 1970.

    :param work: the run that has just ended.
    :raises DiskError: an archived file cannot be removed; what went before it is gone and forgotten.
    """
    archived = history = 0
    last = 0
    while True:
        rows = _old_rows(ledger, (work.account, work.job.direction, work.job.name), before, last)
        if not rows:
            return Pruned(archived, history)
        last = max(row.id or 0 for row in rows)
        done: list[Row] = []
        with _forgetting(ledger, done):
            for row in rows:
                if not work.has_to_remember(row):
                    archived += work.remove_archived(row)
                    done.append(row)
        history += len(done)


def _old_rows(ledger: Ledger, key: tuple[str, str, str], before: float, last: int) -> list[Row]:
    where = "WHERE account = ? AND direction = ? AND job = ? AND open = 0 AND changed_at < ? AND id > ?"
    return list(ledger.rows(f"{where} ORDER BY id LIMIT ?", (*key, before, last, ROWS_AT_ONCE)))


@contextmanager
def _forgetting(ledger: Ledger, rows: list[Row]) -> Iterator[None]:
    """Forget in the end, even after an error, the rows that are done by then."""
    try:
        yield
    finally:
        ledger.change("DELETE FROM transfer WHERE id = ? AND open = 0", [(row.id,) for row in rows])
