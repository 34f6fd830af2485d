# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drop-off to the sandbox's files API, with and without its faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import dropoff_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.runner import run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox

CLIENT_NO, SECRET = "2218", "s3cret/+=of the client"
NAMES = ["a.csv", "b.csv", "c.csv"]
DELIVERED = dict.fromkeys(NAMES, ("delivered", ""))
REJECTED = dict.fromkeys(NAMES, ("failed", "rejected"))
HELD = dict.fromkeys(NAMES, ("held", "ambiguous"))

Start = Callable[..., Sandbox]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        accounts = [account(CLIENT_NO, password=SECRET)]
        yield lambda *faults: stack.enter_context(
            Sandbox(tmp_path / "sandbox", accounts=accounts, protocols=["amili_api"], faults=faults)
        )


def send(sandbox: Sandbox, folder: Path, *, content: bytes = b"content") -> RunResult:
    src = folder / "src"
    if not src.exists():
        src.mkdir()
        for name in NAMES:
            (src / name).write_bytes(name.encode() + content)
    given = {"src": str(src), "settle": 0, "file_types": {"*.csv": "Doc"}, "protocol": "amili_api"}
    there = account_from_options(
        {
            "protocol": "amili_api",
            "base_url": sandbox.base_url,
            "token_url": f"{sandbox.base_url}/token",
            "client_id": CLIENT_NO,
            "client_secret": SECRET,
            "client_no": CLIENT_NO,
            "timeout": 3,
        }
    )
    job = dropoff_from_options(given, preset_named(None))
    return run(job, there, ledger=str(folder / "ledger.sqlite3"), create_ledger=True)


def told(result: RunResult) -> dict[str, tuple[str, str]]:
    return {one.name: (one.outcome, one.reason) for one in result.outcomes}


def imported(sandbox: Sandbox) -> dict[str, bytes]:
    assert sandbox.wait()
    return {path.name: path.read_bytes() for path in sandbox.folders(CLIENT_NO).imported.iterdir()}


def test_files_arrive_once_and_whole(start: Start, tmp_path: Path) -> None:
    sandbox, content = start(), bytes(range(256)) * 3000
    assert told(send(sandbox, tmp_path, content=content)) == DELIVERED
    assert imported(sandbox) == {name: name.encode() + content for name in NAMES}


def some(outcome: str, reason: str, *names: str) -> dict[str, tuple[str, str]]:
    return {**DELIVERED, **dict.fromkeys(names, (outcome, reason))}


@pytest.mark.parametrize(
    ("fault", "first", "taken"),
    [
        ("answer_wrong:kind=client_no", HELD, NAMES),
        ("answer_wrong:kind=file_id", HELD, NAMES),
        ("answer_wrong:kind=missing", some("held", "ambiguous", "a.csv"), NAMES),
        ("answer_wrong:kind=twice", some("held", "ambiguous", "a.csv"), NAMES),
        ("answer_wrong:kind=status", HELD, NAMES),
        ("answer_wrong:kind=not_json", HELD, NAMES),
        ("answer_wrong:kind=huge", HELD, NAMES),
        ("file_refused:after=1,times=1", some("failed", "rejected", "b.csv"), ["a.csv", "c.csv"]),
        ("file_refused", REJECTED, []),
        ("upload_cut:times=1", HELD, NAMES),
        ("upload_cut:times=1,moment=before", HELD, []),
        ("upload_answered:status=401,times=1", DELIVERED, NAMES),
        ("upload_answered:status=429,times=1,seconds=0.5", DELIVERED, NAMES),
        ("upload_answered:status=403", dict.fromkeys(NAMES, ("failed", "type_not_allowed")), []),
        ("upload_answered:status=422", REJECTED, []),
        ("write_fails:bytes=3,times=1", None, ["b.csv", "c.csv"]),
        ("answer_delayed:seconds=0.02", DELIVERED, NAMES),
        ("connection_cut:bytes=900,direction=up,after=1,times=1", None, None),
        ("connection_cut:bytes=0,times=1", None, None),
    ],
)  # fmt: skip
def test_a_fault_neither_loses_nor_doubles_a_file(
    start: Start, tmp_path: Path, fault: str, first: dict[str, tuple[str, str]] | None, taken: list[str] | None
) -> None:
    sandbox = start(fault)
    result = send(sandbox, tmp_path)
    if first is not None:
        assert (result.error, told(result)) == (None, first)
    if taken is not None:
        assert sorted(imported(sandbox)) == taken
    sandbox.set_faults([])
    for _run in range(2):
        send(sandbox, tmp_path)
    there = imported(sandbox)
    assert set(there) <= set(NAMES)
    archived = {path.name for path in (tmp_path / "src" / "archive").glob("*")}
    assert archived <= set(there)
    assert archived | {path.name for path in (tmp_path / "src").glob("*.csv")} == set(NAMES)


@pytest.mark.parametrize("status", [404, 302])
def test_a_status_for_all_ends_the_run(start: Start, tmp_path: Path, status: int) -> None:
    result = send(start(f"upload_answered:status={status}"), tmp_path)
    assert result.error is not None
    assert result.error.reason == {404: "service_not_found", 302: "redirected"}[status]


def test_a_refused_login_gives_no_token(start: Start, tmp_path: Path) -> None:
    result = send(start("login_refused"), tmp_path)
    assert result.error is not None
    assert result.error.reason == "login_refused"
