# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outcomes of a run: one per file, counted as they come, and kept as far as a caller shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import FiledropError, HoldError
from ..local.names import shown

if TYPE_CHECKING:
    from .observer import Observer

ORDER = ("failed", "held", "delivered", "skipped")
"""Outcomes, in the order in which people read them."""

_FAILURES = ("failed", "held")

FEWEST = 1000
"""As many outcomes are kept at least, however few a caller shows."""


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

    :ivar outcomes: failures first, then by name; see `Tally` for how many.
    :ivar counts: how many files had each outcome, those that are not in ``outcomes`` too.
    :ivar bytes: delivered.
    :ivar changed: whether anything was done, on either side.
    :ivar seconds: from its start to its end.
    :ivar error: what ended it early, if anything did.
    :ivar pruned: how many archived files and how much history its retention removed.
    """

    outcomes: list[FileOutcome] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDER, 0))
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


class Tally:
    """Counts outcomes as they come and passes them on.

    A run may need several attempts. What was delivered stays delivered; all else is planned anew by the next attempt.
    Of the failures and of the other outcomes the first ``most`` are kept, so that a run of any size needs little memory.

    :ivar delivered: how many files were delivered, in all attempts.
    """

    def __init__(self, most: int) -> None:
        self.observer: Observer | None = None
        self.delivered = 0
        self._most = max(most, FEWEST)
        self._origins: set[int] = set()  # hashes of what was delivered: a hundred thousand paths need 10 MiB
        self._bytes = 0
        self._delivered: list[FileOutcome] = []
        self._others: dict[str, FileOutcome] = {}
        self._failures: dict[str, FileOutcome] = {}
        self._counts = dict.fromkeys(ORDER, 0)
        self._interrupted: list[FileOutcome] = []
        self._changed = False

    def begin_attempt(self) -> None:
        """Forget what the attempt before did not deliver: it is planned anew."""
        self._counts = dict.fromkeys(ORDER, 0)
        self._others.clear()
        self._failures.clear()
        self._interrupted.clear()

    def add(self, outcome: FileOutcome) -> None:
        """Count an outcome, unless the file was delivered by an earlier attempt."""
        if hash(outcome.origin) in self._origins:
            return
        self._changed |= outcome.changed
        self._replace_earlier(outcome.origin)
        if outcome.outcome == "delivered":
            self.delivered += 1
            self._origins.add(hash(outcome.origin))
            self._bytes += outcome.size or 0
            if len(self._delivered) < self._most:
                self._delivered.append(outcome)
        else:
            self._counts[outcome.outcome] += 1
            kept = self._failures if outcome.outcome in _FAILURES else self._others
            if len(kept) < self._most:
                kept[outcome.origin] = outcome
        if self.observer is not None:
            self.observer.ended(outcome)

    def _replace_earlier(self, origin: str) -> None:
        """A file that had another outcome in this attempt is not counted twice."""
        earlier = self._failures.pop(origin, None) or self._others.pop(origin, None)
        if earlier is not None:
            self._counts[earlier.outcome] -= 1

    def interrupt(self, outcome: FileOutcome) -> None:
        """Note the outcome of a file that the end of an attempt interrupted. It counts if no other attempt follows."""
        self._interrupted.append(outcome)

    def skip_known(self, files: int) -> None:
        """Count files that were moved before this run, and of which nothing is said."""
        self._counts["skipped"] += files

    def result(self, error: FiledropError | None) -> RunResult:
        """All outcomes so far."""
        for outcome in self._interrupted if error else ():
            self.add(outcome)
        self._interrupted.clear()
        counts = {**self._counts, "delivered": self.delivered}
        outcomes = sorted(self._kept(), key=lambda outcome: (ORDER.index(outcome.outcome), outcome.name))
        return RunResult(outcomes, counts, self._bytes, self._changed, error=error)

    def _kept(self) -> Iterator[FileOutcome]:
        yield from self._failures.values()
        yield from self._delivered
        yield from self._others.values()
