# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of a run, file by file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import FiledropError, HoldError
from ..local.names import shown

ORDER = ("failed", "held", "delivered", "skipped")


@dataclass
class FileOutcome:
    """What came of one file: ``delivered``, ``skipped``, ``held`` or ``failed``; ``reason`` is a code, ``message`` a
    sentence.

    ``origin`` is the path of the original, by which a file is known from one try of a run to the next; ``changed``
    tells whether anything was done, on either side (or would be, in check mode).
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
        """For results: every name escaped where it is not fit to print."""
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
    """One execution of a job. ``seconds`` from its start to its end; ``error`` is what ended it early, if anything
    did; ``pruned`` is how many archived files and how much history its retention removed.
    """

    outcomes: list[FileOutcome] = field(default_factory=list)
    seconds: float = 0.0
    error: FiledropError | None = None
    notes: list[str] = field(default_factory=list)
    known: int = 0
    pruned: Pruned | None = None

    @property
    def changed(self) -> bool:
        return any(outcome.changed for outcome in self.outcomes)

    @property
    def summary(self) -> dict[str, Any]:
        """How many files had each outcome, and how many bytes were delivered."""
        counts: dict[str, Any] = {
            outcome: sum(one.outcome == outcome for one in self.outcomes)
            for outcome in ("delivered", "skipped", "held", "failed")
        }
        counts["skipped"] += self.known
        counts["bytes"] = sum(one.size or 0 for one in self.outcomes if one.outcome == "delivered")
        counts["seconds"] = round(self.seconds, 3)
        return counts

    def sort(self) -> None:
        """Failures first, then by name."""
        self.outcomes.sort(key=lambda outcome: (ORDER.index(outcome.outcome), outcome.name))
