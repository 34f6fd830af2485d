# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import stat as modes
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import LedgerError, TransferError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import database
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import ledger as ledger_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from support.ledgers import plant
from support.rights import SOMEBODY, as_somebody, somebodys_folder, without_privileges

KEY = ("acme", "dropoff", "/out")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.sqlite3")


@pytest.fixture
def ledger(path: str) -> Iterator[Ledger]:
    with closing(Ledger(path, create=True)) as opened:
        yield opened


def row(name: str = "a.xml", **changes: Any) -> Row:
    values: dict[str, Any] = {
        "account": "acme",
        "direction": "dropoff",
        "folder": "/out",
        "name": name,
        "size": 10,
        "mtime_ns": 1_700_000_000_123_456_789,
        "job": "invoices",
        "remote_path": f"in/{name}",
    }
    return Row(**{**values, **changes})


def planted(ledger: Ledger, one: Row, state: str) -> Row:
    one.state = State(state)
    plant(ledger, one)
    return one


def commit(ledger: Ledger, one: Row, state: str, **changes: Any) -> Row:
    answer = ledger.commit(one, State(state), **changes)
    ledger.run()
    answer.result()
    return one


def open_names(ledger: Ledger, job: str = "invoices") -> list[str]:
    return [found.name for found in ledger.open_rows("acme", "dropoff", job)]


def refusal(path: str, **options: bool) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        Ledger(path, **options)
    assert path in caught.value.finding
    assert caught.value.way_out
    return caught.value


def snapshot(folder: str) -> dict[str, tuple[int, int, bytes]]:
    """Everything in a folder, to see that nothing of it was written."""
    found = {}
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files, "."):
            status = os.stat(os.path.join(where, name))
            content = Path(where, name).read_bytes() if name in files else b""
            found[os.path.join(where, name)] = (status.st_mtime_ns, status.st_size, content)
    return found


# --- rows


def test_a_row_comes_back_as_it_went(ledger: Ledger, path: str) -> None:
    went = commit(
        ledger,
        row("Überweisung '日本'.xml", temporary="in/.1.part", sha256="00ff", visible=True, reason="why"),
        "intent",
        local_path="/out/x",
    )
    ledger.close()
    with closing(Ledger(path)) as again:
        came = again.open_rows(*KEY[:2], "invoices")
    assert came == [went]
    assert came[0].id is not None
    assert came[0].open is True
    assert came[0].visible is True
    assert abs(came[0].changed_at - time.time()) < 60


@pytest.mark.parametrize("visible", [None, False, True])
def test_what_is_not_known_stays_unknown(ledger: Ledger, visible: bool | None) -> None:
    commit(ledger, row(visible=visible), "intent")
    assert ledger.open_rows(*KEY[:2], "invoices")[0].visible is visible


def test_every_state_on_the_way_survives(path: str) -> None:
    one = row(temporary="in/.1.part")
    for state in ("intent", "created", "written", "closed", "renamed"):
        with closing(Ledger(path, create=True)) as ledger:
            commit(ledger, one, state)
        with closing(Ledger(path)) as ledger:
            assert [found.state for found in ledger.open_rows(*KEY[:2], "invoices")] == [state]
    with closing(Ledger(path)) as ledger:
        commit(ledger, one, "delivered")
        assert open_names(ledger) == []
        assert ledger.latest(*KEY, ["a.xml"])["a.xml"].state == "delivered"


def test_a_row_that_is_forgotten_is_gone_and_others_stay(ledger: Ledger) -> None:
    key = ("acme", "pickup", "/out")
    earlier = planted(ledger, row(direction="pickup"), "fetched")
    claim = commit(ledger, row(direction="pickup"), "claiming")
    assert ledger.latest(*key, ["a.xml"])["a.xml"].id == claim.id
    assert ledger.latest(*key, ["a.xml"], but=State.CLAIMING)["a.xml"].id == earlier.id
    commit(ledger, claim, "forgotten")
    assert ledger.latest(*key, ["a.xml"])["a.xml"].id == earlier.id
    assert ledger.open_rows("acme", "dropoff", "invoices") == []


def test_a_commit_is_settled_only_once_it_is_written(ledger: Ledger, path: str) -> None:
    answer = ledger.commit(row(), State.INTENT)
    with closing(Ledger(path)) as other:
        assert not answer.done
        assert open_names(other) == []
        ledger.run()
        assert answer.done
        assert open_names(other) == ["a.xml"]


def test_many_changes_share_one_transaction(ledger: Ledger) -> None:
    statements: list[str] = []
    ledger._db.set_trace_callback(statements.append)
    answers = [ledger.commit(row(f"{number}.xml"), State.INTENT) for number in range(200)]
    ledger.run()
    for answer in answers:
        answer.result()
    others = [word for word in statements if not word.startswith(("INSERT", "PRAGMA"))]
    assert others == ["BEGIN IMMEDIATE", "COMMIT"]
    assert len(open_names(ledger)) == 200


def test_a_batch_is_due_only_while_something_waits(ledger: Ledger) -> None:
    assert ledger.due is None
    ledger.commit(row(), State.INTENT)
    due = ledger.due
    assert due is not None
    assert due <= time.monotonic() + 1
    ledger.commit(row("b.xml"), State.INTENT)
    assert ledger.due == due
    ledger.run()
    assert ledger.due is None


def test_a_power_cut_takes_nothing_that_was_settled(ledger: Ledger) -> None:
    """What SQLite promises with these two settings: a commit has been synced when it returns."""
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_file_in_the_hands_of_another_job_is_refused_and_the_others_go_on(ledger: Ledger) -> None:
    commit(ledger, row("taken.xml", job="other"), "intent")
    mine = {name: row(name) for name in ("a.xml", "taken.xml", "z.xml")}
    answers = {name: ledger.commit(one, State.INTENT) for name, one in mine.items()}
    ledger.run()
    with pytest.raises(TransferError) as caught:
        answers.pop("taken.xml").result()
    assert caught.value.reason == "other_job"
    assert "taken.xml" in caught.value.finding
    for answer in answers.values():
        answer.result()
    assert open_names(ledger) == ["a.xml", "z.xml"]
    assert open_names(ledger, "other") == ["taken.xml"]


def test_of_two_in_one_batch_who_want_the_same_file_one_gets_it(ledger: Ledger) -> None:
    first, second = ledger.commit(row(), State.INTENT), ledger.commit(row(), State.INTENT)
    ledger.run()
    first.result()
    with pytest.raises(TransferError):
        second.result()
    assert open_names(ledger) == ["a.xml"]


def test_a_row_that_is_opened_again_is_written_among_those_that_go_on(ledger: Ledger) -> None:
    going_on = commit(ledger, row("a.xml"), "intent")
    over = planted(ledger, row("b.xml"), "discarded")
    answers = [ledger.commit(going_on, State.CREATED), ledger.commit(over, State.RESEND)]
    ledger.run()
    for answer in answers:
        answer.result()
    found = ledger.open_rows("acme", "dropoff", "invoices")
    assert [(one.name, one.state) for one in found] == [("a.xml", "created"), ("b.xml", "resend")]


def test_a_row_that_may_not_be_opened_again_is_refused_and_the_others_go_on(ledger: Ledger) -> None:
    over = planted(ledger, row(), "discarded")
    commit(ledger, row(job="other"), "intent")
    going_on = commit(ledger, row("b.xml"), "intent")
    refused, taken = ledger.commit(over, State.RESEND), ledger.commit(going_on, State.CREATED)
    ledger.run()
    taken.result()
    with pytest.raises(TransferError):
        refused.result()
    assert [(one.name, one.state) for one in ledger.open_rows("acme", "dropoff", "invoices")] == [("b.xml", "created")]


@pytest.mark.parametrize(
    "other", [{"account": "other"}, {"direction": "pickup"}, {"folder": "/elsewhere"}, {"name": "A.xml"}]
)
def test_files_of_one_name_in_different_places_are_different_files(ledger: Ledger, other: dict[str, str]) -> None:
    commit(ledger, row(), "intent")
    planted(ledger, row(**other), "intent")
    assert len(open_names(ledger)) == (2 if "folder" in other or "name" in other else 1)


def test_history_keeps_every_file_of_a_name_and_tells_the_latest(ledger: Ledger) -> None:
    for number in range(3):
        planted(ledger, row(size=number), "delivered")
    commit(ledger, row(size=3), "intent")
    assert [found.size for found in ledger.open_rows(*KEY[:2], "invoices")] == [3]
    assert ledger.latest(*KEY, ["a.xml", "unknown.xml"])["a.xml"].size == 3
    assert ledger._db.execute("SELECT count(*) FROM transfer").fetchone() == (4,)


def test_the_latest_of_many_names_is_found(ledger: Ledger) -> None:
    names = [f"{number}.xml" for number in range(1203)]
    answers = [ledger.commit(row(name), State.INTENT) for name in names]
    ledger.run()
    assert all(answer.done for answer in answers)
    assert ledger.latest(*KEY, iter(names)).keys() == set(names)
    assert ledger.latest(*KEY, []) == {}


def test_what_is_history_is_told_in_short_by_its_newest_row(ledger: Ledger) -> None:
    names = [f"{number}.xml" for number in range(1203)]
    for name in names:
        planted(ledger, row(name), "delivered")
    for name in names:
        planted(ledger, row(name, size=4), "discarded")
    ledger.run()
    planted(ledger, row(), "delivered")
    commit(ledger, row(), "intent")
    found = list(ledger.each_past(*KEY, iter([*names, "a.xml", "unknown.xml"])))
    assert sorted(each[:4] for each in found) == sorted((name, 4, row().mtime_ns, "discarded") for name in names)
    latest = ledger.latest(*KEY, names)
    assert {each[4] for each in found} == {latest[name].changed_at for name in names}


def test_open_rows_come_in_the_order_in_which_they_were_begun(ledger: Ledger) -> None:
    for name in ("c", "a", "b"):
        commit(ledger, row(name), "intent")
    commit(ledger, row("elsewhere", account="other"), "intent")
    assert open_names(ledger) == ["c", "a", "b"]


def test_values_cannot_be_taken_for_sql(ledger: Ledger) -> None:
    nasty = "'; DROP TABLE transfer; --"
    commit(ledger, row(nasty, job=nasty), "intent")
    assert open_names(ledger, nasty) == [nasty]
    assert list(ledger.latest(*KEY, [nasty])) == [nasty]


# --- opening it


def test_a_new_ledger_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lib" / "ledger.sqlite3"
    with closing(Ledger(str(path), create=True)) as ledger:
        commit(ledger, row(), "intent")
        assert {modes.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()} == {0o600}
        assert modes.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_missing_ledger_is_not_made_unless_that_is_meant(path: str) -> None:
    assert refusal(path).reason == "ledger_missing"
    assert not os.path.exists(path)


@pytest.mark.parametrize("strange", ["with space", "100%25 ü", "what?mode=memory", "a#b", "a&b=c;d", "'quoted'"])
def test_any_path_will_do(tmp_path: Path, strange: str) -> None:
    path = tmp_path / strange / f"{strange}.db"
    with closing(Ledger(str(path), create=True)) as ledger:
        commit(ledger, row(), "intent")
        assert path.exists()
    for options in ({}, {"read_only": True}):
        with closing(Ledger(str(path), **options)) as ledger:
            assert open_names(ledger) == ["a.xml"]
    assert {found.name for found in tmp_path.iterdir()} == {strange}


def test_to_look_at_a_ledger_that_is_not_there_makes_none(path: str) -> None:
    with closing(Ledger(path, read_only=True, create=True)) as ledger:
        assert open_names(ledger) == []
        assert ledger.latest(*KEY, ["a.xml"]) == {}
        assert ledger.sightings(*KEY, [("a.xml", 1, 1)]) == {}
        assert ledger.capability("acme", "rename") is None
    assert os.listdir(os.path.dirname(path)) == []


def test_to_look_at_a_ledger_changes_nothing_of_it(ledger: Ledger, path: str) -> None:
    commit(ledger, row(), "intent")
    ledger.learn("acme", "rename", allowed=True)
    ledger.close()
    before = snapshot(os.path.dirname(path))
    with closing(Ledger(path, read_only=True)) as looked:
        assert open_names(looked) == ["a.xml"]
        assert looked.capability("acme", "rename") is True
        assert snapshot(os.path.dirname(path)) == before
    assert snapshot(os.path.dirname(path)) == before


def test_whoever_only_looks_sees_what_a_running_job_has_committed(ledger: Ledger, path: str) -> None:
    commit(ledger, row(), "intent")
    with closing(Ledger(path, read_only=True)) as looked:
        assert open_names(looked) == ["a.xml"]


def test_whoever_only_looks_cannot_write(ledger: Ledger, path: str) -> None:
    commit(ledger, row(), "intent")
    with closing(Ledger(path, read_only=True)) as looked:
        answer = looked.commit(row("b.xml"), State.INTENT)
        looked.run()
        with pytest.raises(LedgerError) as caught:
            answer.result()
        assert caught.value.reason == "ledger_read_only"
        with pytest.raises(LedgerError):
            looked.learn("acme", "rename", allowed=True)
    assert open_names(ledger) == ["a.xml"]


def test_a_ledger_that_was_emptied_is_not_taken_for_a_new_one(ledger: Ledger, path: str) -> None:
    """Or what it knew to be delivered would be sent again."""
    planted(ledger, row(), "delivered")
    ledger.close()
    os.truncate(path, 0)
    for options in ({}, {"create": True}, {"read_only": True}):
        assert refusal(path, **options).reason == "ledger_damaged"


def test_a_database_of_somebody_else_is_left_alone(path: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = Path(path).read_bytes()[100:]
    assert refusal(path, create=True).reason == "ledger_damaged"
    assert Path(path).read_bytes()[100:] == before


_MAKE = """
import sys
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger

sys.stdin.read()
Ledger(sys.argv[1], create=True).learn("acme", sys.argv[2], allowed=True)
"""


def test_what_a_killed_maker_left_beside_its_ledger_goes_at_the_next_opening(ledger: Ledger, path: str) -> None:
    """Killed between giving the ledger its name and clearing up."""
    commit(ledger, row(), "intent")
    workshop = Path(database._workshop(path))
    workshop.mkdir()
    (workshop / "ledger.sqlite3-wal").write_bytes(b"")
    with closing(Ledger(path, create=False, read_only=True)):
        assert workshop.exists()
    with closing(Ledger(path)) as again:
        assert [one.name for one in again.open_rows("acme", "dropoff", "invoices")] == ["a.xml"]
    assert not workshop.exists()


def test_what_a_maker_left_that_was_killed_in_the_middle_is_in_nobody_s_way(path: str) -> None:
    workshop = Path(database._workshop(path))
    workshop.mkdir()
    (workshop / "ledger.sqlite3").write_bytes(b"half of it")
    with closing(Ledger(path, create=True)) as made:
        commit(made, row(), "intent")
    assert not workshop.exists()


def test_a_ledger_that_is_put_back_while_a_new_one_is_made_stays(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Ledger(path, create=True)) as earlier:
        commit(earlier, row(), "intent")
    backup = Path(path).read_bytes()
    Path(path).unlink()
    fill = database._fill

    def restored(db: sqlite3.Connection) -> None:
        fill(db)
        Path(path).write_bytes(backup)

    monkeypatch.setattr(database, "_fill", restored)
    with closing(Ledger(path, create=True)) as ledger:
        assert open_names(ledger) == ["a.xml"]


def test_whoever_makes_a_ledger_waits_for_whoever_is_at_it(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []
    fill = database._fill

    def watched(db: sqlite3.Connection) -> None:
        fill(db)
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)
        held.append(True)

    monkeypatch.setattr(database, "_fill", watched)
    Ledger(path, create=True).close()
    assert held == [True]


@pytest.mark.parametrize("again", range(3))
def test_several_may_make_the_same_ledger_at_once(path: str, import_path: Path, again: int) -> None:
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKE, path, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(import_path)},
        )
        for number in range(5)
    ]
    time.sleep(0.5)  # all of them are there, and wait for the end of their input
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.close()
        maker.stdin = None
    assert [maker.communicate()[1] for maker in makers] == [""] * 5
    with closing(Ledger(path)) as ledger:
        assert all(ledger.capability("acme", str(number)) for number in range(5))
    assert os.listdir(os.path.dirname(path)) == ["ledger.sqlite3"]


@pytest.mark.parametrize("version", [1, 99])
@pytest.mark.parametrize("read_only", [False, True])
def test_the_ledger_of_another_release_is_left_alone(path: str, version: int, read_only: bool) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as newer:
        newer.execute("CREATE TABLE news (x)")
        newer.execute(f"PRAGMA user_version = {version}")
    before = Path(path).read_bytes()[100:]
    error = refusal(path, create=True, read_only=read_only)
    assert error.reason == "ledger_version"
    assert f"version {version}" in error.finding
    assert Path(path).read_bytes()[100:] == before


@pytest.mark.parametrize("content", [b"no database at all" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_what_is_no_ledger_is_refused_and_left_alone(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    for options in ({}, {"create": True}, {"read_only": True}):
        assert refusal(path, **options).reason == "ledger_damaged"
    assert Path(path).read_bytes() == content


def test_a_damaged_ledger_stops_whoever_reads_or_writes_it(ledger: Ledger, path: str) -> None:
    for number in range(300):
        ledger.commit(row(f"{number:03}.xml", sha256="0" * 64), State.INTENT)
    ledger.run()
    ledger.close()
    content = Path(path).read_bytes()
    pages = [content[at : at + 4096] for at in range(0, len(content), 4096)]
    content = b"".join(b"\xa5" * 4096 if b"0" * 64 in page else page for page in pages)  # the rows, and not the schema
    Path(path).write_bytes(content)
    with closing(Ledger(path)) as damaged:
        with pytest.raises(LedgerError) as caught:
            open_names(damaged)
        assert caught.value.reason == "ledger_damaged"
        assert path in caught.value.finding
        assert "backup" in caught.value.way_out
        answers = [damaged.commit(row(f"{number}.xml"), State.INTENT) for number in range(2)]
        damaged.run()
        for answer in answers:
            with pytest.raises(LedgerError) as caught:
                answer.result()
            assert caught.value.reason == "ledger_damaged"


@pytest.mark.parametrize("what", ["folder", "under a file", "in a closed folder", "closed"])
def test_a_ledger_that_cannot_be_opened_is_named(tmp_path: Path, what: str) -> None:
    """Its path may have the words in it by which SQLite's errors are known."""
    path = tmp_path / "locked, malformed, full"
    if what == "folder":
        path.mkdir()
    elif what == "under a file":
        path.write_bytes(b"")
        path = path / "ledger"
    elif what == "closed":
        path.write_bytes(b"")
        path.chmod(0o000)
    else:
        (tmp_path / "closed").mkdir(mode=0o500)
        path = tmp_path / "closed" / "ledger"
    error = without_privileges(lambda: refusal(str(path), create=True))
    assert error.reason == {"under a file": "ledger_failed", "folder": "ledger_damaged"}.get(what, "ledger_read_only")


def test_a_ledger_that_may_only_be_read_is_refused_before_anything_moves(ledger: Ledger, path: str) -> None:
    ledger.close()
    os.chmod(path, 0o400)
    assert without_privileges(lambda: refusal(path)).reason == "ledger_read_only"


def test_a_ledger_that_may_not_be_looked_for_is_not_taken_for_a_new_one(path: str) -> None:
    Ledger(path, create=True).close()
    os.chmod(os.path.dirname(path), 0o000)
    for options in ({}, {"create": True}, {"read_only": True}):
        assert without_privileges(partial(refusal, path, **options)).reason == "ledger_read_only"


def test_a_locked_ledger_is_waited_for_and_then_named(
    ledger: Ledger, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 1.0)
    with closing(Ledger(path)) as other:
        ledger._db.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        answer = other.commit(row(), State.INTENT)
        other.run()
        with pytest.raises(LedgerError) as caught:
            answer.result()
        assert caught.value.reason == "ledger_locked"
        assert 0.9 < time.monotonic() - began < 10
        assert open_names(other) == []
        ledger._db.execute("ROLLBACK")
        commit(other, row("b.xml"), "intent")
        assert open_names(ledger) == ["b.xml"]


def test_a_row_that_a_full_disk_did_not_take_is_new_when_it_is_tried_again(ledger: Ledger) -> None:
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    rows = [row(f"{number:03}.xml", sha256="0" * 64) for number in range(500)]
    for one in rows:
        ledger.commit(one, State.INTENT)
    ledger.run()
    ledger._db.execute("PRAGMA max_page_count = 1000000")
    commit(ledger, row("another.xml"), "intent")
    commit(ledger, rows[0], "created")
    assert open_names(ledger) == ["another.xml", "000.xml"]


def test_an_index_that_does_not_say_what_its_table_does_is_found(ledger: Ledger, path: str) -> None:
    commit(ledger, row(), "intent")
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'transfer_by_key'").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = db.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(Path(path).read_bytes())
    start = (page - 1) * size
    content[start : start + size] = content[start : start + size].replace(b"a.xml", b"b.xml")
    Path(path).write_bytes(content)
    with closing(Ledger(path)) as damaged:
        with pytest.raises(LedgerError) as caught:
            damaged.prove()
        assert caught.value.reason == "ledger_damaged"


def test_a_full_disk_fails_all_that_waited_and_keeps_all_that_was_settled(ledger: Ledger) -> None:
    commit(ledger, row(), "intent")
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    answers = [ledger.commit(row(f"{number}.xml", sha256="0" * 64), State.INTENT) for number in range(500)]
    ledger.run()
    for answer in answers:
        with pytest.raises(LedgerError) as caught:
            answer.result()
        assert caught.value.reason == "ledger_disk_full"
    assert open_names(ledger) == ["a.xml"]
    ledger._db.execute("PRAGMA max_page_count = 1000000")
    commit(ledger, row("later.xml"), "intent")
    assert open_names(ledger) == ["a.xml", "later.xml"]


def test_a_ledger_that_root_has_touched_still_belongs_to_its_user() -> None:
    """Also while root has it open, and SQLite's own files beside it are of root's making."""
    with somebodys_folder() as folder:
        path = str(folder / "ledger.sqlite3")

        def use(name: str) -> None:
            with closing(Ledger(path, create=True)) as ledger:
                commit(ledger, row(name), "intent")

        as_somebody(lambda: use("first"))
        with closing(Ledger(path)) as roots:
            commit(roots, row("root's"), "intent")
            assert {found.stat().st_uid for found in folder.iterdir()} == {SOMEBODY}
            as_somebody(lambda: use("while root has it"))
        as_somebody(lambda: use("after root had it"))
        with closing(Ledger(path)) as roots:
            assert open_names(roots) == ["first", "root's", "while root has it", "after root had it"]


# --- sightings and capabilities


def test_a_file_is_known_since_it_was_first_seen_just_so(
    ledger: Ledger, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(ledger_module.time, "time", lambda: clock[0])
    assert ledger.seen_since(*KEY, [("a", 1, 1), ("b", 1, 1)]) == {"a": 1000, "b": 1000}
    clock[0] = 1010.0
    ledger.close()
    with closing(Ledger(path)) as later:
        assert later.sightings(*KEY, [("a", 1, 1), ("c", 1, 1)]) == {"a": 1000}
        assert later.seen_since(*KEY, [("a", 1, 1), ("b", 2, 1)]) == {"a": 1000, "b": 1010}
        clock[0] = 1020.0
        assert later.seen_since(*KEY, [("a", 1, 2), ("b", 2, 1)]) == {"a": 1020, "b": 1010}
        clock[0] = 1030.0
        assert later.seen_since(*KEY, [("a", 1, 1)]) == {"a": 1030}


def test_what_was_seen_by_a_clock_that_was_ahead_is_seen_anew(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [2000.0]
    monkeypatch.setattr(ledger_module.time, "time", lambda: clock[0])
    assert ledger.seen_since(*KEY, [("a", 1, 1)]) == {"a": 2000}
    for clock[0] in (1000.0, 1010.0):
        assert ledger.seen_since(*KEY, [("a", 1, 1)]) == {"a": 1000}


def test_sightings_are_forgotten_folder_by_folder(ledger: Ledger) -> None:
    places = [KEY, ("other", *KEY[1:]), (KEY[0], "pickup", KEY[2]), (*KEY[:2], "/elsewhere")]
    for place in places:
        ledger.seen_since(*place, [("a", 1, 1)])
    ledger.forget_sightings(*KEY)
    assert [bool(ledger.sightings(*place, [("a", 1, 1)])) for place in places] == [False, True, True, True]


def test_what_was_learned_of_a_server_is_remembered_until_it_is_learned_anew(ledger: Ledger, path: str) -> None:
    assert ledger.capability("acme", "rename") is None
    ledger.learn("acme", "rename", allowed=False)
    ledger.learn("acme", "other", allowed=True)
    with closing(Ledger(path)) as other:
        assert other.capability("acme", "rename") is False
        assert other.capability("acme", "other") is True
        assert other.capability("somebody", "rename") is None
        other.learn("acme", "rename", allowed=True)
    assert ledger.capability("acme", "rename") is True


# --- kill


_COMMITS = """
import sys
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State

ledger = Ledger(sys.argv[1], create=True)
for number in range(1_000_000):
    rows = [
        Row("acme", "dropoff", "/out", f"{sys.argv[2]}-{number}-{part}", 1, 1, "invoices", "in/x") for part in range(3)
    ]
    answers = [ledger.commit(row, State.INTENT) for row in rows]
    ledger.run()
    for row, answer in zip(rows, answers):
        answer.result()
        sys.stdout.write(f"{row.name}\\n")
    sys.stdout.flush()
"""


def test_a_killed_process_takes_no_settled_commit_and_no_half_batch_with_it(path: str, import_path: Path) -> None:
    settled: set[str] = set()
    for time_ in range(6):
        command = [sys.executable, "-c", _COMMITS, path, str(time_)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(import_path)}
        ) as process:
            assert process.stdout is not None
            for _line in range(30 + 7 * time_):
                settled.add(process.stdout.readline().strip())
            time.sleep(0.003 * time_)
            process.send_signal(signal.SIGKILL)
            # Whole lines were settled; the last one may have been cut.
            settled |= set(process.stdout.read().split("\n")[:-1])
        with closing(Ledger(path, read_only=True)) as looked:
            assert settled <= set(open_names(looked))
        with closing(Ledger(path)) as ledger:
            found = open_names(ledger)
        assert settled <= set(found)
        assert len(found) == len(set(found))
        batches = {name.rpartition("-")[0] for name in found}
        assert set(found) == {f"{batch}-{part}" for batch in batches for part in range(3)}
    assert len(settled) > 6 * 30
