# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has happened so far to both sides: runs, and how each of them ended. It can be kept in a file."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..world import File, Picture, World
from . import tracer
from .cuts import Cut
from .disk import Disk, Links
from .provider import Provider
from .recording import Happened, Recording

KILLED = "killed"
"""How a run ends whose process ends, and not the machine: nothing is lost, and nothing is safer than it was."""

Skip = Callable[[Happened], bool]


def nothing(_what: Happened) -> bool:
    """No sync is taken for never done."""
    return False


@dataclass(frozen=True)
class Past:
    """A run that ended after an event.

    :param record: what strace said of it.
    :param survivors: which effects have survived the cut that ended it (cuts.py), or `KILLED`.
    :param requests: how many requests the server had done.
    """

    record: tuple[str, ...]
    event: int
    survivors: str
    requests: int

    def __str__(self) -> str:
        return f"{self.event} {self.survivors} {self.requests}"


@dataclass(frozen=True)
class Start:
    """Where a run starts from.

    :param disk: with what an earlier run has not made safe; :param picture: what a program sees.
    """

    disk: Disk
    picture: Picture
    event: int
    links: Links = frozenset()


@dataclass(frozen=True)
class History:
    """How both sides were in the beginning, and what has happened since."""

    world: World
    picture: Picture
    past: tuple[Past, ...] = ()

    def then(self, past: Past) -> History:
        return replace(self, past=(*self.past, past))

    def start(self) -> Start:
        """Where the next run starts from."""
        start, _recordings = self._played(nothing)
        return start

    def recording(self, record: Iterable[str]) -> Recording:
        """What the record of the next run says."""
        return self.recordings(record)[-1]

    def recordings(self, record: Iterable[str], skip: Skip = nothing) -> Sequence[Recording]:
        """What the records of all runs say, that of the next one last.

        :param skip: which syncs are to be taken for never done.
        """
        start, recordings = self._played(skip)
        return [*recordings, self._recorded(start, record, skip)]

    def _played(self, skip: Skip) -> tuple[Start, Sequence[Recording]]:
        start, recordings = Start(Disk(self._roots, self.picture), self.picture, 0), []
        for past in self.past:
            recordings.append(self._recorded(start, past.record, skip, until=past.event))
            start = self._after(recordings[-1], past)
        return start, recordings

    def _recorded(self, start: Start, record: Iterable[str], skip: Skip, until: int | None = None) -> Recording:
        provider = Provider(str(self.world.there), start.picture)
        recording = Recording(start.disk, provider, start.event)
        recording.follow(tracer.parsed(record), skip=skip, until=until)
        return recording

    def _after(self, recording: Recording, past: Past) -> Start:
        disk, there = recording.disk, recording.provider.picture(past.requests)
        kept = {path: file for path, file in self.picture.items() if path.startswith(str(self.world.kept))}
        if past.survivors == KILLED:
            tree = disk.tree(range(len(disk.effects)))
            return Start(disk, {**kept, **there, **tree.picture}, past.event, tree.links)
        survivors = Cut(disk, past.event).survivors(past.survivors)
        tree = disk.tree(survivors.effects, survivors.torn)
        picture = {**kept, **there, **tree.picture}
        return Start(Disk(self._roots, picture, tree.links), picture, past.event, tree.links)

    @property
    def _roots(self) -> Sequence[str]:
        return [str(self.world.here), str(self.world.shelf)]

    # --- in a file

    def save(self, path: Path, scenario: str, record: Sequence[str]) -> None:
        """Keep everything that it takes to see a state again."""
        found = {
            "scenario": scenario,
            "base": str(self.world.here.parent),
            "picture": {path: file and _packed(file) for path, file in self.picture.items()},
            "past": [[past.record, past.event, past.survivors, past.requests] for past in self.past],
            "record": list(record),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(json.dumps(found).encode(), mtime=0))


@dataclass(frozen=True)
class Saved:
    """What `History.save` kept."""

    scenario: str
    base: Path
    picture: Picture
    past: tuple[Past, ...]
    record: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Saved:
        found = json.loads(gzip.decompress(path.read_bytes()))
        picture = {path: None if file is None else _unpacked(file) for path, file in found["picture"].items()}
        past = tuple(Past(tuple(record), *rest) for record, *rest in found["past"])
        return cls(found["scenario"], Path(found["base"]), picture, past, tuple(found["record"]))


def _packed(file: File) -> list[Any]:
    return [file.mode, file.mtime_ns, base64.b64encode(file.content).decode("ascii")]


def _unpacked(packed: list[Any]) -> File:
    return File(packed[0], packed[1], base64.b64decode(packed[2]))
