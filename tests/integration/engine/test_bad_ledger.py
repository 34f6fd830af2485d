# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ledger that cannot be trusted or written ends a run before anything has moved, in either direction."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import database
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from support import driver
from support.confined import SmallDisk, mode_bits_count, small_disk
from support.desk import Desk, assert_delivered, digests, fill
from support.ledgers import plant
from support.rights import SOMEBODY, as_somebody, somebodys_folder
from support.sshd import SshServer

DIRECTIONS = ["dropoff", "pickup"]
INDEX_LEAF = 0x0A  # the first byte of such a page (https://www.sqlite.org/fileformat.html, section 1.6)
FILL = """
import sys
with open(sys.argv[1], "wb", 0) as rest:
    try:
        while True:
            rest.write(bytes(4096))
    except OSError:
        pass
"""
KEEP_OPEN = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("INSERT OR REPLACE INTO capability VALUES ('other', 'rename', 1, 0)")
print("open", flush=True)
sys.stdin.read()
"""


def _history(path: Path, count: int = 3000) -> None:
    rows = []
    with closing(Ledger(str(path), create=True)) as ledger:
        for number in range(count):
            name = f"earlier-{number:05}.xml"
            row = Row("earlier", "dropoff", "/srv/out", name, 1, 1, "job", f"in/{name}", sha256="0" * 64)
            row.state = State.DELIVERED
            rows.append(row)
        plant(ledger, *rows)


def _in_an_index(content: bytearray, entry: bytes) -> int:
    """Where the last byte of an entry is in the leaf of an index."""
    for start in range(0, len(content), 4096):
        page = content[start : start + 4096]
        if page[0] == INDEX_LEAF and entry in page:
            return start + page.index(entry) + len(entry) - 1
    raise LookupError(entry)


@contextmanager
def _in_use(disk: SmallDisk, ledger: Path) -> Iterator[None]:
    """Another process has the ledger open, with the side files that belong to it."""
    command = [*disk.prefix, sys.executable, "-c", KEEP_OPEN, str(ledger)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout is None or process.stdout.readline() != b"open\n":
            raise RuntimeError("it could not be opened")
        yield
        process.communicate()


@contextmanager
def _nothing_moves(desk: Desk, sshd: SshServer) -> Iterator[None]:
    """And nothing is lost, and no part of anything is left behind."""
    here, there = fill(desk.outbox, 3), fill(sshd.pickup, 3)
    yield
    assert (digests(desk.outbox), digests(sshd.input)) == (here, {})
    assert (digests(sshd.pickup), digests(desk.inbox)) == (there, {})


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("what", ["zeros", "noise", "one bit of an index"])
def test_damage_in_the_middle_of_it(desk: Desk, sshd: SshServer, direction: str, what: str) -> None:
    """Also where no query of this run would ever come across it."""
    _history(desk.ledger)
    content = bytearray(desk.ledger.read_bytes())
    if what == "one bit of an index":
        content[_in_an_index(content, b"/srv/outearlier-01500.xml")] ^= 1
    else:
        middle = len(content) // 8192 * 4096
        content[middle : middle + 4096] = bytes(4096) if what == "zeros" else b"\xa5" * 4096
    desk.ledger.write_bytes(content)
    with _nothing_moves(desk, sshd):
        error = desk.refusal(desk.job(direction))
        assert error.reason == "ledger_damaged"
        assert str(desk.ledger) in error.finding
        assert "backup" in error.way_out


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("in_use", [False, True])
def test_a_ledger_on_a_full_disk(desk: Desk, sshd: SshServer, direction: str, in_use: bool) -> None:
    """Also while another job has it open, so that nothing has to be made to open it."""
    disk_folder = desk.ledger.parent / "disk"
    disk_folder.mkdir()
    desk.ledger = disk_folder / "ledger.sqlite3"
    run = desk.spec(desk.job(direction))
    with small_disk(disk_folder, "300k") as disk:
        first = driver.finish(driver.start(run, prefix=disk.prefix))
        assert first["error"] is None
        with ExitStack() as stack:
            if in_use:
                stack.enter_context(_in_use(disk, desk.ledger))
            subprocess.run([*disk.prefix, sys.executable, "-c", FILL, str(disk_folder / "rest")], check=True)
            stack.enter_context(_nothing_moves(desk, sshd))
            reason, message = driver.finish(driver.start(run, prefix=disk.prefix))["error"]
            assert reason == "ledger_disk_full"
            assert str(desk.ledger) in message
            assert "Free some space" in message
        (disk.view / "rest").unlink()
        assert driver.finish(driver.start(run, prefix=disk.prefix))["summary"]["delivered"] == 3


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_ledger_that_cannot_be_written_or_its_folder(desk: Desk, sshd: SshServer, direction: str, what: str) -> None:
    folder = desk.ledger.parent / "state"
    desk.ledger = folder / "ledger.sqlite3"
    _history(desk.ledger, 1)
    path = desk.ledger if what == "file" else folder
    mode = path.stat().st_mode
    path.chmod(mode & ~0o222)
    with _nothing_moves(desk, sshd):
        run = desk.spec(desk.job(direction))
        reason, message = driver.finish(driver.start(run, prefix=mode_bits_count()))["error"]
        assert reason in ("ledger_read_only", "local_denied")
        assert str(desk.ledger) in message
        assert "permission for it and its folder" in message
    path.chmod(mode)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_ledger_that_somebody_keeps_locked(
    desk: Desk, sshd: SshServer, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.2)
    _history(desk.ledger, 1)
    with closing(sqlite3.connect(desk.ledger, isolation_level=None)) as other, _nothing_moves(desk, sshd):
        other.execute("BEGIN EXCLUSIVE")
        error = desk.refusal(desk.job(direction))
        assert error.reason == "ledger_locked"
        assert str(desk.ledger) in error.finding


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("version", "way_out"), [(99, "Upgrade filedrop"), (1, "Keep the file")])
def test_the_ledger_of_another_release(desk: Desk, sshd: SshServer, direction: str, version: int, way_out: str) -> None:
    _history(desk.ledger, 1)
    with closing(sqlite3.connect(desk.ledger)) as other:
        other.execute(f"PRAGMA user_version = {version}")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = desk.ledger.read_bytes()
    with _nothing_moves(desk, sshd):
        error = desk.refusal(desk.job(direction))
        assert error.reason == "ledger_version"
        assert way_out in error.way_out
    assert desk.ledger.read_bytes() == before


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_whole_ledger_is_no_hindrance(desk: Desk, sshd: SshServer, direction: str) -> None:
    _history(desk.ledger)
    sent = fill(desk.outbox if direction == "dropoff" else sshd.pickup, 3)
    assert_delivered(desk.run(desk.job(direction)), sent)


def test_a_run_of_root_leaves_somebody_s_ledger_theirs(desk: Desk, sshd: SshServer) -> None:
    """All that a run makes: the ledger itself, SQLite's side files, the locks and their folder."""
    with somebodys_folder() as folder:
        desk.ledger = folder / "state" / "ledger.sqlite3"
        sent = fill(desk.outbox, 2)
        assert_delivered(desk.drop_off(), sent)
        came = fill(sshd.pickup, 2)
        assert_delivered(desk.pick_up(), came)
        made = [Path(where, name) for where, folders, files in os.walk(folder) for name in (*folders, *files)]
        assert len(made) >= 5
        assert {path.stat().st_uid for path in made} == {SOMEBODY}

        def use() -> None:
            with closing(Ledger(str(desk.ledger))) as ledger:
                ledger.prove()
                ledger.learn("acme", "rename", allowed=True)

        as_somebody(use)
