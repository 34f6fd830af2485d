# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an exit status of the command means, and which one an outcome has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import FiledropError, JobRunning, LedgerError, RunEnded

if TYPE_CHECKING:
    from ..run.last_run import PastRun

WELL, SOME_FAILED, COULD_NOT_RUN, NEEDS_A_PERSON, ALREADY_RUNNING = range(5)

ENDED_EARLY = ("time_limit", "interrupted", "cut_off")
"""Reasons of runs that began well, and whose rest is for the next one."""

_BY_GRAVITY = (WELL, SOME_FAILED, ALREADY_RUNNING, NEEDS_A_PERSON, COULD_NOT_RUN)


def gravest(statuses: Iterable[int]) -> int:
    """The status of several jobs together: that of the one which fared worst."""
    return max(statuses, key=_BY_GRAVITY.index, default=WELL)


def status_of_error(error: FiledropError) -> int:
    """The status of what an error kept from being done, or ended early."""
    if isinstance(error, JobRunning):
        return ALREADY_RUNNING
    if isinstance(error, LedgerError) and error.reason == "ledger_missing":
        return NEEDS_A_PERSON
    return SOME_FAILED if isinstance(error, RunEnded) else COULD_NOT_RUN


def status_of_counts(counts: Mapping[str, Any]) -> int:
    """The status of a run that came to its end, by how many files had each outcome.

    What waits for a person counts more than what failed, for that may mend itself.
    """
    if counts["held"]:
        return NEEDS_A_PERSON
    return SOME_FAILED if counts["failed"] else WELL


def status_of_past(run: PastRun) -> int:
    """The status that a run had which is remembered."""
    if run.reason:
        return SOME_FAILED if run.reason in ENDED_EARLY else COULD_NOT_RUN
    return status_of_counts({"held": run.held, "failed": run.failed})
