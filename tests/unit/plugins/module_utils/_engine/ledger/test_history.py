# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError, LedgerError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import history
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import ledger as ledger_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.history import (
    Question,
    ask,
    evidence_of,
    outcome_of,
    question_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import OUTCOMES, State
from support.ledgers import plant
from support.rights import A_THIRD, as_somebody, somebodys_folder

STATES = [  # name, state, what it is in people's words
    ("placing", "unfinished"),
    ("intent", "unfinished"),
    ("resend", "unfinished"),
    ("accepted", "unfinished"),
    ("held", "held"),
    ("awaiting_name", "waiting"),
    ("delivered", "delivered"),
    ("fetched", "delivered"),
    ("kept", "delivered"),
    ("discarding", "unfinished"),
    ("discarded", "discarded"),
    ("abandoned", "abandoned"),
]


def row(name: str = "a.xml", state: str = "intent", **changes: Any) -> Row:
    values: dict[str, Any] = {
        "account": "acme",
        "direction": "dropoff",
        "folder": "/out",
        "size": 10,
        "mtime_ns": 1_700_000_000_123_456_789,
        "job": "invoices",
        "remote_path": f"in/{name}",
    }
    return Row(name=name, state=State(state), **{**values, **changes})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What time it is while a ledger is written, in its only entry."""
    now = [1000.0]
    with monkeypatch.context() as patch:
        patch.setattr(ledger_module.time, "time", lambda: now[0])
        yield now


@pytest.fixture
def path(tmp_path: Path) -> str:
    found = str(tmp_path / "ledger.sqlite3")
    Ledger(found, create=True).close()
    return found


def write(path: str, *rows: Row) -> None:
    with closing(Ledger(path, create=True)) as ledger:
        plant(ledger, *rows)


def names(path: str, **question: Any) -> list[str]:
    return [found.name for found, _outcome in ask(path, Question(**question)).entries]


def test_an_empty_ledger_has_nothing_to_tell(path: str) -> None:
    found = ask(path, Question())
    assert (found.entries, found.counts, found.capabilities) == ([], dict.fromkeys(OUTCOMES, 0), [])


def test_every_state_has_a_word_for_people(path: str) -> None:
    rows = [row(state, state) for state, _word in STATES]
    write(path, *rows)
    expected = dict(STATES)
    found = ask(path, Question())
    assert {one.name: word for one, word in found.entries} == expected
    assert {one.name: outcome_of(one) for one in rows} == expected
    assert found.counts == {word: list(expected.values()).count(word) for word in OUTCOMES}
    for word in OUTCOMES:
        assert set(names(path, outcomes=(word,))) == {name for name, is_it in expected.items() if is_it == word}
    assert len(names(path, outcomes=("held", "delivered"))) == 4


def test_what_is_held_comes_first_then_what_is_unfinished_and_the_latest_first(path: str, clock: list[float]) -> None:
    for moment, name, state in (
        (1, "old delivered", "delivered"),
        (2, "old held", "held"),
        (3, "old unfinished", "intent"),
        (3.5, "waiting", "awaiting_name"),
        (4, "discarded", "discarded"),
        (5, "held", "held"),
        (6, "unfinished", "intent"),
        (7, "delivered", "delivered"),
    ):
        clock[0] = moment
        write(path, row(name, state))
    told = ["held", "old held", "waiting", "unfinished", "old unfinished", "delivered", "discarded", "old delivered"]
    assert names(path) == told
    assert names(path, most=3) == told[:3]
    assert names(path, most=0) == []
    assert sum(ask(path, Question(most=0)).counts.values()) == 8


def test_questions_can_be_narrowed_down(path: str, clock: list[float]) -> None:
    write(path, row("a.xml"), row("b.csv"), row("B.xml", account="bank"), row("c.xml", direction="pickup"))
    clock[0] = 2000
    write(path, row("late.xml"))
    assert sorted(names(path, account="bank")) == ["B.xml"]
    assert sorted(names(path, account="nobody")) == []
    assert sorted(names(path, direction="pickup")) == ["c.xml"]
    assert sorted(names(path, since=1000)) == ["B.xml", "a.xml", "b.csv", "c.xml", "late.xml"]
    assert names(path, since=1000.5) == ["late.xml"]
    assert sorted(names(path, account="acme", direction="dropoff", name="?.*", since=1)) == ["a.xml", "b.csv"]
    assert ask(path, Question(account="bank")).counts["unfinished"] == 1


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["1.xml", "A.xml", "Ä x.xml", "a.csv", "a.xml"]),
        ("a.*", ["a.csv", "a.xml"]),
        ("?.xml", ["1.xml", "A.xml", "a.xml"]),
        ("[a-z].xml", ["a.xml"]),
        ("[!a-z].xml", ["1.xml", "A.xml"]),
        ("Ä*", ["Ä x.xml"]),
        ("a.xm", []),
        ("' OR 1=1 --", []),
    ],
)
def test_a_pattern_means_what_it_means_for_a_job(path: str, pattern: str, expected: list[str]) -> None:
    write(path, *(row(name) for name in ("a.xml", "A.xml", "1.xml", "a.csv", "Ä x.xml")))
    assert sorted(names(path, name=pattern)) == sorted(expected)


def test_each_time_that_a_file_was_sent_is_told(path: str) -> None:
    write(path, row(state="delivered", size=1), row(state="delivered", size=2))
    assert [one.size for one, _outcome in ask(path, Question()).entries] == [2, 1]


def test_what_was_learned_of_servers_is_told(path: str) -> None:
    with closing(Ledger(path)) as ledger:
        ledger.learn("acme", "rename", allowed=True)
        ledger.learn("bank", "rename", allowed=False)
    found = ask(path, Question()).capabilities
    assert [(one.account, one.name, one.allowed) for one in found] == [
        ("acme", "rename", True),
        ("bank", "rename", False),
    ]
    assert abs(found[0].learned_at - time.time()) < 60
    assert [one.account for one in ask(path, Question(account="bank")).capabilities] == ["bank"]


# --- only reading


def everything(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    found = {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_uid) for path in folder.iterdir()}
    return {**found, ".": (b"", folder.stat().st_mtime_ns, folder.stat().st_uid)}


def test_reading_writes_nothing_anywhere(path: str) -> None:
    write(path, row())
    folder = Path(path).parent
    before = everything(folder)
    ask(path, Question(name="*", since=1.0, outcomes=("delivered",)))
    assert everything(folder) == before


def test_a_missing_ledger_is_an_error_and_none_is_made(tmp_path: Path) -> None:
    path = str(tmp_path / "missing")
    with pytest.raises(LedgerError) as caught:
        ask(path, Question())
    assert caught.value.reason == "ledger_missing"
    assert path in caught.value.finding
    assert "Correct its path" in caught.value.way_out
    assert os.listdir(tmp_path) == []


def test_the_ledger_of_somebody_else_can_be_read_by_whoever_may() -> None:
    """Root may; so may anybody with the right to the file alone, who can write nothing beside it."""
    with somebodys_folder() as folder:
        path = str(folder / "ledger.sqlite3")
        as_somebody(lambda: write(path, row()))
        folder.chmod(0o755)
        os.chmod(path, 0o644)
        before = everything(folder)
        assert names(path) == ["a.xml"]
        as_somebody(lambda: names(path).index("a.xml"), A_THIRD)
        assert everything(folder) == before
        os.chmod(path, 0o600)
        assert names(path) == ["a.xml"]
        if os.geteuid() == 0:
            with pytest.raises(RuntimeError, match=r"Permission denied|unable to open"):
                as_somebody(lambda: names(path), A_THIRD)


def test_what_a_run_has_committed_is_told_while_it_is_at_work(path: str) -> None:
    with closing(Ledger(path)) as ledger:
        ledger.commit(row(state=""), State.INTENT)
        ledger.run()
        assert names(path) == ["a.xml"]


def test_a_damaged_ledger_is_named(path: str) -> None:
    Path(path).write_bytes(b"no ledger" * 1000)
    with pytest.raises(LedgerError) as caught:
        ask(path, Question())
    assert caught.value.reason == "ledger_damaged"


_WRITE_ON = """
import sys
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State

number = 0
while True:
    ledger = Ledger(sys.argv[1])
    for _time in range(3):
        for part in range(200):
            ledger.commit(Row("acme", "dropoff", "/out", f"{number}-{part}", 1, 1, "job", "in/x"), State.INTENT)
        ledger.run()
        number += 1
    ledger.close()
    print(number, flush=True)
"""


def test_runs_that_come_and_go_meanwhile_spoil_no_answer(path: str, import_path: Path) -> None:
    """Each opens the ledger, writes whole batches, and puts its log away at its end."""
    environment = {**os.environ, "PYTHONPATH": str(import_path)}
    command = [sys.executable, "-c", _WRITE_ON, path]
    answers: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            begin = time.monotonic()
            while time.monotonic() < begin + 2 or (len(set(answers)) < 7 and time.monotonic() < begin + 60):
                answers.append(_held_or_busy(path))
        finally:
            writer.kill()
    counted = [int(answer) for answer in answers if answer != "ledger_busy"]
    assert len(counted) > 5
    assert {count % 200 for count in counted} == {0}
    assert counted == sorted(counted)


def _held_or_busy(path: str) -> str:
    try:
        return str(ask(path, Question(most=0)).counts["unfinished"])
    except LedgerError as error:
        return error.reason


@pytest.mark.parametrize("spoilt", [False, True])
def test_an_answer_that_a_run_came_in_between_of_is_asked_for_again(
    path: str, monkeypatch: pytest.MonkeyPatch, spoilt: bool
) -> None:
    write(path, row("1"))
    real, names_to_come = history._answer, ["2", "3"]

    def disturbed(ledger: str, question: Question) -> Any:
        found = real(ledger, question)
        if names_to_come:
            write(path, *(row(f"{names_to_come[0]}-{part}") for part in range(100)))
            names_to_come.pop(0)
            if spoilt:
                raise LedgerError("ledger_damaged", "What was read did not fit together.", "Wait for nothing.")
        return found

    monkeypatch.setattr(history, "_answer", disturbed)
    assert ask(path, Question(most=0)).counts["unfinished"] == 201
    assert names_to_come == []


# --- from options


def test_options_make_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history.time, "time", lambda: 1_000_000.0)
    asked = question_from_options(
        {
            "preset": "amili_sftp",
            "username": "2001234",
            "direction": "pickup",
            "outcome": ["held", "unfinished"],
            "since": "2h",
            "name": "*.xml",
            "max_results": 5,
        }
    )
    assert asked == Question(
        account="2001234@sftp.amili.se:22",
        direction="pickup",
        outcomes=("held", "unfinished"),
        since=1_000_000.0 - 7200,
        name="*.xml",
        most=5,
    )
    assert question_from_options({}) == Question()
    assert question_from_options({"account": "ann@h:22"}).account == "ann@h:22"


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("1970-01-02", 86400),
        ("1970-01-02T00:00:01Z", 86401),
        ("1970-01-02 00:00:01", 86401),
        ("1970-01-02T02:00:00+02:00", 86400),
    ],
)
def test_dates_are_in_utc_unless_they_say_otherwise(since: str, moment: float) -> None:
    assert question_from_options({"since": since}).since == moment


@pytest.mark.parametrize(
    "options",
    [
        {"since": "yesterday"},
        {"since": "7"},
        {"since": "2026-13-01"},
        {"outcome": ["lost"]},
        {"direction": "sideways"},
        {"name": "in/*.xml"},
        {"max_results": -1},
        {"max_results": 100_001},
        {"username": "ann"},
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        question_from_options(options)
    assert next(iter(options)) in str(caught.value) or "host" in str(caught.value)
    assert caught.value.way_out


def test_a_log_that_goes_away_just_before_the_ledger_is_opened_does_not_count_as_a_lock(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there when the state is noted. Then its writer ends, the ledger is read without a lock, and is written."""
    write(path, row("1"))
    real, writers = history._answer, [Ledger(path)]
    writers[0].learn("acme", "rename", allowed=True)
    assert os.path.exists(f"{path}-wal")

    def disturbed(ledger: str, question: Question) -> Any:
        if writers:
            writers.pop().close()
            found = real(ledger, question)
            write(path, *(row(f"2-{part}") for part in range(100)))
            return found
        return real(ledger, question)

    monkeypatch.setattr(history, "_answer", disturbed)
    assert ask(path, Question(most=0)).counts["unfinished"] == 101


@pytest.mark.parametrize(
    ("state", "reason", "evidence"),
    [
        ("delivered", None, "size"),
        ("fetched", None, "size"),
        ("delivered", "resolved", None),
        ("held", "vanished", None),
        ("abandoned", None, None),
        ("closed", None, None),
    ],
)
def test_evidence_is_that_of_a_delivery_which_nobody_had_to_decide(
    state: str, reason: str | None, evidence: str | None
) -> None:
    assert evidence_of(row(state=state, reason=reason, verified_by="size")) == evidence


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({"state": State.DELIVERED, "verified_by": "answer"}, "answer"),
        ({"state": State.DELIVERED, "verified_by": "size"}, None),
        ({"state": State.DELIVERED, "verified_by": "answer", "reason": "resolved"}, None),
        ({"state": State.HELD, "verified_by": "answer"}, None),
    ],
)
def test_accepted_is_what_the_receiver_has_said_and_not_what_a_person_or_a_server_has(
    changes: dict[str, Any], accepted: str | None
) -> None:
    row = Row("acme", "dropoff", "/out", "a.xml", 1, 1, "invoices", "input/a.xml", **changes)
    assert history.accepted_by(row) == accepted
