# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out how each job is: what its files, the ledger, systemd and cron say of it. No server is contacted."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...config.options import LABEL
from ...config.schedule import DAY
from ...errors import FiledropError
from ...ledger.alarms import RUN
from ...ledger.history import outcome_of
from ...ledger.locks import JobKey, jobs_of, running_since
from ...ledger.owner import as_owner
from ...ledger.waiting import Waiting, waiting_files, waiting_of
from ...local.names import shown
from ...run.last_run import PastRun, latest_run
from ...states import BLOCKED
from ..console import count_of
from ..context import CommandContext, key_of
from ..exit_status import worst_status
from . import problems
from .problems import Problem
from .triggers import CRONTAB, Triggers

if TYPE_CHECKING:
    from ...config.files import ConfiguredJob
    from ...ledger.ledger import Ledger


_NOTHING_WAITS = Waiting(0, 0, 0, 0, None)


@dataclass
class JobState:
    """Hold what is known about one job.

    :ivar job: what its files say; None if they are missing or invalid.
    :ivar key: the job in the ledger; None if neither its files nor the ledger tell.
    :ivar written_at: when its file was written, in seconds since 1970; None if that is unknown.
    :ivar running_since: the start of the run that is in progress, in seconds since 1970; None if there is none.
    """

    name: str
    job: ConfiguredJob | None = None
    key: JobKey | None = None
    past: PastRun | None = None
    written_at: float | None = None
    running_since: float | None = None
    held: int = 0
    waiting: Waiting = _NOTHING_WAITS
    unfinished: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def status(self) -> int:
        return worst_status(problem.status for problem in self.problems)


def state_of(context: CommandContext, ledger: Ledger, triggers: Triggers | None, name: str) -> JobState:
    """Return the state of a job.

    :param triggers: what starts the jobs of this host; None: nobody asks, and its schedule is not judged.
    """
    state = JobState(name)
    try:
        with as_owner(context.ledger, reading=True):  # as the runs read them
            state.job = context.configuration.job(name)
        context.configuration.account_without_secrets(state.job.account)
    except FiledropError as error:
        state.problems.append(Problem.of(error))
    if state.job is not None:
        state.key = key_of(state.job)
    _look(context, ledger, state)
    if triggers and state.running_since is None and (since := triggers.running_since(name)) is not None:
        # One start of the service may have several runs.
        state.running_since = max(since, state.past.ended if state.past else 0.0)
    if state.job is not None and state.job.enabled:
        state.written_at = context.configuration.job_changed_at(name)
        _judge_runs(ledger, state, state.job)
        if triggers is not None:
            _judge_schedule(state, state.job, triggers)
    return state


def _look(context: CommandContext, ledger: Ledger, state: JobState) -> None:
    """Read what the ledger knows about a job. If its files do not tell its account, the ledger may."""
    keys = [state.key] if state.key is not None else [key for key in jobs_of(ledger) if key.name == state.name]
    if len(keys) != 1:
        return
    state.key = key = keys[0]
    rows = ledger.open_rows(*key)
    state.past = latest_run(ledger, key)
    state.running_since = running_since(context.ledger, key)
    outcomes = [outcome_of(row) for row in rows]
    state.held, state.unfinished = outcomes.count("held"), outcomes.count("unfinished")
    now, max_age = time.time(), DAY if state.job is None else state.job.max_age
    state.waiting = waiting_of(ledger, key, now, max_age, seen_at=now if state.past is None else state.past.ended)
    if state.held:
        name = shlex.quote(key.name)
        way_out = f"See them: filedrop history {name} --outcome held. Then decide: filedrop resolve {name} FILE."
        finding = f"{count_of(state.held, 'file')} held for a decision."
        state.problems.append(Problem("files_held", finding, way_out, seen_by=RUN))


def _judge_runs(ledger: Ledger, state: JobState, job: ConfiguredJob) -> None:
    """Judge what the runs of an enabled job have done: nobody waits for one that is disabled."""
    state.problems += problems.of_last_run(state.name, state.past)
    state.problems += problems.of_waiting(job, state.waiting)
    state.problems += problems.of_expectation(job, ledger, state.written_at)


def _judge_schedule(state: JobState, job: ConfiguredJob, triggers: Triggers) -> None:
    """Judge whether an enabled job runs when it is due."""
    if state.running_since is not None:
        state.problems += problems.of_long_run(job, state.running_since)
    else:
        state.problems += problems.of_schedule(job, state.past, state.written_at, triggers.spread(state.name))
    if not any(problem.reason in _OF_FILES for problem in state.problems):
        state.problems += triggers.problems(job, state.past)


_OF_FILES = ("file_missing", "file_malformed", "file_unreadable")


def accounts_of(states: Iterable[JobState]) -> list[str]:
    """Return the names of the accounts of jobs, each once."""
    return list(dict.fromkeys(state.job.account for state in states if state.job is not None))


def without_files(context: CommandContext, ledger: Ledger, found: Sequence[JobState]) -> Iterator[JobState]:
    """Find jobs with held files that have no file (any more), or have another account now.

    Also find those that were taken off while a file of theirs waited for a taken name, and is still in its folder.
    """
    known, names = {state.key for state in found}, {state.name for state in found}
    for key in sorted(key for key in jobs_of(ledger) if key not in known):
        state = JobState(key.name, key=key)
        _look(context, ledger, state)
        finding = f"No file describes a job {shown(key.name)} for the account {key.account}."
        if state.held:
            state.problems.append(Problem("job_missing", finding, "Decide about its files all the same."))
            yield state
        elif left := [] if key.name in names else _left(context, ledger, key):
            finding += f" {count_of(len(left), 'file')} of it waited for a taken name, such as {shown(left[0])}."
            way_out = "Ask the provider whether they are needed, and remove them from this folder."
            state.problems.append(Problem("job_missing", finding, way_out))
            yield state


def _left(context: CommandContext, ledger: Ledger, key: JobKey) -> list[str]:
    """Return the paths of the files that wait for a taken name and are still there."""
    if key.direction != "dropoff" or not LABEL.fullmatch(key.name):
        return []  # it has another name: a module ran it, and it never had a file
    waiting = waiting_files(ledger, key)
    with as_owner(context.ledger, reading=True):  # as the runs look at them
        return sorted(path for path, one in waiting.items() if one.reason in BLOCKED and os.path.lexists(path))


def started_in_vain(context: CommandContext, ledger: Ledger, triggers: Triggers, known: set[str]) -> Iterator[JobState]:
    """Find jobs that systemd or cron starts although they have no file."""
    for name in sorted(triggers.started() - known):
        finding = f"A timer, a path unit or cron starts the job {shown(name)}, and no file describes it."
        stop = f"systemctl disable --now filedrop@{shown(name)}.timer, or its line in {CRONTAB}"
        way_out = f"Put its file back, or remove what starts it: {stop}."
        state = JobState(name, problems=[Problem("job_missing", finding, way_out)])
        _look(context, ledger, state)
        yield state
