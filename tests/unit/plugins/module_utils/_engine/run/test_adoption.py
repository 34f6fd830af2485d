# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is removed when a job takes over what another name has left. The integration tests show how such files go on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Pickup
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey, only_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.fsync import Syncer
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.names import part_prefix
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.adoption import adopt
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.base import JobRun
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.directions import job_run
from support.ledgers import plant

KNOWN, UNKNOWN = (f"{part_prefix('0123', 'acme', 'before')}{number}.part" for number in range(2))
THEIRS = f"{part_prefix('0123', 'acme', 'theirs')}0.part"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where parts are made: one of which a row speaks, one of which none does, and one of a job that left no row."""
    folder = tmp_path / "place"
    folder.mkdir()
    for name in (KNOWN, UNKNOWN, THEIRS):
        (folder / name).write_bytes(b"part")
    return folder


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path / "ledger"), create=True)) as opened:
        opened.change("UPDATE identity SET ledger = ?", [("0123",)])
        yield opened


def run_of(ledger: Ledger, job: Dropoff | Pickup) -> JobRun[Any]:
    with closing(Syncer()) as syncer:
        return job_run(job, "acme", ledger, syncer, check=False)


def leave(ledger: Ledger, direction: str, folder: str) -> None:
    state = State.PLACING if direction == "pickup" else State.WRITTEN
    temporary = KNOWN if direction == "pickup" else "there/a.part"
    plant(
        ledger, Row("acme", direction, folder, "a.xml", 1, 1, "before", "there/a.xml", temporary=temporary, state=state)
    )


def test_parts_that_nobody_would_ever_publish_do_not_fill_the_destination(ledger: Ledger, place: Path) -> None:
    leave(ledger, "pickup", "there")
    adopt(ledger, run_of(ledger, Pickup(name="after", dest=str(place), remote_dir="there")))
    assert set(os.listdir(place)) == {KNOWN, THEIRS}
    assert [row.name for row in ledger.open_rows("acme", "pickup", "after")] == ["a.xml"]


def test_parts_of_copies_do_not_fill_the_archive(ledger: Ledger, place: Path, tmp_path: Path) -> None:
    leave(ledger, "dropoff", str(tmp_path))
    adopt(
        ledger, run_of(ledger, Dropoff(name="after", sources=(str(tmp_path),), remote_dir="in", archive_dir=str(place)))
    )
    assert set(os.listdir(place)) == {THEIRS}


def test_parts_of_a_job_that_is_at_work_stay(ledger: Ledger, place: Path) -> None:
    leave(ledger, "pickup", "there")
    with only_run(ledger.path, JobKey("acme", "pickup", "before")):
        adopt(ledger, run_of(ledger, Pickup(name="after", dest=str(place), remote_dir="there")))
    assert set(os.listdir(place)) == {KNOWN, UNKNOWN, THEIRS}
