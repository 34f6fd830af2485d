# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of those that wait while the first file tries whether the server renames; how sizes are asked for."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop import deadline
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind, Status
from support.desk import outcomes
from support.ledgers import plant
from support.odd_desk import Desk
from support.odd_server import OddServer

REFUSED = Status(Code.FAILURE, "no")
TIME = 1_700_000_000  # seconds since 1970


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


def left(desk: Desk, server: OddServer, name: str, state: str, *, part: bytes = b"content", **columns: Any) -> None:
    """What an earlier run has left of a file, and of its part on the server."""
    (desk.outbox / name).write_bytes(b"content")
    time = TIME + ord(name[0])
    os.utime(desk.outbox / name, (time, time))
    (server.input / f".{name}.part").write_bytes(part)
    columns |= {"temporary": f"input/.{name}.part"}
    row = Row("odd", "dropoff", str(desk.outbox), name, 7, time * 10**9, "invoices", f"input/{name}", **columns)
    with closing(Ledger(desk.ledger, create=True)) as ledger:
        row.state = State(state)
        plant(ledger, row)


def test_what_waits_for_its_name_still_does_if_the_run_ends_before_its_turn(desk: Desk, server: OddServer) -> None:
    left(desk, server, "a.xml", "closed")
    left(desk, server, "b.xml", "awaiting_name", reason="name_taken")
    server.answer(Kind.RENAME, REFUSED)
    assert outcomes(desk.run(desk.dropoff(upload="rename")))["b.xml"] == ("waiting", "not_reached")
    server.hooks.clear()
    (server.input / "b.xml").write_bytes(b"foreign")
    assert outcomes(desk.run(desk.dropoff(upload="rename")))["b.xml"] == ("waiting", "name_taken")


def test_a_whole_upload_that_vanishes_while_it_waits_for_its_name_needs_a_decision(
    desk: Desk, server: OddServer
) -> None:
    left(desk, server, "b.xml", "awaiting_name", reason="name_taken")
    (server.input / ".b.xml.part").unlink()
    (server.input / "b.xml").write_bytes(b"foreign")
    for _run in range(2):
        assert outcomes(desk.run(desk.dropoff(upload="rename")))["b.xml"] == ("held", "name_taken")


def test_a_part_of_ours_stays_if_the_run_ends_before_its_turn(desk: Desk, server: OddServer) -> None:
    left(desk, server, "a.xml", "closed")
    left(desk, server, "b.xml", "closed", part=b"con")
    server.answer(Kind.RENAME, REFUSED)
    desk.run(desk.dropoff(upload="rename"))
    server.hooks.clear()
    assert desk.run(desk.dropoff(upload="rename")).summary["delivered"] == 2


def test_a_name_that_somebody_takes_before_its_turn_is_left_to_them(desk: Desk, server: OddServer) -> None:
    left(desk, server, "a.xml", "closed")
    left(desk, server, "b.xml", "closed")
    renamed = []

    def taken_meanwhile(call: Call, go: Serve) -> Answer | None:
        renamed.append(call.request.target)
        (server.input / "b.xml").write_bytes(b"somebody else's")
        return go(call.request)

    server.hooks[Kind.RENAME] = taken_meanwhile
    seen = outcomes(desk.run(desk.dropoff(upload="rename")))
    assert seen == {"a.xml": ("delivered", ""), "b.xml": ("waiting", "name_taken")}
    assert renamed == [b"input/a.xml"]


@pytest.mark.parametrize(("grace", "whose"), [(60.0, ("delivered", "")), (0.1, ("failed", "time_limit"))])
def test_nobody_begins_once_the_time_is_over(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch, grace: float, whose: tuple[str, str]
) -> None:
    monkeypatch.setattr(deadline, "GRACE", grace)
    desk.fill(20)

    def slow(call: Call, go: Serve) -> Answer | None:
        threading.Event().wait(1.0)
        return go(call.request)

    server.hooks[Kind.WRITE] = slow
    job, account = desk.dropoff(upload="rename"), server.account()
    result = runner.run(job, account, ledger=desk.ledger, create_ledger=True, time_limit=0.5)
    assert result.error is not None
    assert result.error.reason == "time_limit"
    assert sorted(outcomes(result).values()) == sorted([whose, *[("waiting", "not_reached")] * 19])


def test_what_a_job_renamed_is_renamed_by_one_that_does_not(desk: Desk, server: OddServer) -> None:
    """What an earlier run left counts for what is known of the server, whatever the job asks for now."""
    for name in ("a.xml", "b.xml"):
        left(desk, server, name, "closed")
    requests = iter(range(1000))

    def refuse_later(call: Call, go: Serve) -> Answer | None:
        if not next(requests):
            return go(call.request)
        threading.Event().wait(0.1)
        return REFUSED

    server.hooks[Kind.RENAME] = refuse_later
    result = desk.run(desk.dropoff(upload="direct"))
    assert result.error is None
    assert sorted(outcomes(result).values()) == [("delivered", ""), ("failed", "rename_failed")]


# --- sizes that are not told


@pytest.mark.parametrize("upload", ["direct", "rename"])
@pytest.mark.parametrize("code", [Code.FAILURE, Code.NO_SUCH_FILE])
def test_one_size_that_is_not_told_is_the_trouble_of_one_file(
    desk: Desk, server: OddServer, upload: str, code: Code
) -> None:
    """On a server that hides what is being written: nothing else tells its size."""
    desk.fill(5)
    sizes, closed = iter(range(1000)), set()

    def refuse_one(call: Call, go: Serve) -> Answer | None:
        return Status(code) if not next(sizes) else go(call.request)

    def close(call: Call, go: Serve) -> Answer | None:
        closed.add(call.path)
        return go(call.request)

    def hide(call: Call, go: Serve) -> Answer | None:
        shown = call.path in closed or b"." not in call.path or upload == "rename"
        return go(call.request) if shown and not call.path.endswith(b".part") else Status(Code.NO_SUCH_FILE)

    server.hooks.update({Kind.FSTAT: refuse_one, Kind.CLOSE: close, Kind.LSTAT: hide})
    result = desk.run(desk.dropoff(upload=upload))
    assert result.error is None
    assert result.summary["failed"] == (upload == "rename"), "a file under its final name is looked at after its close"
    assert result.summary["delivered"] == 5 - result.summary["failed"]


@pytest.mark.parametrize("connections", [1, 3])
def test_a_size_that_is_told_only_once_all_is_closed_is_waited_for(
    desk: Desk, server: OddServer, connections: int
) -> None:
    desk.fill(5)
    closed = set()

    def close(call: Call, go: Serve) -> Answer | None:
        threading.Event().wait(0.05)
        closed.add(call.path)
        return go(call.request)

    def hide(call: Call, go: Serve) -> Answer | None:
        hidden = call.path.endswith(b".part") and call.path not in closed
        return Status(Code.NO_SUCH_FILE) if hidden else go(call.request)

    server.hooks.update({Kind.CLOSE: close, Kind.LSTAT: hide})
    server.answer(Kind.FSTAT, REFUSED)
    result = desk.run(desk.dropoff(upload="rename"), server.account(connections=connections))
    assert result.summary["delivered"] == 5
