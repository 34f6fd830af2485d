# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Pickup
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.retention import Retention
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.folder import Folder
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.fsync import Syncer
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import retention
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.retention import horizon, prune
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.directions import job_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup.job_run import PickupRun
from support.ledgers import plant

OLD = time.time() - 100 * 86400
LIMIT = time.time() - 90 * 86400


class Desk:
    """An outbox with its archive, and a ledger that knows of them."""

    def __init__(self, folder: Path) -> None:
        self.outbox = folder / "outbox"
        self.archive = self.outbox / "archive"
        self.archive.mkdir(parents=True)
        self.ledger = Ledger(str(folder / "ledger.sqlite3"), create=True)
        self.dropoff = Dropoff(name="invoices", sources=(str(self.outbox),), remote_dir="input")
        self.pickup = Pickup(name="reports", dest=str(folder), remote_dir="pickup")

    def write(self, row: Row, changed_at: float) -> Row:
        plant(self.ledger, row)
        self.ledger.change("UPDATE transfer SET changed_at = ? WHERE id = ?", [(changed_at, row.id)])
        return row

    def sent(self, name: str, *, where: Path | None = None, at: float = OLD, **changes: object) -> Path:
        """A file that was sent, and stands now in the archive, or elsewhere."""
        path = (where or self.archive) / name
        path.write_text(name)
        status = path.stat()
        row = Row("amili", "dropoff", str(self.outbox), name, status.st_size, status.st_mtime_ns, "invoices", "input/x")
        row.state, row.local_path = State.DELIVERED, str(path)
        for column, value in changes.items():
            setattr(row, column, value)
        self.write(row, at)
        return path

    def fetched(self, name: str, state: str, at: float = OLD) -> None:
        row = Row("amili", "pickup", "pickup", name, 1, 1, "reports", f"pickup/{name}", state=State(state))
        self.write(row, at)

    def prune(self, job: Dropoff | Pickup | None = None, listed: set[str] | None = None) -> tuple[int, int]:
        with closing(Syncer()) as syncer:
            work = job_run(job or self.dropoff, "amili", self.ledger, syncer, check=False)
            if isinstance(work, PickupRun):
                work._present = None if listed is None else frozenset(listed)
            return prune(work, self.ledger, before=LIMIT)

    def known(self) -> list[str]:
        return [row.name for row in self.ledger.rows("ORDER BY id", ())]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    with closing(found.ledger):
        yield found


DAY = 86400.0


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        (Retention(age=30 * DAY), 30),
        (Retention(None, files=2), 20),  # the two newest stay: of 10 and of 20 days ago
        (Retention(None, files=4), 40),
        (Retention(None, files=5), None),
        (Retention(age=30 * DAY, files=2), 20),
        (Retention(age=15 * DAY, files=3), 15),
        (Retention(None, files=1), 10),
    ],
)
def test_what_is_beyond_one_of_the_limits_may_go(desk: Desk, limits: Retention, found: float | None) -> None:
    now = time.time()
    for days in (40, 10, 30, 20):
        desk.sent(f"{days}.xml", at=now - days * DAY)
    desk.sent("held.xml", at=now - 5 * DAY, state=State.HELD)
    desk.fetched("report.xml", "delivered", at=now - 5 * DAY)
    before = horizon(limits, JobKey("amili", "dropoff", "invoices"), desk.ledger, now=now)
    assert before == (0 if found is None else now - found * DAY)


def test_the_last_day_stays_however_many_files_it_had(desk: Desk) -> None:
    now = time.time()
    for hours in range(5):
        desk.sent(f"{hours}.xml", at=now - hours * 3600)
    assert horizon(Retention(None, files=2), JobKey("amili", "dropoff", "invoices"), desk.ledger, now=now) == now - DAY


def test_what_is_old_goes_from_archive_and_ledger_and_what_is_young_stays(desk: Desk) -> None:
    old, young = desk.sent("old.xml"), desk.sent("young.xml", at=time.time() - 80 * 86400)
    assert desk.prune() == (1, 1)
    assert (old.exists(), young.exists(), desk.known()) == (False, True, ["young.xml"])
    assert desk.prune() == (0, 0)


def test_many_are_taken_in_several_goes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)
    for number in range(5):
        desk.sent(f"{number}.xml")
    kept = desk.sent("kept.xml", where=desk.outbox)
    assert desk.prune() == (5, 5)
    assert (list(desk.archive.iterdir()), kept.exists(), desk.known()) == ([], True, ["kept.xml"])


def test_open_rows_are_never_touched(desk: Desk) -> None:
    path = desk.sent("held.xml", state=State.HELD)
    assert desk.prune() == (0, 0)
    assert (path.exists(), desk.known()) == (True, ["held.xml"])


def test_what_filedrop_did_not_archive_is_never_removed(desk: Desk) -> None:
    stranger = desk.archive / "stranger.xml"
    stranger.write_text("of somebody else")
    os.utime(stranger, (OLD, OLD))
    desk.prune()
    assert stranger.exists()


@pytest.mark.parametrize(("content", "later"), [("longer than before", 0), ("one.xml", 1)], ids=["size", "time"])
def test_an_archived_file_that_was_changed_is_left_and_forgotten(desk: Desk, content: str, later: int) -> None:
    path = desk.sent("one.xml")
    time = path.stat().st_mtime_ns
    path.write_text(content)
    os.utime(path, ns=(time, time + later))
    assert desk.prune() == (0, 1)
    assert (path.exists(), desk.known()) == (True, [])


def test_a_link_in_the_place_of_an_archived_file_is_left(desk: Desk) -> None:
    path = desk.sent("one.xml")
    path.rename(desk.outbox / "elsewhere")
    path.symlink_to(desk.outbox / "elsewhere")
    assert desk.prune() == (0, 1)
    assert path.is_symlink()
    assert (desk.outbox / "elsewhere").exists()


def test_a_file_outside_of_the_archive_of_the_job_is_left_whatever_the_ledger_says(desk: Desk) -> None:
    elsewhere = desk.outbox.parent / "elsewhere"
    elsewhere.mkdir()
    path = desk.sent("one.xml", where=elsewhere)
    assert desk.prune() == (0, 1)
    assert path.exists()


def test_an_original_that_is_kept_is_not_forgotten_or_it_would_be_sent_again(desk: Desk) -> None:
    path = desk.sent("kept.xml", where=desk.outbox)
    assert desk.prune() == (0, 0)
    assert (path.exists(), desk.known()) == (True, ["kept.xml"])
    path.unlink()
    assert desk.prune() == (0, 1)


def test_another_file_under_the_name_of_an_old_one_does_not_keep_it(desk: Desk) -> None:
    archived = desk.sent("one.xml")
    (desk.outbox / "one.xml").write_text("the next of that name")
    assert desk.prune() == (1, 1)
    assert not archived.exists()


def test_an_archive_or_a_source_that_is_gone_is_no_trouble(desk: Desk) -> None:
    desk.sent("one.xml").unlink()
    desk.archive.rmdir()
    desk.outbox.rmdir()
    assert desk.prune() == (0, 1)


def test_the_jobs_of_a_ledger_are_apart(desk: Desk) -> None:
    other = desk.sent("other.xml", job="other")
    account = desk.sent("account.xml", account="billit")
    assert desk.prune() == (0, 0)
    assert other.exists()
    assert account.exists()


def test_what_was_fetched_and_deleted_there_is_forgotten(desk: Desk) -> None:
    desk.fetched("one.csv", "fetched")
    desk.fetched("two.csv", "abandoned")
    assert desk.prune(desk.pickup) == (0, 2)


@pytest.mark.parametrize("state", ["kept", "discarded"])
def test_what_stays_there_on_purpose_is_remembered_as_long_as_it_is_there(desk: Desk, state: str) -> None:
    desk.fetched("there.csv", state)
    desk.fetched("gone.csv", state)
    assert desk.prune(desk.pickup, None) == (0, 0)
    assert desk.prune(desk.pickup, {"there.csv", "more.csv"}) == (0, 1)
    assert desk.known() == ["there.csv"]


def test_what_was_discarded_is_remembered_as_long_as_it_is_there(desk: Desk) -> None:
    desk.fetched("there.csv", "discarded")
    desk.fetched("gone.csv", "discarded")
    assert desk.prune(desk.pickup, {"there.csv"}) == (0, 1)
    assert desk.known() == ["there.csv"]


def test_a_disk_that_refuses_stops_it_and_what_went_before_is_forgotten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = desk.sent("1.xml"), desk.sent("2.xml")

    def remove(folder: object, name: str) -> None:
        if name == "2.xml":
            raise DiskError("local_denied", "No.")
        first.unlink()

    monkeypatch.setattr(Folder, "remove", remove)
    with pytest.raises(DiskError):
        desk.prune()
    assert (second.exists(), desk.known()) == (True, ["2.xml"])
