# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ledger remembers of the latest run of each job, for those who ask whether all is well."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

from ..errors import FiledropError, LedgerError

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger
    from ..ledger.locks import JobKey
    from ..transfer.result import RunResult


@dataclass(frozen=True)
class PastRun:
    """The latest run of a job. Times in seconds since 1970; ``well_at`` is when one last ended with nothing failed and
    nothing held; ``reason`` and ``message`` are of what ended this one early, if anything did.
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
    held: int
    failed: int
    bytes: int


_COLUMNS = [field.name for field in fields(PastRun)]
_KEY = ("account", "direction", "job")
_INSERT = (
    f"INSERT INTO run ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in (*_KEY, "well_at"))
    + ", well_at = COALESCE(excluded.well_at, well_at)"
)


def remember(ledger: Ledger, job: JobKey, began: float, result: RunResult) -> None:
    """Note how a run of a job ended just now. A ledger that cannot be written is no news: the run's own error says so,
    or else its rows were written, and the run did what it says.
    """
    now = time.time()
    counts = result.summary
    is_well = not (result.error or counts["failed"] or counts["held"])
    reason, message = _words(result.error)
    numbers = (counts["delivered"], counts["skipped"], counts["held"], counts["failed"], counts["bytes"])
    run = PastRun(*job, began, now, now if is_well else None, reason, message, *numbers)
    with suppress(LedgerError):
        ledger.change(_INSERT, [astuple(run)])


def _words(error: FiledropError | None) -> tuple[str, str]:
    if error is None:
        return "", ""
    return error.reason, str(error).encode("utf-8", "backslashreplace").decode("utf-8")


def latest_run(ledger: Ledger, job: JobKey) -> PastRun | None:
    """How a job's latest run ended; None if it has never run."""
    query = f"SELECT {', '.join(_COLUMNS)} FROM run WHERE account = ? AND direction = ? AND job = ?"
    found = ledger.look(query, job)
    return PastRun(*found[0]) if found else None
