# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs against a sandbox whose answers the tests can change."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    DiskError,
    JobRunning,
    JobStopped,
    LedgerError,
    ServerBusy,
    TrustError,
    UnreachableError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.folder import Folder
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.capabilities import (
    EXCLUSIVE_CREATE,
    PARTIAL_UPLOADS,
    STAT_AS_LISTED,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.planning import candidates
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Code,
    Kind,
    Name,
    Names,
    Status,
)
from support.desk import outcomes
from support.ledgers import plant
from support.odd_desk import Desk
from support.odd_server import OddServer, OddSshServer
from support.results import result_of


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


@pytest.fixture
def ssh_desk(tmp_path: Path, ssh_server: OddSshServer) -> Desk:
    return Desk(tmp_path, ssh_server)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a run made between its tries; they pass at once."""
    made: list[float] = []
    monkeypatch.setattr(runner.time, "sleep", made.append)
    return made


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and nobody begins to."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# --- the lock


def test_a_second_run_of_a_job_is_refused_at_once_and_changes_nothing(desk: Desk, server: OddServer) -> None:
    sent = desk.fill(2)
    under_way, go_on = threading.Event(), threading.Event()

    def wait(call: Call, go: Serve) -> Answer | None:
        under_way.set()
        go_on.wait(30)
        return go(call.request)

    server.hooks[Kind.WRITE] = wait
    with ThreadPoolExecutor(1) as other:
        first = other.submit(desk.run, desk.dropoff())
        assert under_way.wait(30)
        began = time.monotonic()
        with pytest.raises(JobRunning) as caught:
            desk.run(desk.dropoff())
        assert time.monotonic() - began < 20
        assert caught.value.reason == "job_running"
        assert content_of(desk.outbox).keys() == sent
        # Another job, and a look at this one, are not held up.
        assert desk.run(desk.pickup()).error is None
        assert desk.run(desk.dropoff(), check=True).error is None
        go_on.set()
        assert first.result().summary["delivered"] == 2
    assert desk.run(desk.dropoff()).summary["delivered"] == 0


# --- beginnings

INDEX_LEAF = 0x0A  # the first byte of such a page (https://www.sqlite.org/fileformat.html, section 1.6)


def test_a_ledger_that_is_not_whole_stops_a_run_before_anybody_is_called(desk: Desk) -> None:
    """One bit of an index is another: a file that was sent would not be found by its name, and be sent again."""
    desk.fill(1)
    desk.run(desk.dropoff(after="keep"))
    content = bytearray(Path(desk.ledger).read_bytes())
    pages = [start for start in range(0, len(content), 4096) if content[start] == INDEX_LEAF]
    content[
        next(content.index(b"000.xml", start) for start in pages if b"000.xml" in content[start : start + 4096])
    ] ^= 1
    Path(desk.ledger).write_bytes(content)
    desk.server.seen.clear()
    with pytest.raises(LedgerError) as caught:
        desk.run(desk.dropoff(after="keep"))
    assert caught.value.reason == "ledger_damaged"
    assert desk.server.seen == []


def test_a_run_goes_on_with_what_its_job_has_left_under_another_name(desk: Desk) -> None:
    desk.fill(1)
    (desk.server.input / "000.xml").write_bytes((desk.outbox / "000.xml").read_bytes())
    time_of_it = (desk.outbox / "000.xml").stat().st_mtime_ns
    left = Row("odd", "dropoff", str(desk.outbox), "000.xml", 100, time_of_it, "earlier", "input/000.xml", visible=True)
    with closing(Ledger(desk.ledger, create=True)) as book:
        left.state = State.WRITTEN
        plant(book, left)
    assert outcomes(desk.run(desk.dropoff())) == {"000.xml": ("delivered", "")}
    assert content_of(desk.outbox) == {}


# --- check mode


def test_check_mode_foresees_that_a_name_is_taken(desk: Desk) -> None:
    desk.fill(2)
    (desk.server.input / "000.xml").write_bytes(b"theirs")
    assert outcomes(desk.run(desk.dropoff(), check=True)) == {
        "000.xml": ("waiting", "name_taken"),
        "001.xml": ("delivered", "predicted"),
    }


def test_check_mode_of_a_dropoff_changes_nothing_at_all(desk: Desk) -> None:
    names = desk.fill(3)
    before = desk.snapshot()
    for _time in range(2):
        result = desk.run(desk.dropoff(), check=True)
        assert outcomes(result) == dict.fromkeys(names, ("delivered", "predicted"))
        assert result.changed
        assert desk.snapshot() == before


def test_check_mode_of_a_pickup_changes_nothing_at_all(desk: Desk, server: OddServer) -> None:
    names = desk.fill(3, folder=server.pickup)
    before = desk.snapshot()
    for _time in range(2):
        result = desk.run(desk.pickup(), check=True)
        assert outcomes(result) == dict.fromkeys(names, ("delivered", "predicted"))
        assert desk.snapshot() == before


@pytest.mark.parametrize("settle", [0, 61, 3600])
def test_check_mode_after_a_run_changes_nothing_either(desk: Desk, server: OddServer, settle: int) -> None:
    desk.fill(2)
    desk.fill(2, folder=server.pickup)
    desk.run(desk.dropoff())
    desk.run(desk.pickup())
    young = desk.fill(2)
    desk.fill(2, folder=server.pickup)
    before = desk.snapshot()
    expected = ("waiting", "unsettled") if settle else ("delivered", "predicted")
    for job in (desk.pickup(settle=settle), desk.dropoff(settle=settle, after="keep", remote_dir="pickup/..")):
        result = desk.run(job, check=True)
        assert result.error is None
        assert outcomes(result).keys() == young
        assert set(outcomes(result).values()) <= {expected, ("waiting", "name_taken")}
    assert desk.snapshot() == before


def test_check_mode_leaves_what_a_killed_run_left_behind(desk: Desk, server: OddServer) -> None:
    """Parts, rows on their way, and SQLite's log beside the ledger."""
    desk.fill(1, folder=server.pickup)
    desk.run(desk.pickup())
    desk.fill(1, folder=server.pickup)
    part = desk.inbox / ".filedrop-012345678901-abc.part"
    part.write_bytes(b"part")
    open_row = Row("odd", "dropoff", str(desk.outbox), "gone.xml", 1, 1, "invoices", "input/gone.xml")
    book = Ledger(desk.ledger)
    open_row.state = State.CREATED
    plant(book, open_row)
    (desk.outbox / "gone.xml").write_bytes(b"x")
    before = desk.snapshot()
    assert any(name.endswith("-wal") for name in before)
    assert desk.run(desk.pickup(), check=True).summary["delivered"] == 1
    assert outcomes(desk.run(desk.dropoff(), check=True)) == {"gone.xml": ("held", "maybe_incomplete")}
    assert desk.snapshot() == before
    book.close()


def test_check_mode_connects(ssh_desk: Desk, closed_port: int) -> None:
    account = replace(ssh_desk.server.account(), port=closed_port)
    result = ssh_desk.run(ssh_desk.dropoff(), account, check=True)
    assert isinstance(result.error, UnreachableError)


# --- beginnings that are none


def test_a_missing_ledger_is_not_made_unless_that_is_meant(desk: Desk) -> None:
    desk.fill(1)
    before = desk.snapshot()
    with pytest.raises(LedgerError):
        runner.run(desk.dropoff(), desk.server.account(), ledger=desk.ledger)
    assert desk.snapshot() == before


@pytest.mark.parametrize("job", ["dropoff", "pickup"])
def test_a_folder_that_is_missing_is_told_and_nothing_is_done(desk: Desk, job: str) -> None:
    missing = str(desk.folder / "nowhere")
    wanted = desk.dropoff(sources=(missing,)) if job == "dropoff" else desk.pickup(dest=missing)
    try:
        error = desk.run(wanted).error
    except DiskError as raised:
        error = raised
    assert isinstance(error, DiskError)
    assert missing in error.finding
    assert desk.server.seen == []


# --- trying again


def test_a_closed_port_is_tried_again_and_then_given_up(ssh_desk: Desk, closed_port: int, pauses: list[float]) -> None:
    desk = ssh_desk
    names = desk.fill(2)
    result = desk.run(desk.dropoff(), replace(desk.server.account(), port=closed_port))
    assert isinstance(result.error, UnreachableError)
    assert pauses == list(runner.PAUSES)
    assert outcomes(result) == dict.fromkeys(names, ("waiting", "not_reached"))
    assert content_of(desk.outbox).keys() == names


def test_a_server_without_room_is_tried_again(ssh_desk: Desk, ssh_server: OddSshServer, pauses: list[float]) -> None:
    desk = ssh_desk
    desk.fill(1)
    cast(Any, ssh_server.sandbox._servers["sftp"]).max_sessions = 0
    result = desk.run(desk.dropoff())
    assert isinstance(result.error, ServerBusy)
    assert pauses == list(runner.PAUSES)


def test_a_host_that_nobody_knows_or_a_key_that_nobody_trusts_is_not_tried_again(
    ssh_desk: Desk, pauses: list[float]
) -> None:
    desk = ssh_desk
    desk.fill(1)
    account = desk.server.account()
    stranger = replace(account, host_keys=("SHA256:" + "A" * 43,))
    assert isinstance(desk.run(desk.dropoff(), stranger).error, TrustError)
    nowhere = replace(account, host="nowhere.invalid")
    assert isinstance(desk.run(desk.dropoff(), nowhere).error, UnreachableError)
    assert pauses == []


def test_tries_begin_anew_whenever_one_has_moved_a_file(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """A network that fails after every other file, more often than a run would be tried without moving anything."""
    names = desk.fill(12, folder=server.pickup)
    contents = content_of(server.pickup)
    monkeypatch.setattr(SftpRemote, "features", SftpRemote.features._replace(max_in_flight=1))
    removed = [0]

    def cut_at_every_other(call: Call, go: Serve) -> Answer | None:
        removed[0] += 1
        if removed[0] % 2 == 0:
            server.cut()
            return None
        return go(call.request)

    server.hooks[Kind.REMOVE] = cut_at_every_other
    result = desk.run(desk.pickup())
    assert result.error is None
    assert outcomes(result) == dict.fromkeys(names, ("delivered", ""))
    assert set(pauses) == {runner.PAUSES[0]}
    assert len(pauses) > len(runner.PAUSES)
    assert content_of(desk.inbox) == contents
    assert content_of(server.pickup) == {}


def test_a_server_that_always_cuts_is_given_up_and_the_rest_is_told(
    desk: Desk, server: OddServer, pauses: list[float]
) -> None:
    names = desk.fill(5)

    def cut(_call: Call, _go: Serve) -> Answer | None:
        server.cut()
        return None

    server.hooks[Kind.WRITE] = cut
    result = desk.run(desk.dropoff())
    assert result.error is not None
    assert result.error.reason == "connection_lost"
    assert pauses[-3:] == list(runner.PAUSES)
    assert len(pauses) <= len(runner.PAUSES) + runner.MOST_CHANGES
    assert outcomes(result).keys() == names
    assert result.summary["delivered"] == 0
    assert content_of(desk.outbox).keys() == names


# --- the order of things


@pytest.mark.parametrize("known", [False, True])
def test_while_nobody_knows_whether_the_server_renames_one_file_goes_alone(
    desk: Desk, server: OddServer, known: bool
) -> None:
    desk.fill(1)
    if known:
        desk.run(desk.dropoff(upload="rename"))
        server.seen.clear()
    desk.fill(20)
    for name in content_of(server.input):
        (server.input / name).unlink()
    result = desk.run(desk.dropoff(upload="rename"))
    assert result.summary["delivered"] == 20
    kinds = [kind for kind, _length in server.seen]
    before_the_first_rename = kinds[: kinds.index(Kind.RENAME)]
    created = before_the_first_rename.count(Kind.OPEN)
    assert created == 1 if not known else created > 5
    assert before_the_first_rename.count(Kind.LSTAT) > 20, "the others have not even looked"


def test_who_waits_for_the_first_file_when_the_connection_ends_is_begun_by_the_next_try(
    desk: Desk, server: OddServer
) -> None:
    desk.fill(5)

    def cut(_call: Call, _go: Serve) -> Answer | None:
        server.cut()
        return None

    server.hooks[Kind.RENAME] = cut
    result = desk.run(desk.dropoff(upload="rename"))
    assert set(outcomes(result).values()) == {("failed", "connection_lost")}
    with closing(Ledger(desk.ledger)) as ledger:
        rows = ledger.look("SELECT state FROM transfer", ())
    assert rows == [("closed",)] * 5, "a file that a session ends at keeps the others waiting"
    server.hooks.clear()
    assert desk.run(desk.dropoff(upload="rename")).summary["delivered"] == 5


def test_a_server_that_does_not_rename_stops_the_job_and_keeps_nothing(desk: Desk, server: OddServer) -> None:
    names = desk.fill(5)
    server.answer(Kind.RENAME, Status(Code.PERMISSION_DENIED))
    result = desk.run(desk.dropoff(upload="rename"))
    assert isinstance(result.error, JobStopped)
    assert result.error.reason == "rename_refused"
    assert sorted(outcomes(result).values()) == [("failed", "rename_refused")] + [("waiting", "not_reached")] * 4
    assert content_of(desk.outbox).keys() == names
    assert content_of(server.input) == {}


def test_a_file_taken_half_written_is_held_also_by_the_run_that_comes_after_a_cut(
    desk: Desk, server: OddServer
) -> None:
    """The provider takes it between our OPEN and our first look, and the connection ends after our CLOSE."""
    desk.fill(1)
    assert desk.run(desk.dropoff()).summary["delivered"] == 1
    with closing(Ledger(desk.ledger)) as book:
        book.learn("odd", PARTIAL_UPLOADS, allowed=True)
    (desk.outbox / "taken.xml").write_bytes(b"an invoice")

    def take(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        (server.input / "taken.xml").unlink()
        return answer

    def cut(_call: Call, _go: Serve) -> Answer | None:
        server.cut()
        return None

    def close_and_cut(call: Call, go: Serve) -> Answer | None:
        server.hooks[Kind.LSTAT] = cut
        return go(call.request)

    server.hooks |= {Kind.OPEN: take, Kind.CLOSE: close_and_cut}
    desk.run(desk.dropoff())
    server.hooks.clear()
    result = desk.run(desk.dropoff())
    assert outcomes(result) == {"taken.xml": ("held", "maybe_incomplete")}
    assert content_of(desk.outbox) == {"taken.xml": b"an invoice"}


def test_a_temporary_name_that_was_asked_for_in_vain_is_asked_for_again(desk: Desk, server: OddServer) -> None:
    """The OPEN of a lost connection may still come to be, and its file must not stay for ever."""
    desk.fill(1)
    asked = []

    def cut_the_first(call: Call, go: Serve) -> Answer | None:
        asked.append(call.path)
        if len(asked) > 1:
            return go(call.request)
        server.cut()
        return None

    server.hooks[Kind.OPEN] = cut_the_first
    assert desk.run(desk.dropoff(upload="rename")).summary["delivered"] == 1
    assert len(asked) == 2
    assert len(set(asked)) == 1


@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.READ])
def test_one_file_that_fails_does_not_stop_the_others(desk: Desk, server: OddServer, kind: Kind) -> None:
    names = desk.fill(9, folder=server.pickup)

    def fail(call: Call, go: Serve) -> Answer | None:
        return Status(Code.FAILURE, "bad sector") if call.path.endswith(b"004.xml") else go(call.request)

    server.hooks[kind] = fail
    result = desk.run(desk.pickup())
    assert result.error is None
    assert outcomes(result).pop("004.xml") == ("failed", "remote_failure")
    assert result.outcomes[0].name == "004.xml"
    assert content_of(desk.inbox).keys() == names - {"004.xml"}
    assert content_of(server.pickup).keys() == {"004.xml"}


@pytest.mark.parametrize("allowed", [1, 5])
def test_a_server_that_allows_few_open_files_gets_no_more(desk: Desk, server: OddServer, allowed: int) -> None:
    names = desk.fill(40, folder=server.pickup)
    opened: set[bytes] = set()

    def open_file(call: Call, go: Serve) -> Answer | None:
        if len(opened) >= allowed:
            return Status(Code.FAILURE, "too many open files")
        answer = go(call.request)
        opened.add(call.path)
        return answer

    def close_file(call: Call, go: Serve) -> Answer | None:
        opened.discard(call.path)
        return go(call.request)

    server.hooks |= {Kind.OPEN: open_file, Kind.CLOSE: close_file}
    result = desk.run(desk.pickup())
    assert result.summary["delivered"] == len(names)
    assert content_of(desk.inbox).keys() == names


def test_a_server_that_lies_about_sizes_gets_nowhere_with_it(desk: Desk, server: OddServer) -> None:
    """Neither the ledger nor the disk is asked to hold what no file can be; the others come."""
    desk.fill(1, folder=server.pickup)
    future = int(time.time()) + 10_000
    lies = {b"huge.xml": 2**64 - 1, b"large.xml": 2**63 - 1, b"long.xml": 2**50, b"timeless.xml": None}

    def lie(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        if not isinstance(answer, Names):
            return answer
        odd = [Name(name, Attributes(size=size, atime=future, mtime=future)) for name, size in lies.items()]
        return Names([*answer.names, *odd])

    server.hooks[Kind.READDIR] = lie
    os.utime(server.pickup / "000.xml", (1, 1))
    with closing(Ledger(desk.ledger, create=True)) as ledger:
        ledger.learn_clock("odd", 0.0)
        ledger.learn("odd", STAT_AS_LISTED, allowed=True)
    first = desk.run(desk.pickup(settle=0.5, after="keep", min_free=1))
    assert first.error is None
    assert set(outcomes(first).values()) == {("delivered", ""), ("waiting", "unsettled")}
    result = desk.run(desk.pickup(after="keep", min_free=1))
    assert result.error is None
    assert outcomes(result) == {
        "huge.xml": ("failed", "size_unknown"),
        "timeless.xml": ("failed", "size_unknown"),
        "large.xml": ("failed", "min_free"),
        "long.xml": ("failed", "min_free"),
    }
    assert content_of(desk.inbox).keys() == {"000.xml"}


def test_names_that_lead_elsewhere_are_refused_and_the_others_come(desk: Desk, server: OddServer) -> None:
    desk.fill(1, folder=server.pickup)
    odd = [b"../up.xml", b"/etc/x.xml", b"a/b.xml", b"nul\0.xml", b"x" * 256, b"caf\xe9.xml", b"\x1b[2J.xml"]

    def lie(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return Names([*answer.names, *map(Name, odd)]) if isinstance(answer, Names) else answer

    server.hooks[Kind.READDIR] = lie
    result = desk.run(desk.pickup())
    assert result.error is None
    assert sorted(outcomes(result).values()) == [("delivered", "")] + [("failed", "name_refused")] * len(odd)
    assert content_of(desk.inbox).keys() == {"000.xml"}
    assert {path.name for path in desk.folder.iterdir()} == {"outbox", "inbox", "ledger"}
    for one in result.outcomes:
        told = str(one.as_dict())
        assert told.isprintable()
        told.encode("utf-8")


def put_with_checksums(server: OddServer, name: str, content: bytes, *digests: str) -> None:
    (server.pickup / name).write_bytes(content)
    for digest in digests:
        line = f"{hashlib.new(digest, content).hexdigest().upper()}  {name}\n"
        (server.pickup / f"{name}.{digest}").write_text(line)


def test_files_come_with_their_checksums(desk: Desk, server: OddServer) -> None:
    put_with_checksums(server, "a.xml", b"a", "sha256")
    put_with_checksums(server, "b.xml", b"b", "md5", "sha512")
    result = desk.run(desk.pickup(verify="sidecar"))
    names = {"a.xml", "a.xml.sha256", "b.xml", "b.xml.md5", "b.xml.sha512"}
    assert outcomes(result) == dict.fromkeys(names, ("delivered", ""))
    assert content_of(desk.inbox).keys() == names
    assert content_of(server.pickup) == {}


def test_a_checksum_stays_on_the_server_with_the_file_that_it_does_not_vouch_for(desk: Desk, server: OddServer) -> None:
    put_with_checksums(server, "bad.xml", b"content", "sha256")
    (server.pickup / "bad.xml").write_bytes(b"CONTENT")
    (server.pickup / "none.xml").write_bytes(b"content")
    put_with_checksums(server, "good.xml", b"content", "sha256")
    result = desk.run(desk.pickup(verify="sidecar"))
    assert outcomes(result) == {
        "bad.xml": ("failed", "checksum_differs"),
        "bad.xml.sha256": ("waiting", "file_awaited"),
        "none.xml": ("failed", "sidecar_missing"),
        "good.xml": ("delivered", ""),
        "good.xml.sha256": ("delivered", ""),
    }
    assert content_of(server.pickup).keys() == {"bad.xml", "bad.xml.sha256", "none.xml"}


def test_a_checksum_stays_on_the_server_with_the_file_that_goes_beyond_the_limit(desk: Desk, server: OddServer) -> None:
    for number in range(2):
        put_with_checksums(server, f"{number}.xml", b"content", "md5")
    result = desk.run(desk.pickup(verify="sidecar", max_files=1))
    assert content_of(server.pickup).keys() == {"1.xml", "1.xml.md5"}
    assert outcomes(result)["1.xml.md5"] == ("waiting", "file_awaited")
    assert desk.run(desk.pickup(verify="sidecar")).summary["delivered"] == 2
    assert content_of(server.pickup) == {}


def test_a_checksum_whose_file_came_alone_is_fetched_by_the_next_run(desk: Desk, server: OddServer) -> None:
    put_with_checksums(server, "a.xml", b"a", "sha256")
    assert outcomes(desk.run(desk.pickup(verify="sidecar", include=("*.xml",)))) == {"a.xml": ("delivered", "")}
    assert outcomes(desk.run(desk.pickup(verify="sidecar"))) == {"a.xml.sha256": ("delivered", "")}


def test_files_that_come_at_once_leave_free_what_must_stay_free(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk of which 10,000 bytes are free, and ten files of 2,000 bytes: each alone would fit."""
    desk.fill(10, folder=server.pickup, size=2000)

    def free_bytes(folder: Folder) -> int:
        return 10_000 - sum(path.stat().st_size for path in desk.inbox.iterdir())

    monkeypatch.setattr(Folder, "free_bytes", free_bytes)
    result = desk.run(desk.pickup(min_free=3000))
    assert result.error is None
    assert sorted(outcomes(result).values()) == [("delivered", "")] * 3 + [("failed", "min_free")] * 7
    assert len(content_of(server.pickup)) == 7


# --- large folders


@pytest.mark.parametrize("after", ["keep", "delete"])
def test_a_run_takes_the_oldest_names_and_later_runs_the_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    monkeypatch.setattr(candidates, "MOST_NAMES", 3)
    desk.fill(7, folder=desk.server.pickup)
    for number in range(7):
        os.utime(desk.server.pickup / f"{number:03}.xml", (1000 + number, 1000 + number))
    taken = []
    for left in (4, 1, 0):
        result = desk.run(desk.pickup(after=after))
        taken.append(sorted(outcomes(result)))
        assert [note for note in result.notes if note.startswith(f"{left} files are left")] == result.notes
        assert bool(result.notes) == bool(left)
    assert taken == [["000.xml", "001.xml", "002.xml"], ["003.xml", "004.xml", "005.xml"], ["006.xml"]]


def test_a_dropoff_takes_the_oldest_names_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_NAMES", 2)
    desk.fill(3)
    for number in range(3):
        os.utime(desk.outbox / f"{number:03}.xml", (1000 - number, 1000 - number))
    first, second = desk.run(desk.dropoff()), desk.run(desk.dropoff())
    assert (sorted(outcomes(first)), len(first.notes)) == (["001.xml", "002.xml"], 1)
    assert (sorted(outcomes(second)), second.notes) == (["000.xml"], [])


def test_a_server_that_does_not_honour_exclusive_create_is_named(desk: Desk) -> None:
    with closing(Ledger(desk.ledger, create=True)) as book:
        book.learn("odd", EXCLUSIVE_CREATE, allowed=False)
    desk.fill(1)
    result = desk.run(desk.dropoff())
    assert len(result.notes) == 1
    assert "overwrites existing files" in result.notes[0]
    assert desk.run(desk.dropoff()).notes == []


# --- results


def test_failures_come_first_and_then_names() -> None:
    told = [("b", "skipped"), ("z", "failed"), ("a", "delivered"), ("c", "held"), ("y", "failed")]
    result = result_of([FileOutcome(name, name, outcome, size=10) for name, outcome in told])
    assert [one.name for one in result.outcomes] == ["y", "z", "c", "a", "b"]
    summary = {"delivered": 1, "skipped": 1, "held": 1, "failed": 2, "bytes": 10, "seconds": 0.0}
    assert {key: result.summary[key] for key in summary} == summary


def test_a_file_in_a_result_is_fit_to_print() -> None:
    strange = os.fsdecode(b"caf\xe9\n.xml")
    told = FileOutcome(strange, strange, remote_path=f"in/{strange}", message=f"{strange} is odd").as_dict()
    assert told["name"] == "caf\\xe9\\x0a.xml"
    assert str(told).isprintable()
