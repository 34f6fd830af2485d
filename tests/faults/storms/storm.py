# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One storm: several runs of one job in bad weather, then quiet ones, and the books that must balance.

Everything is drawn from the storm's seed before it happens. What the clock decides (which of two runs begins first, how
far a server gets with what it was sent before its client was killed) is left to the clock.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult

from .. import books
from ..runs import YESTERDAY
from ..variants import Variant
from .nursery import Nursery
from .people import VOID, People
from .servers import Server
from .weather import CALM, Storm, Weather, drawn

MODES = ("rename", "direct", "pickup")
REQUEST = "request"  # the only mode of a server whose files go in requests
_AFTER = {
    "rename": ("archive", "archive", "delete", "keep"),
    "direct": ("archive", "delete", "keep"),
    REQUEST: ("archive", "delete", "keep"),
}
_HELD = {
    "rename": frozenset({"ambiguous", "not_completed", "vanished"}),
    "direct": frozenset({"ambiguous", "maybe_incomplete", "not_completed"}),
    "pickup": frozenset[str](),
    REQUEST: frozenset({"ambiguous", "rejected"}),
}
"""What may wait for a person in the end; `_unjustified` asks for the evidence."""

ALL_OF_IT = {"index": 0, "count": 1}
"""A share, so that files are claimed."""

WRONG = "wrong: "
"""How the counts of what is wrong begin."""

QUIET = 3
"""Runs in good weather after which everything must be done: one finds what was left, one sends what had to wait for a
name to be free, and one finds nothing to do."""


@dataclass
class Report:
    """What came of a storm.

    :ivar log: its story, for people.
    :ivar findings: what is wrong.
    """

    seed: int
    log: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        again = f"python -m pytest tests/faults/storms --storm-seed {self.seed}"
        return "\n".join((f"storm {self.seed}; again: {again}", *self.log, "FOUND:", *self.findings))


class _Storm:
    def __init__(self, seed: int, server: Server, fault: Storm, nursery: Nursery) -> None:
        self.chance = random.Random(f"storm {seed}")
        self.report = Report(seed)
        self._server = server
        self._fault = fault
        self._nursery = nursery
        self._world = server.world
        self._mode = REQUEST if server.by_request else self.chance.choice(MODES)
        self._variant = self._draw_variant()
        eager = not server.has_hooks or self.chance.random() < 0.3
        self._people = People(self._world, self._variant, eager=eager, complete=server.take)
        fault.people = self._people
        self._say(f"{self._mode} {dict(self._variant.options)} {type(server).__name__} eager={eager}")

    def _draw_variant(self) -> Variant:
        options: dict[str, object]
        if self._mode == "pickup":
            direction, options = "pickup", {"after": self.chance.choice(("delete", "delete", "move", "keep"))}
            if self.chance.random() < 0.4:
                options["share"] = ALL_OF_IT
        else:
            direction = "dropoff"
            options = {"after": self.chance.choice(_AFTER[self._mode])}
            if self._mode != REQUEST:
                options["upload"] = self._mode
        return Variant(f"storm-{self._mode}", direction, options, {}, may_hold=_HELD[self._mode])

    def rage(self) -> Report:
        self.report.counts["storms"] += 1
        for path, content in books.bystanders(self._world).items():
            self._world.put(path, content, mtime_ns=YESTERDAY)
        for _file in range(self.chance.randint(0, 8)):
            self._people.act("put", random.Random(self.chance.random()))
        for _run in range(self.chance.randint(2, 6)):
            self._between()
            self._run(drawn(self.chance), twice=self.chance.random() < 0.15)
            if self.chance.random() < 0.7:
                self._server.settle()
                self._find(books.at_any_instant(self._world, self._variant, self._people.puts))
        self._server.settle()
        self._calm_down()
        return self.report

    def _between(self) -> None:
        """What happens while no run is under way; the server may still be busy with the last one."""
        if self._variant.direction == "pickup" or not self._server.has_hooks:
            self._server.settle()
        for _action in range(self.chance.randint(0, 6)):
            what = self.chance.choice(("put", "put", "put", "edit", "withdraw", "take", "squat"))
            self._people.act(what, random.Random(self.chance.random()))

    def _calm_down(self) -> None:
        self._people.leave()
        result = RunResult()
        for _run in range(QUIET):
            self._people.take_all()
            (found,) = self._run(CALM)
            if found is None:
                raise RuntimeError("a run was killed in good weather")
            result = found
            self._server.settle()
        held = books.waiting_for_a_person(result)
        found_wrong = books.at_the_end(self._world, self._variant, self._people.puts, result)
        self._find(found_wrong)
        self._find(self._unjustified(held))
        if result.changed:
            self._find(["restless: the last run still found something to do"])
        for reason in held.values():
            self.report.counts[f"held {reason}"] += 1
        self.report.counts["files"] += len(self._people.puts)
        self.report.counts["delivered"] += len(books._arrivals(self._world, self._variant))

    def _run(self, weather: Weather, *, twice: bool = False) -> list[RunResult | None]:
        """One run, or two at once; None stands for a run that was killed."""
        if not self._server.has_hooks:
            weather = Weather((), frozenset(), weather.step, weather.bytes_until_cut)
        self._fault.change(weather)
        with self._server.reached(weather.bytes_until_cut) as account:
            options = {"timeout": weather.timeout, **account}
            runs = [
                self._nursery.start(self._job(), options, self._world.ledger, step=weather.step)
                for _run in range(2 if twice else 1)
            ]
            self._fault.kill = lambda: [run.kill() for run in runs]  # type: ignore[assignment]
            results = [run.end() for run in runs]
            self._fault.kill = lambda: None
        for result in results:
            self._tell(weather, result)
        return results

    def _job(self) -> dict[str, Any]:
        world, options = self._world, dict(self._variant.options)
        places: dict[str, object]
        if self._mode == REQUEST:
            places = {"src": str(world.outbox), "protocol": "amili_api", "file_types": {"*": "Doc"}}
        elif self._variant.direction == "dropoff":
            places = {"src": str(world.outbox), "remote_dir": "input"}
        else:
            places = {"dest": str(world.inbox), "remote_dir": "pickup", "min_free": 0}
            if options["after"] == "move":
                places["move_dir"] = "done"
        return {"direction": self._variant.direction, "settle": 0, **places, **options}

    def _unjustified(self, held: dict[str, str]) -> Iterable[str]:
        """No server here loses a file, so what is held must have been taken: whole, or in part under `direct`."""
        arrived = [(books.plain_name(name), content) for name, content in self._world.files(self._world.kept).items()]
        for name, reason in held.items():
            puts = [put.content for put in self._people.puts if put.name == name]
            taken = [content for other, content in arrived if other == name]
            if any(put.startswith(content) for put in puts for content in taken):
                continue
            if reason == "rejected" and name in self._fault.refused:
                continue
            if reason == "maybe_incomplete" or name in self._fault.removed or self._mode == REQUEST:
                # Our own upload, which a run removed that ended before it could write that down, looks the same. So
                # does a request that got no answer.
                self.report.counts["held without need"] += 1
            else:
                yield f"not told: {name} is held as {reason}, and nobody ever took any of it"

    def _find(self, findings: Iterable[str]) -> None:
        for what in findings:
            if what.startswith("limit:") or (self._mode == "direct" and what.startswith(f"duplicated: {VOID}")):
                self.report.counts["stated limit"] += 1
            else:
                self.report.findings.append(f"after {len(self.report.log)} lines: {what}")
                self.report.counts[WRONG + what.partition(":")[0]] += 1

    def _tell(self, weather: Weather, result: RunResult | None) -> None:
        self.report.counts["runs"] += 1
        if result is None:
            self.report.counts["killed"] += 1
            self._say(f"run killed; {weather}")
            return
        if result.error is not None:
            self.report.counts[f"ended: {result.error.reason}"] += 1
        outcomes = [f"{one.name} {one.outcome} {one.reason}" for one in result.outcomes]
        self._say(f"run: {result.error!r} {outcomes}; {weather}")

    def _say(self, what: str) -> None:
        self.report.log.append(what)


def storm(seed: int, server: Server, fault: Storm, nursery: Nursery) -> Report:
    """Let one storm rage, and say what came of it.

    :raises RuntimeError: it broke; with its story so far.
    """
    raging = _Storm(seed, server, fault, nursery)
    try:
        return raging.rage()
    except Exception as error:
        raise RuntimeError(f"{raging.report}\n{error!r}") from error
