# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the files that have waited longer than `max_age`, and record since when the files of a job wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..config.schedule import format_duration
from ..ledger.waiting import Waits, merge_waiting, record_waiting, waiting_files
from .last_run import latest_run

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger
    from ..ledger.locks import JobKey
    from ..transfer.result import RunResult


def mark_stuck(
    ledger: Ledger, job: JobKey, result: RunResult, max_age: int, *, is_covered: Callable[[str], bool], check: bool
) -> None:
    """Mark the outcomes of files that have waited longer than ``max_age`` seconds, and record which files wait.

    A run that ended early has not seen every file. So it leaves the times of the files without an outcome as they are.

    :param is_covered: whether a complete run would have seen the file of this path, if the file still existed.
    :param check: write nothing.
    :raises LedgerError: the ledger cannot be used.
    """
    waits = [one for one in result.outcomes if one.outcome == "waiting"]
    before = waiting_files(ledger, job)
    if not (waits or before):
        return
    moved = {one.origin for one in result.outcomes if one.outcome != "waiting"}
    now, clock = _now(ledger, job), time.time()
    latest = {one.origin: Waits(one.size or 0, one.remote_path, one.reason, now) for one in waits}
    waiting = merge_waiting(before, latest)
    stuck = {path for path, one in waiting.items() if one.is_stuck(clock, max_age)}
    result.stuck = len(stuck)
    for outcome in waits:
        if outcome.origin in stuck:
            since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(waiting[outcome.origin].since))
            outcome.is_stuck = True
            limit = f"{format_duration(max_age)}{'' if ledger.for_module else ' (`max_age`)'}"
            outcome.message += (
                f" It has waited since {since}, which is longer than {limit}. Find out what keeps it waiting, and "
                "remove the cause or the file."
            )
    result.outcomes.sort(key=lambda outcome: outcome.rank)
    if not check:
        is_complete = result.error is None
        record_waiting(ledger, job, before, waiting, lambda path: path in moved or (is_complete and is_covered(path)))


def _now(ledger: Ledger, job: JobKey) -> float:
    """Return the time. If the clock is behind the job's latest run, return the end of that run instead.

    The files that wait now are recorded with this time. So a clock that is wrong now makes them no older later. If it
    was wrong at the latest run, a later run finds times in the future, and corrects them. How long a file has waited is
    judged by the clock itself: a latest run in the year 2100 makes no file old.
    """
    past = latest_run(ledger, job)
    return max(time.time(), past.ended if past else 0.0)
