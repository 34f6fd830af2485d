# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The books: what was put where, and what is where now, counted as a user would. Nothing here asks the engine.

What is found wrong is told as sentences that begin with one of `KINDS`; a ``limit`` is one that docs/guarantees.md
states.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome, RunResult

from .world import CLAIM, OURS, World

if TYPE_CHECKING:
    from .variants import Variant

KINDS = (
    "lost",
    "duplicated",
    "corrupt",
    "partial name",
    "not told",
    "left over",
    "touched",
    "unrecorded",
    "restless",
    "out of order",
    "limit",
)

BYSTANDERS = {
    "there/input/theirs.xml": b"of another client",
    "there/input/.ffffffff.part": b"a temporary file of another client",
    "there/pickup/growing.xml.part": b"not finished yet",
    "here/outbox/draft.xml.tmp": b"not finished yet",
    "here/inbox/earlier.xml": b"fetched long ago",
    "here/inbox/.filedrop-000000000000-000000000000.part": b"of another job",
}
"""Files of others, which nobody may touch."""

FOREIGN = b"of somebody else who came in between"
"""What stands in the files that an event puts under somebody's name at the other side."""

_NOT_MOVED = ("held", "failed", "waiting")

_COPY = re.compile(r"[-.]\d+(?=\.)")  # what makes the name of another copy: report-2.xml, report.2.xml


@dataclass(frozen=True)
class Put:
    """A file that a user or a provider has put at its side's end.

    :param gone: its owner has taken it away again, or replaced it, while it was there.
    :param foreign: it was put at the other side's end, by somebody else, and nobody may touch it.
    """

    name: str
    content: bytes
    gone: bool = False
    foreign: bool = False


Puts = tuple[Put, ...]
Arrivals = list[tuple[str, bytes]]


class Found(list[str]):
    """Sentences about what is wrong."""

    def add(self, kind: str, what: object) -> None:
        if kind not in KINDS:
            raise ValueError(kind)
        self.append(f"{kind}: {what}")


def plain_name(name: str) -> str:
    """The name under which a file was put, whichever copy of it this is."""
    return _COPY.sub("", name)


def at_any_instant(world: World, variant: Variant, puts: Puts) -> Found:
    """What may not be wrong at any instant, be it in the middle of a crash: P1, P3 and P4."""
    found = Found()
    _bystanders(world, puts, found)
    puts = _own(puts)
    arrived = _arrivals(world, variant)
    for name, content in arrived:
        _whole(name, content, variant, puts, found)
    copies = Counter((plain_name(name), content) for name, content in arrived)
    for (name, content), number in copies.items():
        if 0 < _times(puts, name, content) < number:
            found.add("duplicated", f"{name} arrived {number} times")
    for put in puts:
        if not put.gone and _original_gone(world, variant, put):
            _settled_rightly(world, variant, puts, put, copies[put.name, put.content], found)
    _in_order(world, variant, puts, arrived, found)
    return found


def _in_order(world: World, variant: Variant, puts: Puts, arrived: Arrivals, found: Found) -> None:
    """Of files that belong together, none is there without those before it, and the originals stay until all are."""
    names = {plain_name(name) for name, _content in arrived}
    whole = [name for name in variant.order if any(_is_one_of(*one, puts) for one in arrived if one[0] == name)]
    for place, name in enumerate(variant.order):
        missing = set(variant.order[:place]) - set(whole)
        if name in names and missing:
            found.add("out of order", f"{name} is there without {missing}")
    for put in puts:
        if put.name in variant.order and len(whole) < len(variant.order) and _original_gone(world, variant, put):
            found.add("out of order", f"the original of {put.name} is gone, and only {whole} are there")


def at_the_end(
    world: World, variant: Variant, puts: Puts, result: RunResult, *, may_hold: Container[str] | None = None
) -> Found:
    """What has to be right when a run was left in peace: everything at an instant, and P5.

    :param may_hold: for which reasons files may wait, if for others than the variant says.
    """
    found = at_any_instant(world, variant, puts)
    if result.error is not None:
        found.add("not told", f"the run ended early: {result.error}")
    allowed = variant.may_hold if may_hold is None else may_hold
    waiting = {one.name: one for one in result.outcomes if one.outcome in _NOT_MOVED}
    arrived = _arrivals(world, variant)
    for put in _own(puts):
        if not put.gone:
            _ended_well(world, variant, put, arrived, waiting, allowed, found)
    for name, content in arrived:
        if not _is_one_of(name, content, puts) and plain_name(name) not in waiting:
            # Until it is recorded as created, nobody can know that there is anything to be taken.
            kind = "not told" if content else "limit"
            found.add(kind, f"a part of {name} was left there or taken, {len(content)} bytes")
    for path in _temporaries(world, held=waiting):
        found.add("left over", path)
    undecided = {row["name"] for row in world.rows(world.photograph()) if row["state"] == "held"}
    for one in result.outcomes:
        if one.outcome == "held" and one.name not in undecided:
            found.add("not told", f"{one.name} is held as {one.reason}, and nobody can decide about it")
    return found


def _ended_well(
    world: World,
    variant: Variant,
    put: Put,
    arrived: Arrivals,
    waiting: Mapping[str, FileOutcome],
    may_hold: Container[str],
    found: Found,
) -> None:
    """One file arrived and its original was settled; or it waits, and we are told why."""
    has_arrived = any((plain_name(name), content) == (put.name, put.content) for name, content in arrived)
    gone = _original_gone(world, variant, put)
    if put.name in waiting:
        _told(waiting[put.name], may_hold, found)
        if gone and not has_arrived:
            found.add("lost", f"{put.name} is held, and its original is gone")
    elif not has_arrived:
        found.add("lost" if gone else "not told", f"{put.name} did not arrive")
    elif not gone and variant.settles and not (put.name in variant.order and waiting.keys() & set(variant.order)):
        found.add("left over", f"the original of {put.name}")


def waiting_for_a_person(result: RunResult) -> dict[str, str]:
    """The reasons of what was not delivered, by name."""
    return {one.name: one.reason for one in result.outcomes if one.outcome in _NOT_MOVED}


def _told(outcome: FileOutcome, may_hold: Container[str], found: Found) -> None:
    if outcome.reason not in may_hold:
        found.add("not told", f"{outcome.name} is {outcome.outcome} for a reason that cannot be: {outcome.reason}")
    elif not outcome.message:
        found.add("not told", f"{outcome.name} is {outcome.outcome} without a word")


def _arrivals(world: World, variant: Variant) -> Arrivals:
    """Everything that has arrived under a final name at the other end, by name, parts and all."""
    folders = [world.kept, world.inbox if variant.direction == "pickup" else world.input]
    return [
        (name, content)
        for folder in folders
        for name, content in world.files(folder).items()
        if not (OURS.fullmatch(name) or name.startswith(".in.") or is_bystander(world, folder / name))
        and content != FOREIGN
    ]


def _whole(name: str, content: bytes, variant: Variant, puts: Puts, found: Found) -> None:
    if _is_one_of(name, content, puts):
        return
    is_part = any(put.name == plain_name(name) and put.content.startswith(content) for put in puts)
    if not is_part:
        found.add("corrupt", f"{name} has {len(content)} bytes that nobody sent")
    elif variant.direction == "pickup" or variant.options.get("upload") != "direct":
        found.add("partial name", f"{name} has {len(content)} bytes")


def _times(puts: Puts, name: str, content: bytes) -> int:
    """How often a file with this content was put there: so often it may arrive."""
    return sum((put.name, put.content) == (plain_name(name), content) for put in puts)


def _is_one_of(name: str, content: bytes, puts: Puts) -> bool:
    return _times(puts, name, content) > 0


def _original_gone(world: World, variant: Variant, put: Put) -> bool:
    """Whether the original no longer stands where it was put."""
    folder = world.pickup if variant.direction == "pickup" else world.outbox
    there = world.files(folder).items()
    return not any((_unclaimed(name), content) == (put.name, put.content) for name, content in there)


def _unclaimed(name: str) -> str:
    claim = CLAIM.fullmatch(name)
    return claim["name"] if claim else name


def _settled_rightly(world: World, variant: Variant, puts: Puts, put: Put, copies: int, found: Found) -> None:
    """The original has left its place: that must be our doing, by the rules."""
    if not copies:
        found.add("lost", f"the original of {put.name} is gone, and no whole copy has arrived")
    state = _last_state(world, put)
    # Who comes in between later may have the file held after all.
    if state not in variant.states_that_settle and not (copies and state == "held"):
        found.add("unrecorded", f"the original of {put.name} is gone, and its row says {state}")
    kept = [content for name, content in _shelved(world, variant) if plain_name(name) == put.name]
    if variant.shelves and put.content not in kept:
        found.add("lost", f"{put.name} is not where originals are moved to")
    elif kept.count(put.content) > (_times(puts, put.name, put.content) if variant.shelves else 0):
        found.add("duplicated", f"{put.name} stands {kept.count(put.content)} times where originals are moved to")


def _shelved(world: World, variant: Variant) -> Iterator[tuple[str, bytes]]:
    for folder in (world.archive, world.shelf, world.done):
        yield from world.files(folder).items()


def _last_state(world: World, put: Put) -> object:
    rows = world.rows(world.photograph())
    digests = (None, hashlib.sha256(put.content).hexdigest())
    states = [
        row["state"]
        for row in rows
        if (row["name"], row["size"]) == (put.name, len(put.content)) and row["sha256"] in digests
    ]
    return states[-1] if states else None


def _temporaries(world: World, *, held: Iterable[str]) -> Iterator[str]:
    """Our own temporary files that nobody needs any more: no file waits that could need them."""
    if list(held):
        return
    yield from world.drafts_of_ledger(world.photograph())
    for folder in (world.input, world.inbox, world.outbox, world.archive, world.shelf, world.done, world.pickup):
        for name in world.files(folder):
            if (OURS.fullmatch(name) or name.startswith(".in.")) and not is_bystander(world, folder / name):
                yield os.path.join(folder.name, name)


def _own(puts: Puts) -> Puts:
    return tuple(put for put in puts if not put.foreign)


def _bystanders(world: World, puts: Puts, found: Found) -> None:
    foreign = {world.input / put.name: put.content for put in puts if put.foreign}
    for path, content in {**bystanders(world), **foreign}.items():
        if not path.is_file() or path.read_bytes() != content:
            found.add("touched", f"{path.parent.name}/{path.name}, which is none of ours")


def is_bystander(world: World, path: Path) -> bool:
    """Whether a file is one of those that nobody may touch."""
    return path in bystanders(world)


def bystanders(world: World) -> Mapping[Path, bytes]:
    """The files that nobody may touch, with their contents."""
    sides = {"here": world.here, "there": world.there}
    return {sides[path.partition("/")[0]] / path.partition("/")[2]: content for path, content in BYSTANDERS.items()}
