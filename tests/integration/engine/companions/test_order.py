# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that belong together: what goes, in which order, and what waits."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support.desk import Desk, assert_delivered, digests, outcomes
from support.sshd import SshServer

PAIR = ["*.pdf", "*.xml"]
DIRECTIONS = ["dropoff", "pickup"]


class Side:
    """One direction between a desk and a server, with the folder of its originals and that of its copies."""

    def __init__(self, desk: Desk, sshd: SshServer, direction: str) -> None:
        self.desk = desk
        self.direction = direction
        self._sshd = sshd
        self.origin = desk.outbox if direction == "dropoff" else sshd.pickup
        self.target = sshd.input if direction == "dropoff" else desk.inbox

    def put(self, *names: str, time: float = 1_700_000_000.0) -> None:
        for name in names:
            path = self.origin / name
            path.write_text(name)
            self._sshd.give(path)
            os.utime(path, (time, time))

    def run(self, *, check: bool = False, only: Collection[str] = (), **options: Any) -> RunResult:
        job = self.desk.job(self.direction, **{"companions": PAIR, **options})
        return self.desk.run(job, check=check, only=only)

    def left(self) -> set[str]:
        return set(digests(self.origin))

    def arrived(self) -> set[str]:
        return set(digests(self.target))


@pytest.fixture(params=DIRECTIONS)
def side(request: pytest.FixtureRequest, desk: Desk, sshd: SshServer) -> Side:
    return Side(desk, sshd, request.param)


def waiting(names: Collection[str], reason: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(names, ("waiting", reason))


def told(result: RunResult) -> dict[str, str]:
    return {name: reason if outcome == "waiting" else outcome for name, (outcome, reason) in outcomes(result).items()}


def test_a_set_and_a_file_by_itself_are_moved(side: Side) -> None:
    side.put("a.xml", "a.pdf", "alone.csv")
    foreseen = side.run(check=True)
    assert_delivered(foreseen, ["a.pdf", "a.xml", "alone.csv"])
    assert side.left() == {"a.pdf", "a.xml", "alone.csv"}
    assert_delivered(side.run(), ["a.pdf", "a.xml", "alone.csv"])
    assert side.left() == set()
    assert side.arrived() == {"a.pdf", "a.xml", "alone.csv"}


@pytest.mark.parametrize("missing", ["a.pdf", "a.xml"])
def test_a_set_waits_until_it_is_complete(side: Side, missing: str) -> None:
    (there,) = {"a.pdf", "a.xml"} - {missing}
    side.put(there, "b.pdf", "b.xml")
    for check in (True, False):
        result = side.run(check=check)
        assert told(result) == {there: "companion_missing", "b.pdf": "delivered", "b.xml": "delivered"}
    assert side.arrived() == {"b.pdf", "b.xml"}
    side.put(missing)
    assert_delivered(side.run(), ["a.pdf", "a.xml"])
    assert side.left() == set()


def test_a_set_that_stays_incomplete_needs_a_person(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    side.put("a.xml")
    result = side.run()
    assert (result.stuck, result.blocked) == (0, 0)
    monkeypatch.setattr(runner, "default_max_age", lambda _settle: 0)
    result = side.run()
    assert told(result) == {"a.xml": "companion_missing"}
    assert result.stuck == 1


def test_an_optional_file_is_not_waited_for_and_goes_in_its_turn(side: Side) -> None:
    companions = [{"pattern": "*.pdf", "optional": True}, "*.xml", {"pattern": "*.zip", "optional": True}]
    side.put("a.xml", "b.xml", "b.pdf", "b.zip")
    assert_delivered(side.run(companions=companions), ["a.xml", "b.xml", "b.pdf", "b.zip"])
    side.put("a.zip")  # late: its set was moved before
    assert_delivered(side.run(companions=companions), ["a.zip"])
    side.put("c.zip")
    assert told(side.run(companions=companions)) == {"c.zip": "companion_missing"}


def test_what_is_not_settled_keeps_its_set(side: Side) -> None:
    import time

    side.put("a.xml")
    side.put("a.pdf", time=time.time() + 3000)
    result = side.run(settle=300)
    if side.direction == "dropoff":
        assert told(result) == {"a.pdf": "unsettled", "a.xml": "companion_waiting"}
    else:  # nothing is known of the server's clock
        assert told(result) == {"a.pdf": "unsettled", "a.xml": "unsettled"}
    assert side.arrived() == set()


@pytest.mark.parametrize("taken", ["a.pdf", "a.xml"])
def test_nothing_starts_while_a_name_of_the_set_is_taken(side: Side, taken: str) -> None:
    (other,) = {"a.pdf", "a.xml"} - {taken}
    side.put("a.pdf", "a.xml")
    (side.target / taken).write_text("theirs")
    for check in (True, False):
        result = side.run(check=check)
        assert told(result) == {taken: "name_taken", other: "companion_waiting"}
        assert result.blocked == 1
    assert (side.target / taken).read_text() == "theirs"
    assert side.arrived() == {taken}
    (side.target / taken).unlink()
    assert_delivered(side.run(), ["a.pdf", "a.xml"])


def test_sets_count_for_max_files(side: Side) -> None:
    for number, stem in enumerate("abc"):
        side.put(f"{stem}.pdf", f"{stem}.xml", time=1_700_000_000.0 + number)
    side.put("d.csv", time=1_700_000_002.5)
    for expected in ("a", "b"):
        result = side.run(max_files=1)
        assert {n for n, (o, _r) in outcomes(result).items() if o == "delivered"} == {
            f"{expected}.pdf",
            f"{expected}.xml",
        }
    assert side.left() == {"c.pdf", "c.xml", "d.csv"}
    assert_delivered(side.run(max_files=2), ["c.pdf", "c.xml", "d.csv"])


def test_who_names_a_file_gets_its_set(side: Side) -> None:
    side.put("a.pdf", "a.xml", "b.pdf", "b.xml", "a")
    assert_delivered(side.run(only=["a.xml"]), ["a.pdf", "a.xml"])
    assert side.left() == {"b.pdf", "b.xml", "a"}


def test_all_files_of_a_set_are_in_one_share(side: Side) -> None:
    stems = [f"invoice-{number}" for number in range(20)]
    for stem in stems:
        side.put(f"{stem}.pdf", f"{stem}.xml")
    arrived: list[set[str]] = []
    for index in range(3):
        result = side.run(share={"index": index, "count": 3}, job="shared")
        arrived.append(set(outcomes(result)))
        assert_delivered(result, arrived[-1])
        assert {name[:-4] + ".pdf" for name in arrived[-1]} == {n for n in arrived[-1] if n.endswith(".pdf")}
    assert set.union(*arrived) == {f"{stem}.{end}" for stem in stems for end in ("pdf", "xml")}
    assert sum(map(len, arrived)) == 40


def test_what_is_kept_is_moved_once_and_a_new_version_of_one_half_goes_alone(side: Side) -> None:
    side.put("a.pdf", "a.xml")
    assert_delivered(side.run(after="keep"), ["a.pdf", "a.xml"])
    for name in side.arrived():
        (side.target / name).unlink()
    assert_delivered(side.run(after="keep"), [])
    (side.origin / "a.xml").write_text("corrected")
    assert_delivered(side.run(after="keep"), ["a.xml"])
    assert (side.target / "a.xml").read_text() == "corrected"


@pytest.mark.parametrize("path", ["a.xml", "a.pdf"])
def test_the_newest_file_says_whether_a_set_is_in_a_time_frame(side: Side, path: str) -> None:
    side.put("a.xml", "a.pdf", time=1_700_000_000)
    side.put(path, time=1_710_000_000)
    assert_delivered(side.run(modified_to="2024-01-01"), [])
    assert_delivered(side.run(modified_from="2024-01-01"), ["a.xml", "a.pdf"])
