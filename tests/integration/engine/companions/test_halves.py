# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One half of a set goes wrong: the second one never goes without the first one, and no original is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.companions import Companion
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Pickup
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind, Status
from support.desk import digests, outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer

PAIR = (Companion("*.pdf"), Companion("*.xml"))
FILES = {"a.pdf": b"pdf" * 1000, "a.xml": b"xml" * 1000}


class Side:
    """One direction between an odd server and a desk."""

    def __init__(self, folder: Path, server: OddServer, direction: str) -> None:
        self.desk = Desk(folder, server)
        self.server = server
        self.is_pickup = direction == "pickup"
        self.origin = server.pickup if self.is_pickup else self.desk.outbox
        self.target = self.desk.inbox if self.is_pickup else server.input
        self.moves = Kind.READ if self.is_pickup else Kind.WRITE
        for name, content in FILES.items():
            (self.origin / name).write_bytes(content)

    def job(self, **options: Any) -> Dropoff | Pickup:
        make: Callable[..., Dropoff | Pickup] = self.desk.pickup if self.is_pickup else self.desk.dropoff
        return make(companions=PAIR, **options)

    def run(self, **options: Any) -> RunResult:
        return self.desk.run(self.job(**options))

    def on(self, kind: Kind, name: str, act: Callable[[Call, Serve], Answer | None]) -> None:
        def serve(call: Call, go: Serve) -> Answer | None:
            return act(call, go) if call.path.endswith(name.encode()) else go(call.request)

        self.server.hooks[kind] = serve


@pytest.fixture(params=["dropoff", "pickup"])
def side(request: pytest.FixtureRequest, tmp_path: Path, server: OddServer) -> Side:
    return Side(tmp_path, server, request.param)


def denied(_call: Call, _go: Serve) -> Answer:
    return Status(Code.PERMISSION_DENIED, "no")


def test_the_second_half_is_cut_a_hundred_times(side: Side) -> None:
    cuts = 0

    def cut(_call: Call, _go: Serve) -> Answer:
        nonlocal cuts
        cuts += 1
        raise Cut

    side.on(side.moves, "a.xml", cut)
    published = set()
    while cuts < 100:
        assert side.run().error is not None
        whole = {name for name, content in FILES.items() if (side.target / name).exists()}
        published.add(frozenset(whole - {"a.xml"} if not side.is_pickup else whole))
        assert digests(side.origin).keys() == FILES.keys()
    assert published == {frozenset({"a.pdf"})}
    side.server.hooks.clear()
    assert outcomes(side.run())["a.xml"] == ("delivered", "")
    assert {path.name: path.read_bytes() for path in side.target.iterdir() if path.is_file()} == FILES
    assert digests(side.origin) == {}


@pytest.mark.parametrize("first_fails", [True, False])
def test_after_a_half_that_fails_the_other_one_waits(side: Side, first_fails: bool) -> None:
    bad = "a.pdf" if first_fails else "a.xml"
    side.on(Kind.OPEN, bad, denied)
    for run in range(3):
        found = outcomes(side.run())
        assert found[bad][0] == "failed"
        if first_fails:
            assert found["a.xml"] == ("waiting", "companion_waiting")
        else:
            assert found["a.pdf"] == (("delivered", "") if run == 0 else ("waiting", "companion_waiting"))
        assert digests(side.target).keys() == (set() if first_fails else {"a.pdf"})
        assert digests(side.origin).keys() == FILES.keys()
    side.server.hooks.clear()
    side.run()
    assert {path.name: path.read_bytes() for path in side.target.iterdir() if path.is_file()} == FILES
    assert digests(side.origin) == {}


def test_the_halves_go_in_their_order_and_the_originals_last(side: Side) -> None:
    log: list[str] = []

    def note(kind: Kind) -> Callable[[Call, Serve], Answer | None]:
        def act(call: Call, go: Serve) -> Answer | None:
            log.append(f"{kind.name} {call.path.decode().rpartition('.')[2]}")
            there = digests(side.desk.outbox).keys() if not side.is_pickup else FILES.keys()
            assert there == FILES.keys()
            return go(call.request)

        return act

    for kind in (side.moves, Kind.REMOVE):
        side.on(kind, "", note(kind))
    side.run()
    moved = list(dict.fromkeys(log))
    expected = [f"{side.moves.name} pdf", f"{side.moves.name} xml"]
    assert moved == expected + (["REMOVE pdf", "REMOVE xml"] if side.is_pickup else [])


@pytest.mark.parametrize("decision", ["resend", "delivered", "discard"])
@pytest.mark.parametrize("bad", ["a.pdf", "a.xml"])
def test_a_half_that_is_held_is_resolved(tmp_path: Path, server: OddServer, bad: str, decision: str) -> None:
    side = Side(tmp_path, server, "dropoff")
    gone = side.target / bad

    def take_part(call: Call, go: Serve) -> Answer | None:
        go(call.request)
        gone.unlink(missing_ok=True)
        raise Cut

    server.is_openssh = True
    side.on(Kind.WRITE, bad, take_part)
    for _run in range(2):
        assert outcomes(side.run())[bad][0] == "held"
        assert "a.xml" not in digests(side.target) or bad == "a.xml"
    server.hooks.clear()
    resolve(side.desk.ledger, Wanted(names=(bad,)), decision)
    found = outcomes(side.run())
    other = {"a.pdf": "a.xml", "a.xml": "a.pdf"}[bad]
    if decision == "discard":
        assert found[bad] == ("skipped", "discarded")
        assert found.get(other, ("", ""))[0] in ("waiting", "skipped")
        side.run()
        assert digests(side.origin).keys() == (FILES.keys() if bad == "a.pdf" else {"a.xml"})
        assert digests(side.target).keys() == ({"a.pdf"} if bad == "a.xml" else set())
        return
    assert digests(side.origin) == {}
    assert digests(side.target).keys() == (FILES.keys() if decision == "resend" else {other})
