# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directions, by name: a direction is a table in `states`, an entry in config/jobs/job.py, and a folder here.

A direction is imported when the first job of its kind runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from ..config.jobs.job import Job
    from ..ledger.ledger import Ledger
    from ..local.fsync import Syncer
    from .base import JobRun
    from .selection import Only


def _dropoff() -> type[JobRun[Any]]:
    from .dropoff.job_run import DropoffRun

    return DropoffRun


def _pickup() -> type[JobRun[Any]]:
    from .pickup.job_run import PickupRun

    return PickupRun


def _import() -> type[JobRun[Any]]:
    from .importing.job_run import ImportRun

    return ImportRun


RUNS: Mapping[str, Callable[[], type[JobRun[Any]]]] = {"dropoff": _dropoff, "pickup": _pickup, "import": _import}
"""By direction, what imports its run."""


def job_run(
    job: Job, account: str, ledger: Ledger, syncer: Syncer, *, check: bool, only: Only | None = None
) -> JobRun[Any]:
    """A run of a job, which has not begun.

    :param check: predict only.
    :param only: narrows the run to some files; None: all files.
    """
    return RUNS[job.direction]()(job, account, ledger, syncer, check=check, only=only)
