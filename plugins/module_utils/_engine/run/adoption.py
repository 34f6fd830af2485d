# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take over the unfinished rows of another job that is not running.

A job can be renamed, and a module derives the name of its job from the folders. So before its run, a job takes over
open rows of other jobs with the same account, direction and folder. It takes only the rows of files that it selects
itself. Otherwise it could not transfer those files, and perhaps no other job would. From then on, the rows belong to
this job.

Meanwhile the job holds the other job's lock. If the other job is running, its rows are not taken over, and its files
are refused with ``other_job``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ..errors import JobRunning
from ..ledger.locks import JobKey, only_run
from ..local import names
from ..local.folder import Folder
from ..local.parts import remove_parts

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger, Row
    from ..transfer.base import JobRun


def adopt(ledger: Ledger, work: JobRun[Any]) -> None:
    """Take over the rows that a job may have. The caller holds the job's own lock.

    :raises LedgerError: the ledger cannot be used.
    :raises DiskError: a folder of the job cannot be used.
    """
    job, account = work.job, work.account
    where = "WHERE open = 1 AND account = ? AND direction = ? AND job != ?"
    others = ledger.rows(where, (account, job.direction, job.name))
    for other in sorted({row.job for row in others if work.asks_for(row)}):
        try:
            with only_run(ledger.path, JobKey(account, job.direction, other)):
                unfinished = ledger.open_rows(account, job.direction, other)
                ours = [(job.name, row.id) for row in unfinished if work.asks_for(row)]
                ledger.change("UPDATE transfer SET job = ? WHERE id = ?", ours)
                _remove_parts(work, names.part_prefix(ledger.identity, account, other), unfinished)
        except JobRunning:
            continue


def _remove_parts(work: JobRun[Any], prefix: str, rows: Sequence[Row]) -> None:
    """Remove the other job's local parts that none of its rows names, in the folder of this job."""
    if work.part_folder is not None:
        path, option = work.part_folder
        with closing(Folder(path, option=option)) as folder:
            remove_parts(folder, prefix, {row.temporary or "" for row in rows})
