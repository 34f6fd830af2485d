# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``run --wait``: execute a job that was started because a file has appeared.

A new file is younger than the job's ``settle``. More files can arrive during the run, when systemd does not watch the
folder. So the run first waits until the files are settled. Afterwards it starts again as long as files have changed.
Files that stay in the folder, because they wait, are held or have failed, do not start another run.
"""

from __future__ import annotations

import os
import stat as modes
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...errors import InputError
from ...transfer.selection import is_selected
from .. import signals
from ..exit_status import COULD_NOT_RUN
from .run import run

if TYPE_CHECKING:
    from ...config.jobs.job import Job
    from ..context import CommandContext

PATIENCE = 60.0
"""Seconds to wait for files that keep changing, in addition to the job's own `settle`."""

MOST_RUNS = 10
"""Runs in one start. Files that arrive after the last one are left for the next start."""


class _FileState(NamedTuple):
    """Record the state of a file; times in ns since 1970."""

    path: str
    inode: int
    size: int
    modified: int
    changed: int


def run_and_wait(context: CommandContext, name: str, *, force: bool, metrics_file: str | None = None) -> int:
    """Execute a job once its files are settled, and again while new ones arrive.

    Return the status of the last run, which has checked all files.

    :raises InputError: ``--json`` is given. It prints one document, and there may be several runs.
    """
    if context.console.as_json:
        raise InputError("option_invalid", "--json: --wait can start several runs.", "Use only one of the two flags.")
    configured = context.configuration.job(name)
    job, limit = configured.job, configured.time_limit
    if not job.arrivals:
        return run(context, name, dry_run=False, force=force, metrics_file=metrics_file)
    began = time.monotonic()
    patience = began + job.settle + PATIENCE
    for _attempt in range(MOST_RUNS):
        signals.release()  # the answer of the run before held them
        before = _wait_until_settled(job, patience)
        status = run(context, name, dry_run=False, force=force, metrics_file=metrics_file)
        now = time.monotonic()
        if status == COULD_NOT_RUN or now > patience or (limit is not None and now > began + limit):
            break
        if _present(job) <= before:
            break
    return status


def _wait_until_settled(job: Job, patience: float) -> set[_FileState]:
    """Wait until the youngest file is settled; return the files that are present then.

    :param patience: monotonic time after which to stop waiting.
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


def _present(job: Job) -> set[_FileState]:
    """Return the files that the job may take. Unreadable folders and files are left out; the run reports them."""
    return {found for source in job.arrivals for found in _files(source, job)}


def _files(source: str, job: Job) -> Iterator[_FileState]:
    try:
        names = [os.path.join(source, name) for name in os.listdir(source) if is_selected(name, job)]
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
            yield _FileState(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
