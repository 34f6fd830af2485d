# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers whose listing and look at one file differ, whose clock is wrong, or that hand a file out once.

Reports: paramiko/paramiko#2330 and #1918, PeqNP/FTPKit#26, MetPX/sarracenia#45 (figures); apache/camel#10131,
apache/nifi#4721 (clocks); rclone/rclone#5077, pkg/sftp#345, paramiko/paramiko#576 (read once).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.capabilities import STAT_AS_LISTED
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup import job_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup import plan as plan_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Code,
    Kind,
    Names,
    Stats,
    Status,
)
from support.odd_desk import Desk
from support.odd_server import OddServer

OLD = 1_700_000_003  # seconds since 1970
CONTENT = b"z" * 2349
Figures = Callable[[Attributes], Attributes]

TOLD: dict[str, tuple[Figures, Figures]] = {
    "look: size 0, 1970": (lambda a: a, lambda a: replace(a, size=0, mtime=0)),
    "look: no size": (lambda a: a, lambda a: replace(a, size=None)),
    "look: no size, no time": (lambda a: a, lambda a: replace(a, size=None, mtime=None)),
    "look: an hour later": (lambda a: a, lambda a: replace(a, mtime=(a.mtime or 0) + 3600)),
    "listing: whole minutes": (lambda a: replace(a, mtime=(a.mtime or 0) // 60 * 60), lambda a: a),
    "listing: no time": (lambda a: replace(a, mtime=None), lambda a: a),
    "listing: a time of 0": (lambda a: replace(a, mtime=0), lambda a: a),
    "listing: no size": (lambda a: replace(a, size=None), lambda a: a),
    "listing: a size of 0": (lambda a: replace(a, size=0), lambda a: a),
    "listing: nothing but names": (lambda a: replace(a, size=None, mtime=None), lambda a: a),
}
"""What is listed, and what is told of one file."""


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


def put(server: OddServer, name: str, content: bytes = CONTENT, mtime: float = OLD) -> None:
    (server.pickup / name).write_bytes(content)
    os.utime(server.pickup / name, (mtime, mtime))


def tell(server: OddServer, listed: Figures, looked: Figures) -> None:
    def list_(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        if isinstance(answer, Names):
            return Names([replace(name, attributes=listed(name.attributes)) for name in answer.names])
        return answer

    def look(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return Stats(looked(answer.attributes)) if isinstance(answer, Stats) else answer

    server.hooks.update({Kind.READDIR: list_, **dict.fromkeys((Kind.STAT, Kind.LSTAT, Kind.FSTAT), look)})


def told(result: RunResult) -> dict[str, tuple[str, str]]:
    return {one.name: (one.outcome, one.reason) for one in result.outcomes}


def came(desk: Desk) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in desk.inbox.iterdir() if not path.name.startswith(".")}


# Figures


@pytest.mark.parametrize("way", TOLD)
@pytest.mark.parametrize("count", [1, 40])
def test_a_file_whose_figures_differ_between_requests_is_fetched_once(
    desk: Desk, server: OddServer, way: str, count: int
) -> None:
    tell(server, *TOLD[way])
    for number in range(count):
        put(server, f"{number}.csv", mtime=OLD + number)
    assert set(told(desk.run(desk.pickup())).values()) == {("delivered", "")}
    assert set(came(desk).values()) == {CONTENT}
    assert len(came(desk)) == count
    assert list(server.pickup.iterdir()) == []
    assert told(desk.run(desk.pickup())) == {}


@pytest.mark.parametrize("way", TOLD)
def test_what_replaces_a_file_while_it_is_read_is_not_lost(desk: Desk, server: OddServer, way: str) -> None:
    tell(server, *TOLD[way])
    put(server, "balance.csv")
    closes = iter(range(100))

    def replaced(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        if next(closes) == 1:  # the first is that of the listing
            put(server, "balance.csv", b"new" * 2000, time.time())
        return answer

    server.hooks[Kind.CLOSE] = replaced
    for _run in range(2):
        desk.run(desk.pickup())
    left = [path.read_bytes() for path in server.pickup.iterdir()]
    assert b"new" * 2000 in (*came(desk).values(), *left)


def test_a_server_that_changes_its_ways_is_found_out_again(desk: Desk, server: OddServer) -> None:
    put(server, "a.csv")
    assert told(desk.run(desk.pickup())) == {"a.csv": ("delivered", "")}
    tell(server, *TOLD["look: an hour later"])
    put(server, "b.csv")
    assert told(desk.run(desk.pickup())) == {"b.csv": ("failed", "changed_while_read")}
    assert told(desk.run(desk.pickup())) == {"b.csv": ("delivered", "")}


def test_a_file_that_is_listed_is_not_gone_whatever_a_look_says(desk: Desk, server: OddServer) -> None:
    missing = Status(Code.NO_SUCH_FILE, "no such file")
    server.hooks.update(dict.fromkeys((Kind.STAT, Kind.LSTAT), lambda _call, _go: missing))
    put(server, "a.csv")
    assert told(desk.run(desk.pickup())) == {"a.csv": ("delivered", "")}
    assert list(server.pickup.iterdir()) == []
    put(server, "b.csv")
    server.hooks[Kind.REMOVE] = lambda _call, _go: missing
    assert told(desk.run(desk.pickup())) == {"b.csv": ("failed", "not_removed")}
    desk.run(desk.pickup())
    assert came(desk).keys() == {"a.csv", "b.csv"}


def test_files_that_are_only_compared_do_not_keep_new_ones_from_their_turn(desk: Desk, server: OddServer) -> None:
    tell(server, *[lambda a: replace(a, mtime=0)] * 2)
    put(server, "a.csv")
    desk.run(desk.pickup(after="keep", max_files=1))
    put(server, "b.csv")
    assert told(desk.run(desk.pickup(after="keep", max_files=1)))["b.csv"] == ("delivered", "")


# Read once


@pytest.fixture(params=["gone at close", "gone at open", "refused at open"])
def read_once(request: pytest.FixtureRequest, server: OddServer) -> OddServer:
    """A mailbox that hands each file out once."""
    taken: set[bytes] = set()
    answer = Status(
        Code.PERMISSION_DENIED if request.param == "refused at open" else Code.NO_SUCH_FILE, "not extractable"
    )

    def open_(call: Call, go: Serve) -> Answer | None:
        found = go(call.request)
        if request.param != "gone at close" and not isinstance(found, Status):
            taken.add(call.path)
        return found

    def close(call: Call, go: Serve) -> Answer | None:
        found = go(call.request)
        if call.path.count(b"/") == 2:
            taken.add(call.path)
            (server.pickup / os.path.basename(os.fsdecode(call.path))).unlink(missing_ok=True)
        return found

    def look(call: Call, go: Serve) -> Answer | None:
        return answer if call.path in taken else go(call.request)

    def list_(call: Call, go: Serve) -> Answer | None:
        found = go(call.request)
        if isinstance(found, Names):
            gone = {os.path.basename(path) for path in taken}
            return Names([name for name in found.names if name.name not in gone]) if found.names else found
        return found

    server.hooks.update(
        {Kind.OPEN: open_, Kind.CLOSE: close, Kind.READDIR: list_}
        | dict.fromkeys((Kind.STAT, Kind.LSTAT, Kind.FSTAT, Kind.REMOVE, Kind.RENAME), look)
    )
    return server


@pytest.mark.parametrize("after", ["delete", "keep"])
def test_what_was_read_to_its_end_is_delivered_though_it_is_gone(desk: Desk, read_once: OddServer, after: str) -> None:
    for name in ("a.xml", "b.xml"):
        put(read_once, name, name.encode() * 4000)
    result = desk.run(desk.pickup(after=after))
    assert told(result) == dict.fromkeys(("a.xml", "b.xml"), ("delivered", "source_gone"))
    assert came(desk) == {name: name.encode() * 4000 for name in ("a.xml", "b.xml")}
    assert any("no longer on the server" in note for note in result.notes)
    assert "stays" not in result.outcomes[0].message
    assert told(desk.run(desk.pickup(after=after))) == {}


@pytest.mark.parametrize(("decision", "arrives"), [("resend", True), ("delivered", False), ("discard", False)])
@pytest.mark.parametrize("options", [{"verify": "reread"}, {"verify": "sidecar"}, {"share": Share(0, 1)}], ids=str)
def test_what_is_gone_and_cannot_be_verified_is_kept_and_held(
    desk: Desk, read_once: OddServer, options: dict[str, object], decision: str, arrives: bool
) -> None:
    put(read_once, "a.xml")
    with closing(Ledger(desk.ledger, create=True)) as ledger:
        ledger.learn("odd", "claim", allowed=False)
    if "share" in options:
        refuse = Status(Code.PERMISSION_DENIED, "no")
        read_once.hooks[Kind.RENAME] = lambda _call, _go: refuse
    result = desk.run(desk.pickup(**options))
    assert told(result) == {"a.xml": ("held", "source_gone")}
    assert "filedrop resolve" in result.outcomes[0].message
    (part,) = [path for path in desk.inbox.iterdir() if path.name.endswith(".part")]
    assert part.read_bytes() == CONTENT
    desk.run(desk.pickup(**options))
    assert part.exists()
    resolve(desk.ledger, Wanted(("a.xml",)), decision)
    result = desk.run(desk.pickup(**options))
    assert came(desk) == ({"a.xml": CONTENT} if arrives else {})
    assert result.summary["delivered"] == arrives
    desk.run(desk.pickup(**options))
    assert [path.name for path in desk.inbox.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(("later", "arrives"), [(b"another" * 100, 2), (CONTENT, 1)])
def test_a_kept_copy_is_published_though_its_name_is_taken_on_the_server(
    desk: Desk, read_once: OddServer, later: bytes, arrives: int
) -> None:
    """The provider uses a name again before the decision is carried out. The kept copy is the only one."""
    put(read_once, "a.xml")
    assert told(desk.run(desk.pickup(verify="reread"))) == {"a.xml": ("held", "source_gone")}
    resolve(desk.ledger, Wanted(("a.xml",)), "resend")
    read_once.hooks.clear()
    put(read_once, "a.xml", later)
    for _run in range(2):
        desk.run(desk.pickup())
    assert set(came(desk).values()) == {CONTENT, later}
    assert len(came(desk)) == arrives
    assert list(read_once.pickup.iterdir()) == []
    assert [path.name for path in desk.inbox.iterdir() if path.name.startswith(".")] == []


def test_a_kept_copy_stays_when_the_job_gets_another_dest(desk: Desk, read_once: OddServer) -> None:
    put(read_once, "a.xml")
    desk.run(desk.pickup(verify="reread"))
    resolve(desk.ledger, Wanted(("a.xml",)), "resend")
    other = desk.folder / "other"
    other.mkdir()
    result = desk.run(desk.pickup(dest=str(other)))
    assert told(result) == {"a.xml": ("held", "dest_changed")}
    assert str(desk.inbox) in result.outcomes[0].message
    desk.run(desk.pickup())
    resolve(desk.ledger, Wanted(("a.xml",)), "resend")
    assert told(desk.run(desk.pickup())) == {"a.xml": ("delivered", "completed")}
    assert came(desk) == {"a.xml": CONTENT}


def test_what_is_gone_and_came_short_is_not_taken_for_whole(desk: Desk, read_once: OddServer) -> None:
    put(read_once, "a.xml")
    listing = read_once.hooks[Kind.READDIR]

    def longer(call: Call, go: Serve) -> Answer | None:
        found = listing(call, go)
        if isinstance(found, Names):
            return Names(
                [replace(n, attributes=replace(n.attributes, size=(n.attributes.size or 0) + 100)) for n in found.names]
            )
        return found

    read_once.hooks[Kind.READDIR] = longer
    assert told(desk.run(desk.pickup())) == {"a.xml": ("failed", "incomplete")}
    assert came(desk) == {}


# Settling

CLOCKS: dict[str, Figures] = {
    "true": lambda a: a,
    "of 1970": lambda a: replace(a, mtime=0),
    "none": lambda a: replace(a, mtime=None),
    "hours behind": lambda a: replace(a, mtime=(a.mtime or 0) - 5 * 3600),
    "hours ahead": lambda a: replace(a, mtime=(a.mtime or 0) + 5 * 3600),
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("listed", ["size", "no size"])
def test_half_a_file_is_not_taken_whatever_its_time_says(
    desk: Desk, server: OddServer, clock: str, listed: str
) -> None:
    tell(server, CLOCKS[clock] if listed == "size" else lambda a: replace(a, size=None, mtime=OLD), CLOCKS[clock])
    put(server, "whole.xml", mtime=time.time())
    stop = threading.Event()

    def write_on() -> None:
        with (server.pickup / "half.xml").open("wb", buffering=0) as file:
            while not stop.wait(0.2):
                file.write(b"x")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        first = desk.run(desk.pickup(settle=0.5))
    finally:
        stop.set()
        writer.join()
    assert told(first).get("half.xml", ("waiting", "unsettled")) == ("waiting", "unsettled")
    assert "half.xml" not in came(desk)
    assert came(desk).keys() == {"whole.xml"}
    assert told(desk.run(desk.pickup(settle=0.5))) == {"half.xml": ("delivered", "")}


def test_a_known_clock_needs_no_second_look(desk: Desk, server: OddServer) -> None:
    ahead = 7200
    tell(server, *[lambda a: replace(a, mtime=(a.mtime or 0) + ahead)] * 2)
    put(server, "old.xml", mtime=time.time() - 10)
    put(server, "young.xml", mtime=time.time() + 100)
    with closing(Ledger(desk.ledger, create=True)) as ledger:
        ledger.learn_clock("odd", ahead)
        ledger.learn("odd", STAT_AS_LISTED, allowed=True)
    assert told(desk.run(desk.pickup(settle=5))) == {
        "old.xml": ("delivered", ""),
        "young.xml": ("waiting", "unsettled"),
    }
    assert sum(kind is Kind.OPENDIR for kind, _length in server.seen) == 1


def test_a_server_that_ends_idle_sessions_does_not_hinder_the_second_look(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_run, "LONGEST_SILENCE", 0.4)
    put(server, "a.xml")
    assert told(desk.run(desk.pickup(settle=1))) == {"a.xml": ("delivered", "")}
    kinds = [kind for kind, _length in server.seen]
    first, second = (place for place, kind in enumerate(kinds) if kind is Kind.OPENDIR)
    assert kinds[first:second].count(Kind.LSTAT) == 2


def test_a_long_settle_leaves_the_second_look_to_later_runs(desk: Desk, server: OddServer) -> None:
    put(server, "a.xml")
    assert told(desk.run(desk.pickup(settle=61))) == {"a.xml": ("waiting", "unsettled")}
    with closing(Ledger(desk.ledger)) as ledger:
        ledger.change("UPDATE sighting SET since = since - 62", [()])
    assert told(desk.run(desk.pickup(settle=61))) == {"a.xml": ("delivered", "")}


# Kept files without times


@pytest.mark.parametrize("clock", ["of 1970", "none"])
def test_a_kept_file_without_a_time_is_compared_by_its_content(desk: Desk, server: OddServer, clock: str) -> None:
    tell(server, CLOCKS[clock], CLOCKS[clock])
    put(server, "a.csv", b"one")
    put(server, "b.csv", b"two")
    keep = desk.pickup(after="keep")
    assert set(told(desk.run(keep)).values()) == {("delivered", "")}
    assert set(told(desk.run(keep)).values()) == {("skipped", "duplicate")}
    put(server, "a.csv", b"new")
    assert told(desk.run(keep)) == {"a.csv": ("delivered", ""), "b.csv": ("skipped", "duplicate")}
    assert sorted(came(desk).values()) == [b"new", b"one", b"two"]


def test_what_is_compared_has_a_bound_that_is_told(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(server, CLOCKS["none"], CLOCKS["none"])
    monkeypatch.setattr(plan_module, "MOST_COMPARED", 7)
    for name in ("a.csv", "b.csv", "c.csv"):
        put(server, name, b"one")
    keep = desk.pickup(after="keep")
    assert not desk.run(keep).notes
    result = desk.run(keep)
    assert result.summary["skipped"] == 3
    assert any("1 files of the same size" in note for note in result.notes)
