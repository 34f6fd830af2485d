# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Count the outcomes of files, and keep as many of them as the caller shows."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from .result import ORDER, FileOutcome, RunResult

if TYPE_CHECKING:
    from ..errors import FiledropError
    from .observer import Observer

FEWEST = 1000
"""The minimum number of outcomes to keep, even if a caller shows fewer."""

_FAILURES = ("failed", "held")


class Tally:
    """Count outcomes, and pass each on to the observer.

    A run may need several attempts. Delivered files stay delivered; the next attempt plans all others again. The first
    ``most`` failures, delivered files and other outcomes are kept, so a run of any size needs little memory.

    :ivar delivered: how many files were delivered, in all attempts.
    """

    def __init__(self, most: int) -> None:
        self.observer: Observer | None = None
        self.delivered = 0
        self._most = max(most, FEWEST)
        self._origins = array("q")  # hashes of delivered paths: the paths of 100,000 files would need 10 MiB
        self._before: frozenset[int] = frozenset()  # the hashes of earlier attempts
        self._bytes = 0
        self._delivered: list[FileOutcome] = []
        self._others: dict[str, FileOutcome] = {}
        self._failures: dict[str, FileOutcome] = {}
        self._counts = dict.fromkeys(ORDER, 0)
        self._interrupted: list[FileOutcome] = []
        self._earlier: dict[str, FileOutcome] = {}  # failures of earlier attempts that this attempt has not repeated
        self._changed = False
        self._known = 0

    def begin_attempt(self) -> None:
        """Drop all outcomes except delivered files, because the next attempt plans the other files again.

        Failures are kept aside: they count if the next attempt ends before it comes to these files.
        """
        self._earlier.update((one.origin, one) for one in self._interrupted if one.outcome in _FAILURES)
        self._earlier.update(self._failures)
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
        self._earlier.pop(outcome.origin, None)
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
        """Remove an earlier outcome of the same file in this attempt, so that no file is counted twice."""
        earlier = self._failures.pop(origin, None) or self._others.pop(origin, None)
        if earlier is not None:
            self._counts[earlier.outcome] -= 1

    def interrupt(self, outcome: FileOutcome) -> None:
        """Record the outcome of a file that the end of an attempt interrupted. It counts if no attempt follows."""
        self._interrupted.append(outcome)

    @property
    def cut_off(self) -> list[FileOutcome]:
        """Return the outcomes of the files that were under way when the attempt ended."""
        return [one for one in self._interrupted if one.outcome in _FAILURES]

    def skip_known(self, files: int) -> None:
        """Count files that were transferred before this run as skipped, without an outcome for each."""
        self._known = max(0, files - self.delivered)  # the next attempt knows what this one delivered and keeps

    def result(self, error: FiledropError | None, not_reached: Iterable[FileOutcome] = ()) -> RunResult:
        """Build the result from all outcomes so far.

        :param error: the error that ended the run early, or None.
        :param not_reached: the outcomes of the files whose turn did not come.
        """
        if error:
            for outcome in chain(self._interrupted, not_reached):
                is_told = outcome.outcome in _FAILURES
                self.add(outcome if is_told else self._earlier.get(outcome.origin, outcome))
            for outcome in list(self._earlier.values()):
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
