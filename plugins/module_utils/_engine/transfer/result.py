# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of each file, and of a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import FiledropError, HoldError
from ..local.names import shown

ORDER = ("failed", "held", "delivered", "skipped")
"""Outcomes, in the order in which people read them."""


@dataclass
class FileOutcome:
    """What became of one file: ``delivered``, ``skipped``, ``held`` or ``failed``.

    :ivar origin: the path of the original, by which a file is known from one attempt of a run to the next.
    :ivar reason: a code for programs; ``message`` a sentence for people.
    :ivar changed: whether anything was done, on either side (or would be, in check mode).
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
    changed: bool = False

    def deliver(self) -> FileOutcome:
        """The same file, delivered."""
        self.outcome, self.changed = "delivered", True
        return self

    def skip(self, why: FiledropError) -> FileOutcome:
        """The same file, left for another time."""
        self.outcome, self.reason, self.message = "skipped", why.reason, str(why)
        return self

    def blame(self, error: FiledropError) -> FileOutcome:
        """The same file, with an error as its outcome."""
        self.outcome = "held" if isinstance(error, HoldError) else "failed"
        self.reason, self.message = error.reason, str(error)
        return self

    def as_dict(self) -> dict[str, Any]:
        """For results: every name is escaped where it is not printable."""
        return {
            "name": shown(self.name),
            "remote_path": shown(self.remote_path),
            "local_path": shown(self.local_path),
            "size": self.size,
            "sha256": self.sha256,
            "outcome": self.outcome,
            "reason": self.reason,
            "message": shown(self.message),
        }


class Pruned(NamedTuple):
    """What was old enough to go: archived files, and rows of the ledger."""

    archived: int
    history: int


@dataclass
class RunResult:
    """One execution of a job.

    :ivar outcomes: failures first, then by name; see `tally.Tally` for how many.
    :ivar counts: how many files had each outcome, those that are not in ``outcomes`` too.
    :ivar known: of the skipped ones, how many were moved before this run and are not listed.
    :ivar bytes: delivered.
    :ivar changed: whether anything was done, on either side.
    :ivar seconds: from its start to its end.
    :ivar error: what ended it early, if anything did.
    :ivar pruned: how many archived files and how much history its retention removed.
    """

    outcomes: list[FileOutcome] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDER, 0))
    known: int = 0
    bytes: int = 0
    changed: bool = False
    seconds: float = 0.0
    error: FiledropError | None = None
    notes: list[str] = field(default_factory=list)
    pruned: Pruned | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """How many files had each outcome, how many bytes were delivered, and in how many seconds."""
        counts = {outcome: self.counts[outcome] for outcome in ("delivered", "skipped", "held", "failed")}
        return {**counts, "bytes": self.bytes, "seconds": round(self.seconds, 3)}
