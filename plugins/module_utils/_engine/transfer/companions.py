# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Move files that belong together as one set.

- A set begins once all files that are not optional are there and can go: each is settled, and its name is free.
- Its files go one after the other, in the order of the companions. After one that cannot go, no other goes.
- The originals are disposed of when the whole set is delivered.

The ledger has the evidence: a copied file has an open row until its original is disposed of. So the next run continues
a set that was interrupted anywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Generic, NamedTuple, Protocol, TypeVar

from ..errors import NotReached, WaitError
from ..local.names import quoted
from .planning.sets import FileSet, companion_waiting

if TYPE_CHECKING:
    from .result import FileOutcome
    from .tally import Tally

Item = TypeVar("Item")
Result = TypeVar("Result")


class Copied(NamedTuple):
    """A file whose copy is complete and whose original is not disposed of.

    :ivar outcome: what is told of it if its set is not complete.
    :ivar rest: what the direction needs to dispose of the original.
    """

    outcome: FileOutcome
    rest: Any


class Mover(Protocol[Item]):
    """What a run does with the files of a set; see `base.JobRun`."""

    tally: Tally

    async def attempt(self, item: Item, work: Callable[[Item], Awaitable[Result]]) -> Result | None:
        """Do some work with one file, and return the result; None if it failed."""

    def outcome_of(self, item: Item) -> FileOutcome:
        """Return an outcome that only says which file it is about."""

    def count(self, outcome: FileOutcome, *, files: int) -> None:
        """Count an outcome."""

    async def require_startable(self, item: Item) -> bool:
        """Require that the copy of a file can be begun: its name is free. Return True."""

    async def require_taken(self, names: Sequence[str]) -> None:
        """Require that delivered files of a set are gone from the server."""

    async def copy(self, item: Item) -> Copied:
        """Copy one file."""

    async def complete(self, item: Item, copied: Copied) -> FileOutcome:
        """Dispose of the original of a copied file."""


class SetMove(Generic[Item]):
    """One set on its way through a run."""

    def __init__(self, files: FileSet[Item], run: Mover[Item]) -> None:
        self._files = files
        self._run = run
        self._copies: dict[int, Copied] = {}
        self._told: set[int] = set()  # the files that have their outcomes

    async def move(self) -> None:
        """See the set through as far as possible, and give each file its outcome.

        :raises FiledropError: what ends the attempt.
        """
        stopped_by = None
        try:
            stopped_by = await self._not_startable()
            if stopped_by is None:
                stopped_by = await self._copy_all()
            if stopped_by is None:
                await self._complete_all()
        finally:
            self._tell_rest(stopped_by)

    async def _step(self, number: int, work: Callable[[Item], Awaitable[Result]]) -> Result | None:
        """Do one step with one file. If it fails, the file is told, and the result is None."""
        self._told.add(number)
        found = await self._run.attempt(self._files.items[number], work)
        if found is not None:
            self._told.discard(number)
        return found

    async def _not_startable(self) -> Item | None:
        """Return a file of the set that cannot go now, if there is one."""
        for number, item in enumerate(self._files.items):
            if number not in self._files.copied and await self._step(number, self._run.require_startable) is None:
                return item
        return None

    async def _copy_all(self) -> Item | None:
        """Copy all files in their order. Return the first one that cannot go."""
        for number, item in enumerate(self._files.items):
            copied = await self._step(number, partial(self._copy, number))
            if copied is None:
                return item
            self._copies[number] = copied
        return None

    async def _copy(self, number: int, item: Item) -> Copied:
        if number not in self._files.copied:
            await self._require_taken(self._files.leaders.get(number, ()))
        return await self._run.copy(item)

    async def _require_taken(self, names: Sequence[str]) -> None:
        """Require that files of the set are gone from the server.

        A file that this run has sent does not count: a server may show a new file late.
        """
        for number in self._copies.keys() - self._files.copied:
            name = self._run.outcome_of(self._files.items[number]).name
            if name in names:
                raise companion_not_taken(name)
        await self._run.require_taken(names)

    async def _complete_all(self) -> None:
        last = len(self._copies) - 1
        for number, copied in self._copies.items():
            outcome = await self._step(number, partial(self._run.complete, copied=copied))
            self._told.add(number)
            if outcome is not None:
                self._run.count(outcome, files=int(number == last))

    def _tell_rest(self, stopped_by: Item | None) -> None:
        """Give each file an outcome that has none: the run has ended, or a file of the set cannot go."""
        for number, item in enumerate(self._files.items):
            if number in self._told:
                continue
            outcome = self._run.outcome_of(item)
            if number in self._copies and number not in self._files.copied:
                self._run.count(self._copies[number].outcome, files=0)
            elif stopped_by is None:
                self._run.tally.interrupt(outcome.blame(NotReached()))
            elif number in self._files.copied:
                self._run.tally.add(outcome.blame(original_waits(self._run.outcome_of(stopped_by).name)))
            else:
                self._run.tally.add(outcome.blame(companion_waiting(self._run.outcome_of(stopped_by).name)))


def companion_not_taken(name: str) -> WaitError:
    return WaitError(
        "companion_not_taken",
        f"This file goes only once {quoted(name)} was taken from the server.",
        "A later run looks again.",
    )


def original_waits(name: str) -> WaitError:
    return WaitError(
        "companion_waiting",
        f"An earlier run copied this file. Its original stays until {quoted(name)} and the rest of its set are moved.",
        "A later run goes on with the set.",
    )
