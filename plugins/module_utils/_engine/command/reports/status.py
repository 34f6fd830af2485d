# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``status``: show how each job is, and what needs a person.

No server is contacted. What is known comes from the ledger, the files of the jobs, systemd, and cron.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ...config.files import THIS_HOST
from ...config.options import LABEL
from ...config.schedule import DAY
from ...errors import FiledropError
from ...ledger.history import outcome_of
from ...ledger.ledger import Ledger
from ...ledger.locks import JobKey, jobs_of, running_since
from ...ledger.owner import as_owner
from ...ledger.waiting import Waiting, waiting_files, waiting_of
from ...local.names import shown
from ...run.last_run import PastRun, latest_run
from ...states import BLOCKED
from ..console import count_of
from ..context import CommandContext, iso_time, require_known, require_ledger
from ..exit_status import WELL, status_of_past, worst_status
from . import problems
from .keys import describe_keys, key_line
from .placed import placed_document, placed_files, placed_lines
from .problems import Problem
from .table import Cell, Column, Row, draw, short_time
from .triggers import CRONTAB, Triggers

if TYPE_CHECKING:
    from ...config.files import ConfiguredJob


_NOTHING_WAITS = Waiting(0, 0, 0, 0, None)


@dataclass
class _State:
    """Hold what is known about one job.

    :ivar job: what its files say; None if they are missing or invalid.
    :ivar key: the job in the ledger; None if neither its files nor the ledger tell.
    :ivar running_since: the start of the run that is in progress, in seconds since 1970; None if there is none.
    """

    name: str
    job: ConfiguredJob | None = None
    key: JobKey | None = None
    past: PastRun | None = None
    running_since: float | None = None
    held: int = 0
    waiting: Waiting = _NOTHING_WAITS
    unfinished: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def status(self) -> int:
        return worst_status(problem.status for problem in self.problems)


def status(context: CommandContext, chosen: Sequence[str]) -> int:
    """Show the state of each job: its last run, and what waits for a person."""
    require_ledger(context.ledger)
    for name in chosen:
        require_known(context, name)
    names = list(chosen) or context.configuration.job_names()
    triggers = Triggers(names, context.configuration.folder)
    with closing(Ledger(context.ledger, read_only=True)) as ledger:
        found = [_state(context, ledger, triggers, name) for name in names]
        lying = [] if chosen else placed_files(context, ledger)
        if not chosen:
            found += _without_files(context, ledger, found)
            found += _started_in_vain(context, ledger, triggers, {state.name for state in found})
    keys = describe_keys(context, dict.fromkeys(state.job.account for state in found if state.job is not None))
    below = [*map(key_line, keys), *placed_lines(lying), *triggers.notes]
    worst = worst_status(state.status for state in found)
    document = {
        "status": worst,
        "ledger": context.ledger,
        "jobs": [_document(state) for state in found],
        "keys": keys,
        "placed": [placed_document(one) for one in lying],
        "notes": triggers.notes,
    }
    lines = [line for state in found for line in _lines(state)] or ["There are no jobs."]
    drawn = partial(_table, found, below) if found else None
    context.console.answer(document, [*lines, *below], well=worst == WELL, drawn=drawn)
    return worst


def _state(context: CommandContext, ledger: Ledger, triggers: Triggers, name: str) -> _State:
    state = _State(name)
    try:
        with as_owner(context.ledger, reading=True):  # as the runs read them
            state.job = context.configuration.job(name)
        context.configuration.check_account(state.job.account)
    except FiledropError as error:
        state.problems.append(Problem.of(error))
    if state.job is not None:
        state.key = JobKey(state.job.account, state.job.job.direction, name)
    _look(context, ledger, state)
    if state.running_since is None and (since := triggers.running_since(name)) is not None:
        # One start of the service may have several runs.
        state.running_since = max(since, state.past.ended if state.past else 0.0)
    if state.job is not None and state.job.enabled:
        _judge(context, state, state.job, triggers)
    return state


def _look(context: CommandContext, ledger: Ledger, state: _State) -> None:
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
        state.problems.append(Problem("files_held", finding, way_out))


def _judge(context: CommandContext, state: _State, job: ConfiguredJob, triggers: Triggers) -> None:
    """Judge an enabled job: nobody waits for one that is disabled."""
    state.problems += problems.of_last_run(state.name, state.past)
    state.problems += problems.of_waiting(job, state.waiting)
    if state.running_since is not None:
        state.problems += problems.of_long_run(job, state.running_since)
    else:
        written = context.configuration.job_changed_at(state.name)
        state.problems += problems.of_schedule(job, state.past, written, triggers.spread(state.name))
    if not any(problem.reason in _OF_FILES for problem in state.problems):
        state.problems += triggers.problems(job, state.past)


_OF_FILES = ("file_missing", "file_malformed", "file_unreadable")


def _without_files(context: CommandContext, ledger: Ledger, found: Sequence[_State]) -> Iterator[_State]:
    """Find jobs with held files that have no file (any more), or have another account now.

    Also find those that were taken off while a file of theirs waited for a taken name, and is still in its folder.
    """
    known, names = {state.key for state in found}, {state.name for state in found}
    for key in sorted(key for key in jobs_of(ledger) if key not in known):
        state = _State(key.name, key=key)
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


def _started_in_vain(context: CommandContext, ledger: Ledger, triggers: Triggers, known: set[str]) -> Iterator[_State]:
    """Find jobs that systemd or cron starts although they have no file."""
    for name in sorted(triggers.started() - known):
        finding = f"A timer, a path unit or cron starts the job {shown(name)}, and no file describes it."
        stop = f"systemctl disable --now filedrop@{shown(name)}.timer, or its line in {CRONTAB}"
        way_out = f"Put its file back, or remove what starts it: {stop}."
        state = _State(name, problems=[Problem("job_missing", finding, way_out)])
        _look(context, ledger, state)
        yield state


def _document(state: _State) -> dict[str, Any]:
    job, key, past = state.job, state.key, state.past
    return {
        "job": state.name,
        "account": key and key.account,
        "direction": key and key.direction,
        "enabled": job and job.enabled,
        "schedule": job and str(job.schedule),
        "running": state.running_since is not None,
        "status": state.status,
        "held": state.held,
        "unfinished": state.unfinished,
        "waiting": state.waiting.count,
        "blocked": state.waiting.blocked,
        "stuck": state.waiting.stuck,
        "waiting_since": None if state.waiting.oldest_since is None else iso_time(state.waiting.oldest_since),
        "last_run": None if past is None else _run_document(past),
        "last_well": None if past is None or past.well_at is None else iso_time(past.well_at),
        "problems": [problem.as_dict() for problem in state.problems],
    }


def _run_document(run: PastRun) -> dict[str, Any]:
    return {
        "status": status_of_past(run),
        "began": iso_time(run.began),
        "ended": iso_time(run.ended),
        "delivered": run.delivered,
        "skipped": run.skipped,
        "waiting": run.waiting,
        "held": run.held,
        "failed": run.failed,
        "bytes": run.bytes,
        "reason": run.reason,
        "message": run.message,
    }


def _lines(state: _State) -> Iterator[str]:
    """Yield a line about the job, and one for each problem, which begins with the job's name as well."""
    mark = "ok" if state.status == WELL else "!!"
    yield f"{mark}  {state.name}: {'; '.join(_parts(state))}."
    for problem in state.problems:
        yield f"    {state.name}: {problem}"


def _table(found: Sequence[_State], notes: Sequence[str], width: int, colour: bool) -> list[str] | None:
    """Draw the jobs as a table; None if it does not fit.

    Problems are lines below it. So a command in them can be copied whole.
    """
    rows = [_row(state) for state in found]
    problems_ = [f"{state.name}: {problem}" for state in found for problem in state.problems]
    below = ["", *map(shown, (*problems_, *notes))] if problems_ or notes else []
    drawn = draw(_COLUMNS, rows, width=width, colour=colour)
    return None if drawn is None else [*drawn, *below]


_COLUMNS = (
    Column(""),
    Column("JOB", folds=True),
    Column("DIRECTION"),
    Column("REMOTE PATH", folds=True),
    Column("SCHEDULE", folds=True),
    Column("LAST RUN (UTC)"),
    Column("RESULT", folds=True),
    Column("NOW", folds=True),
)


def _row(state: _State) -> Row:
    job, well = state.job, state.status == WELL
    remote = "?" if job is None else "" if job.account == THIS_HOST else f"{job.account}:{job.job.remote_dir}"
    now = ["running"] if state.running_since is not None else []
    counts = ((state.unfinished, "unfinished"), (state.waiting.count, "waiting"), (state.held, "held"))
    now += [f"{number} {words}" for number, words in counts if number]
    past_well = state.past is None or status_of_past(state.past) == WELL
    return (
        Cell("ok" if well else "!!", "good" if well else "bad"),
        Cell(state.name),
        Cell("?" if state.key is None else state.key.direction),
        Cell(remote),
        Cell("?" if job is None else str(job.schedule) if job.enabled else "disabled"),
        Cell("never" if state.past is None else short_time(iso_time(state.past.ended))),
        Cell("" if state.past is None else _result(state.past), "" if past_well else "bad"),
        Cell(", ".join(now), "bad" if state.held or state.waiting.stuck else "warning"),
    )


def _parts(state: _State) -> Iterator[str]:
    if state.key is not None:
        yield state.key.direction
    if state.job is not None:
        yield str(state.job.schedule) if state.job.enabled else "disabled"
    if state.running_since is not None:
        yield "running now"
    yield _last_run(state.past)
    if state.past is not None and status_of_past(state.past) != WELL:
        yield f"last well {'never' if state.past.well_at is None else iso_time(state.past.well_at)}"
    for number, words in (
        (state.unfinished, "left for the next run"),
        (state.waiting.count, "waiting"),
        (state.held, "held for a decision"),
    ):
        if number:
            yield f"{count_of(number, 'file')} {words}"


def _last_run(past: PastRun | None) -> str:
    if past is None:
        return "has not run yet"
    return f"last run {iso_time(past.ended)}: {_result(past)}"


def _result(past: PastRun) -> str:
    counts = {"delivered": past.delivered, "waiting": past.waiting, "held": past.held, "failed": past.failed}
    return past.reason or ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing to do"
