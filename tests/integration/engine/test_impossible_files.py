# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One file that cannot be, or that the code cannot deal with, beside files that can: the others go."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import folder as folder_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import IllegalStep, State
from support.desk import digests, outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer

SECOND = 10**9
TIMES = {
    "1601": -11_644_473_600 * SECOND,
    "1677": -(2**63) - 1,
    "1969": -SECOND,
    "1970": 0,
    "2262": 2**63,
    "2300": 10_413_792_000 * SECOND,
    "9999": 253_402_300_799 * SECOND,
}


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


@pytest.fixture
def any_time() -> Iterator[Path]:
    """A folder on a file system that can keep any time."""
    folder = Path(tempfile.mkdtemp(prefix="filedrop-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def with_time(folder: Path, name: str, time_ns: int) -> None:
    (folder / name).write_bytes(name.encode() * 10)
    os.utime(folder / name, ns=(time_ns, time_ns))
    if (folder / name).stat().st_mtime_ns != time_ns:
        pytest.skip("no file system here can keep this time")


@pytest.mark.parametrize("after", ["archive", "keep", "delete"])
@pytest.mark.parametrize("time_ns", TIMES.values(), ids=TIMES)
def test_a_local_file_of_any_time_is_sent_once(
    desk: Desk, server: OddServer, any_time: Path, time_ns: int, after: str
) -> None:
    for name in ("a.xml", "z.xml"):
        (any_time / name).write_bytes(b"other")
    with_time(any_time, "odd.xml", time_ns)
    sent = digests(any_time)
    job = desk.dropoff(sources=(str(any_time),), after=after, settle=0)
    assert outcomes(desk.run(job)) == dict.fromkeys(sent, ("delivered", ""))
    assert digests(server.input) == sent
    assert desk.run(job).summary["delivered"] == 0


@pytest.mark.parametrize("after", ["keep", "delete"])
@pytest.mark.parametrize("time_ns", TIMES.values(), ids=TIMES)
def test_a_remote_file_of_any_time_is_fetched_once(desk: Desk, any_time: Path, time_ns: int, after: str) -> None:
    account = Account("folder", "folder", "", 0, "", root=str(any_time))
    (any_time / "pickup").mkdir()
    (any_time / "pickup" / "a.xml").write_bytes(b"other")
    with_time(any_time / "pickup", "odd.xml", time_ns)
    wanted = digests(any_time / "pickup")
    job = desk.pickup(after=after)
    assert desk.run(job, account).summary["delivered"] == 2
    assert digests(desk.inbox) == wanted
    assert desk.run(job, account).summary["delivered"] == 0


@pytest.mark.parametrize("unsettled_for", [0.0, 3600.0])
def test_a_file_from_the_future_settles_as_any_other(desk: Desk, any_time: Path, unsettled_for: float) -> None:
    with_time(any_time, "odd.xml", TIMES["2300"])
    result = desk.run(desk.dropoff(sources=(str(any_time),), settle=unsettled_for))
    assert outcomes(result)["odd.xml"] == (("waiting", "unsettled") if unsettled_for else ("delivered", ""))


# --- what the code does not expect


ERRORS = [ZeroDivisionError("division by zero"), OverflowError("too big"), KeyError("x"), IllegalStep("no such step")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize("odd", ["000.xml", "005.xml"])
def test_an_error_that_nobody_expects_is_that_of_one_file(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch, upload: str, odd: str, error: Exception
) -> None:
    names = desk.fill(9)
    sent = digests(desk.outbox)
    read = folder_module.SourceFile.read

    def fail(source: folder_module.SourceFile, length: int) -> bytes:
        if source._seen.name == odd:
            raise error
        return read(source, length)

    monkeypatch.setattr(folder_module.SourceFile, "read", fail)
    result = desk.run(desk.dropoff(upload=upload))
    assert result.error is None
    assert outcomes(result) == dict.fromkeys(names - {odd}, ("delivered", "")) | {odd: ("failed", "unexpected")}
    assert "report" in result.outcomes[0].message
    assert list(digests(desk.outbox)) == [odd]
    monkeypatch.setattr(folder_module.SourceFile, "read", read)
    assert outcomes(desk.run(desk.dropoff(upload=upload))) == {odd: ("delivered", "")}
    assert digests(server.input) == sent


@pytest.mark.parametrize("at", [State.PLACING, State.PLACED, State.FETCHED])
def test_a_step_that_nobody_expects_leaves_the_file_to_the_next_run(
    desk: Desk, server: OddServer, monkeypatch: pytest.MonkeyPatch, at: State
) -> None:
    names = desk.fill(5, folder=server.pickup)
    wanted = digests(server.pickup)
    commit = Ledger.commit

    def fail(ledger: Ledger, row: Row, state: State, **changes: Any) -> Any:
        if row.name == "002.xml" and state is at:
            raise IllegalStep("no such step")
        return commit(ledger, row, state, **changes)

    monkeypatch.setattr(Ledger, "commit", fail)
    first = desk.run(desk.pickup())
    assert first.error is None
    assert outcomes(first).pop("002.xml") == ("failed", "unexpected")
    assert first.summary["delivered"] == len(names) - 1
    monkeypatch.setattr(Ledger, "commit", commit)
    second = desk.run(desk.pickup())
    assert second.summary["failed"] == 0
    assert digests(desk.inbox) == wanted
    assert digests(server.pickup) == {}
