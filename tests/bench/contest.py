# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ours and the peers, side by side: the same files, the same server, the same network, one after the other.

Every call is a process of its own. What it takes to start, connect and list an empty folder is measured right before
each transfer, and taken off. Every transfer is checked file by file; one that lost or changed a file does not count.
"""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import syncs
from arena import EMPTY, Site, site
from cases import REFERENCE, Case
from contestants import BEFORE, Contestant
from ours import Ours
from support.stopwatch import Usage
from workloads import Workload, workload

COUNTED_UP_TO = 0.02  # seconds of delay; the syncs of a run depend on that more than on the machine
COUNTED_FILES = 1000
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


@dataclasses.dataclass(frozen=True)
class Rules:
    """How a contest is held.

    :ivar rounds: at most so many.
    :ivar seconds: after so many, no case is begun again; each is held once, with those left out by then who take long.
    :ivar once: names of cases that the first round is enough for.
    :ivar contestants: names, or None for those that each case names.
    :ivar before: another checkout, whose engine takes part too.
    :ivar count_syncs: also count how often ours makes the disk sure.
    :ivar folder: where the clients' files lie on the disk.
    :ivar server: lines for sshd_config.
    """

    rounds: int
    seconds: float
    once: Container[str] = ()
    contestants: Sequence[str] | None = None
    before: Path | None = None
    count_syncs: bool = False
    folder: Path | None = None
    server: Sequence[str] = ()

    def entrants(self, case: Case) -> list[Contestant]:
        """Who takes part in a case, and is installed."""
        names = list(case.contestants if self.contestants is None else self.contestants)
        if self.before is not None:
            names.insert(1, BEFORE)
        return [one for one in (Contestant(name, self.before) for name in names) if one.version]


def hold(cases: Sequence[Case], rules: Rules) -> Iterator[tuple[Case, list[Score], dict[str, int]]]:
    """Run every case, and most of them again: what is compared is measured close together, and all over the time.

    Each time that a case was held, its scores so far, and ours' syncs if they were counted just now.
    """
    with contextlib.ExitStack() as stack:
        sites = {
            place: stack.enter_context(site(place, rules.folder, rules.server))
            for place in sorted({case.place for case in cases})
        }
        started = time.monotonic()
        matches: dict[str, _Match] = {}
        for number in range(rules.rounds):
            due = [case for case in cases if not number or case.name not in rules.once]
            for case in due:
                late = time.monotonic() - started > rules.seconds
                if number and late:
                    return
                if not number:
                    matches[case.name] = _Match(case, sites[case.place], rules)
                match = matches[case.name]
                match.hold(number, all_of_them=not number and not late)
                yield case, match.scores, match.count_syncs() if not number and rules.count_syncs else {}


class _Match:
    """One case, with all who take part in it."""

    def __init__(self, case: Case, where: Site, rules: Rules) -> None:
        self._case = case
        self._where = where
        self._folder = where.folder / case.name
        self._folder.mkdir()
        work = workload(case, where)
        self._turns = [_Turn(case, contestant, work, where, self._folder) for contestant in rules.entrants(case)]

    @property
    def scores(self) -> list[Score]:
        return [turn.score for turn in self._turns if turn.score.seconds]

    def hold(self, number: int, *, all_of_them: bool) -> None:
        """One round; each time somebody else begins."""
        first = number % len(self._turns)
        for turn in self._turns[first:] + self._turns[:first]:
            beside = not number and turn.score.contestant == REFERENCE
            if all_of_them or beside or turn.score.contestant not in self._case.once:
                turn.take()

    def count_syncs(self) -> dict[str, int]:
        if self._case.rtt > COUNTED_UP_TO or self._case.files > COUNTED_FILES or self._case.known:
            return {}
        return syncs.count(self._case, self._where, self._folder)


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
        # What a program has to read from the disk when it is first called is nobody's speed, nor is a ledger to make.
        if where.welcome(contestant.name) or isinstance(self.peer, Ours):
            self.peer.idle(EMPTY)

    def take(self) -> None:
        idle = self.peer.idle(EMPTY)
        usage = self._work.transfer(self.peer, self._files, self._size)
        self.score.add(idle, usage)
