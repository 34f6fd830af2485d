# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.history import Question, ask
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.waiting import (
    Waiting,
    Waits,
    merge_waiting,
    record_waiting,
    waiting_files,
    waiting_of,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from support.ledgers import plant

JOB = JobKey("amili", "dropoff", "invoices")
OTHER = JobKey("amili", "dropoff", "reports")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path / "ledger.sqlite3"), create=True)) as found:
        yield found


def waits(reason: str, since: float) -> Waits:
    return Waits(10, "input/a.xml", reason, since)


def remember(ledger: Ledger, files: dict[str, Waits], job: JobKey = JOB) -> None:
    record_waiting(ledger, job, waiting_files(ledger, job), files, lambda _path: True)


def test_the_waiting_files_of_a_job_are_counted(ledger: Ledger) -> None:
    remember(ledger, {"/out/a": waits("unsettled", 100), "/out/b": waits("name_taken", 200)})
    remember(ledger, {"/out/a": waits("name_taken", 50)}, OTHER)
    assert waiting_of(ledger, JOB, now=1150, max_age=1000, seen_at=1150) == Waiting(2, 1, 1, 1, oldest_since=100)
    assert waiting_of(ledger, JobKey("amili", "pickup", "x"), now=0, max_age=0, seen_at=0) == Waiting(0, 0, 0, 0, None)


@pytest.mark.parametrize(("now", "only_blocked", "stuck"), [(1000, 2, 0), (1150, 1, 2), (2000, 0, 3)])
def test_a_file_that_is_stuck_hides_no_other_that_is_blocked(
    ledger: Ledger, now: float, only_blocked: int, stuck: int
) -> None:
    files = {"/out/a": waits("unsettled", 100), "/out/b": waits("name_taken", 200), "/out/c": waits("name_taken", 120)}
    remember(ledger, files)
    found = waiting_of(ledger, JOB, now=now, max_age=1000, seen_at=now)
    assert (found.blocked, found.only_blocked, found.stuck) == (2, only_blocked, stuck)


def test_what_waits_no_longer_is_forgotten_as_far_as_the_run_knows(ledger: Ledger) -> None:
    before = {f"/out/{name}": waits("unsettled", 100) for name in "abc"}
    remember(ledger, before)
    record_waiting(ledger, JOB, before, {"/out/a": before["/out/a"]}, lambda path: path == "/out/b")
    assert sorted(waiting_files(ledger, JOB)) == ["/out/a", "/out/c"]


@pytest.mark.parametrize(
    ("before", "now", "since"),
    [
        (waits("unsettled", 100), waits("unsettled", 500), 100),
        (waits("unsettled", 100), waits("name_taken", 500), 100),
        (waits("unsettled", 900), waits("unsettled", 500), 500),
        (None, waits("unsettled", 500), 500),
    ],
    ids=["the same", "for another reason", "since a time to come", "new"],
)
def test_since_when_a_file_waits(before: Waits | None, now: Waits, since: float) -> None:
    found = merge_waiting({"/out/a": before} if before else {}, {"/out/a": now})
    assert found == {"/out/a": now._replace(since=since)}


def test_nothing_is_written_where_nothing_changes(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"/out/a": waits("unsettled", 100)}
    remember(ledger, files)
    monkeypatch.delattr(Ledger, "change")
    remember(ledger, files)


@pytest.mark.parametrize("since", [-1e300, float("-inf"), -1])
def test_a_time_that_no_calendar_has_counts_as_the_first(ledger: Ledger, since: float) -> None:
    remember(ledger, {"/out/a": waits("unsettled", since)})
    assert waiting_files(ledger, JOB) == {"/out/a": waits("unsettled", 0)}


def left(name: str, state: State) -> Row:
    return Row("amili", "dropoff", "/out", name, 10, 1, "invoices", f"input/{name}", state, temporary="input/.1.part")


def test_the_history_shows_each_waiting_file_once(ledger: Ledger) -> None:
    plant(ledger, left("row", State.AWAITING_NAME), left("begun", State.INTENT), left("old", State.DELIVERED))
    names = ("row", "begun", "old", "new")
    remember(ledger, {f"/out/{name}": waits("name_taken", 100) for name in names})
    found = ask(ledger.path, Question(job="invoices", outcomes=("waiting",)))
    assert sorted((row.name, row.reason) for row, _word in found.entries) == [
        ("new", "name_taken"),
        ("old", "name_taken"),
        ("row", None),
    ]
    assert found.counts["waiting"] == 3
    assert [(row.folder, row.size, row.remote_path, row.changed_at, row.state) for row, _word in found.entries][-1] == (
        "/out",
        10,
        "input/a.xml",
        100,
        State.NEW,
    )


@pytest.mark.parametrize("name", ["a", "/out/a"])
def test_a_file_that_waits_needs_no_decision(ledger: Ledger, name: str) -> None:
    remember(ledger, {"/out/a": waits("unsettled", 100)})
    with pytest.raises(InputError, match=r"waits \(unsettled\) since 1970-01-01 00:01:40Z, and is not held") as caught:
        resolve(ledger.path, Wanted((name,), job="invoices"), "resend")
    assert caught.value.reason == "not_held"
    with pytest.raises(InputError, match="has no file"):
        resolve(ledger.path, Wanted((name,), job="reports"), "resend")


def test_a_file_that_a_person_has_decided_about_waits_no_longer(ledger: Ledger) -> None:
    plant(ledger, left("a", State.AWAITING_NAME), left("b", State.AWAITING_NAME))
    remember(ledger, {f"/out/{name}": waits("name_taken", 100) for name in "ab"})
    resolve(ledger.path, Wanted(("a",), job="invoices"), "resend")
    assert list(waiting_files(ledger, JOB)) == ["/out/b"]


def test_a_file_that_a_run_did_not_reach_keeps_its_reason() -> None:
    taken, missed = {"/out/a": waits("name_taken", 100)}, {"/out/a": waits("not_reached", 500)}
    assert merge_waiting(taken, missed) == taken
    assert merge_waiting({}, missed) == missed
    assert merge_waiting(missed, {"/out/a": waits("name_taken", 600)}) == {"/out/a": waits("name_taken", 500)}
