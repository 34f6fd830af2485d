# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the two directions have in common: items to see to, and an outcome for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import ENDS_THE_RUN, FiledropError, NotReached, OriginalStays, Replaced, RunEnded
from ..loop.deadline import Deadline, Interruption
from ..remote import Remote
from .result import FileOutcome, RunResult
from .selection import Allowance, beyond_allowance

if TYPE_CHECKING:
    from .observer import Observer

Item = TypeVar("Item")


class JobRun(ABC, Generic[Item]):
    """A job in work. It lives through reconnections: each plans anew, and what is delivered stays delivered.

    :ivar deadline: until when files may be begun.
    :ivar observer: who is told how far it is.
    :ivar listed: the names that the server has listed, once it has and where the direction needs to know.
    """

    def __init__(self, allowance: Allowance, *, check: bool) -> None:
        self.deadline = Deadline(None)
        self.observer: Observer | None = None
        self.listed: frozenset[str] | None = None
        self.moved = 0
        self._allowance = allowance
        self._check = check
        self._planned: Sequence[Item] = ()
        self._known = 0
        self._outcomes: dict[str, FileOutcome] = {}

    @abstractmethod
    def prepare(self) -> bool:
        """Look at what is here before anybody is connected to; say whether a connection is needed at all.

        :raises DiskError: the job cannot work with what is here.
        """

    @abstractmethod
    async def plan(self, remote: Remote) -> None:
        """Find out what is to be done over this connection."""

    @abstractmethod
    def rounds(self) -> Iterator[Sequence[Item]]:
        """The items, in rounds that follow one another."""

    @abstractmethod
    def outcome_of(self, item: Item) -> FileOutcome:
        """An outcome that says which file it is about."""

    @abstractmethod
    async def transfer(self, item: Item, outcome: FileOutcome) -> None:
        """Do what is to be done with one item, and complete its outcome."""

    @abstractmethod
    async def predict(self, item: Item, outcome: FileOutcome) -> None:
        """Find out what `transfer` would do; change nothing."""

    async def process(self, item: Item) -> None:
        """See one item through to an outcome.

        :raises FiledropError: what ends the run.
        """
        self.deadline.check()
        outcome = self.outcome_of(item)
        outcome.outcome, outcome.changed = "delivered", True
        try:
            if self._check:
                outcome.reason = "predicted"
                await self.predict(item, outcome)
            else:
                await self.transfer(item, outcome)
        except (NotReached, RunEnded):
            raise  # nothing of it was begun: see `result`
        except FiledropError as error:
            self._note(_blamed(outcome, error))
            if isinstance(error, ENDS_THE_RUN):
                raise
        except Interruption as interruption:
            self._note(outcome.blame(interruption.error))
            raise
        else:
            self._note(outcome)
            self._count(outcome)

    def result(self, error: FiledropError | None) -> RunResult:
        """All outcomes; files whose turn did not come are skipped."""
        for item in self._planned if error else ():
            outcome = self.outcome_of(item).skip(NotReached())
            self._outcomes.setdefault(outcome.origin, outcome)
        return RunResult(list(self._outcomes.values()), error=error, known=self._known)

    def _limit(self, items: Sequence[Item], size: Any) -> Sequence[Item]:
        """Those of the items that one run may move; the others are noted as skipped."""
        now, later = self._allowance.cut(items, size)
        for item in later:
            self._note(self.outcome_of(item).skip(beyond_allowance()))
        self._planned = now
        if self.observer is not None:
            self.observer.planned(len(now), sum(map(size, now)))
        return now

    def _note(self, outcome: FileOutcome) -> None:
        """Keep an outcome; what was delivered over an earlier connection stays so."""
        earlier = self._outcomes.get(outcome.origin)
        if earlier is None or earlier.outcome != "delivered":
            self._outcomes[outcome.origin] = outcome
            if self.observer is not None:
                self.observer.ended(outcome)

    def _count(self, outcome: FileOutcome) -> None:
        if outcome.outcome == "delivered":
            self.moved += 1
            self._allowance.spend(outcome.size or 0)


def _blamed(outcome: FileOutcome, error: FiledropError) -> FileOutcome:
    """What an error leaves of the outcome that was hoped for."""
    if isinstance(error, Replaced):
        outcome.reason, outcome.message = error.reason, str(error)
        return outcome
    outcome.changed = isinstance(error, OriginalStays)
    return outcome.blame(error)
