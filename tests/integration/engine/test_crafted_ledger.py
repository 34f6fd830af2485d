# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever may write to a ledger cannot lead a run to other files by it, nor make it crash: there is one error."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError, LedgerError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.history import Question, ask
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey, only_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.owner import as_owner
from support.desk import Desk, digests, fill
from support.rights import A_THIRD, SOMEBODY, somebodys_folder
from support.sshd import SshServer
from support.stage import InProcess, Step

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can work as another user")
DIRECTIONS = ("dropoff", "pickup")
JOB = JobKey("acme", "dropoff", "invoices")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    for name in ("input", "pickup"):
        (tmp_path / "box" / name).mkdir(parents=True)
    desk = Desk(tmp_path, {"protocol": "folder", "root": str(tmp_path / "box"), "account": "acme"})
    Ledger(str(desk.ledger), create=True).close()
    return desk


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[Path]:
    """A file outside of all folders of the jobs."""
    path = tmp_path / "secret" / "secret.xml"
    path.parent.mkdir()
    path.write_text("secret")
    yield path
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_text() == "secret"


def craft(ledger: Path, *statements: str) -> None:
    with closing(sqlite3.connect(ledger, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


def row(desk: Desk, direction: str, **changes: object) -> str:
    """The statement that writes a row of an unfinished file, with some of its columns changed (SQL)."""
    is_pickup = direction == "pickup"
    columns: dict[str, object] = {
        "account": "'acme'",
        "direction": f"'{direction}'",
        "folder": "'pickup'" if is_pickup else f"'{desk.outbox}'",
        "name": "'a.xml'",
        "size": 1,
        "mtime_ns": 1,
        "job": f"'{job_name(desk, direction)}'",
        "state": "'placing'" if is_pickup else "'written'",
        "open": 1,
        "tries": 0,
        "remote_path": f"'{'pickup' if is_pickup else 'input'}/a.xml'",
        "temporary": "'.filedrop-0-1.part'" if is_pickup else "'input/.1.part'",
        "local_path": f"'{desk.inbox}/a.xml'" if is_pickup else "NULL",
        "changed_at": 1,
        **changes,
    }
    return f"INSERT INTO transfer ({', '.join(columns)}) VALUES ({', '.join(map(str, columns.values()))})"


def job_name(desk: Desk, direction: str) -> str:
    return f"pickup:pickup > {desk.inbox}" if direction == "pickup" else f"dropoff:{desk.outbox}"


TRIGGER = "CREATE TRIGGER t AFTER {} ON {} BEGIN DELETE FROM transfer; END"
SCHEMAS = {
    "trigger on rows": [TRIGGER.format("INSERT", "transfer")],
    "trigger on runs": [TRIGGER.format("UPDATE", "run")],
    "view for a table": ["DROP TABLE run", "CREATE VIEW run AS SELECT 1 AS account"],
    "view beside": ["CREATE VIEW v AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x FROM n"],
    "table without an index": ["DROP INDEX transfer_open"],
    "generated column": ["ALTER TABLE run ADD COLUMN more AS (hex(zeroblob(100000000)))"],
    "index of an expression": ["CREATE INDEX i ON transfer (abs(size))"],
    "virtual table": ["CREATE VIRTUAL TABLE f USING fts5(x)"],
}
COLUMNS = {
    "name of another folder": {"name": "'../secret/secret.xml'"},
    "absolute name": {"name": "'/etc/passwd'"},
    "name of a folder": {"name": "'..'"},
    "no name": {"name": "''"},
    "name with a NUL": {"name": "'a' || char(0)"},
    "name that is a number": {"name": "x'00ff'"},
    "name that is not UTF-8": {"name": "CAST(x'ff' AS TEXT)"},
    "temporary name elsewhere": {"temporary": "'../secret/secret.xml'"},
    "temporary name on another folder": {"temporary": "'done/b.xml'"},
    "size that is text": {"size": "'many'"},
    "size below 0": {"size": -1},
    "size beyond all": {"size": "1e300"},
    "time that is text": {"changed_at": "'soon'"},
    "time beyond the calendar": {"changed_at": "1e300"},
    "unknown state": {"state": "'on_its_way'"},
    "state that is a number": {"state": "x'01'"},
    "reason that is a blob": {"reason": "x'01'"},
    "folder with a NUL": {"local_path": "'/srv' || char(0) || '/a.xml'"},
    "path that ends in a folder": {"local_path": "'/srv/..'"},
}
IDENTITIES = ["''", "'../../etc'", "x'00'"]


def refused_by_all(desk: Desk, directions: tuple[str, ...] = DIRECTIONS) -> None:
    """Runs, questions and decisions end with an error of ours, which names the ledger's trouble."""
    asked: list[Callable[[], object]] = [lambda: ask(str(desk.ledger), Question())]
    asked += [lambda: resolve(str(desk.ledger), Wanted(), "resend")]
    for each in asked:
        with suppress(LedgerError):
            each()
    for direction in directions:
        error = desk.refusal(desk.job(direction))
        assert isinstance(error, LedgerError), error
        assert error.reason in ("ledger_damaged", "ledger_failed")
        assert error.way_out


@pytest.mark.parametrize("craft_", SCHEMAS.values(), ids=SCHEMAS)
def test_a_ledger_with_other_tables_triggers_or_views_is_refused(desk: Desk, craft_: list[str]) -> None:
    sent = fill(desk.outbox, 1)
    craft(desk.ledger, *craft_)
    refused_by_all(desk)
    assert digests(desk.outbox) == sent


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("changes", COLUMNS.values(), ids=COLUMNS)
def test_a_row_that_filedrop_cannot_have_written_is_refused(
    desk: Desk, secret: Path, direction: str, changes: dict[str, object]
) -> None:
    craft(desk.ledger, row(desk, direction, **changes))
    refused_by_all(desk, (direction,))


@pytest.mark.parametrize("identity", IDENTITIES)
def test_an_identity_that_could_be_a_path_is_refused(desk: Desk, secret: Path, identity: str) -> None:
    craft(desk.ledger, f"UPDATE identity SET ledger = {identity}")
    fill(desk.ledger.parent / "box" / "pickup", 1)
    error = desk.refusal(desk.job("pickup", share={"index": 0, "count": 1}))
    assert (error.reason, error.finding) == ("ledger_damaged", "The ledger has no identity.")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python limits the length of values from 3.11 on")
@pytest.mark.parametrize("column", ["name", "sha256", "local_path", "reason"])
def test_a_huge_value_fills_no_memory(desk: Desk, column: str) -> None:
    craft(desk.ledger, row(desk, "dropoff", **{column: "hex(zeroblob(20000000))"}))
    refused_by_all(desk, ("dropoff",))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sighting VALUES ('acme', 'dropoff', '{outbox}', 'a.xml', 1, {mtime}, 'soon')",
        "INSERT INTO capability VALUES ('acme', 'rename', x'00', 'then')",
    ],
)
def test_other_tables_crash_nothing_either(desk: Desk, statement: str) -> None:
    path = desk.outbox / "a.xml"
    path.write_text("x")
    craft(desk.ledger, statement.format(outbox=desk.outbox, mtime=path.stat().st_mtime_ns))
    with suppress(LedgerError):
        desk.drop_off(settle=60)
    with suppress(LedgerError):
        ask(str(desk.ledger), Question())


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".locks"])
@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_files_of_the_ledger_that_are_something_else_hang_and_lead_nowhere(
    desk: Desk, secret: Path, suffix: str, kind: str
) -> None:
    path = Path(f"{desk.ledger}{suffix}")
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(secret.parent if suffix == ".locks" else secret)
        desk.ledger.parent.chmod(0o777)
    for direction in DIRECTIONS:
        assert isinstance(desk.refusal(desk.job(direction)), FiledropError)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_row_leads_a_run_to_no_other_folder(desk: Desk, secret: Path, direction: str) -> None:
    """Neither is a file sent from there, nor is a part published or removed there."""
    part = secret.parent / ".filedrop-0-1.part"
    part.write_text("part")
    changes = {"folder": f"'{secret.parent}'", "name": "'secret.xml'", "remote_path": "'input/secret.xml'"}
    if direction == "pickup":
        changes = {"local_path": f"'{secret.parent}/b.xml'"}
    craft(desk.ledger, row(desk, direction, **changes))
    (outcome,) = desk.run(desk.job(direction)).outcomes
    expected = ("held", "dest_changed") if direction == "pickup" else ("failed", "other_folder")
    assert (outcome.outcome, outcome.reason) == expected
    assert part.read_text() == "part"
    part.unlink()
    assert digests(desk.ledger.parent / "box" / "input") == {}


# --- root and the ledger of another user


@needs_root
def test_root_works_as_the_owner_of_a_ledger() -> None:
    with somebodys_folder() as folder:
        path = folder / "state" / "ledger.sqlite3"
        with as_owner(str(path)):
            assert os.geteuid() == SOMEBODY
            assert 0 not in os.getgroups()
            Ledger(str(path), create=True).close()
        assert os.geteuid() == 0
        with closing(Ledger(str(path))) as ledger, only_run(str(path), JOB):
            ledger.learn("acme", "rename", allowed=True)
            made = [*path.parent.rglob("*"), path.parent]
            assert len(made) == 6
            assert {each.stat().st_uid for each in made} == {SOMEBODY}


@needs_root
def test_a_link_beside_the_ledger_of_another_user_leads_root_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for suffix in ("", "-wal", "-shm", "-journal", ".locks"):
        with somebodys_folder() as folder:
            path = folder / "ledger.sqlite3"
            if suffix:
                Ledger(str(path), create=True).close()
            link = Path(f"{path}{suffix}")
            link.symlink_to(target)
            with pytest.raises(FiledropError), closing(Ledger(str(path), create=True)), only_run(str(path), JOB):
                pytest.fail("not refused")
            assert not target.exists()


@needs_root
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_root_uses_no_ledger_in_a_folder_that_others_can_write(mode: int) -> None:
    with somebodys_folder() as folder:
        os.chown(folder, 0, A_THIRD)
        folder.chmod(mode)
        with pytest.raises(FiledropError) as caught:
            Ledger(str(folder / "ledger.sqlite3"), create=True)
        assert caught.value.reason == "wrong_user"
        assert "sudo -u" in caught.value.way_out
        assert list(folder.iterdir()) == []


@needs_root
def test_root_uses_no_ledger_of_two_users() -> None:
    with somebodys_folder() as folder:
        inner = folder / "inner"
        inner.mkdir()
        os.chown(inner, A_THIRD, -1)
        with pytest.raises(FiledropError) as caught:
            Ledger(str(inner / "ledger.sqlite3"), create=True)
        assert caught.value.reason == "wrong_user"
        assert list(inner.iterdir()) == []


@needs_root
@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_a_module_as_root_works_as_the_owner_of_the_ledger(sshd: SshServer, tmp_path: Path, transport: str) -> None:
    """It reads the key as root, who alone may, and all that it makes is the other user's."""
    there = fill(sshd.pickup, 2)
    with somebodys_folder() as folder:
        desk = Desk(folder, sshd.account_options(transport=transport))
        sent = fill(desk.outbox, 2)
        for path in (desk.outbox, desk.inbox, *desk.outbox.iterdir()):
            os.chown(path, SOMEBODY, -1)
        assert Path(str(desk.account["private_key_file"])).stat().st_uid == 0
        job = {"settle": 0, "ledger": str(desk.ledger)}
        played = InProcess(tmp_path).play(
            Step("dropoff", {**job, "src": str(desk.outbox), "remote_dir": "input"}),
            Step("pickup", {**job, "dest": str(desk.inbox), "remote_dir": "pickup"}),
            Step("ledger_info", {"ledger": str(desk.ledger)}),
            defaults=desk.account,
        )
        assert [result["failed"] for result in played.results] == [False] * 3, played.results
        assert (digests(desk.archive), digests(desk.inbox), digests(sshd.input)) == (sent, there, sent)
        assert {path.stat().st_uid for path in folder.rglob("*")} == {SOMEBODY}
        os.chown(folder, A_THIRD, -1)
        again = Step("dropoff", {**job, "src": str(desk.outbox), "remote_dir": "input"})
        refused = InProcess(tmp_path).play(again, defaults=desk.account)
        assert "sudo -u" in refused.results[0]["msg"]
