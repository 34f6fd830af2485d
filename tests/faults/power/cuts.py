# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the effects that no sync has made safe have survived a cut.

All combinations would be too many wherever more than a dozen effects are pending. These are tried: none, all, the first
few, all but one, only one; all but those of one file or folder, and only those; names without contents, contents
without names; and the writes to one file as mere length, or half. `Depth` says more, or less.

Each has a name, so that a state can be seen again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from enum import Enum
from typing import Callable, NamedTuple

from .disk import WHOLE, Disk, Effect, Torn, What, Write, is_name

FEW = 12  # effects, of which all pairs are tried


class Depth(Enum):
    """How many combinations to try."""

    BRIEF = "the writes to one file only together, and no halves"
    USUAL = "what is said above"
    THOROUGH = "all but two and only two as well"


class Survivors(NamedTuple):
    """Effects that have survived, the safe ones among them."""

    effects: frozenset[int]
    torn: Torn = WHOLE


class Cut:
    """A power cut right after an event."""

    def __init__(self, disk: Disk, event: int) -> None:
        self.event = event
        done = [effect for effect in disk.effects if effect.done <= event]
        self._safe = frozenset(effect.number for effect in done if effect.is_safe(event))
        self._pending = [effect for effect in done if effect.number not in self._safe]
        self._units = list(_units(self._pending))

    def names(self, depth: Depth = Depth.USUAL) -> Iterator[str]:
        """The names of the cases; the same case may have several."""
        yield "none"
        if not self._pending:
            return
        yield "all"
        nodes = dict.fromkeys(effect.node for effect in self._pending)
        if len(nodes) > 1:
            yield from ("names", "contents")
            yield from (f"{how}-node:{node}" for node in nodes for how in ("without", "only"))
        units = self._units
        if depth is Depth.BRIEF:
            named = {effect.number for effect in self._pending if is_name(effect.what)}
            units = [unit for unit in units if unit[0] in named]
        if len(self._units) > 1:
            yield from (f"{how}:{unit[0]}" for unit in units for how in ("without", "only"))
        if depth is not Depth.BRIEF:
            yield from (f"first:{number}" for number in range(1, len(units)))
            written = dict.fromkeys(effect.node for effect in self._pending if isinstance(effect.what, Write))
            yield from (f"{how}:{node}" for node in written for how in ("zeroes", "half", "names-and-zeroes"))
        if depth is Depth.THOROUGH and len(units) <= FEW:
            pairs = itertools.combinations([unit[0] for unit in units], 2)
            yield from (f"{how}:{one}+{other}" for one, other in pairs for how in ("without", "only"))

    def pending(self) -> list[str]:
        """What may or may not have survived, in words; the same words for what does not differ in kind."""
        return sorted({f"{effect.node} {_words(effect.what)}" for effect in self._pending})

    def survivors(self, name: str) -> Survivors:
        """What has survived in the case of this name.

        :raises ValueError: there is no such case at this cut.
        """
        kind, _colon, text = name.partition(":")
        numbers = {int(number) for number in text.split("+") if number}
        if kind in ("zeroes", "half", "names-and-zeroes"):
            return self._torn(kind, numbers)
        chosen = [effect for unit in self._chosen(kind, numbers) for effect in unit]
        return Survivors(self._safe.union(chosen))

    def _chosen(self, kind: str, numbers: set[int]) -> list[tuple[int, ...]]:
        effects = {effect.number: effect for effect in self._pending}
        nodes = {unit: {effects[number].node for number in unit} for unit in self._units}
        if kind == "first":
            return self._units[: min(numbers)]
        rules: dict[str, Callable[[tuple[int, ...]], bool]] = {
            "none": lambda _unit: False,
            "all": lambda _unit: True,
            "names": lambda unit: is_name(effects[unit[0]].what),
            "contents": lambda unit: not is_name(effects[unit[0]].what),
            "only": lambda unit: bool(numbers.intersection(unit)),
            "without": lambda unit: not numbers.intersection(unit),
            "only-node": lambda unit: bool(numbers & nodes[unit]),
            "without-node": lambda unit: not numbers & nodes[unit],
        }
        if kind not in rules:
            raise ValueError(f"no case is called {kind!r}")
        return [unit for unit in self._units if rules[kind](unit)]

    def _torn(self, kind: str, nodes: set[int]) -> Survivors:
        torn = frozenset(e.number for e in self._pending if e.node in nodes and isinstance(e.what, Write))
        kept = frozenset(e.number for e in self._pending if kind != "names-and-zeroes" or is_name(e.what))
        return Survivors(self._safe | kept | torn, Torn(torn, "half" if kind == "half" else "zeroes"))


def _words(what: What) -> str:
    return " ".join([type(what).__name__, *(part for part in what if isinstance(part, str))])


def _units(pending: list[Effect]) -> Iterator[tuple[int, ...]]:
    """Effects that survive together or not at all: the halves of a rename, as long as neither is safe."""
    numbers = {effect.number for effect in pending}
    for effect in pending:
        if effect.twin is None or effect.twin not in numbers:
            yield (effect.number,)
        elif effect.number < effect.twin:
            yield (effect.number, effect.twin)
