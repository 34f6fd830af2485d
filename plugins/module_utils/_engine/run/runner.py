# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Execute one run of a job: lock, plan, run the workflows, retry after a lost connection, and build the result."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..config.accounts.account import IN_ONE_WRITE
from ..config.jobs.job import default_max_age
from ..errors import (
    ConnectionLost,
    FiledropError,
    JobRunning,
    LedgerError,
    RemoteBusy,
    RunEnded,
    ServerBusy,
    UnreachableError,
)
from ..ledger.ledger import Ledger
from ..ledger.locks import JobKey, only_run
from ..local.fsync import Syncer
from ..loop.deadline import Deadline, Interruption
from ..loop.loop import Loop
from ..remote.interface import Remote
from ..remote.registry import PROTOCOLS
from ..transfer.base import JobRun
from ..transfer.directions import RUNS, job_run
from ..transfer.observer import watched
from ..transfer.result import RunResult
from .adoption import adopt
from .last_run import remember
from .retention import horizon, prune
from .stuck import mark_stuck
from .token_file import with_token_file
from .troubles import Troubles
from .whole_keys import with_whole_keys

if TYPE_CHECKING:
    from ..config.accounts.account import Account
    from ..config.jobs.job import Job
    from ..config.jobs.retention import Retention
    from ..config.jobs.watch import Watch
    from ..transfer.observer import Observer
    from ..transfer.selection import Only

SPARE_DESCRIPTORS = 128  # for the ledger, the folders, the connections, and the calling program

OBJECTS_BETWEEN_COLLECTIONS = 50_000

PAUSES: tuple[float, ...] = (0.5, 2.0, 5.0)
"""Seconds before each retry after a lost connection. The sequence restarts when an attempt has brought a file further,
or when the next one has less under way."""

MANY_FILES = 64
"""So many files at once are worth it that commits and syncs wait for one another."""

MOST_CHANGES = 16
"""How often in a row an attempt that brought no file further is retried with less under way."""


_CUT_OFF = RunEnded("cut_off", "The run was interrupted.", "The next run continues from the state in the ledger.")


def load(job: Job, account: Account) -> None:
    """Import what runs of the job need. An import has the account of this host, which has no protocol."""
    RUNS[job.direction]()
    if account.protocol:
        PROTOCOLS[account.protocol]()


def run(
    job: Job,
    account: Account,
    *,
    ledger: str,
    check: bool = False,
    create_ledger: bool = False,
    time_limit: float | None = None,
    retention: Retention | None = None,
    max_age: int | None = None,
    watch: Watch | None = None,
    only: Only | None = None,
    patient: bool = True,
    for_module: bool = False,
    observer: Observer | None = None,
) -> RunResult:
    """Execute a job once.

    Errors of single files are outcomes in the result. An error that ended the run early is the result's ``error``; the
    result has all outcomes up to then.

    :param ledger: path of the ledger.
    :param check: predict only: connect and look, and change nothing.
    :param create_ledger: create the ledger if it is missing.
    :param time_limit: seconds after which no new file is started. Soon after, files in progress are left to the next
        run (loop/deadline.py).
    :param retention: how much of archived files and history is kept (retention.py); None: no limit.
    :param max_age: seconds after which a file that waits needs a person (stuck.py); None: the default.
    :param watch: what is expected of the job; None: nothing.
    :param only: move only these files. Work that earlier runs left with other files is left to the next full run. A
        run of a part of the job's files is not recorded as its latest run. None: all files.
    :param patient: retry a closed port before the first connection. Set this where nobody waits for the answer.
    :param for_module: messages speak of modules, and not of the command.
    :param observer: receives the progress of the run.
    :raises FiledropError: the job could not start, and nothing was done: LedgerError, JobRunning, DiskError.
    """
    began = time.time()
    deadline = Deadline(time_limit)
    key = JobKey(account.name, job.direction, job.name)
    is_partial = only is not None and only.is_partial
    with ExitStack() as stack:
        stack.enter_context(_collected_rarely())
        book = stack.enter_context(
            closing(Ledger(ledger, create=create_ledger, read_only=check, for_module=for_module))
        )
        if not check:
            stack.enter_context(only_run(ledger, key))
        syncer = stack.enter_context(closing(Syncer()))
        work = job_run(job, account.name, book, syncer, check=check, only=only)
        result = RunResult(error=_CUT_OFF)
        try:
            if not check:
                book.prove()
                adopt(book, work)
            work.open()
            work.deadline, work.tally.observer = deadline, observer
            work.watch = watch or work.watch
            if retention is not None and not check:
                work.prune_before = horizon(retention, key, book, now=began)
            troubles = Troubles(account.weaknesses)
            result = _persist(work, account, book, syncer, troubles, patient=patient and not check, check=check)
            result.notes.extend(troubles.notes())
            if work.prune_before is not None and result.error is None:
                _prune(result, work, book, before=work.prune_before)
        except FiledropError as error:
            result.error = error
            raise
        finally:
            work.close(ended_early=result.error is not None or is_partial)
            result.seconds = deadline.spent
            if not isinstance(result.error, JobRunning):  # the other run is the one that counts
                with suppress(LedgerError):  # the rows of the files were written, or the error is that of the run
                    oldest = max_age or default_max_age(job.settle)
                    mark_stuck(book, key, result, oldest, is_covered=work.covers, check=check)
                if not (check or is_partial):
                    remember(book, key, began, result)
    return result


@contextmanager
def _collected_rarely() -> Iterator[None]:
    """Run the garbage collector less often while the block runs.

    A transfer has many small objects that are freed without the collector. Its default frequency costs a tenth of the
    processor time.
    """
    before = gc.get_threshold()
    if before[0]:  # 0: the calling program has disabled the collector
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _prune(result: RunResult, work: JobRun[Any], ledger: Ledger, *, before: float) -> None:
    """Apply the retention. A failure is only a note in the result, because the transfers were not affected."""
    try:
        result.pruned = prune(work, ledger, before=before)
    except FiledropError as error:
        result.notes.append(f"Some files or history beyond `retention` could not be removed: {error}")


def _persist(
    work: JobRun[Any],
    account: Account,
    ledger: Ledger,
    syncer: Syncer,
    troubles: Troubles,
    *,
    patient: bool,
    check: bool,
) -> RunResult:
    """Make attempts until one ends the run.

    After a lost connection, or if the server is busy or refuses connections, retry up to the length of PAUSES. Each
    attempt that brings a file further restarts that count. So does an attempt that makes the next one smaller.

    :param patient: retry also if the port is closed before the first connection. That is most likely an error in the
        account, so a person who waits is told at once.
    """
    pauses = iter(PAUSES)
    changes = 0
    while True:
        secured = ledger.secured
        try:
            _attempt(work, account, ledger, syncer, troubles, check=check)
            return work.result(None)
        except (ConnectionLost, RemoteBusy, ServerBusy, UnreachableError) as error:
            width = None
            if ledger.secured > secured:
                pauses, changes = iter(PAUSES), 0
            elif changes < MOST_CHANGES and work.reduce():
                pauses, changes, width = iter(PAUSES), changes + 1, work.width
            pause = next(pauses, None)
            is_worth_it = _is_worth_another_try(error, patient=patient or troubles.has_connected)
            if pause is None or pause > work.deadline.left or not is_worth_it:
                return work.result(error)
            troubles.overcome(error, width)
            time.sleep(pause)
        except FiledropError as error:
            return work.result(error)
        except Interruption as interruption:
            return work.result(interruption.error)


def _is_worth_another_try(error: FiledropError, *, patient: bool) -> bool:
    return not isinstance(error, UnreachableError) or (patient and error.reason == "port_closed")


def _attempt(
    work: JobRun[Any], account: Account, ledger: Ledger, syncer: Syncer, troubles: Troubles, *, check: bool
) -> None:
    """Connect, plan, and execute the plan. Each attempt plans again, because earlier ones may have changed anything."""
    ledger.begin_plan()
    if not work.begin_attempt():
        return
    account = with_whole_keys(account, ledger, keep=not check)
    account = with_token_file(account, None if check else ledger.path)
    account = replace(account, in_one_write=ledger.capability(account.name, IN_ONE_WRITE) is not False)
    with closing(work.connect(account)) as remote:
        troubles.has_connected = True
        patient = remote.features.max_in_flight >= MANY_FILES
        flow = Loop(work.deadline.watch(remote), [syncer, ledger, *remote.batches], patient=patient)
        try:
            flow.run(_work_through(work, watched(remote, work.observer), flow))
        finally:
            troubles.most_open = remote.most_open or troubles.most_open
            troubles.hear(remote.notes)
            if not check:  # after an error as well
                _keep(remote, account.name, ledger)


def _keep(remote: Remote, account: str, ledger: Ledger) -> None:
    """Keep what a session has learned of the server, if it is new."""
    with suppress(LedgerError):  # the run has ended by it, or the next commit tells
        for name, allowed in remote.learned.items():
            if ledger.capability(account, name) is not allowed:
                ledger.learn(account, name, allowed=allowed)
        if ledger.certificates().get(account) != remote.certificate_expires:
            ledger.learn_certificate(account, remote.certificate_expires)


async def _work_through(work: JobRun[Any], remote: Remote, flow: Loop) -> None:
    await work.plan(remote)
    width = _width(remote.features.max_in_flight)
    for items in work.rounds():
        await flow.each(work.process, items, width=min(work.width, width))
    await flow.each(work.look_back, iter(work.delivered_before()), width=width)
    await work.finish(remote)


def _width(max_in_flight: int) -> int:
    """Return how many files to transfer at once: the remote's maximum, reduced to the limit of open files here.

    The soft limit of open files is raised if necessary.
    """
    wanted = max_in_flight + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if resource.RLIM_INFINITY in (soft, hard) else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, min(max_in_flight, allowed - SPARE_DESCRIPTORS))
