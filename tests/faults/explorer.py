# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The crash matrix: kill a run at step 1, 2, 3 ... until it has no more steps, and the runs after that as well.

From every state that a crash leaves, the next run is crashed at each of its steps in turn, and so on, until no crash
leads to a state that has not been seen. So a job may be killed any number of times, anywhere: all that can come of it
has been looked at. Two crashes leave the same state when no run could tell the difference (`World.fingerprint`).
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Union

from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.exit_status import (
    ALREADY_RUNNING,
    status_of_error,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import JobRunning
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult

from . import books, events, plain
from .conversation import Conversation, kind_of
from .runs import Pair, Stage
from .stepper import Step
from .world import Picture, without_random

ENOUGH = 100  # findings, after which a variant needs no further proof of being broken

AT_ONCE = 5.0  # seconds, on a machine that is busy

Move = Union[int, str]
"""What happened on the way to a state: the step at which a run was killed, or the name of an event."""


@dataclass
class Report:
    """What was done to one variant, and what was found."""

    variant: str
    steps: int = 0  # of a run that nobody disturbs
    drawn: int = 0  # of these, how many were tried where that were not all
    gone_on: int = 0  # states from which the next run was crashed at each of its steps as well
    crashes: int = 0
    cuts: int = 0
    pairs: int = 0  # runs during which another one was begun
    states: int = 0
    completed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[str]] = field(default_factory=dict)  # what is wrong, and how to see it
    enough: int = 100  # findings, after which a variant needs no further proof of being broken
    limits: dict[str, list[str]] = field(default_factory=dict)  # what cannot be prevented, and is stated

    @property
    def is_hopeless(self) -> bool:
        return sum(map(len, self.findings.values())) >= self.enough


@dataclass(frozen=True)
class State:
    """Everything on both sides, and how it came to be so."""

    picture: Picture
    puts: books.Puts
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Limits:
    """How far to go.

    :param depth: crashes in a row; None: until nothing new comes of it.
    :param steps: of the steps of a run, crash so many only, drawn with the seed; None: every one.
    :param sample: of the states after a first crash, go on from so many only, drawn with the seed; None: from all.
    """

    depth: int | None = None
    steps: int | None = None
    sample: int | None = None
    seed: int = 1


EVERYTHING = Limits()


class Explorer:
    """Crashes one variant on its stage."""

    def __init__(self, stage: Stage, report: Report) -> None:
        self.report = report
        self.states: list[State] = []
        self._stage = stage
        self._world = stage.world
        self._seen: set[str] = set()
        self._excused = False  # what happens now can do harm that is stated as a limit
        self._stated: frozenset[str] = frozenset()  # what of it
        self.start = State(self._world.photograph(), stage.puts, ())
        self.latest = ""

    def crash(self, limits: Limits) -> None:
        """Crash a run at each of its steps, and the runs after that, as far as the limits go."""
        states, depth = [self.start], 0
        while states and depth != limits.depth:
            self.states += states
            drawn = self._drawn(states, limits)
            self.report.gone_on += len(drawn) if depth else 0
            states = [new for state in drawn for new in self._crash_each_step(state, limits)]
            depth += 1
        self.states += states

    def crash_and_hurry(self, limits: Limits) -> None:
        """Kill a run, and start the next one at once, before the server has seen the end of the first."""
        for number in self._numbers(self.start, limits):
            self._world.put_back(self.start.picture)
            step, _result = self._stage.run_until(number, settle=False)
            if step is None or self.report.is_hopeless:
                break
            self._note(step)
            self._stage.run()
            state = State(self._world.photograph(), self.start.puts, (f"hurry@{number}",))
            self._tell(state, books.at_any_instant(self._world, self._stage.variant, state.puts))
            self._complete(state)

    def begin_twice(self) -> None:
        """At each step of a run begin another one of the same job: one works, and the other says so at once."""
        for number in itertools.count(1):
            self._world.put_back(self.start.picture)
            step, pair = self._stage.run_twice(number)
            if step is None or self.report.is_hopeless:
                break
            self.report.pairs += 1
            self.report.steps = max(self.report.steps, number)
            state = State(self._world.photograph(), self.start.puts, (f"twice@{number}",))
            worked = pair.second if _was_kept_out(pair.first) else pair.first
            self._tell(state, books.at_the_end(self._world, self._stage.variant, state.puts, worked))
            self._tell(state, _of_two(pair))

    def meet_events(self, *, crash: bool) -> None:
        """Let everything happen that may happen between two runs, after everything that was crashed so far.

        :param crash: and crash the run after that at each of its steps.
        """
        for state in list(self.states):
            for name in events.of(self._stage.variant.direction):
                changed = self._after_event(state, name)
                if self._is_new(changed):
                    self._complete(changed)
                    if crash:
                        self._crash_each_step(changed)

    def meet_events_midway(self, *names: str) -> None:
        """Let everything happen that may happen, or only some of it, at each step of a run that goes on."""
        for name in names or events.of(self._stage.variant.direction):
            for number in itertools.count(1):
                if self.report.is_hopeless or not self._meet_midway(name, number):
                    break

    def _meet_midway(self, name: str, number: int) -> bool:
        """Say whether there was such a step."""
        conversation, said = Conversation(), [""]
        puts = [self.start.puts]

        def hears(step: Step) -> bool:
            said.append(conversation.says(step))
            return True

        def happens() -> None:
            puts.append(events.of(self._stage.variant.direction)[name](self._world, puts[0]))
            self._excused = said[-1] in self._stage.variant.limits.get(name, ())

        self._world.put_back(self.start.picture)
        step, _result = self._stage.run_with(number, happens, among=hears)
        if step is not None:
            self._note(step)
            state = State(self._world.photograph(), puts[-1], (f"{name}@{number}",))
            self._tell(state, books.at_any_instant(self._world, self._stage.variant, state.puts))
            self._complete(state)
        self._excused = False
        return step is not None

    def cut(self) -> None:
        """Cut the connection at each request: once before the server gets it, once before we get the answer. The run
        goes on over another connection, and that has to be all that anybody notices.
        """
        for cut in (plain.Cut(number, fate) for number in itertools.count(1) for fate in ("lost", "done")):
            self._world.put_back(self.start.picture)
            result = self._stage.run_cut(cut)
            if result is None or self.report.is_hopeless:
                break
            self.report.cuts += 1
            state = State(self._world.photograph(), self.start.puts, (str(cut),))
            self._tell(state, books.at_the_end(self._world, self._stage.variant, state.puts, result))
            self.report.held.update(books.waiting_for_a_person(result).values())

    def be_late(self, *, every_step: bool) -> None:
        """Cut the connection at each request, which the server gets all the same, with what follows it: at each step
        that the run makes over its next connection, or after its end.

        :param every_step: else only before each request.
        """
        for number in itertools.count(1):
            for moment in itertools.count(1):
                self._world.put_back(self.start.picture)
                step = self._run_late(number, moment, every_step=every_step)
                if not self._stage.plain.was_late:
                    return
                self.report.cuts += 1
                state = State(self._world.photograph(), self.start.puts, (f"late@{number}@{moment}",))
                self._stated = frozenset(f"left over: {path}" for path in self._empty_parts_of_what_is_done(state))
                self._tell(state, books.at_any_instant(self._world, self._stage.variant, state.puts))
                self._complete(state)
                if step is None or self.report.is_hopeless:
                    break

    def _empty_parts_of_what_is_done(self, state: State) -> Iterator[str]:
        """The server was asked to make them before they were renamed, and again over the connection that was lost."""
        for row in self._world.rows(state.picture):
            part = str(row["temporary"])
            file = state.picture.get(str(self._world.there / part))
            if row["state"] == "delivered" and file is not None and not file.content:
                yield part

    def _run_late(self, number: int, moment: int, *, every_step: bool = False) -> Step | None:
        self._stage.plain.cut = plain.Cut(number, "late")
        connections = 0

        def counts(step: Step) -> bool:
            nonlocal connections
            connections += step.call == "connect"
            return connections > 1 and (every_step or bool(step.data))

        step = self._stage.run_with(moment, self._stage.plain.release, among=counts)[0]
        self._stage.plain.release()
        return step

    def follow(self, move: Move) -> State:
        """What one more move leads to; the next one goes on from there."""
        state = self.start
        self._world.put_back(state.picture)
        puts = [state.puts]
        if isinstance(move, str) and "@" not in move:
            self.start = self._after_event(state, move)
            return self.start
        if isinstance(move, int):
            self.latest = str(self._stage.run_until(move)[0])
        else:
            name, *numbers = move.split("@")
            self.latest = self._follow_midway(name, *map(int, numbers), puts=puts)
        self.start = State(self._world.photograph(), puts[-1], (*state.moves, move))
        return self.start

    def _follow_midway(self, name: str, number: int, moment: int = 0, *, puts: list[books.Puts]) -> str:
        if name == "late":
            return f"late at: {self._run_late(number, moment)}"
        if name in plain.FATES:
            return f"cut: {self._stage.run_cut(plain.Cut(number, name))}"
        event = events.of(self._stage.variant.direction)[name]
        return str(self._stage.run_with(number, lambda: puts.append(event(self._world, puts[0])))[0])

    def _drawn(self, states: list[State], limits: Limits) -> list[State]:
        if limits.sample is None or len(states) <= limits.sample:
            return states
        return self._dice(limits).sample(states, limits.sample)

    def _dice(self, limits: Limits) -> random.Random:
        # Variants must not all draw alike.
        return random.Random(f"{limits.seed} {self.report.variant}")

    def _crash_each_step(self, state: State, limits: Limits = EVERYTHING) -> list[State]:
        """Start from a state again and again, each time to be killed one step later; return the new states."""
        found: list[State] = []
        for number in self._numbers(state, limits):
            self._world.put_back(state.picture)
            step, _result = self._stage.run_until(number)
            if step is None or self.report.is_hopeless:
                break
            self._note(step)
            crashed = State(self._world.photograph(), state.puts, (*state.moves, number))
            self._tell(crashed, books.at_any_instant(self._world, self._stage.variant, state.puts))
            if self._is_new(crashed):
                found.append(crashed)
                self._complete(crashed)
            if not state.moves and limits.steps is None:
                self.report.steps = max(self.report.steps, number)
        return found

    def _numbers(self, state: State, limits: Limits) -> Iterable[int]:
        if limits.steps is None:
            return itertools.count(1)
        self._world.put_back(state.picture)
        last = self._stage.count_steps()
        drawn = sorted(self._dice(limits).sample(range(1, last + 1), min(limits.steps, last)))
        self.report.steps, self.report.drawn = last, len(drawn)
        return drawn

    def _after_event(self, state: State, name: str) -> State:
        self._world.put_back(state.picture)
        puts = events.of(self._stage.variant.direction)[name](self._world, state.puts)
        return State(self._world.photograph(), puts, (*state.moves, name))

    def _complete(self, state: State) -> None:
        """Let a run go to its end, and look whether everything is right then, and stays so."""
        self.report.completed += 1
        result = self._stage.run()
        allowed = self._may_hold(state)
        wrong = books.at_the_end(self._world, self._stage.variant, state.puts, result, may_hold=allowed)
        self._tell(state, wrong)
        self.report.held.update(books.waiting_for_a_person(result).values())
        before = self._world.fingerprint(self._world.photograph())
        again = self._stage.run()
        if again.summary["delivered"] or self._world.fingerprint(self._world.photograph()) != before:
            self._tell(state, ["restless: another run changes things"])
        # Of a file that its owner took away there is nothing more to say.
        here = {put.name for put in state.puts if not put.gone}
        waiting, still = books.waiting_for_a_person(result), books.waiting_for_a_person(again)
        if {name: waiting.get(name) for name in here} != {name: still.get(name) for name in here}:
            self._tell(state, ["restless: another run says something else of what waits"])

    def _may_hold(self, state: State) -> frozenset[str]:
        happened = [str(move).partition("@")[0] for move in state.moves if isinstance(move, str)]
        return self._stage.variant.may_hold.union(*(events.MAY_HOLD.get(name, frozenset()) for name in happened))

    def _is_new(self, state: State) -> bool:
        fingerprint = f"{self._world.fingerprint(state.picture)} {hash(state.puts)}"
        is_new = fingerprint not in self._seen
        self._seen.add(fingerprint)
        self.report.states = len(self._seen)
        return is_new

    def _note(self, step: Step) -> None:
        self.report.crashes += 1
        self.report.kinds[kind_of(step)] += 1

    def _tell(self, state: State, problems: Iterable[str]) -> None:
        replay = " ".join([REPLAY, self.report.variant, *map(str, state.moves)])
        for what in problems:
            is_stated = self._excused or what.startswith("limit") or what in self._stated
            into = self.report.limits if is_stated else self.report.findings
            into.setdefault(without_random(what), []).append(replay)


def _was_kept_out(result: RunResult) -> bool:
    return isinstance(result.error, JobRunning)


def _of_two(pair: Pair) -> Iterator[str]:
    """What is wrong with how two runs of one job have got along."""
    kept_out = [result for result in pair[:2] if _was_kept_out(result)]
    if len(kept_out) == len(pair[:2]):
        yield "restless: each of two runs has kept the other one out"
    for result in kept_out:
        if result.error is None or result.outcomes or status_of_error(result.error) != ALREADY_RUNNING:
            yield f"restless: a run that was kept out ended with {result.outcomes}"
    if _was_kept_out(pair.second) and pair.seconds > AT_ONCE:
        yield "restless: a second run took a while to say that there is another one"


REPLAY = "python tests/faults/replay.py"
