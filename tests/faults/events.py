# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users and providers do meanwhile: between two runs, or in the middle of one.

Each event does something to the world, if there is anything to do it to, and returns the books as they are after it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

from . import books
from .books import Put, Puts
from .variants import content
from .world import OURS, World

TODAY = 1_760_000_000 * 10**9  # ns since 1970: when what is put by an event was written

Event = Callable[[World, Puts], Puts]


def take(world: World, puts: Puts) -> Puts:
    """The provider takes every file that it sees, whether its upload was completed or not."""
    for name in world.files(world.input):
        if not (OURS.fullmatch(name) or name.startswith(".") or books.is_bystander(world, world.input / name)):
            _move(world.input / name, world.kept)
    return puts


def consume(world: World, puts: Puts) -> Puts:
    """Whoever waits for the files takes them out of the inbox."""
    for name in world.files(world.inbox):
        if not (name.startswith(".") or books.is_bystander(world, world.inbox / name)):
            _move(world.inbox / name, world.kept)
    return puts


def replace_here(world: World, puts: Puts) -> Puts:
    """The user puts another file under the same name."""
    return _replace(world, world.outbox, puts)


def replace_there(world: World, puts: Puts) -> Puts:
    """The provider puts another file under the same name."""
    return _replace(world, world.pickup, puts)


def repeat_there(world: World, puts: Puts) -> Puts:
    """The provider puts the same content there again."""
    changed: list[Put] = []
    for put in puts:
        there = world.files(world.pickup).get(put.name) == put.content
        world.put(world.pickup / put.name, put.content, mtime_ns=TODAY)
        changed += [dataclasses.replace(put, gone=put.gone or there), Put(put.name, put.content)]
    return tuple(changed)


def withdraw_here(world: World, puts: Puts) -> Puts:
    """The user takes the file away again."""
    return _withdraw(world, world.outbox, puts)


def withdraw_there(world: World, puts: Puts) -> Puts:
    """The provider takes the file away again."""
    return _withdraw(world, world.pickup, puts)


def squat(world: World, puts: Puts) -> Puts:
    """Another client of the provider takes the name."""
    for put in puts:
        path = world.input / put.name
        if not path.exists():
            world.put(path, books.FOREIGN, mtime_ns=TODAY)
            return (*puts, Put(put.name, books.FOREIGN, foreign=True))
    return puts


DROPOFF: Mapping[str, Event] = {
    "take": take,
    "replace": replace_here,
    "withdraw": withdraw_here,
    "squat": squat,
}
PICKUP: Mapping[str, Event] = {
    "consume": consume,
    "replace": replace_there,
    "repeat": repeat_there,
    "withdraw": withdraw_there,
}
MAY_HOLD: Mapping[str, frozenset[str]] = {
    "take": frozenset({"maybe_incomplete", "ambiguous"}),
    "replace": frozenset({"name_taken", "changed_before_archive", "changed_while_read"}),
    "withdraw": frozenset({"local_missing", "changed_before_archive", "changed_while_read", "remote_missing"}),
    "squat": frozenset({"name_taken", "size_changed"}),
    "consume": frozenset({"no_copy"}),  # nobody can tell a file that was taken from a part that was removed
    "repeat": frozenset({"changed_while_read"}),
}
"""For which reasons files may wait for a person, or for the next run, because of an event."""


def of(direction: str) -> Mapping[str, Event]:
    """The events that can happen to a job, by name."""
    return PICKUP if direction == "pickup" else DROPOFF


def _replace(world: World, folder: Path, puts: Puts) -> Puts:
    changed: list[Put] = []
    for put in puts:
        there = world.files(folder).get(put.name) == put.content
        new = Put(put.name, content(f"new {put.name}", 2000))
        world.put(folder / new.name, new.content, mtime_ns=TODAY)
        changed += [dataclasses.replace(put, gone=put.gone or there), new]
    return tuple(changed)


def _withdraw(world: World, folder: Path, puts: Puts) -> Puts:
    changed: list[Put] = []
    for put in puts:
        there = world.files(folder).get(put.name) == put.content
        if there:
            (folder / put.name).unlink()
        changed.append(dataclasses.replace(put, gone=put.gone or there))
    return tuple(changed)


def _move(path: Path, into: Path) -> None:
    """Take what is there at this instant: who still writes to the file writes to nobody's file from now on."""
    name = path.name
    number = 1
    while (into / name).exists():
        number += 1
        name = f"{path.stem}-{number}{path.suffix}"
    (into / name).write_bytes(path.read_bytes())
    os.unlink(path)
