# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remember of which problems a receiver was told, so that it is told of each once, and once that it is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from .soundness import NUMBER, OPTIONAL_NUMBER

if TYPE_CHECKING:
    from .ledger import Ledger
    from .locks import JobKey

RUN, STATUS = "run", "status"
"""What finds a problem, and finds that it is over: the end of each run, or only `filedrop status`."""


@dataclass(frozen=True)
class Alarm:
    """Hold a problem of a job.

    :ivar reason: a code for programs; a job has at most one alarm of each.
    :ivar status: the exit status that it stands for.
    :ivar since: when it was found, in seconds since 1970.
    :ivar seen_by: RUN or STATUS.
    :ivar told_at: when the receiver was told, in seconds since 1970; None if it has not been told.
    """

    reason: str
    message: str
    way_out: str
    status: int
    since: float
    seen_by: str
    told_at: float | None = None


_COLUMNS = "reason, message, way_out, status, since, seen_by, told_at"
_OF_JOB = "account = ? AND direction = ? AND job = ?"


def alarms_of(ledger: Ledger, job: JobKey) -> dict[str, Alarm]:
    """Return the alarms of a job, by reason."""
    kinds = (str, str, str, int, NUMBER, str, OPTIONAL_NUMBER)
    found = ledger.look(f"SELECT {_COLUMNS} FROM alarm WHERE {_OF_JOB}", job, kinds)
    return {record[0]: Alarm(*record) for record in found}


def put_alarms(ledger: Ledger, job: JobKey, alarms: Iterable[Alarm]) -> None:
    """Record alarms, each in the place of one with the same reason."""
    values = [(*job, *astuple(alarm)) for alarm in alarms]
    if values:
        ledger.change(f"INSERT OR REPLACE INTO alarm VALUES ({', '.join('?' * len(values[0]))})", values)


def drop_alarms(ledger: Ledger, job: JobKey, reasons: Iterable[str]) -> None:
    """Remove alarms that are over."""
    values = [(*job, reason) for reason in reasons]
    if values:
        ledger.change(f"DELETE FROM alarm WHERE {_OF_JOB} AND reason = ?", values)
