# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renames that fail for a while, and renames that always fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind, Status
from support.odd_desk import Desk
from support.odd_server import OddServer

FAILURE, DENIED = Status(Code.FAILURE, "no"), Status(Code.PERMISSION_DENIED, "no")


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("known", [False, True], ids=["never renamed", "renamed before"])
@pytest.mark.parametrize("count", [1, 5])
def test_a_file_that_is_locked_after_its_close_is_renamed_by_a_later_run(
    desk: Desk, server: OddServer, known: bool, count: int
) -> None:
    """As while a virus scanner has it open. It is not sent again."""
    job = desk.dropoff(upload="rename")
    if known:
        (desk.outbox / "first.xml").write_bytes(b"first")
        assert desk.run(job).summary["delivered"] == 1
        (server.input / "first.xml").unlink()
    desk.fill(count)
    sent = contents(desk.outbox)
    scanned: set[bytes] = set()

    def lock(call: Call, go: Serve) -> Answer | None:
        if call.path in scanned:
            return go(call.request)
        scanned.add(call.path)
        return FAILURE

    server.hooks[Kind.RENAME] = lock
    for _run in range(count + 1):
        server.seen.clear()
        result = desk.run(job)
        assert contents(desk.outbox).keys() | contents(server.input).keys() >= sent.keys()
    assert {name: content for name, content in contents(server.input).items() if name[0] != "."} == sent
    assert result.summary["failed"] == 0
    assert not [name for name in contents(server.input) if name[0] == "."]
    assert len(scanned) == count, "a file was sent more than once"


@pytest.mark.parametrize("says", [FAILURE, DENIED], ids=["failure", "denied"])
def test_temporary_files_do_not_pile_up_where_nothing_can_be_renamed(
    desk: Desk, server: OddServer, says: Answer
) -> None:
    desk.fill(4)
    kept = contents(desk.outbox)
    server.answer(Kind.RENAME, says)
    for _run in range(4):
        result = desk.run(desk.dropoff(upload="rename"))
        assert result.error is not None
        assert result.error.reason == "rename_refused"
        assert "upload: direct" in result.error.way_out
        assert len(contents(server.input)) <= 1
    assert contents(desk.outbox) == kept
