# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Do what follows a run of a job: judge what is expected of it, tell its receiver, and write the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from ...errors import FiledropError
from ...ledger.alarms import RUN
from ...ledger.ledger import Ledger
from ...ledger.owner import as_owner
from ..console import WARNING
from .alarms import notify
from .keys import describe_keys
from .metrics import metrics, write
from .problems import Problem
from .state import accounts_of, state_of

if TYPE_CHECKING:
    from ...config.files import ConfiguredJob
    from ..context import CommandContext
    from .state import JobState


class Judged(NamedTuple):
    """What is wrong with a job after its run.

    :ivar missed: expectations that are not met.
    :ivar notes: of what its receiver could not be told.
    :ivar state: of the job; None if nobody had to look at it.
    """

    missed: Sequence[Problem] = ()
    notes: Sequence[str] = ()
    state: JobState | None = None


def judge(context: CommandContext, job: ConfiguredJob) -> Judged:
    """Judge a job whose run has just ended, and tell its receiver what has changed. The run stays what it was."""
    if job.watch.expect is None and job.watch.notify is None:
        return Judged()
    try:
        with as_owner(context.ledger), closing(Ledger(context.ledger)) as ledger:
            state = state_of(context, ledger, None, job.name)
            notes = notify(ledger, job, state.problems, by=RUN)
    except FiledropError as error:
        return Judged(notes=[f"It was not judged what is expected of the job: {error}"])
    for note in notes:
        context.console.log(WARNING, "not_told", note, job=job.name)
    return Judged([one for one in state.problems if one.reason == "expectation_missed"], notes, state)


def write_metrics(context: CommandContext, path: str, known: JobState | None = None) -> None:
    """Write the metrics of all jobs. A file that cannot be written is told, and does not fail the command.

    :param known: the state of one of the jobs, which need not be found out again.
    """
    try:
        with as_owner(context.ledger):
            with closing(Ledger(context.ledger, read_only=True)) as ledger:
                states = [
                    known if known is not None and known.name == name else state_of(context, ledger, None, name)
                    for name in context.configuration.job_names()
                ]
                text = metrics(ledger, states, describe_keys(context, accounts_of(states)))
            write(path, text)
    except FiledropError as error:
        context.console.log(WARNING, "metrics_not_written", str(error))
