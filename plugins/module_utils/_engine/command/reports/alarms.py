# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell the receivers of jobs which problems are new, and which are over (`notify`)."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...ledger.alarms import RUN, Alarm, alarms_of, drop_alarms, put_alarms
from ...ledger.locks import one_teller
from ...text import iso_time
from ..context import key_of
from .receivers import NotTold, tell

if TYPE_CHECKING:
    from ...config.files import ConfiguredJob
    from ...ledger.ledger import Ledger
    from ...ledger.locks import JobKey
    from .problems import Problem


def notify(ledger: Ledger, job: ConfiguredJob, problems: Iterable[Problem], *, by: str) -> list[str]:
    """Tell the receiver of a job what has changed. Return a sentence for each event of which it could not be told.

    An event that fails is told again the next time. One process at a time does this.

    :param problems: all that the job has now, as far as ``by`` finds them.
    :param by: RUN or STATUS: what has found the problems.
    """
    receiver = job.watch.notify
    if receiver is None:
        return []
    key = key_of(job)
    notes = []
    with one_teller(ledger.path):
        for alarm, event in _events(ledger, key, problems, by):
            try:
                tell(receiver, _document(key, alarm, event))
            except NotTold as why:
                notes.append(f"The receiver of the job {job.name} was not told of {alarm.reason} ({event}): {why}.")
            else:
                _told(ledger, key, alarm, event)
    return notes


def _events(ledger: Ledger, job: JobKey, problems: Iterable[Problem], by: str) -> Iterator[tuple[Alarm, str]]:
    """Record the problems of now, and yield those of which the receiver has to be told."""
    before, now = alarms_of(ledger, job), time.time()
    found = {
        one.reason: Alarm(one.reason, one.finding, one.way_out, one.status, now, one.seen_by)
        for one in reversed(list(problems))
        if by != RUN or one.seen_by == RUN
    }
    over = [alarm for reason, alarm in before.items() if reason not in found and (by != RUN or alarm.seen_by == RUN)]
    drop_alarms(ledger, job, [alarm.reason for alarm in over if alarm.told_at is None])
    put_alarms(ledger, job, [alarm for reason, alarm in found.items() if reason not in before])
    for alarm in alarms_of(ledger, job).values():
        if alarm.told_at is None:
            yield alarm, PROBLEM
    for alarm in over:
        if alarm.told_at is not None:
            yield alarm, ALL_CLEAR


def _told(ledger: Ledger, job: JobKey, alarm: Alarm, event: str) -> None:
    if event == ALL_CLEAR:
        drop_alarms(ledger, job, [alarm.reason])
    else:
        put_alarms(ledger, job, [replace(alarm, told_at=time.time())])


PROBLEM, ALL_CLEAR = "problem", "all_clear"


def _document(job: JobKey, alarm: Alarm, event: str) -> dict[str, Any]:
    return {
        "source": "filedrop",
        "event": event,
        "host": platform.node(),
        "job": job.name,
        "account": job.account,
        "direction": job.direction,
        "reason": alarm.reason,
        "status": alarm.status,
        "message": alarm.message,
        "way_out": alarm.way_out,
        "since": iso_time(alarm.since),
        "time": iso_time(time.time()),
    }
