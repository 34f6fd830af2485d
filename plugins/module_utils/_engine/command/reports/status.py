# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``status``: show how each job is, and what needs a person.

No server is contacted. What is known comes from the ledger, the files of the jobs, systemd, and cron.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from ...config.files import THIS_HOST
from ...ledger.alarms import STATUS
from ...ledger.ledger import Ledger
from ...ledger.owner import as_owner
from ...local.names import shown
from ...text import iso_time
from ..console import WARNING, count_of
from ..context import CommandContext, require_known, require_ledger
from ..exit_status import WELL, status_of_past, worst_status
from .accounts import describe_accounts
from .after_run import write_metrics
from .alarms import notify as tell_receiver
from .keys import describe_keys, key_line
from .placed import placed_document, placed_files, placed_lines
from .state import JobState, accounts_of, started_in_vain, state_of, without_files
from .table import Cell, Column, Row, draw, short_time
from .triggers import Triggers

if TYPE_CHECKING:
    from ...run.last_run import PastRun


def status(
    context: CommandContext, chosen: Sequence[str], *, notify: bool = False, metrics_file: str | None = None
) -> int:
    """Show the state of each job: its last run, and what waits for a person.

    :param notify: tell the receivers of the jobs what has changed since they were told.
    :param metrics_file: where to write the metrics of all jobs; None: nowhere.
    """
    require_ledger(context.ledger)
    for name in chosen:
        require_known(context, name)
    names = list(chosen) or context.configuration.job_names()
    triggers = Triggers(names, context.configuration.folder)
    with closing(Ledger(context.ledger, read_only=True)) as ledger:
        found = [state_of(context, ledger, triggers, name) for name in names]
        lying = [] if chosen else placed_files(context, ledger)
        if not chosen:
            found += without_files(context, ledger, found)
            found += started_in_vain(context, ledger, triggers, {state.name for state in found})
    accounts = accounts_of(found)
    keys = describe_keys(context, accounts)
    notes = [*triggers.notes, *(_told(context, found) if notify else ())]
    if metrics_file is not None:
        write_metrics(context, metrics_file)
    below = [*map(key_line, keys), *placed_lines(lying), *notes]
    worst = worst_status(state.status for state in found)
    document = {
        "status": worst,
        "ledger": context.ledger,
        "jobs": [_document(state) for state in found],
        "accounts": describe_accounts(context, accounts),
        "keys": keys,
        "placed": [placed_document(one) for one in lying],
        "notes": notes,
    }
    lines = [line for state in found for line in _lines(state)] or ["There are no jobs."]
    drawn = partial(_table, found, below) if found else None
    context.console.answer(document, [*lines, *below], well=worst == WELL, drawn=drawn)
    return worst


def _told(context: CommandContext, found: Iterable[JobState]) -> Iterator[str]:
    """Tell the receivers of the jobs; yield what they could not be told."""
    with as_owner(context.ledger), closing(Ledger(context.ledger)) as ledger:
        for state in found:
            if state.job is not None:
                for note in tell_receiver(ledger, state.job, state.problems, by=STATUS):
                    context.console.log(WARNING, "not_told", note, job=state.name)
                    yield note


def _document(state: JobState) -> dict[str, Any]:
    job, key, past = state.job, state.key, state.past
    return {
        "job": state.name,
        "account": key and key.account,
        "direction": key and key.direction,
        "enabled": job and job.enabled,
        "schedule": job and str(job.schedule),
        "folders": job and list(job.job.arrivals or job.job.folders.written),
        "remote_dir": job and job.job.remote_dir,
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


def _lines(state: JobState) -> Iterator[str]:
    """Yield a line about the job, and one for each problem, which begins with the job's name as well."""
    mark = "ok" if state.status == WELL else "!!"
    yield f"{mark}  {state.name}: {'; '.join(_parts(state))}."
    for problem in state.problems:
        yield f"    {state.name}: {problem}"


def _table(found: Sequence[JobState], notes: Sequence[str], width: int, colour: bool) -> list[str] | None:
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


def _row(state: JobState) -> Row:
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


def _parts(state: JobState) -> Iterator[str]:
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
