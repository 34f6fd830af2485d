# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs in which two unlikely things happen together. A review found each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError, UnreachableError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.folder import Folder, LocalFile
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.permissions import Permissions
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Remote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer import base
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.dropoff.plan import DropoffPlan
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind, Status
from support.desk import outcomes
from support.ledgers import plant
from support.odd_desk import Desk
from support.odd_server import OddServer

HERE = Share(index=0, count=1)


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner.time, "sleep", lambda _seconds: None)


@pytest.fixture
def _one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SftpRemote, "features", SftpRemote.features._replace(max_in_flight=1))


def known(desk: Desk, path: Path, state: State, **changes: object) -> Row:
    """A row for a file in the outbox."""
    told = path.stat()
    row = Row(
        account=desk.server.account().name,
        direction="dropoff",
        folder=str(path.parent),
        name=path.name,
        size=told.st_size,
        mtime_ns=told.st_mtime_ns,
        job="invoices",
        remote_path=f"input/{path.name}",
        state=state,
    )
    for name, value in changes.items():
        setattr(row, name, value)
    with closing(Ledger(desk.ledger, create=True)) as ledger:
        plant(ledger, row)
    return row


def states(desk: Desk) -> list[tuple[str, str]]:
    with closing(Ledger(desk.ledger)) as ledger:
        return list(ledger.look("SELECT state, remote_path FROM transfer ORDER BY id", ()))


def moved(server: OddServer, call: Call) -> Status:
    """The sandbox refuses renames in its pickup folder; other servers do not."""
    names = (os.path.basename(path.decode()) for path in (call.request.path, call.request.target))
    os.rename(*(server.pickup / name for name in names))
    return Status(Code.OK)


def test_a_file_that_awaits_its_name_is_sent_again_by_a_job_that_became_direct(desk: Desk) -> None:
    (name,) = desk.fill(1)
    known(desk, desk.outbox / name, State.AWAITING_NAME, temporary="input/.1.part", reason="name_taken")
    assert outcomes(desk.run(desk.dropoff(upload="direct", ambiguous="resend")))[name][0] == "delivered"


def test_a_claim_of_an_earlier_run_is_given_back_if_this_run_has_no_room(desk: Desk, server: OddServer) -> None:
    claim = ".filedrop-claim-here-00000000-a.xml.part"
    (server.pickup / claim).write_bytes(b"x" * 50)
    row = Row(
        account=server.account().name,
        direction="pickup",
        folder="pickup",
        name="a.xml",
        size=50,
        mtime_ns=0,
        job="reports",
        remote_path=f"pickup/{claim}",
        state=State.CLAIMING,
    )
    with closing(Ledger(desk.ledger, create=True)) as ledger:
        plant(ledger, row)
    server.hooks[Kind.RENAME] = lambda call, _go: moved(server, call)
    found = desk.run(desk.pickup(share=HERE, min_free=1 << 60))
    assert outcomes(found) == {"a.xml": ("failed", "min_free")}
    assert os.listdir(server.pickup) == ["a.xml"]
    assert states(desk) == []


def test_a_held_duplicate_gets_its_name_back_at_the_second_try(desk: Desk, server: OddServer) -> None:
    job, renames = desk.pickup(share=HERE, on_duplicate="hold"), 0

    def rename(call: Call, _go: Serve) -> Answer:
        nonlocal renames
        renames += 1
        return Status(Code.FAILURE) if renames == 3 else moved(server, call)

    server.hooks[Kind.RENAME] = rename
    for _time in range(2):
        (server.pickup / "a.xml").write_bytes(b"x" * 50)
        found = desk.run(job)
    assert renames == 4
    assert found.error is None
    assert outcomes(found) == {"a.xml": ("held", "duplicate")}
    assert os.listdir(server.pickup) == ["a.xml"]
    assert states(desk)[-1] == ("held", "pickup/a.xml")


@pytest.mark.parametrize(("empty", "outcome"), [("skip", "skipped"), ("refuse", "failed")])
def test_a_file_that_was_emptied_after_the_scan_is_not_sent(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch, empty: str, outcome: str
) -> None:
    (name,) = desk.fill(1)
    real = DropoffPlan.scan

    def scan(self: DropoffPlan) -> None:
        real(self)
        (desk.outbox / name).write_bytes(b"")

    monkeypatch.setattr(DropoffPlan, "scan", scan)
    assert outcomes(desk.run(desk.dropoff(empty=empty)))[name][0] == outcome
    assert os.listdir(server.input) == []


@pytest.mark.usefixtures("_one_at_a_time")
def test_a_file_that_cannot_be_looked_at_does_not_end_the_plan(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    names, real = sorted(desk.fill(8)), Folder.file

    def file(self: Folder, name: str) -> LocalFile | None:
        if name == names[4]:
            raise DiskError("local_failed", "The disk does not answer.")
        return real(self, name)

    monkeypatch.setattr(Folder, "file", file)
    found = outcomes(desk.run(desk.dropoff(after="keep")))
    assert found.pop(names[4]) == ("failed", "local_failed")
    assert {outcome for outcome, _reason in found.values()} == {"delivered"}
    assert len(found) == 7


def test_a_file_that_was_taken_where_only_a_look_tells_the_size_is_held(desk: Desk, server: OddServer) -> None:
    names = sorted(desk.fill(3))
    server.answer(Kind.FSTAT, Status(Code.PERMISSION_DENIED))
    looks = 0

    def look(call: Call, go: Serve) -> Answer | None:
        nonlocal looks
        if call.path.endswith(names[0].encode()):
            looks += 1
            if looks == 2:  # the first one is before the upload
                (server.input / names[0]).unlink()
        return go(call.request)

    server.hooks[Kind.LSTAT] = look
    found = desk.run(desk.dropoff())
    assert found.error is None
    assert outcomes(found)[names[0]] == ("held", "ambiguous")
    assert {outcomes(found)[name][0] for name in names[1:]} == {"delivered"}


def test_removing_a_discarded_upload_counts_as_a_change(desk: Desk, server: OddServer) -> None:
    (name,) = desk.fill(1)
    (server.input / ".1.part").write_bytes(b"x")
    known(desk, desk.outbox / name, State.DISCARDING, temporary="input/.1.part", reason="resolved")
    job = desk.dropoff(upload="rename")
    predicted, found = desk.run(job, check=True), desk.run(job)
    assert os.listdir(server.input) == []
    assert predicted.changed
    assert found.changed


def test_of_two_sources_with_the_same_name_the_delivered_one_is_first(desk: Desk, server: OddServer) -> None:
    other = desk.folder / "other"
    other.mkdir()
    first, second = desk.outbox / "a.xml", other / "a.xml"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    known(desk, first, State.DELIVERED)
    found = desk.run(desk.dropoff(sources=(str(desk.outbox), str(other)), after="archive"))
    assert sorted(one.reason for one in found.outcomes if one.outcome == "waiting") == ["name_taken"]


@pytest.mark.usefixtures("_one_at_a_time")
def test_what_was_blocked_stays_told_if_no_other_connection_comes_about(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, real = sorted(desk.fill(3)), base.connect
    for seconds, name in enumerate(names):  # the oldest first
        os.utime(desk.outbox / name, (seconds, seconds))
    (server.input / names[0]).write_bytes(b"another file")

    def cut(_call: Call, _go: Serve) -> None:
        server.cut()

    def connections() -> Iterator[bool]:
        yield True
        while True:
            yield False

    may_connect = connections()

    def connect(account: Account, permissions: Permissions) -> Remote:
        if not next(may_connect):
            raise UnreachableError("port_closed", "The port is closed.")
        return real(account, permissions)

    server.hooks[Kind.WRITE] = cut
    monkeypatch.setattr(base, "connect", connect)
    found = desk.run(desk.dropoff())
    assert outcomes(found) == {
        names[0]: ("waiting", "name_taken"),
        names[1]: ("failed", "connection_lost"),
        names[2]: ("waiting", "not_reached"),
    }
    assert (found.summary["waiting"], found.summary["failed"], found.blocked) == (2, 1, 1)


@pytest.mark.usefixtures("_one_at_a_time")
def test_what_failed_stays_told_if_the_next_listing_is_cut(desk: Desk, server: OddServer) -> None:
    names, listings = sorted(desk.fill(4, folder=server.pickup)), 0

    def read(call: Call, _go: Serve) -> Answer | None:
        if call.path.endswith(names[0].encode()):
            return Status(Code.FAILURE)
        server.cut()
        return None

    def open_folder(call: Call, go: Serve) -> Answer | None:
        nonlocal listings
        listings += 1
        if listings == 1:
            return go(call.request)
        server.cut()
        return None

    server.hooks[Kind.READ], server.hooks[Kind.OPENDIR] = read, open_folder
    found = desk.run(desk.pickup())
    assert sorted(outcomes(found)) == names
    assert outcomes(found)[names[0]][0] == "failed"
    assert outcomes(found)[names[1]] == ("failed", "connection_lost")
    assert {outcomes(found)[name] for name in names[2:]} == {("waiting", "not_reached")}


def test_an_upload_whose_removal_got_no_answer_may_have_been_taken_as_well(desk: Desk, server: OddServer) -> None:
    """The server refuses the close, the run removes the upload, and the connection ends before it hears of that."""
    (name,) = desk.fill(1)

    def remove(call: Call, go: Serve) -> Answer:
        go(call.request)
        raise Cut

    server.hooks[Kind.CLOSE] = lambda _call, _go: Status(Code.PERMISSION_DENIED)
    server.hooks[Kind.REMOVE] = remove
    desk.run(desk.dropoff())
    server.hooks.clear()
    assert outcomes(desk.run(desk.dropoff())) == {name: ("held", "ambiguous")}
    assert (desk.outbox / name).exists()
    assert os.listdir(server.input) == []
