# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``run --wait``: for jobs that are started because a file has appeared.

Such a file is younger than its job wants files to be, and more of them come while the first are under way, when
nobody watches the folder. So the run waits until they are settled, and is followed by another one as long as something
has changed meanwhile. What stays in the folder, held or failed, changes nothing, and so begins no run.
"""

from __future__ import annotations

import os
import stat as modes
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..errors import InputError
from ..transfer.selection import is_wanted
from .exit_status import COULD_NOT_RUN
from .run import run

if TYPE_CHECKING:
    from ..config.job import Job
    from .context import CommandContext

PATIENCE = 60.0
"""Seconds that are waited, beyond the job's own `settle`, for files that go on changing."""

MOST_RUNS = 10
"""After so many, what still comes is for the next start."""


class _Seen(NamedTuple):
    """A file as it was; times in ns since 1970."""

    path: str
    inode: int
    size: int
    modified: int
    changed: int


def run_and_wait(setting: CommandContext, name: str, *, force: bool) -> int:
    """Execute a job as soon as the files in its folders are settled, and again while others come; return the status
    of the last run, which has looked at all of them.

    :raises InputError: one JSON document is asked for, and there may be several runs to tell of.
    """
    if setting.voice.as_json:
        raise InputError("option_invalid", "--json: a run with --wait may be several.", "Leave one of the two out.")
    configured = setting.configuration.job(name)
    job, limit = configured.job, configured.time_limit
    if not job.arrivals:
        return run(setting, name, dry_run=False, force=force)
    began = time.monotonic()
    patience = began + job.settle + PATIENCE
    for _attempt in range(MOST_RUNS):
        before = _when_settled(job, patience)
        status = run(setting, name, dry_run=False, force=force)
        now = time.monotonic()
        if status == COULD_NOT_RUN or now > patience or (limit is not None and now > began + limit):
            break
        if _present(job) <= before:
            break
    return status


def _when_settled(job: Job, patience: float) -> set[_Seen]:
    """Wait for the youngest file; return what is there then.

    :param patience: the time, by the monotonic clock, until which waiting is worth it.
    """
    while True:
        found = _present(job)
        if not (job.settle and found):
            return found
        age = time.time() - max(each.modified for each in found) / 1e9
        rest = min(job.settle - age, job.settle)
        if rest <= 0 or time.monotonic() + rest > patience:
            return found
        time.sleep(rest + 0.01)


def _present(job: Job) -> set[_Seen]:
    """The files that the job may take. What cannot be looked at is for the run to tell of."""
    return {found for source in job.arrivals for found in _files(source, job)}


def _files(source: str, job: Job) -> Iterator[_Seen]:
    try:
        names = [os.path.join(source, name) for name in os.listdir(source) if is_wanted(name, job)]
    except NotADirectoryError:
        names = [source]
    except OSError:
        return
    for path in names:
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if modes.S_ISREG(status.st_mode):
            yield _Seen(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
