# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    HoldError,
    RunEnded,
    TransferError,
    WaitError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer import tally as tally_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.tally import Tally

SKIPPED = TransferError("empty_file", "Empty.")
WAITING = WaitError("unsettled", "Young.")
BLOCKED = WaitError("name_taken", "Taken.")
FAILED = TransferError("broken", "Broken.")


def file(name: str) -> FileOutcome:
    return FileOutcome(name, f"/out/{name}", size=10)


class Listener:
    """An observer that remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def planned(self, files: int, size: int) -> None:
        """Note nothing."""

    def began(self, name: str) -> None:
        """Note nothing."""

    def moved(self, size: int) -> None:
        """Note nothing."""

    def ended(self, outcome: FileOutcome) -> None:
        self.told.append((outcome.name, outcome.outcome))


def test_all_are_counted_and_passed_on_and_the_first_of_each_kind_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "FEWEST", 0)
    tally, listener = Tally(2), Listener()
    tally.observer = listener
    for number in range(5):
        tally.add(file(f"d{number}").deliver())
        tally.add(file(f"f{number}").blame(FAILED))
        tally.add(file(f"s{number}").skip(SKIPPED))
        tally.add(file(f"w{number}").blame(WAITING))
    result = tally.result(None)
    assert list(result.summary.items()) == [
        ("delivered", 5),
        ("skipped", 5),
        ("waiting", 5),
        ("held", 0),
        ("failed", 5),
        ("bytes", 50),
        ("seconds", 0.0),
    ]
    assert [one.name for one in result.outcomes] == ["f0", "f1", "w0", "w1", "d0", "d1", "s0", "s1"]
    assert len(listener.told) == 20


def test_files_that_are_blocked_are_counted_also_where_they_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "FEWEST", 0)
    tally = Tally(2)
    tally.add(file("a").blame(WAITING))
    for number in range(5):
        tally.add(file(f"b{number}").blame(BLOCKED))
    tally.add(file("b0").deliver())
    found = tally.result(None)
    assert (found.summary["waiting"], found.blocked) == (5, 4)
    assert [one.name for one in found.outcomes] == ["b1", "a", "b0"]
    tally.begin_attempt()
    assert tally.result(None).blocked == 0


def test_what_is_blocked_stays_told_if_the_next_attempt_does_not_come_to_it() -> None:
    tally = Tally(1000)
    tally.add(file("a").blame(BLOCKED))
    tally.add(file("b").blame(WAITING))
    tally.begin_attempt()
    found = tally.result(RunEnded("time_limit", "Over."))
    assert [(one.name, one.reason) for one in found.outcomes] == [("a", "name_taken")]


def test_another_attempt_plans_everything_anew_but_what_was_delivered() -> None:
    tally = Tally(1000)
    tally.add(file("a").deliver())
    tally.add(file("b").blame(FAILED))
    tally.add(file("c").skip(SKIPPED))
    tally.begin_attempt()
    tally.add(file("a").skip(SKIPPED))
    tally.add(file("b").deliver())
    found = tally.result(None)
    assert [(one.name, one.outcome) for one in found.outcomes] == [("a", "delivered"), ("b", "delivered")]
    assert found.counts == {"delivered": 2, "failed": 0, "held": 0, "waiting": 0, "skipped": 0}


def test_a_file_has_one_outcome_in_an_attempt() -> None:
    tally = Tally(1000)
    tally.add(file("a").blame(HoldError("held", "Held.")))
    tally.add(file("a").deliver())
    assert tally.result(None).counts == {"delivered": 1, "failed": 0, "held": 0, "waiting": 0, "skipped": 0}


def test_what_was_interrupted_counts_only_if_the_run_ends_with_it() -> None:
    tally = Tally(1000)
    tally.interrupt(file("a").blame(RunEnded("time_limit", "Over.")))
    assert tally.result(None).outcomes == []
    tally.interrupt(file("a").blame(RunEnded("time_limit", "Over.")))
    assert [one.reason for one in tally.result(RunEnded("time_limit", "Over.")).outcomes] == ["time_limit"]


def test_known_files_are_skipped_and_not_listed() -> None:
    tally = Tally(1000)
    tally.skip_known(7)
    found = tally.result(None)
    assert (found.outcomes, found.known, found.summary["skipped"]) == ([], 7, 7)
