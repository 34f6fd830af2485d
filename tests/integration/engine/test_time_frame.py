# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are selected by their times."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from support.desk import Desk, assert_delivered, digests, outcomes
from support.ledgers import plant
from support.sshd import SshServer

NOVEMBER: dict[str, Any] = {"modified_from": "2025-11-01", "modified_to": "2025-12-01"}
TIMES = {
    "october.xml": "2025-10-31T23:59:59",
    "first.xml": "2025-11-01T00:00:00",
    "last.xml": "2025-11-30T23:59:59",
    "december.xml": "2025-12-01T00:00:00",
}
IN_NOVEMBER = ["first.xml", "last.xml"]


def put_all(folder: Path) -> None:
    for name, local_time in TIMES.items():
        put(folder / name, local_time)


def put(path: Path, local_time: str, content: str = "") -> None:
    path.write_text(content or path.name)
    moment = datetime.fromisoformat(local_time).timestamp()
    os.utime(path, (moment, moment))


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
@pytest.mark.parametrize("settle", [0, 1])
def test_only_files_in_the_frame_are_moved_and_foreseen(
    desk: Desk, sshd: SshServer, direction: str, settle: int
) -> None:
    origin = desk.outbox if direction == "dropoff" else sshd.pickup
    put_all(origin)
    for path in origin.iterdir():
        sshd.give(path)
    job = desk.job(direction, settle=settle, **NOVEMBER)
    assert_delivered(desk.run(job, check=True), IN_NOVEMBER)
    assert_delivered(desk.run(job), IN_NOVEMBER)
    assert digests(origin).keys() == {"october.xml", "december.xml"}


def test_a_file_that_is_named_itself_is_left_out_too(desk: Desk) -> None:
    put_all(desk.outbox)
    files = [str(desk.outbox / name) for name in TIMES]
    assert_delivered(desk.drop_off(src=files, **NOVEMBER), IN_NOVEMBER)


def test_an_upload_that_an_earlier_run_began_is_finished(desk: Desk, sshd: SshServer) -> None:
    put(desk.outbox / "october.xml", TIMES["october.xml"])
    job = {**desk.job("dropoff", job="invoices"), **NOVEMBER}
    assert_delivered(desk.run(job), [])
    with closing(Ledger(str(desk.ledger))) as ledger:
        file = (desk.outbox / "october.xml").stat()
        row = Row(
            account=account_from_options(desk.account).name,
            direction="dropoff",
            folder=str(desk.outbox),
            name="october.xml",
            size=file.st_size,
            mtime_ns=file.st_mtime_ns,
            job="invoices",
            remote_path="input/october.xml",
            state=State.INTENT,
        )
        plant(ledger, row)
    assert_delivered(desk.run(job), ["october.xml"])
    assert digests(sshd.input).keys() == {"october.xml"}


def test_a_copy_whose_original_an_earlier_run_left_is_finished(desk: Desk, sshd: SshServer) -> None:
    put(sshd.pickup / "october.xml", TIMES["october.xml"])
    job = desk.job("pickup", after="move", move_dir="done")
    assert outcomes(desk.run(job)) == {"october.xml": ("failed", "not_removed")}
    (sshd.root / "done").mkdir()
    sshd.give(sshd.root / "done")
    desk.run({**job, **NOVEMBER})
    assert digests(sshd.pickup) == {}


def test_files_without_a_time_are_not_in_a_frame_and_a_note_counts_them(desk: Desk, sshd: SshServer) -> None:
    for name in ("a.xml", "b.xml"):
        os.utime(sshd.put(name, b"content"), (0, 0))
    result = desk.pick_up(**NOVEMBER)
    assert_delivered(result, [])
    assert [note for note in result.notes if "2 files have no known time" in note]
    assert_delivered(desk.pick_up(), ["a.xml", "b.xml"])


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_a_file_that_is_asked_for_and_outside_of_the_frame_is_an_error(
    desk: Desk, sshd: SshServer, direction: str
) -> None:
    put_all(desk.outbox if direction == "dropoff" else sshd.pickup)
    result = desk.run(desk.job(direction, **NOVEMBER), only=["october.xml"])
    assert outcomes(result) == {"october.xml": ("failed", "not_selected")}


def test_a_checksum_file_goes_with_its_file_whatever_its_time(desk: Desk, sshd: SshServer) -> None:
    for name, of_file, of_checksum in (
        ("in.xml", "2025-11-15T12:00:00", "2025-12-15T12:00:00"),
        ("out.xml", "2025-10-15T12:00:00", "2025-11-15T12:00:00"),
    ):
        put(sshd.pickup / name, of_file)
        put(sshd.pickup / f"{name}.sha256", of_checksum, hashlib.sha256(name.encode()).hexdigest())
    for path in sshd.pickup.iterdir():
        sshd.give(path)
    assert_delivered(desk.pick_up(verify="sidecar", **NOVEMBER), ["in.xml", "in.xml.sha256"])
