# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Outcomes, counted as they come, and kept as far as a caller shows them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .result import ORDER, FileOutcome, RunResult

if TYPE_CHECKING:
    from ..errors import FiledropError
    from .observer import Observer

FEWEST = 1000
"""As many outcomes are kept at least, however few a caller shows."""

_FAILURES = ("failed", "held")


class Tally:
    """Counts outcomes as they come and passes them on.

    A run may need several attempts. What was delivered stays delivered; all else is planned anew by the next attempt.
    Of the failures and of the other outcomes the first ``most`` are kept, so that any run needs little memory.

    :ivar delivered: how many files were delivered, in all attempts.
    """

    def __init__(self, most: int) -> None:
        self.observer: Observer | None = None
        self.delivered = 0
        self._most = max(most, FEWEST)
        self._origins = array("q")  # hashes of what was delivered: of a hundred thousand files, the paths need 10 MiB
        self._before: frozenset[int] = frozenset()  # those of earlier attempts
        self._bytes = 0
        self._delivered: list[FileOutcome] = []
        self._others: dict[str, FileOutcome] = {}
        self._failures: dict[str, FileOutcome] = {}
        self._counts = dict.fromkeys(ORDER, 0)
        self._interrupted: list[FileOutcome] = []
        self._changed = False
        self._known = 0

    def begin_attempt(self) -> None:
        """Forget what the attempt before did not deliver: it is planned anew."""
        self._before = frozenset(self._origins)
        self._counts = dict.fromkeys(ORDER, 0)
        self._others.clear()
        self._failures.clear()
        self._interrupted.clear()
        self._known = 0

    def add(self, outcome: FileOutcome) -> None:
        """Count an outcome, unless the file was delivered by an earlier attempt."""
        if hash(outcome.origin) in self._before:
            return
        self._changed |= outcome.changed
        self._replace_earlier(outcome.origin)
        if outcome.outcome == "delivered":
            self.delivered += 1
            self._origins.append(hash(outcome.origin))
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
        self._known = max(0, files - self.delivered)  # what this run delivered and keeps is known to its next attempt

    def result(self, error: FiledropError | None) -> RunResult:
        """All outcomes so far."""
        for outcome in self._interrupted if error else ():
            self.add(outcome)
        self._interrupted.clear()
        counts = {**self._counts, "delivered": self.delivered}
        counts["skipped"] += self._known
        outcomes = sorted(self._kept(), key=lambda outcome: (ORDER.index(outcome.outcome), outcome.name))
        return RunResult(outcomes, counts, self._known, self._bytes, self._changed, error=error)

    def _kept(self) -> Iterator[FileOutcome]:
        yield from self._failures.values()
        yield from self._delivered
        yield from self._others.values()
