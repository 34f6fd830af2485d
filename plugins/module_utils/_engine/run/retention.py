# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a job keeps for a time only: the files that it archived, and its history in the ledger.

An archived file goes only if the ledger says that filedrop put it there, and it is still that file. History goes only
where it keeps nothing from being moved twice: not while the original is still there, and never while a row is open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ..config.job import Dropoff
from ..local.folder import Folder
from ..states import STAYS, State
from ..transfer.result import Pruned

if TYPE_CHECKING:
    from ..config.job import Pickup
    from ..ledger.ledger import Ledger, Row

ROWS_AT_ONCE = 1000


def prune(
    job: Dropoff | Pickup, account: str, ledger: Ledger, *, before: float, listed: frozenset[str] | None
) -> Pruned:
    """Remove what was archived, and forget what was moved, before a time in seconds since 1970.

    :param listed: the names on the server as of this run, for a pickup; None where nobody has looked.
    :raises DiskError: an archived file cannot be removed; what went before it is gone and forgotten.
    """
    archived = history = 0
    last = 0
    while True:
        rows = _old_rows(ledger, (account, job.direction, job.name), before, last)
        if not rows:
            return Pruned(archived, history)
        last = max(row.id or 0 for row in rows)
        done: list[Row] = []
        with _forgetting(ledger, done):
            for row in rows:
                if not _is_needed(row, listed):
                    archived += isinstance(job, Dropoff) and _remove_archived(row)
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


def _is_needed(row: Row, listed: frozenset[str] | None) -> bool:
    """Whether forgetting the row could make its file move again."""
    if row.direction == Dropoff.direction:
        return _stands(row.folder, row.name, row)
    return row.state in STAYS and (listed is None or row.name in listed)


def _remove_archived(row: Row) -> bool:
    """Remove the file that a drop-off archived, if it is still there and still that one; say whether it was."""
    if row.state is not State.DELIVERED or row.local_path in (None, os.path.join(row.folder, row.name)):
        return False
    folder, name = os.path.split(row.local_path or "")
    if not _stands(folder, name, row):
        return False
    with closing(Folder(folder, option="retention")) as archive:
        archive.remove(name)
    return True


def _stands(path: str, name: str, row: Row) -> bool:
    """Whether a file stands there that is the row's by size and time, which moving it has not changed."""
    if not os.path.isdir(path):
        return False
    with closing(Folder(path, option="retention")) as folder:
        found = folder.file(name)
    return found is not None and (found.size, found.mtime_ns) == (row.size, row.mtime_ns)
