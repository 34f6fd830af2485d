# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What shows that an upload has arrived, on servers that hide it, spoil it, or do not let anybody look."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Code,
    Kind,
    Stats,
    Status,
)
from support.desk import outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer

REFUSALS = {code.name: Status(code, "no") for code in (Code.NO_SUCH_FILE, Code.PERMISSION_DENIED, Code.FAILURE)}
LOOKS = (Kind.LSTAT, Kind.STAT)
FOR_WRITING = 2


class Store:
    """Hide a file until it is closed, as object stores do.

    :ivar shows: what the server answers about the size of an open file.
    :ivar keeps: the part of each file that is left after its close; None: the provider takes it at once.
    :ivar spoils: whether a request that fails while a file is open loses that file. Its close succeeds all the same.
    """

    def __init__(self, server: OddServer) -> None:
        self.server = server
        self.shows: Answer | None = None
        self.keeps: float | None = 1.0
        self.spoils = False
        self.failed_while_open = 0
        self._open: set[bytes] = set()
        self._spoiled: set[bytes] = set()
        self._lock = threading.RLock()
        for kind in (*LOOKS, Kind.OPEN, Kind.CLOSE, Kind.FSTAT, Kind.OPENDIR, Kind.REMOVE, Kind.RENAME):
            server.hooks[kind] = self.serve

    def serve(self, call: Call, go: Serve) -> Answer | None:
        with self._lock:
            answer = self._answer(call, go)
            if isinstance(answer, Status) and answer.code is not Code.OK and self._open:
                self.failed_while_open += 1
                self._spoiled |= self._open
            return answer

    def _answer(self, call: Call, go: Serve) -> Answer | None:
        kind, path = Kind(call.request.kind), call.path
        if kind in LOOKS and path in self._open:
            return REFUSALS["NO_SUCH_FILE"]
        if kind is Kind.FSTAT and self.shows is not None:
            return self.shows
        answer = go(call.request)
        if kind is Kind.OPEN and call.request.flags & FOR_WRITING and not isinstance(answer, Status):
            self._open.add(path)
        if kind is Kind.CLOSE and path in self._open:
            self._closed(path)
        return answer

    def _closed(self, path: bytes) -> None:
        self._open.discard(path)
        file = self.server.input / os.path.basename(path).decode()
        if self.keeps is None or (self.spoils and path in self._spoiled):
            file.unlink(missing_ok=True)
        elif file.exists():
            os.truncate(file, int(file.stat().st_size * self.keeps))
        self._spoiled.discard(path)


@pytest.fixture
def desk(tmp_path: Path, server: OddServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(runner.time, "sleep", lambda _seconds: None)
    return Desk(tmp_path, server)


@pytest.fixture
def store(server: OddServer) -> Store:
    return Store(server)


def contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def evidence(result: RunResult) -> set[str | None]:
    return {one.verified_by for one in result.outcomes}


SHOWN: dict[str, Answer | None] = {
    "no bytes": Stats(Attributes(size=0)),
    "no size": Stats(Attributes()),
    **REFUSALS,
}


@pytest.mark.parametrize("upload", ["direct", "rename"])
@pytest.mark.parametrize("shown", SHOWN)
def test_a_store_that_shows_no_size_before_the_close_is_looked_at_after_it(
    desk: Desk, server: OddServer, store: Store, upload: str, shown: str
) -> None:
    store.shows = SHOWN[shown]
    desk.fill(5)
    sent = contents(desk.outbox)
    result = desk.run(desk.dropoff(upload=upload))
    assert result.summary["delivered"] == 5, outcomes(result)
    assert contents(server.input) == sent
    assert evidence(result) == {"size"}


@pytest.mark.parametrize("keeps", [0.0, 0.5])
@pytest.mark.parametrize("shown", SHOWN)
def test_what_is_short_after_the_close_is_not_delivered(
    desk: Desk, server: OddServer, store: Store, shown: str, keeps: float
) -> None:
    store.shows, store.keeps = SHOWN[shown], keeps
    desk.fill(2)
    kept = contents(desk.outbox)
    result = desk.run(desk.dropoff())
    assert set(outcomes(result).values()) == {("failed", "incomplete")}
    assert contents(desk.outbox) == kept
    assert contents(server.input) == {}
    store.keeps = 1.0
    assert desk.run(desk.dropoff()).summary["delivered"] == 2


@pytest.mark.parametrize(("ambiguous", "outcome"), [("hold", "held"), ("resend", "failed")])
@pytest.mark.parametrize("shown", SHOWN)
def test_a_file_that_shows_neither_its_size_nor_its_name_is_a_matter_of_the_policy(
    desk: Desk, store: Store, shown: str, ambiguous: str, outcome: str
) -> None:
    store.shows, store.keeps = SHOWN[shown], None
    (name,) = desk.fill(1)
    kept = contents(desk.outbox)
    result = desk.run(desk.dropoff(ambiguous=ambiguous))
    assert outcomes(result) == {name: (outcome, "ambiguous")}
    assert "verify: close" in result.outcomes[0].message
    assert contents(desk.outbox) == kept


def test_a_file_that_was_never_seen_is_delivered_with_a_note(desk: Desk, store: Store) -> None:
    store.keeps = None
    names = desk.fill(3)
    result = desk.run(desk.dropoff())
    assert outcomes(result) == dict.fromkeys(names, ("delivered", ""))
    assert evidence(result) == {"open handle"}
    assert any("3 delivered files were not seen" in note for note in result.notes)
    assert all("never seen" in one.message for one in result.outcomes)


def test_a_file_that_is_seen_needs_no_note(desk: Desk) -> None:
    desk.fill(3)
    result = desk.run(desk.dropoff())
    assert evidence(result) == {"size"}
    assert result.notes == []


@pytest.mark.parametrize(("upload", "count"), [("direct", 1), ("direct", 40), ("rename", 1), ("rename", 2)])
def test_no_request_fails_while_a_file_is_open(
    desk: Desk, server: OddServer, store: Store, upload: str, count: int
) -> None:
    """A server that loses an upload if anything fails meanwhile, and acknowledges its close."""
    store.spoils = True
    desk.fill(count)
    sent = contents(desk.outbox)
    result = desk.run(desk.dropoff(upload=upload))
    assert store.failed_while_open == 0
    assert outcomes(result) == dict.fromkeys(sent, ("delivered", ""))
    assert contents(server.input) == sent


# --- a write-only drop box

BOXES = {
    "nothing may be looked at": dict.fromkeys((*LOOKS, Kind.FSTAT, Kind.OPENDIR), REFUSALS["PERMISSION_DENIED"]),
    "looking is unknown": {kind: Status(Code.OP_UNSUPPORTED, "what?") for kind in (*LOOKS, Kind.FSTAT, Kind.OPENDIR)},
    "nothing is ever there": {
        **dict.fromkeys(LOOKS, REFUSALS["NO_SUCH_FILE"]),
        **dict.fromkeys((Kind.FSTAT, Kind.OPENDIR), REFUSALS["PERMISSION_DENIED"]),
    },
}


def write_only(server: OddServer, box: str) -> None:
    for kind, answer in BOXES[box].items():
        server.answer(kind, answer)


@pytest.mark.parametrize("upload", ["direct", "rename"])
@pytest.mark.parametrize("box", BOXES)
def test_a_write_only_box_takes_files_by_the_close_alone(desk: Desk, server: OddServer, upload: str, box: str) -> None:
    write_only(server, box)
    desk.fill(5)
    sent = contents(desk.outbox)
    job = desk.dropoff(upload=upload, verify="close")
    assert set(outcomes(desk.run(job, check=True)).values()) == {("delivered", "predicted")}
    result = desk.run(job)
    assert outcomes(result) == dict.fromkeys(sent, ("delivered", ""))
    assert contents(server.input) == sent
    assert evidence(result) == {"close"}
    assert desk.run(job).summary["delivered"] == 0


def test_a_write_only_box_keeps_the_file_that_has_the_name(desk: Desk, server: OddServer) -> None:
    write_only(server, "nothing may be looked at")
    (name,) = desk.fill(1)
    (server.input / name).write_bytes(b"theirs")
    assert desk.run(desk.dropoff(verify="close")).summary["failed"] == 1
    assert contents(server.input) == {name: b"theirs"}
    assert contents(desk.outbox).keys() == {name}


@pytest.mark.parametrize("box", BOXES)
def test_a_write_only_box_is_named_with_its_way_out(desk: Desk, server: OddServer, box: str) -> None:
    write_only(server, box)
    desk.fill(2)
    kept = contents(desk.outbox)
    result = desk.run(desk.dropoff())
    said = [one.message for one in result.outcomes] + [str(result.error)]
    assert any("verify: close" in text for text in said), said
    assert contents(desk.outbox) == kept


@pytest.mark.parametrize(("ambiguous", "outcome"), [("hold", ("held", "ambiguous")), ("resend", ("delivered", ""))])
@pytest.mark.parametrize("cut_at", [Kind.WRITE, Kind.CLOSE])
def test_an_upload_to_a_write_only_box_that_was_cut_is_a_matter_of_the_policy(
    desk: Desk, server: OddServer, cut_at: Kind, ambiguous: str, outcome: tuple[str, str]
) -> None:
    write_only(server, "nothing may be looked at")
    (name,) = desk.fill(1)

    def cut(_call: Call, _go: Serve) -> Answer | None:
        del server.hooks[cut_at]
        (server.input / name).unlink()
        server.cut()
        return None

    server.hooks[cut_at] = cut
    found = outcomes(desk.run(desk.dropoff(verify="close", ambiguous=ambiguous)))
    assert found == {name: outcome}
    assert contents(server.input).keys() == ({name} if ambiguous == "resend" else set())


@pytest.mark.parametrize("cut_at", [Kind.WRITE, Kind.CLOSE, Kind.RENAME])
def test_an_upload_to_a_write_only_box_that_was_cut_before_its_rename_is_finished(
    desk: Desk, server: OddServer, cut_at: Kind
) -> None:
    write_only(server, "nothing may be looked at")
    (name,) = desk.fill(1)

    def cut(_call: Call, _go: Serve) -> Answer | None:
        del server.hooks[cut_at]
        server.cut()
        return None

    server.hooks[cut_at] = cut
    sent = contents(desk.outbox)
    found = outcomes(desk.run(desk.dropoff(upload="rename", verify="close")))
    assert found == {name: ("delivered", "")}
    assert contents(server.input)[name] == sent[name]


def test_a_file_that_is_seen_without_a_size_needs_no_note(desk: Desk, server: OddServer) -> None:
    desk.fill(2)

    def no_size(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return Stats(Attributes()) if isinstance(answer, Stats) and b"." in call.path else answer

    server.hooks[Kind.LSTAT] = no_size
    result = desk.run(desk.dropoff())
    assert evidence(result) == {"open handle"}
    assert result.notes == []
