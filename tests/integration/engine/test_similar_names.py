# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that a server may take for one: by case, or by how letters are composed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.names import folded
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Attributes, Kind, Stats
from support.desk import outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer

TWINS = {
    "case": ("invoice.xml", "INVOICE.XML"),
    "three": ("a.xml", "A.xml", "a.XML"),
    "composed": ("caf\u00e9.xml", "cafe\u0301.xml"),
    "composed and case": ("\u00dcbersicht.xml", "u\u0308bersicht.xml"),
    "sharp s": ("stra\u00dfe.xml", "STRASSE.xml"),
}


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


class Turns:
    """Note which files are between the first look at their name and the answer that ends their upload."""

    def __init__(self, server: OddServer, *, takes_for_one: bool) -> None:
        self.server = server
        self.takes_for_one = takes_for_one
        self.names: set[str] = set()
        self.overlaps: set[str] = set()
        self._lock = threading.Lock()
        for kind in (Kind.OPEN, Kind.LSTAT, Kind.RENAME):
            server.hooks[kind] = self.serve

    def serve(self, call: Call, go: Serve) -> Answer | None:
        name = os.path.basename(call.request.target or call.path).decode()
        with self._lock:
            if not name.startswith(".") and call.request.kind == Kind.LSTAT and call.path.count(b"/"):
                arrived = set(os.listdir(self.server.input))
                self.overlaps |= {one for one in self.names - arrived if one != name and folded(one) == folded(name)}
                self.names.add(name)
            if self.takes_for_one and call.request.kind == Kind.LSTAT and not name.startswith("."):
                for one in os.listdir(self.server.input):
                    if folded(one) == folded(name):
                        return Stats(Attributes(size=(self.server.input / one).stat().st_size, permissions=0o100644))
            return go(call.request)


def fill(desk: Desk, names: tuple[str, ...]) -> dict[str, bytes]:
    desk.fill(10)
    for number, name in enumerate(names):
        (desk.outbox / name).write_bytes(name.encode() * 10 + bytes(number))
    return {path.name: path.read_bytes() for path in desk.outbox.iterdir()}


@pytest.mark.parametrize("upload", ["direct", "rename"])
@pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS)
def test_similar_names_go_one_after_the_other(
    desk: Desk, server: OddServer, upload: str, twins: tuple[str, ...]
) -> None:
    wanted = fill(desk, twins)
    turns = Turns(server, takes_for_one=False)
    result = desk.run(desk.dropoff(upload=upload))
    assert outcomes(result) == dict.fromkeys(wanted, ("delivered", ""))
    assert {path.name: path.read_bytes() for path in server.input.iterdir()} == wanted
    assert turns.overlaps == set()


@pytest.mark.parametrize("upload", ["direct", "rename"])
@pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS)
def test_a_server_that_takes_them_for_one_keeps_the_first(
    desk: Desk, server: OddServer, upload: str, twins: tuple[str, ...]
) -> None:
    wanted = fill(desk, twins)
    Turns(server, takes_for_one=True)
    result = desk.run(desk.dropoff(upload=upload))
    assert result.summary["delivered"] == len(wanted) - len(twins) + 1
    there = {path.name: path.read_bytes() for path in server.input.iterdir()}
    left = {path.name: path.read_bytes() for path in desk.outbox.iterdir() if path.is_file()}
    assert {**there, **left} == wanted
    assert {outcomes(result)[name] for name in left} == {("waiting", "name_taken")}


def test_similar_names_of_two_sources_go_one_after_the_other(desk: Desk, server: OddServer) -> None:
    other = desk.folder / "other"
    other.mkdir()
    (desk.outbox / "a.xml").write_bytes(b"first")
    (other / "A.xml").write_bytes(b"second")
    turns = Turns(server, takes_for_one=False)
    result = desk.run(desk.dropoff(sources=(str(desk.outbox), str(other))))
    assert set(outcomes(result).values()) == {("delivered", "")}
    assert turns.overlaps == set()


def test_a_limit_counts_them_in_their_order(desk: Desk) -> None:
    fill(desk, TWINS["three"])
    assert desk.run(desk.dropoff(max_files=12)).summary["delivered"] == 12
    assert desk.run(desk.dropoff(max_files=12)).summary["delivered"] == 1
