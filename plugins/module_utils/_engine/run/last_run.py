# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record the latest run of each job in the ledger, and read it, for monitoring."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

from ..errors import FiledropError, LedgerError
from ..ledger.soundness import NUMBER, OPTIONAL_NUMBER

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger
    from ..ledger.locks import JobKey
    from ..transfer.result import RunResult


@dataclass(frozen=True)
class PastRun:
    """Hold the latest run of a job. All times are in seconds since 1970.

    ``well_at`` is the end of the last run that was well: without an error, and without a file that failed, is held,
    waits for a taken name or too long, or was not taken in time. ``reason`` and ``message`` describe the error that
    ended this run early; they are empty if there was none. The numbers of files are those of `RunResult`.
    """

    account: str
    direction: str
    job: str
    began: float
    ended: float
    well_at: float | None
    reason: str
    message: str
    delivered: int
    skipped: int
    waiting: int
    held: int
    failed: int
    blocked: int
    stuck: int
    lying: int
    bytes: int


_COLUMNS = [field.name for field in fields(PastRun)]
_KEY = ("account", "direction", "job")
_INSERT = (
    f"INSERT INTO run ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in (*_KEY, "well_at"))
    + ", well_at = COALESCE(excluded.well_at, well_at)"
)


COUNTED = ("delivered", "failed")
"""The outcomes that are counted over all runs."""

_ADD = (
    "INSERT INTO total VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, direction, job, outcome)"
    " DO UPDATE SET files = files + excluded.files, bytes = bytes + excluded.bytes"
)

_KINDS = (*(str,) * 3, NUMBER, NUMBER, OPTIONAL_NUMBER, str, str, *(int,) * 9)
"""The types of the columns. Another program may have written them."""


def remember(ledger: Ledger, job: JobKey, began: float, result: RunResult) -> None:
    """Record how a run of a job has ended just now.

    An error of the ledger is ignored here. Either it is already the error of the run, or all rows of the files were
    written, and the result is correct.

    :param began: the start of the run, in seconds since 1970.
    """
    now = time.time()
    counts = result.summary
    is_well = not (result.error or counts["failed"] or counts["held"] or result.blocked or result.stuck or result.lying)
    reason, message = _words(result.error)
    of_files = [counts[outcome] for outcome in ("delivered", "skipped", "waiting", "held", "failed")]
    numbers = (*of_files, result.blocked, result.stuck, result.lying, counts["bytes"])
    run = PastRun(*job, began, now, now if is_well else None, reason, message, *numbers)
    with suppress(LedgerError):
        ledger.change(_INSERT, [astuple(run)])
        sizes = {"delivered": result.bytes}
        counted = [(*job, name, result.counts[name], sizes.get(name, 0)) for name in COUNTED if result.counts[name]]
        if counted:  # a transaction without a change is synced, too
            ledger.change(_ADD, counted)


def _words(error: FiledropError | None) -> tuple[str, str]:
    if error is None:
        return "", ""
    return error.reason, str(error)


def latest_run(ledger: Ledger, job: JobKey) -> PastRun | None:
    """Return how a job's latest run ended; None if the job has never run."""
    query = f"SELECT {', '.join(_COLUMNS)} FROM run WHERE account = ? AND direction = ? AND job = ?"
    found = ledger.look(query, job, _KINDS)
    return PastRun(*found[0]) if found else None
