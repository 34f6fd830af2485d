# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was left unfinished under the name of another job that is not at work.

A job can be renamed, and a module makes the name of its job from the folders. So before its run a job takes over the
open rows of others with the same account, direction and folder, for the files that it asks for itself: it could not
move them otherwise, and perhaps nobody else ever would. From then on they are its own, and go on as such.

It holds the other's lock meanwhile. If that job is at work its rows are left to it, and its files are refused as being
in other hands.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ..config.job import Dropoff
from ..errors import JobRunning
from ..ledger.locks import JobKey, only_run
from ..local import names
from ..local.folder import Folder, remove_parts
from ..transfer.selection import is_wanted

if TYPE_CHECKING:
    from ..config.job import Pickup
    from ..ledger.ledger import Ledger, Row


def adopt(ledger: Ledger, job: Dropoff | Pickup, account: str) -> None:
    """Take over what a job may, while its own lock is held.

    :raises LedgerError: the ledger cannot be used.
    :raises DiskError: a folder of the job cannot be used.
    """
    where = "WHERE open = 1 AND account = ? AND direction = ? AND job != ?"
    others = ledger.rows(where, (account, job.direction, job.name))
    for other in sorted({row.job for row in others if _asks_for(job, row)}):
        try:
            with only_run(ledger.path, JobKey(account, job.direction, other)):
                unfinished = ledger.open_rows(account, job.direction, other)
                ours = [(job.name, row.id) for row in unfinished if _asks_for(job, row)]
                ledger.change("UPDATE transfer SET job = ? WHERE id = ?", ours)
                _remove_parts(job, names.part_prefix(account, other), unfinished)
        except JobRunning:
            continue


def _asks_for(job: Dropoff | Pickup, row: Row) -> bool:
    if isinstance(job, Dropoff):
        if os.path.join(row.folder, row.name) in job.sources:
            return True
        is_ours = row.folder in job.sources
    else:
        is_ours = row.folder == job.remote_dir
    return is_ours and is_wanted(row.name, job) and not names.is_temporary(row.name)


def _remove_parts(job: Dropoff | Pickup, prefix: str, rows: Sequence[Row]) -> None:
    """Remove what the other's runs left where this job works, of files that none of its rows speaks of."""
    if isinstance(job, Dropoff):
        place, option = job.archive_dir if job.after == "archive" else None, "archive_dir"
    else:
        place, option = job.dest, "dest"
    if place is not None:
        with closing(Folder(place, option=option)) as folder:
            remove_parts(folder, prefix, {row.temporary or "" for row in rows})
