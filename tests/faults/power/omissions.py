# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each sync is good for: it is taken for never done, and the states that then may come of a cut are looked at.

What a program does is the same with and without a sync, so one record serves for all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from operator import eq
from pathlib import Path
from typing import NamedTuple

from ..world import OURS, without_random
from .cuts import Depth
from .explorer import begun
from .history import Skip
from .laboratory import Chapter, Laboratory, Report
from .recording import Happened
from .scenarios import PowerStage


class Omission(NamedTuple):
    """A sync, by the event that it is, and what goes wrong without it; nothing: an empty text."""

    event: int
    what: str
    wrong: str

    @property
    def is_of_ledger(self) -> bool:
        """Whether SQLite does it, and when it likes."""
        return "ledger" in self.what or self.what.startswith("fdatasync")

    def __str__(self) -> str:
        return f"without {self.what} ({self.event}): {self.wrong or 'nothing goes wrong'}"


class Omissions:
    """Leaves the syncs of one scenario's run out, one after the other."""

    def __init__(self, stage: PowerStage) -> None:
        self._stage = stage
        self._laboratory = Laboratory(stage, Report(stage.scenario.name), depth=Depth.BRIEF)

    def tried(self) -> Iterator[Omission]:
        """Each sync of the run, and of what went before."""
        chapter = self._chapter()
        recordings = chapter.history.recordings(chapter.record)
        for sync in [what for recording in recordings for what in recording.happened if what.syncs]:
            yield Omission(sync.event, self._shown(sync), self._wrong(chapter, partial(eq, sync)))

    def all_of(self, target: str) -> str:
        """What goes wrong without any sync of the files whose names end like this."""
        return self._wrong(self._chapter(), lambda what: what.syncs.endswith(target))

    def _chapter(self) -> Chapter:
        return self._laboratory.record(begun(self._stage, self._laboratory))

    def _wrong(self, chapter: Chapter, skip: Skip) -> str:
        without = chapter._replace(recording=chapter.history.recordings(chapter.record, skip)[-1])
        for case in self._laboratory.cases(without):
            for meanwhile in self._stage.scenario.meanwhile:
                for what in self._laboratory.look_at(without, case._replace(meanwhile=meanwhile)):
                    if not what.startswith("limit"):
                        return f"{without_random(what)} ({case})"
        return ""

    def _shown(self, sync: Happened) -> str:
        call, _space, path = sync.text.partition(" ")
        world = self._stage.world
        for base, shown in ((world.here, "."), (world.shelf, "elsewhere")):
            if Path(path).is_relative_to(base):
                path = os.path.normpath(os.path.join(shown, os.path.relpath(path, base)))
        return f"{call} {'PART'.join(OURS.split(path))}"
