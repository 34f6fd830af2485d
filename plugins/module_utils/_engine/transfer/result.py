# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define the outcome of a file and the result of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import FiledropError, HoldError, NotReached, WaitError
from ..local.names import as_data, shown
from ..states import BLOCKED

ORDER = ("failed", "held", "waiting", "delivered", "skipped")
"""All outcomes, in the order of a report."""


@dataclass
class FileOutcome:
    """Hold the outcome of one file: one of ORDER.

    :ivar origin: the path of the original. It identifies a file across all attempts of a run.
    :ivar reason: a code for programs; ``message`` is the text for people.
    :ivar verified_by: what showed that the copy is complete; None if nothing was moved.
    :ivar changed: whether anything was changed, locally or on the server (or would be, in check mode).
    :ivar is_stuck: whether the file has waited longer than `max_age`.
    """

    name: str
    origin: str
    outcome: str = "skipped"
    reason: str = ""
    message: str = ""
    remote_path: str = ""
    local_path: str = ""
    size: int | None = None
    sha256: str | None = None
    verified_by: str | None = None
    changed: bool = False
    is_stuck: bool = False

    def deliver(self) -> FileOutcome:
        """Set the outcome to ``delivered``; return self."""
        self.outcome, self.changed = "delivered", True
        return self

    def skip(self, why: FiledropError) -> FileOutcome:
        """Set the outcome to ``skipped``; return self."""
        self.outcome, self.reason, self.message = "skipped", why.reason, str(why)
        return self

    def blame(self, error: FiledropError) -> FileOutcome:
        """Set the outcome: ``held`` for a HoldError, ``waiting`` for a WaitError or NotReached, else ``failed``.

        Return self.
        """
        is_waiting = isinstance(error, (WaitError, NotReached))
        self.outcome = "held" if isinstance(error, HoldError) else "waiting" if is_waiting else "failed"
        self.reason, self.message = error.reason, str(error)
        return self

    @property
    def is_blocked(self) -> bool:
        """Return whether the file waits for something that somebody has to change."""
        return self.outcome == "waiting" and self.reason in BLOCKED

    @property
    def is_trouble(self) -> bool:
        """Return whether a run with this outcome is not well."""
        return self.outcome in ("failed", "held") or self.is_blocked or self.is_stuck

    @property
    def rank(self) -> tuple[int, bool, str]:
        """Return the place in a report: by ORDER, then what is not well, then by name."""
        return ORDER.index(self.outcome), not self.is_trouble, self.name

    def as_dict(self) -> dict[str, Any]:
        """Convert to a dict for module results. Names that no file can have are escaped."""
        return {
            "name": as_data(self.name),
            "remote_path": as_data(self.remote_path),
            "local_path": as_data(self.local_path),
            "size": self.size,
            "sha256": self.sha256,
            "outcome": self.outcome,
            "verified_by": self.verified_by,
            "reason": self.reason,
            "message": shown(self.message),
        }


class Pruned(NamedTuple):
    """Hold how many archived files and how many rows of the ledger were removed."""

    archived: int
    history: int


@dataclass
class RunResult:
    """Hold the result of one run of a job.

    :ivar outcomes: in the order of their ``rank``. `tally.Tally` limits their number.
    :ivar counts: how many files had each outcome, including files that are not in ``outcomes``.
    :ivar blocked: how many of the waiting files wait for something that somebody has to change.
    :ivar stuck: how many of the waiting files have waited longer than `max_age`.
    :ivar lying: how many files that were delivered earlier lie on the server for longer than `taken_within`.
    :ivar known: how many of the skipped files were moved before this run. They are not in ``outcomes``.
    :ivar bytes: the size of all delivered files.
    :ivar changed: whether anything was changed, locally or on the server.
    :ivar seconds: the duration of the run.
    :ivar error: the error that ended the run early, or None.
    :ivar pruned: what the retention removed.
    """

    outcomes: list[FileOutcome] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDER, 0))
    blocked: int = 0
    stuck: int = 0
    lying: int = 0
    known: int = 0
    bytes: int = 0
    changed: bool = False
    seconds: float = 0.0
    error: FiledropError | None = None
    notes: list[str] = field(default_factory=list)
    pruned: Pruned | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """Return the number of files with each outcome, the delivered bytes, and the duration in seconds."""
        counts = {outcome: self.counts[outcome] for outcome in ("delivered", "skipped", "waiting", "held", "failed")}
        return {**counts, "bytes": self.bytes, "seconds": round(self.seconds, 3)}
