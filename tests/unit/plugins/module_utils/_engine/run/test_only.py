# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are narrowed to some names leave the work of all other files as it is."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Pickup
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.selection import Only
from support.desk import outcomes
from support.ledgers import part_prefix, plant
from support.odd_desk import Desk
from support.odd_server import OddServer


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


def run(desk: Desk, job: Dropoff | Pickup, *only: str) -> RunResult:
    return runner.run(job, desk.server.account(), ledger=desk.ledger, create_ledger=True, only=Only(only))


def rows(desk: Desk) -> list[tuple[str, State, str | None]]:
    with closing(Ledger(desk.ledger, read_only=True)) as ledger:
        return [(row.name, row.state, row.temporary) for row in ledger.rows("ORDER BY id", ())]


def test_an_upload_that_was_cut_off_is_left_to_the_next_full_run(desk: Desk, server: OddServer) -> None:
    desk.fill(2)
    status = (desk.outbox / "000.xml").stat()
    row = Row(
        server.account().name,
        "dropoff",
        str(desk.outbox),
        "000.xml",
        status.st_size,
        status.st_mtime_ns,
        "invoices",
        "input/000.xml",
        State.CREATED,
        temporary="input/.1.part",
    )
    (server.input / ".1.part").write_bytes(b"half")
    with closing(Ledger(desk.ledger, create=True)) as ledger:
        plant(ledger, row)
    job = desk.dropoff(upload="rename")
    assert outcomes(run(desk, job, "001.xml")) == {"001.xml": ("delivered", "")}
    assert rows(desk)[0] == ("000.xml", State.CREATED, "input/.1.part")
    assert (server.input / ".1.part").read_bytes() == b"half"
    assert outcomes(run(desk, job)) == {"000.xml": ("delivered", "")}


def test_a_part_that_was_being_published_is_left_to_the_next_full_run(desk: Desk, server: OddServer) -> None:
    account = server.account().name
    part = f"{part_prefix(desk.ledger, account, 'reports')}000000000000.part"
    (desk.inbox / part).write_bytes(b"whole")
    row = Row(
        account,
        "pickup",
        "pickup",
        "a.xml",
        5,
        0,
        "reports",
        "pickup/a.xml",
        State.PLACING,
        temporary=part,
        local_path=str(desk.inbox / "a.xml"),
        sha256=hashlib.sha256(b"whole").hexdigest(),
    )
    with closing(Ledger(desk.ledger)) as ledger:
        plant(ledger, row)
    (server.pickup / "b.xml").write_bytes(b"another")
    assert outcomes(run(desk, desk.pickup(), "b.xml")) == {"b.xml": ("delivered", "")}
    assert rows(desk)[0] == ("a.xml", State.PLACING, part)
    assert (desk.inbox / part).read_bytes() == b"whole"
    assert outcomes(run(desk, desk.pickup(), "a.xml"))["a.xml"][0] == "delivered"
    assert (desk.inbox / "a.xml").read_bytes() == b"whole"
