# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put files that belong together into sets, and find the sets that can begin, or go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Generic, TypeVar, Union

from ...config.jobs.companions import Companion, Place, place_of
from ...errors import FiledropError, WaitError
from ...ledger.decisions import Discarded
from ...local.names import quoted

if TYPE_CHECKING:
    from .candidates import Candidate

Item = TypeVar("Item")


@dataclass(frozen=True)
class FileSet(Generic[Item]):
    """Hold the files of one set that need work, in the order of sending.

    :ivar copied: which of them were copied by an earlier run, so only their originals are left.
    :ivar leaders: by the place in ``items``: the names of the files that must be taken before that one goes.
    """

    items: Sequence[Item]
    copied: frozenset[int]
    leaders: Mapping[int, Sequence[str]] = field(default_factory=dict)


Turn = Union[Item, FileSet[Item]]
"""What is moved at a time: a file that goes by itself, or a set."""


def files_of(turn: Turn[Item]) -> Sequence[Item]:
    """Return the files of a turn."""
    return turn.items if isinstance(turn, FileSet) else [turn]


@dataclass
class _Others:
    """Hold the files of one set that need no work, or cannot go, by their names."""

    moved: set[str] = field(default_factory=set)
    blocked: dict[str, FiledropError] = field(default_factory=dict)


class Sets(Generic[Item]):
    """Put the files of a plan into sets. Without companions, every file goes by itself.

    :param name_of: returns the name of an item.
    :param is_copied: returns whether an earlier run copied the file of an item.
    :param moved_before: returns names that begin with a stem, and that earlier runs moved as part of the same set. Its
        second parameter has the files that are still to be moved, without optional ones.
    :param refuse: receives each item that cannot go, and why.
    """

    def __init__(
        self,
        companions: Sequence[Companion],
        *,
        name_of: Callable[[Item], str],
        is_copied: Callable[[Item], bool],
        moved_before: Callable[[str, Sequence[Item]], Iterable[str]],
        refuse: Callable[[Item, FiledropError], None],
    ) -> None:
        self._companions = companions
        self._name_of = name_of
        self._is_copied = is_copied
        self._moved_before = moved_before
        self._refuse = refuse
        self._others: dict[str, _Others] = {}

    def __bool__(self) -> bool:
        return bool(self._companions)

    def place(self, name: str) -> Place | None:
        """Return the place of a file in its set; None if it goes by itself."""
        return place_of(name, self._companions)

    def note_moved(self, name: str) -> None:
        """Note a file that is there, and needs no work because an earlier run moved it."""
        place = self.place(name)
        if place is not None:
            self._others_of(place.stem).moved.add(name)

    def note_blocked(self, name: str, error: FiledropError) -> None:
        """Note a file that is there, and cannot go."""
        place = self.place(name)
        if place is not None:
            self._others_of(place.stem).blocked[name] = error

    def _others_of(self, stem: str) -> _Others:
        return self._others.setdefault(stem, _Others())

    def in_order(
        self, candidates: Iterable[Candidate], is_wanted: Callable[[Sequence[Candidate]], bool]
    ) -> Iterator[Candidate]:
        """Yield the candidates; all files of a set when the turn of its oldest file comes.

        :param is_wanted: whether the files of a set are selected.
        """
        if not self._companions:
            yield from candidates
            return
        found: dict[object, list[tuple[Place, Candidate]]] = {}
        for number, one in enumerate(candidates):
            place = self.place(one.name)
            if place is None:
                found[number] = [(Place("", 0), one)]
            else:
                found.setdefault(place.stem, []).append((place, one))
        for key, together in found.items():
            together.sort(key=lambda each: (each[0].number, each[1].name))
            some = [one for _place, one in together]
            if isinstance(key, int) or is_wanted(some):
                yield from some

    def gathered(self, items: Iterable[Item]) -> Iterator[Turn[Item]]:
        """Yield the items, and those of a set together. The files of a set must follow one another."""
        stem, together = "", list[Item]()
        for item in items:
            place = self.place(self._name_of(item))
            if together and (place is None or place.stem != stem):
                yield from self._set(stem, together)
                together = []
            if place is None:
                yield item
            else:
                stem = place.stem
                together.append(item)
        if together:
            yield from self._set(stem, together)

    def _set(self, stem: str, items: Sequence[Item]) -> Iterator[FileSet[Item]]:
        """Yield a set that can begin, or go on. Refuse the files of any other."""
        copied = frozenset(number for number, item in enumerate(items) if self._is_copied(item))
        others = self._others_of(stem)
        to_copy = [item for number, item in enumerate(items) if number not in copied]
        error = self._why_not(stem, items, to_copy, others)
        if error is None:
            yield FileSet(items, copied, self._leaders([self._name_of(item) for item in items], others.moved))
            return
        for item in items:
            self._refuse(item, error)

    def _why_not(self, stem: str, items: Sequence[Item], to_copy: Sequence[Item], others: _Others) -> WaitError | None:
        """Return why a set cannot go on now; None if it can."""
        for name, error in others.blocked.items():
            if to_copy or not isinstance(error, Discarded):
                return companion_waiting(name, error)
        if not to_copy:
            return None
        names = [self._name_of(item) for item in items]
        missing = self._missing([*names, *others.moved])
        if missing:
            required = [item for item in to_copy if not self._is_optional(item)]
            moved = self._moved_before(stem, required)
            others.moved.update(name for name in moved if self._is_of(name, stem))
            missing = self._missing([*names, *others.moved])
        return companion_missing(stem, self._companions[missing[0]].pattern) if missing else None

    def _missing(self, names: Iterable[str]) -> Sequence[int]:
        there = {place.number for place in map(self.place, names) if place is not None}
        return [n for n, one in enumerate(self._companions) if not one.optional and n not in there]

    def _is_optional(self, item: Item) -> bool:
        place = self.place(self._name_of(item))
        return place is not None and self._companions[place.number].optional

    def _is_of(self, name: str, stem: str) -> bool:
        place = self.place(name)
        return place is not None and place.stem == stem

    def _leaders(self, names: Sequence[str], moved: Iterable[str]) -> Mapping[int, Sequence[str]]:
        numbers = {name: place.number for name in (*names, *moved) if (place := self.place(name)) is not None}
        found = {}
        for at, name in enumerate(names):
            before = [number for number in numbers.values() if number < numbers[name]]
            if before and self._companions[numbers[name]].after_taken:
                found[at] = [leader for leader, number in numbers.items() if number == max(before)]
        return found


def companion_missing(stem: str, pattern: str) -> WaitError:
    return WaitError(
        "companion_missing",
        f"No file {quoted(pattern)} with the stem {quoted(stem)} is there, and the files of a set go together.",
        "A later run moves the set once it is complete. If no such file will come, remove the others, or make the "
        "companion optional.",
    )


def companion_waiting(name: str, why: FiledropError | None = None) -> WaitError:
    finding = f" {why.finding}" if why else ""
    return WaitError(
        "companion_waiting",
        f"{quoted(name)} belongs to the same set and cannot go now, so this file does not go either.{finding}",
        "A later run goes on with the set.",
    )
