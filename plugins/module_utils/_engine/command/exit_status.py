# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define the exit statuses of the command, and derive them from errors and counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..config.jobs.watch import STOP_ABOVE
from ..errors import FiledropError, JobRunning, RunEnded

if TYPE_CHECKING:
    from ..run.last_run import PastRun
    from ..transfer.result import RunResult

WELL, SOME_FAILED, COULD_NOT_RUN, NEEDS_A_PERSON, ALREADY_RUNNING = range(5)

ENDED_EARLY = ("time_limit", "interrupted", "cut_off")
"""Reason codes of runs that ended early. The next run continues with the rest."""

FOR_A_PERSON = ("ledger_missing", "ledger_version", STOP_ABOVE)
"""Reason codes of runs that could not begin, or that moved nothing, until a person decides."""

_BY_GRAVITY = (WELL, SOME_FAILED, ALREADY_RUNNING, NEEDS_A_PERSON, COULD_NOT_RUN)


def worst_status(statuses: Iterable[int]) -> int:
    """Return the worst status of several jobs."""
    return max(statuses, key=_BY_GRAVITY.index, default=WELL)


def status_of_error(error: FiledropError) -> int:
    """Return the status for an error that prevented a run or ended it early."""
    if isinstance(error, JobRunning):
        return ALREADY_RUNNING
    if error.reason in FOR_A_PERSON:
        return NEEDS_A_PERSON
    return SOME_FAILED if isinstance(error, RunEnded) else COULD_NOT_RUN


def status_of_counts(counts: Mapping[str, Any]) -> int:
    """Return the status of a run from the numbers of its files. A number that is missing counts as 0.

    Held files, files that are stuck, and delivered files that still lie there (``lying``) need a person. Failed files,
    and files that wait for a taken name (``blocked``), are retried by the next run. Other files that wait are well.
    """
    if counts.get("held") or counts.get("stuck") or counts.get("lying"):
        return NEEDS_A_PERSON
    return SOME_FAILED if counts.get("failed") or counts.get("blocked") else WELL


def status_of_run(result: RunResult) -> int:
    """Return the status of a run that has just ended."""
    more = {"blocked": result.blocked, "stuck": result.stuck, "lying": result.lying}
    of_files = status_of_counts({**result.counts, **more})
    return worst_status([of_files, status_of_error(result.error) if result.error else WELL])


def status_of_past(run: PastRun) -> int:
    """Return the status of an earlier run from its record in the ledger."""
    of_files = status_of_counts(vars(run))
    if not run.reason:
        return of_files
    if run.reason in ENDED_EARLY:
        return worst_status([of_files, SOME_FAILED])
    return worst_status([of_files, NEEDS_A_PERSON if run.reason in FOR_A_PERSON else COULD_NOT_RUN])
