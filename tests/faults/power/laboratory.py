# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rebuild what a cut may have left on both sides, let the next run go on from there, and look whether all is well."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .. import books, events
from ..books import Found
from ..world import OURS, File, Picture, fast_folder, without_random
from . import tracer
from .cuts import Cut, Depth
from .disk import Links
from .history import History
from .recording import Recording
from .scenarios import NOTHING, PowerStage


class Case(NamedTuple):
    """A state after a cut, by name.

    :param event: the last thing that happened before the cut; :param survivors: which effects have survived (cuts.py).
    :param requests: how many requests the server has done; :param meanwhile: what happens before the next run.
    """

    event: int
    survivors: str
    requests: int
    meanwhile: str = NOTHING

    def __str__(self) -> str:
        return " ".join(map(str, self)).rstrip()


@dataclass
class Report:
    """What was tried, and what was found."""

    name: str
    runs_recorded: int = 0
    cuts: int = 0
    cases: int = 0
    states: int = 0  # different ones
    runs: int = 0
    held: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[str]] = field(default_factory=dict)  # what is wrong, and how to see it
    limits: Counter[str] = field(default_factory=Counter)  # what the guarantees do not promise


class Chapter(NamedTuple):
    """One recorded run, and all that happened before it."""

    history: History
    record: tuple[str, ...]
    recording: Recording


_LATER = {Depth.BRIEF: Depth.BRIEF, Depth.USUAL: Depth.BRIEF, Depth.THOROUGH: Depth.USUAL}
"""What becomes of half a log of SQLite's is seen best in the first run."""


class Laboratory:
    """Records runs on a stage, and looks at what cuts leave of them.

    :param depth: how far to go with the states of a first run; with those of later ones it is not so far.
    """

    def __init__(self, stage: PowerStage, report: Report, *, depth: Depth = Depth.USUAL) -> None:
        self.report = report
        self.beginning = History(stage.world, stage.world.photograph())
        self._stage = stage
        self._world = stage.world
        self._depth = depth
        self._seen: dict[object, Found] = {}
        self._judged: dict[object, str] = {}

    def record(self, history: History, work: Callable[[], object] | None = None) -> Chapter:
        """Let a run, or some other work, go on after a history, and record it.

        :raises AssertionError: the model says something else of what it did than the disk and the server do.
        """
        start = history.start()
        self._rebuild(start.picture, start.links)
        server = self._stage.plain
        record = tracer.traced(work or self._stage.work, {server.fileno(): server.accept})
        self._stage.settle()
        recording = history.recording(record)
        self._compare(recording, self._world.photograph())
        return Chapter(history, tuple(record), recording)

    def _compare(self, recording: Recording, seen: Picture) -> None:
        disk, provider = recording.disk, recording.provider
        model = {**disk.tree(range(len(disk.effects))).picture, **provider.picture(len(provider))}
        for path in sorted(model.keys() | seen.keys()):
            one, other = model.get(path), seen.get(path)
            same = (one and (one.mode, one.content)) == (other and (other.mode, other.content))
            if not same or (path in model) != (path in seen):
                raise AssertionError(f"the model is wrong about {path}: {_shown(one)} there, {_shown(other)} here")

    def cases(self, chapter: Chapter) -> Iterator[Case]:
        """Every case there is, the different ones only."""
        recording, seen = chapter.recording, set()
        depth = _LATER[self._depth] if chapter.history.past else self._depth
        for event in (recording.first, *(what.event for what in recording.happened)):
            cut = Cut(recording.disk, event)
            self.report.cuts += 1
            moments = recording.provider.moments(event)
            for name in cut.names(depth):
                survivors = cut.survivors(name)
                for requests in moments:
                    self.report.cases += 1
                    key = (survivors, id(recording.provider.picture(requests)))
                    if key not in seen:
                        seen.add(key)
                        yield Case(event, name, requests)

    def look_at(self, chapter: Chapter, case: Case) -> Found:
        """What is wrong with a case. One that looks to a run like another is not tried again."""
        recording = chapter.recording
        survivors = Cut(recording.disk, case.event).survivors(case.survivors)
        tree = recording.disk.tree(survivors.effects, survivors.torn)
        picture = {**self._kept, **tree.picture, **recording.provider.picture(case.requests)}
        trouble = self._trouble_with_ledger(picture)
        if trouble:
            return Found([f"corrupt: the ledger: {trouble}"])
        key = (self._fingerprint(picture, tree.links), case.meanwhile)
        if key not in self._seen:
            self.report.states += 1
            self._rebuild(picture, tree.links)
            self._seen[key] = self._go_on(case)
        return self._seen[key]

    @property
    def _kept(self) -> Picture:
        kept = str(self._world.kept)
        return {path: file for path, file in self.beginning.picture.items() if path.startswith(kept)}

    def _fingerprint(self, picture: Picture, links: Links) -> object:
        """Equal for two states between which a run can see no difference."""
        shelved = (str(self._world.archive), str(self._world.shelf))
        times = frozenset(
            (without_random(path), file.mtime_ns)
            for path, file in picture.items()
            if file is not None and os.path.dirname(path) in shelved
        )
        names = frozenset(tuple(map(without_random, several)) for several in links)
        return self._world.fingerprint(picture), times, names

    def _trouble_with_ledger(self, picture: Picture) -> str:
        """Why the ledger cannot be opened, or is not sound."""
        ledger = str(self._world.ledger)
        files = {path: file for path, file in picture.items() if path in (ledger, f"{ledger}-wal") and file}
        key = tuple(sorted(files.items()))
        if key not in self._judged:
            content = {os.path.basename(path): file.content for path, file in files.items()}
            self._judged[key] = _trouble_with(content) if ledger in files else ""
        return self._judged[key]

    def _rebuild(self, picture: Picture, links: Links) -> None:
        for path, *others in self._linked():
            for other in others:
                os.unlink(other)
            del path
        self._world.put_back(picture)
        for path, *others in links:
            for other in others:
                os.unlink(other)
                os.link(path, other)

    def _linked(self) -> Iterator[list[str]]:
        """The files that have several names now: a name that is put back must not stay another one's."""
        names: dict[tuple[int, int], list[str]] = {}
        for path, file in self._world.photograph().items():
            if file is not None:
                status = os.stat(path)
                names.setdefault((status.st_dev, status.st_ino), []).append(path)
        yield from (several for several in names.values() if len(several) > 1)

    def _go_on(self, case: Case) -> Found:
        """Let the next run complete what was cut off, and look before that, after that, and once more."""
        world, variant, puts = self._world, self._stage.variant, self._stage.puts
        found = books.at_any_instant(world, variant, puts)
        if not self._stage.scenario.copied:
            found += self._half_shelved()
        may_hold = variant.may_hold
        if case.meanwhile != NOTHING:
            puts = events.of(variant.direction)[case.meanwhile](world, puts)
            may_hold |= events.MAY_HOLD[case.meanwhile]
        result = self._stage.run()
        found += books.at_the_end(world, variant, puts, result, may_hold=may_hold)
        waiting = books.waiting_for_a_person(result)
        self.report.held.update(waiting.values())
        before = world.fingerprint(world.photograph())
        again = self._stage.run()
        self.report.runs += 2
        if again.summary["delivered"] or world.fingerprint(world.photograph()) != before:
            found.add("restless", "another run changes things")
        if books.waiting_for_a_person(again) != waiting:
            found.add("restless", "another run says something else of what waits")
        if self._stage.scenario.retention:
            found[:] = [what for what in found if not _is_forgotten(what)]
        if self._stage.scenario.copied:
            found[:] = [what for what in found if not _is_their_copy(what)]
        return found

    def _half_shelved(self) -> Found:
        """Originals that stand under their names where they are moved to, and are not whole."""
        found = Found()
        contents = {put.content for put in self._stage.puts}
        for folder in (self._world.archive, self._world.shelf):
            for name, content in self._world.files(folder).items():
                if not OURS.fullmatch(name) and content not in contents:
                    found.add("partial name", f"{name} has {len(content)} bytes where originals are moved to")
        return found


def _trouble_with(files: dict[str, bytes]) -> str:
    """What SQLite says of a database and its log."""
    folder = Path(tempfile.mkdtemp(dir=fast_folder()))
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        database = min(folder.iterdir(), key=lambda path: len(path.name))
        with contextlib.closing(sqlite3.connect(database)) as found:
            said = [row[0] for row in found.execute("PRAGMA integrity_check")]
            found.execute("SELECT count(*) FROM transfer")
        return "" if said == ["ok"] else "; ".join(said)
    except sqlite3.Error as error:
        return str(error)
    finally:
        shutil.rmtree(folder)


def _is_their_copy(what: str) -> bool:
    """Once a power cut has taken its time, a copy that somebody made by hand is not known as a copy of this file."""
    return what.startswith("duplicated: ") and what.endswith(" stands 2 times where originals are moved to")


def _is_forgotten(what: str) -> bool:
    """Whether no more is wrong than that what a retention time was set for is gone."""
    return what.endswith(("its row says None", "is not where originals are moved to"))


def _shown(file: File | None) -> str:
    return "nothing" if file is None else f"{len(file.content)} bytes, mode {file.mode:o}"
