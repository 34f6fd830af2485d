# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens in the middle of a run: incidents, each at a request of a number, all drawn before the run begins."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Fault, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Code,
    Data,
    Kind,
    Stats,
    Status,
)
from support import relay
from support.odd_server import Bytes

from .people import People

_PEOPLE = ("put", "edit", "withdraw", "take", "squat")
_CONNECTION = ("cut before", "cut after", "kill before", "kill after")
_SERVER = ("refuse", "refuse", "lie", "garble", "short", "smaller", "silence")

_CODES = (Code.FAILURE, Code.PERMISSION_DENIED, Code.OP_UNSUPPORTED, Code.BAD_MESSAGE, Code.NO_CONNECTION)
_REFUSABLE = (
    Kind.CLOSE,
    Kind.LSTAT,
    Kind.FSTAT,
    Kind.OPEN,
    Kind.READ,
    Kind.WRITE,
    Kind.READDIR,
    Kind.REMOVE,
    Kind.RENAME,
)
_CHANGES = (Kind.CLOSE, Kind.REMOVE, Kind.RENAME)  # what may be done, and refused all the same

SILENCE = 0.5  # seconds that a run waits for an answer that does not come


@dataclass(frozen=True)
class Incident:
    """:ivar at: the request of this number, counted from one over all connections of a run."""

    at: int
    what: str
    salt: int


@dataclass(frozen=True)
class Weather:
    """What one run has to go through.

    :ivar refused: kinds of requests that the server refuses throughout.
    :ivar step: where the run kills itself, if it does.
    :ivar bytes_until_cut: after how many bytes, and which way, the first connections are cut by the network.
    """

    incidents: Sequence[Incident] = ()
    refused: frozenset[Kind] = frozenset()
    step: int | None = None
    bytes_until_cut: Sequence[relay.Fault] = ()

    @property
    def timeout(self) -> float:
        silent = any(incident.what == "silence" for incident in self.incidents)
        return SILENCE if silent else 30.0


CALM = Weather()


def drawn(chance: random.Random) -> Weather:
    """The weather of one run."""
    incidents = [
        Incident(_somewhere(chance, 300), chance.choice(group), chance.randrange(1 << 30))
        for group, number in ((_PEOPLE, 4), (_CONNECTION, 2), (_SERVER, 3))
        for _incident in range(chance.randint(0, number))
    ]
    refused = frozenset({chance.choice(_REFUSABLE)} if chance.random() < 0.15 else ())
    step = _somewhere(chance, 1500) if chance.random() < 0.5 else None
    cuts = [_cut(chance) for _connection in range(chance.choice((0, 0, 1, 2)))]
    return Weather(incidents, refused, step, cuts)


def _somewhere(chance: random.Random, most: int) -> int:
    """A number that is as likely to be of one size as of another."""
    return int(most ** chance.random())


def _cut(chance: random.Random) -> relay.Fault:
    way = chance.choice(("up", "down"))
    return relay.Fault(chance.choice(("cut", "close")), way, 1500 + _somewhere(chance, 400_000))


class Storm(Fault):
    """The fault that a storm's server has: whatever the weather says.

    :ivar people: who acts when it is their turn.
    :ivar kill: ends the run that is under way.
    :ivar removed: the names that runs have removed on the server, whether or not they heard of it.
    :ivar refused: the names that the server has refused for good.
    """

    def __init__(self) -> None:
        self.people: People | None = None
        self.kill: Callable[[], None] = lambda: None
        self.removed: set[str] = set()
        self.refused: set[str] = set()
        self._weather = CALM
        self._lock = threading.Lock()
        self._count = 0
        self._looked: set[bytes] = set()
        self._full: set[int] = set()

    def change(self, weather: Weather) -> None:
        with self._lock:
            self._weather = weather
            self._count = 0
            self._looked.clear()

    def serve(self, call: Call, go: Serve) -> Answer | None:
        with self._lock:
            self._count += 1
            due = [incident for incident in self._weather.incidents if incident.at == self._count]
            refused = call.request.kind in self._weather.refused or (
                call.request.kind == Kind.WRITE and call.session in self._full
            )
            self._remember(call)
            spared = frozenset(_name(path) for path in self._looked)
        for incident in due:
            if incident.what in _PEOPLE and self.people is not None:
                self.people.act(incident.what, random.Random(incident.salt), spared=spared)
        if refused:
            return Status(Code.PERMISSION_DENIED, "refused all day")
        for incident in due:
            if incident.what not in _PEOPLE:
                return self._strike(incident, call, go)
        return go(call.request)

    def strikes(self) -> Sequence[Incident]:
        """Count a request of another protocol; let people act; return what else is due."""
        with self._lock:
            self._count += 1
            due = [incident for incident in self._weather.incidents if incident.at == self._count]
        for incident in due:
            if incident.what in _PEOPLE and self.people is not None:
                self.people.act(incident.what, random.Random(incident.salt))
        return [incident for incident in due if incident.what not in _PEOPLE]

    def end(self, what: str) -> None:
        """Kill the run, if that is what an incident says."""
        if what.startswith("kill"):
            self.kill()

    def _remember(self, call: Call) -> None:
        """A file that was looked at may be deleted or moved on the word of that look: a stated limit."""
        if call.request.kind == Kind.LSTAT:
            self._looked.add(call.path)
        elif call.request.kind == Kind.OPEN:
            self._looked.discard(call.path)
        elif call.request.kind == Kind.REMOVE:
            self.removed.add(_name(call.path))

    def _strike(self, incident: Incident, call: Call, go: Serve) -> Answer | None:
        when, _space, how = incident.what.partition(" ")
        if how == "before":
            self._end(when)
        if when in _ODD:
            if call.request.kind == Kind.WRITE:
                self._full.add(call.session)  # once a disk is full it stays so: no file has a hole in its middle
            return _ODD[when](incident, call, go)
        answer = go(call.request)
        if how == "after":
            self._end(when)
        return answer

    def _end(self, how: str) -> None:
        if how == "cut":
            raise Cut
        self.kill()


def _name(path: bytes) -> str:
    return path.rpartition(b"/")[2].decode("utf-8", "replace")


def _refuse(incident: Incident, call: Call, go: Serve) -> Answer | None:
    return Status(_CODES[incident.salt % len(_CODES)], "not now")


def _lie(incident: Incident, call: Call, go: Serve) -> Answer | None:
    if call.request.kind in _CHANGES:
        go(call.request)
    return Status(Code.FAILURE, "it was done all the same")


def _garble(incident: Incident, call: Call, go: Serve) -> Answer | None:
    return Bytes(random.Random(incident.salt).randbytes(40))


def _short(incident: Incident, call: Call, go: Serve) -> Answer | None:
    answer = go(call.request)
    return Data(answer.data[: 1 + len(answer.data) // 3]) if isinstance(answer, Data) else answer


def _smaller(incident: Incident, call: Call, go: Serve) -> Answer | None:
    """The wrong size of an open file."""
    answer = go(call.request)
    if call.request.kind == Kind.FSTAT and isinstance(answer, Stats):
        wrong = Attributes(size=(answer.attributes.size or 0) + 1)
        return Stats(replace(wrong, mtime=answer.attributes.mtime, atime=answer.attributes.atime))
    return answer


def _silence(incident: Incident, call: Call, go: Serve) -> Answer | None:
    return None


_ODD = {
    "refuse": _refuse,
    "lie": _lie,
    "garble": _garble,
    "short": _short,
    "smaller": _smaller,
    "silence": _silence,
}
