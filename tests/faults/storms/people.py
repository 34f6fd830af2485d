# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user and the provider: they put files and take them, at any time, and write down what they have put."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from .. import books
from ..variants import Variant, content
from ..world import World

NAMES = tuple(f"{letter}.xml" for letter in "abcdefgh")
VOID = "void.xml"
"""The one empty file of a storm: an empty file cannot be told from another."""

KIB = 1024
_EPOCH = 1_750_000_000  # seconds since 1970, for files that are not from today
_PLENTY = 40  # files that a storm puts at most


class People:
    """Both sides' people.

    :param eager: the provider takes what it sees, be it complete or not.
    :param complete: takes a file out of ``input`` if that is complete: name and destination; says whether it did.
    """

    def __init__(self, world: World, variant: Variant, *, eager: bool, complete: Callable[[str, str], bool]) -> None:
        self.world = world
        self.variant = variant
        self.puts: books.Puts = ()
        self._eager = eager
        self._complete = complete
        self._number = 0
        self._lock = threading.Lock()

    def act(self, what: str, chance: random.Random, *, spared: frozenset[str] = frozenset()) -> None:
        """Do one of ``ACTIONS``.

        :param spared: names whose originals must be let alone just now, as docs/guarantees.md states.
        """
        with self._lock:
            _ACTIONS[what](self, chance, spared)

    @property
    def origin(self) -> Path:
        """Where originals are put."""
        return self.world.pickup if self.variant.direction == "pickup" else self.world.outbox

    # --- those who send

    def _put(self, chance: random.Random, spared: frozenset[str]) -> None:
        """A new file under a name, be it in the place of one that waits there."""
        name = chance.choice((*NAMES, VOID))
        if name in spared or len(self.puts) >= _PLENTY or (name == VOID and any(p.name == VOID for p in self.puts)):
            return
        body = b"" if name == VOID else self._fresh(chance)
        draft = self.origin / ".new.part"
        self.world.put(draft, body, mtime_ns=(_EPOCH + self._number) * 10**9)
        self._supersede(name)
        self.puts += (books.Put(name, body),)
        os.rename(draft, self.origin / name)

    def _edit(self, chance: random.Random, spared: frozenset[str]) -> None:
        """A file is written anew in its place, so that it is the same file with another content."""
        name = chance.choice(NAMES)
        path = self.origin / name
        if name in spared or not path.is_file():
            return
        body = self._fresh(chance)
        self._supersede(name)
        self.puts += (books.Put(name, body),)
        with path.open("r+b") as file:
            file.truncate()
            file.write(body)
        os.utime(path, (_EPOCH + self._number, _EPOCH + self._number))

    def _withdraw(self, chance: random.Random, spared: frozenset[str]) -> None:
        """A file is taken away before, or after, it was transferred."""
        name = chance.choice(NAMES)
        if name not in spared:
            self._supersede(name)
            (self.origin / name).unlink(missing_ok=True)

    def _supersede(self, name: str) -> None:
        self.puts = tuple(
            books.Put(put.name, put.content, gone=True) if put.name == name and not put.foreign else put
            for put in self.puts
        )

    def _fresh(self, chance: random.Random) -> bytes:
        """Content that no other file of this storm has, nor its size."""
        self._number += 1
        longest = chance.choice((KIB, 40 * KIB, 40 * KIB, 600 * KIB))
        size = 64 + self._number + _PLENTY * chance.randrange(longest // _PLENTY)
        return content(f"{self._number} {chance.random()}", size)

    # --- those who receive

    def _take(self, chance: random.Random, spared: frozenset[str]) -> None:
        """Some of what has arrived is taken away by those for whom it is."""
        for name in self._arrived():
            if chance.random() < 0.5:
                self._take_one(name)

    def take_all(self) -> None:
        """What is whole is taken away, now that nobody is at work: also what was never closed."""
        folder = self.world.inbox if self.variant.direction == "pickup" else self.world.input
        with self._lock:
            for name in self._arrived():
                found = (folder / name).read_bytes()
                if any((put.name, put.content) == (books.plain_name(name), found) for put in self.puts):
                    self._take_one(name, also_open=True)

    def _arrived(self) -> list[str]:
        folder = self.world.inbox if self.variant.direction == "pickup" else self.world.input
        return sorted(name for name in os.listdir(folder) if books.plain_name(name) in (*NAMES, VOID))

    def _take_one(self, name: str, *, also_open: bool = False) -> None:
        self._number += 1
        stem, extension = os.path.splitext(name)
        kept = str(self.world.kept / f"{stem}.{self._number}{extension}")
        if self.variant.direction == "dropoff" and not (self._eager or also_open):
            self._complete(name, kept)
            return
        folder = self.world.inbox if self.variant.direction == "pickup" else self.world.input
        with contextlib.suppress(FileNotFoundError):
            if (folder / name).read_bytes() != books.FOREIGN:
                shutil.move(folder / name, kept)  # what the provider keeps may lie on another disk than our own

    # --- those who come in between

    def _squat(self, chance: random.Random, spared: frozenset[str]) -> None:
        """Another client has a file of the same name on the server."""
        name = chance.choice(NAMES)
        if self.variant.options.get("upload") != "rename":
            return
        draft = self.world.input / ".theirs.part"
        self.world.put(draft, books.FOREIGN, mtime_ns=_EPOCH * 10**9)
        with contextlib.suppress(FileExistsError):
            os.link(draft, self.world.input / name)
            self.puts += (books.Put(name, books.FOREIGN, foreign=True),)
        draft.unlink()

    def leave(self) -> None:
        """Those who came in between have gone, with their files."""
        with self._lock:
            for put in self.puts:
                if put.foreign:
                    (self.world.input / put.name).unlink()
            self.puts = tuple(put for put in self.puts if not put.foreign)


_ACTIONS: dict[str, Callable[[People, random.Random, frozenset[str]], None]] = {
    "put": People._put,
    "edit": People._edit,
    "withdraw": People._withdraw,
    "take": People._take,
    "squat": People._squat,
}
ACTIONS = tuple(_ACTIONS)
