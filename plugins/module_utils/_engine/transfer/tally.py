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


class Tally:
    """Count outcomes, and pass each on to the observer.

    A run may need several attempts. Delivered files stay delivered; the next attempt plans all others again. The first
    ``most`` outcomes of each kind are kept, so a run of any size needs little memory. The kinds are: failed, held and
    blocked files; delivered files; other waiting files; skipped files.

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
        self._skipped: dict[str, FileOutcome] = {}
        self._waiting: dict[str, FileOutcome] = {}
        self._failures: dict[str, FileOutcome] = {}
        self._counts = dict.fromkeys(ORDER, 0)
        self._blocked = 0
        self._interrupted: list[FileOutcome] = []
        self._earlier: dict[str, FileOutcome] = {}  # failures of earlier attempts that this attempt has not repeated
        self._changed = False
        self._known = 0

    def begin_attempt(self) -> None:
        """Drop all outcomes except delivered files, because the next attempt plans the other files again.

        Failures are kept aside: they count if the next attempt ends before it comes to these files.
        """
        self._earlier.update((one.origin, one) for one in self.cut_off)
        self._earlier.update(self._failures)
        self._before = frozenset(self._origins)
        self._counts = dict.fromkeys(ORDER, 0)
        self._blocked = 0
        self._skipped.clear()
        self._waiting.clear()
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
            self._count(outcome, 1)
            kept = self._kept_with(outcome)
            if len(kept) < self._most:
                kept[outcome.origin] = outcome
        if self.observer is not None:
            self.observer.ended(outcome)

    def _replace_earlier(self, origin: str) -> None:
        """Remove an earlier outcome of the same file in this attempt, so that no file is counted twice."""
        for kept in (self._failures, self._waiting, self._skipped):
            earlier = kept.pop(origin, None)
            if earlier is not None:
                self._count(earlier, -1)

    def _count(self, outcome: FileOutcome, number: int) -> None:
        self._counts[outcome.outcome] += number
        self._blocked += number * outcome.is_blocked

    def _kept_with(self, outcome: FileOutcome) -> dict[str, FileOutcome]:
        if outcome.is_trouble:
            return self._failures
        return self._waiting if outcome.outcome == "waiting" else self._skipped

    def interrupt(self, outcome: FileOutcome) -> None:
        """Record the outcome of a file that the end of an attempt interrupted. It counts if no attempt follows."""
        self._interrupted.append(outcome)

    @property
    def cut_off(self) -> list[FileOutcome]:
        """Return the outcomes of the files that were under way when the attempt ended."""
        return [one for one in self._interrupted if one.is_trouble]

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
                self.add(outcome if outcome.is_trouble else self._earlier.get(outcome.origin, outcome))
            for outcome in list(self._earlier.values()):
                self.add(outcome)
        self._interrupted.clear()
        counts = {**self._counts, "delivered": self.delivered}
        counts["skipped"] += self._known
        return RunResult(
            sorted(self._kept(), key=lambda outcome: outcome.rank),
            counts,
            blocked=self._blocked,
            known=self._known,
            bytes=self._bytes,
            changed=self._changed,
            error=error,
        )

    def _kept(self) -> Iterator[FileOutcome]:
        yield from self._failures.values()
        yield from self._waiting.values()
        yield from self._delivered
        yield from self._skipped.values()
