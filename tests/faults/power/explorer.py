# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cut the power everywhere in a scenario: in its run, and in those that follow a killed one or another cut."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.retention import Retention

from ..world import without_random
from .cuts import Cut
from .history import KILLED, History, Past
from .laboratory import Case, Chapter, Laboratory, Report
from .scenarios import PowerStage

T = TypeVar("T")

CHECKOUT = Path(__file__).resolve().parents[3]
EVIDENCE = CHECKOUT / "build" / "power"
REPLAY = "python tests/faults/power replay"


class Explorer:
    """Goes through one scenario.

    :param recoveries: of the runs that follow a kill, and of those that follow a cut, look at so many; None: at all.
    :param first_only: raise `Found` at the first thing that is wrong.
    """

    def __init__(
        self, stage: PowerStage, laboratory: Laboratory, *, recoveries: int | None = None, first_only: bool = False
    ) -> None:
        self.report: Report = laboratory.report
        self._stage = stage
        self._laboratory = laboratory
        self._recoveries = recoveries
        self._first_only = first_only
        self._killed: set[object] = set()

    def explore(self) -> Report:
        """Everything that the scenario asks for."""
        first = self._laboratory.record(begun(self._stage, self._laboratory))
        new = self._look(first)
        if self._stage.scenario.killed:
            for history in self._drawn(list(self._kills(first))):
                self._look(self._laboratory.record(history))
        if self._stage.scenario.cut:
            for case in self._drawn(new):
                past = Past(first.record, case.event, case.survivors, case.requests)
                self._look(self._laboratory.record(first.history.then(past)))
        return self.report

    def _drawn(self, several: list[T]) -> list[T]:
        """As many as there is time for, always the same."""
        number = self._recoveries
        if number is None or len(several) <= number:
            return several
        return random.Random(self.report.name).sample(several, number)

    def _look(self, chapter: Chapter) -> list[Case]:
        """Look at every state that a cut may leave; return those that no run has seen before."""
        self.report.runs_recorded += 1
        found = []
        for case in self._laboratory.cases(chapter):
            states = self.report.states
            for meanwhile in self._stage.scenario.meanwhile:
                self._tell(chapter, case._replace(meanwhile=meanwhile))
            if self.report.states > states:
                found.append(case)
        return found

    def _kills(self, chapter: Chapter) -> Iterator[History]:
        """Every moment at which a run may be killed, if it differs from the others in what is there or in what is not
        safe yet.
        """
        recording = chapter.recording
        for happened in recording.happened:
            moments = recording.provider.moments(happened.event)
            for requests in sorted({moments[0], moments[-1]}):
                past = Past(chapter.record, happened.event, KILLED, requests)
                history = chapter.history.then(past)
                if self._is_new_kill(history, happened.event):
                    yield history

    def _is_new_kill(self, history: History, event: int) -> bool:
        start = history.start()
        pending = Cut(start.disk, event).pending()
        key = (self._stage.world.fingerprint(start.picture), start.links, without_random(" ".join(pending)))
        is_new = key not in self._killed
        self._killed.add(key)
        return is_new

    def _tell(self, chapter: Chapter, case: Case) -> None:
        for what in map(without_random, self._laboratory.look_at(chapter, case)):
            if what.startswith("limit"):
                self.report.limits[what] += 1
                continue
            evidence = self._keep(chapter)
            self.report.findings.setdefault(what, []).append(f"{REPLAY} {evidence} {case}")
            if self._first_only:
                raise Found(what)

    def _keep(self, chapter: Chapter) -> Path:
        """Keep a recording for `replay`."""
        digest = hashlib.sha256("\n".join(chapter.record).encode()).hexdigest()[:8]
        path = EVIDENCE / f"{self._stage.scenario.name}-{digest}.json.gz"
        if not path.exists():
            chapter.history.save(path, self._stage.scenario.name, chapter.record)
        return path.relative_to(CHECKOUT)


def begun(stage: PowerStage, laboratory: Laboratory) -> History:
    """What happens before the run that is cut, with nothing of it any safer than it was left."""
    beginning = laboratory.beginning
    if stage.scenario.copied:
        chapter = laboratory.record(beginning, stage.copy_by_hand)
    elif stage.scenario.retention:
        chapter = laboratory.record(beginning)
        stage.retention = Retention(age=0)
    else:
        return beginning
    recording = chapter.recording
    return beginning.then(Past(chapter.record, recording.last, KILLED, len(recording.provider)))


class Found(Exception):
    """Something is wrong, and one such thing was all that was asked for."""
