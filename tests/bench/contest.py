# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ours and the peers, side by side: the same files, the same server, the same network, one after the other.

Every call is a process of its own. What it takes to start, connect and list an empty folder is measured right before
each transfer, and taken off. Every transfer is checked file by file; one that lost or changed a file does not count.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import syncs
from arena import EMPTY, Site, site
from cases import Case
from contestants import BEFORE, Contestant
from support.stopwatch import Usage
from workloads import Workload, workload

ROUNDS = {"rclone": 1, "paramiko": 1, "asyncssh": 1}
"""These take minutes where others take seconds, and no mark depends on them."""

COUNTED_UP_TO = 0.02  # seconds of delay; the syncs of a run depend on that more than on the machine
SHORTEST = 0.001  # seconds; what is left of a transfer when its overhead is taken off may drown in noise


@dataclasses.dataclass
class Score:
    """What one contestant took in one case, round by round.

    :ivar seconds: of the transfer itself: overhead taken off, and scaled where only a share of the work was done.
    :ivar share: of the work.
    :ivar memory: in bytes.
    :ivar idle: seconds to start, connect and list an empty folder; ``idle_memory`` what that took.
    """

    contestant: str
    title: str
    share: float
    seconds: list[float] = dataclasses.field(default_factory=list)
    idle: list[float] = dataclasses.field(default_factory=list)
    memory: list[int] = dataclasses.field(default_factory=list)
    idle_memory: list[int] = dataclasses.field(default_factory=list)
    cpu: list[float] = dataclasses.field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def on_top(self) -> float:
        """Memory on top of what the idle call took, in bytes."""
        return statistics.median(self.memory) - statistics.median(self.idle_memory)

    def add(self, idle: Usage, usage: Usage) -> None:
        self.seconds.append(max(SHORTEST, usage.seconds - idle.seconds) / self.share)
        self.idle.append(idle.seconds)
        self.memory.append(usage.memory)
        self.idle_memory.append(idle.memory)
        self.cpu.append(max(0.0, usage.cpu - idle.cpu) / self.share)


class Contest:
    """All cases, on as many sites as they need."""

    def __init__(
        self,
        cases: Sequence[Case],
        *,
        contestants: Sequence[str] | None,
        before: Path | None,
        rounds: int,
        count_syncs: bool,
        folder: Path | None,
        config: Iterable[str],
    ) -> None:
        self._cases = cases
        self._names = contestants
        self._before = before
        self._rounds = rounds
        self._count_syncs = count_syncs
        self._folder = folder
        self._config = list(config)

    def hold(self) -> Iterator[tuple[Case, list[Score], dict[str, int]]]:
        """Run every case; the contestants take turns in each round. The last of the three: ours' syncs, if counted."""
        for place in sorted({case.place for case in self._cases}):
            with site(place, self._folder, self._config) as where:
                for number, case in enumerate(self._cases):
                    if case.place == place:
                        own = where.folder / str(number)
                        own.mkdir()
                        scores = self._decide(case, where, own)
                        counted = self._count_syncs and case.rtt <= COUNTED_UP_TO and not case.known
                        yield case, scores, syncs.count(case, where, own) if counted else {}

    def entrants(self, case: Case) -> list[Contestant]:
        """Who takes part in a case, and is installed: those named, or else those that the case names."""
        names = list(case.contestants if self._names is None else self._names)
        if self._before is not None:
            names.insert(1, BEFORE)
        return [one for one in (Contestant(name, self._before) for name in names) if one.version]

    def _decide(self, case: Case, where: Site, folder: Path) -> list[Score]:
        work = workload(case, where)
        turns = [_Turn(case, contestant, work, where, folder) for contestant in self.entrants(case)]
        for number in range(self._rounds):
            first = number % len(turns)
            for turn in turns[first:] + turns[:first]:
                if number < ROUNDS.get(turn.peer.name, self._rounds):
                    turn.take()
        return [turn.score for turn in turns]


class _Turn:
    """One contestant's part in one case."""

    def __init__(self, case: Case, contestant: Contestant, work: Workload, where: Site, folder: Path) -> None:
        own = folder / contestant.name.replace(":", "-")
        own.mkdir()
        self.peer = contestant.at(where.target(case.rtt, own))
        self.score = Score(contestant.name, contestant.title, case.shares.get(contestant.name, 1.0))
        self._work = work
        self._files, self._size = case.share(contestant.name)
        work.prepare(self.peer)

    def take(self) -> None:
        idle = self.peer.idle(EMPTY)
        usage = self._work.transfer(self.peer, self._files, self._size)
        self.score.add(idle, usage)
