# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import ConnectionLost, RemoteError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.diagnose import describe
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.capabilities import ALL
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, ExclusiveIgnored, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind, Status
from support.odd_server import OddServer


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger" / "ledger.sqlite3"


def told(
    server: OddServer, ledger: Path, *, folders: tuple[str, ...] = (), probe_dir: str | None = None
) -> dict[str, Any]:
    return describe(server.account(), folders, probe_dir, ledger=str(ledger))


def test_a_look_tells_who_the_server_is_and_changes_nothing(server: OddServer, ledger: Path) -> None:
    found = told(server, ledger, folders=("input",))
    assert found["sftp_version"] == 3
    assert 0 < found["latency"] < 5
    assert found["capabilities"] == dict.fromkeys(ALL, "unknown")
    assert not ledger.parent.exists()
    assert list(server.input.iterdir()) == []
    changing = {Kind.OPEN, Kind.WRITE, Kind.RENAME, Kind.REMOVE, Kind.MKDIR, Kind.SETSTAT}
    assert not changing & {kind for kind, _length in server.seen}


def test_folders_are_told_apart(server: OddServer, ledger: Path) -> None:
    (server.pickup / "a.xml").write_bytes(b"x")
    (server.pickup / "closed").mkdir()

    def refuse(call: Call, go: Serve) -> Answer | None:
        return Status(Code.PERMISSION_DENIED) if call.path.endswith(b"closed") else go(call.request)

    server.hooks[Kind.OPENDIR] = refuse
    folders = ("pickup", "input", "nowhere", "pickup/closed", "pickup/a.xml")
    found = told(server, ledger, folders=folders)["folders"]
    assert [one["path"] for one in found] == list(folders)
    assert [(one["exists"], one["listable"], one["entries"]) for one in found[:4]] == [
        (True, True, 2),
        (True, True, 0),
        (False, False, None),
        (True, False, None),
    ]
    assert not found[4]["listable"]


def test_an_ordinary_server_needs_no_notes(server: OddServer, ledger: Path) -> None:
    assert told(server, ledger, folders=("input",))["notes"] == []


@pytest.mark.parametrize("code", [Code.FAILURE, Code.PERMISSION_DENIED, Code.BAD_MESSAGE])
def test_how_the_server_says_that_a_file_is_missing_is_found_out(server: OddServer, ledger: Path, code: Code) -> None:
    def refuse(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return Status(code) if isinstance(answer, Status) else answer

    server.hooks = {Kind.LSTAT: refuse, Kind.STAT: refuse}
    (note,) = told(server, ledger, folders=("input",))["notes"]
    assert "missing" in note


@pytest.mark.parametrize("renames", [True, False])
@pytest.mark.parametrize("exclusive", [True, False])
def test_what_a_server_allows_is_tried_remembered_and_cleared_away(
    server: OddServer, ledger: Path, renames: bool, exclusive: bool
) -> None:
    if not renames:
        server.answer(Kind.RENAME, Status(Code.PERMISSION_DENIED))
    if not exclusive:
        server.hooks[Kind.OPEN] = ExclusiveIgnored().serve
    expected = dict.fromkeys(ALL, "unknown") | {
        "rename": "yes" if renames else "no",
        "exclusive_create": "yes" if exclusive else "no",
        "partial_uploads": "yes",
    }
    assert told(server, ledger, probe_dir="input")["capabilities"] == expected
    assert list(server.input.iterdir()) == []
    server.hooks.clear()
    assert told(server, ledger)["capabilities"] == expected


def test_an_importer_that_takes_what_is_tried_teaches_nothing_false(server: OddServer, ledger: Path) -> None:
    def taken(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        for path in server.input.iterdir():
            assert path.name.endswith(".part")
            path.unlink()
        return answer

    server.hooks[Kind.CLOSE] = taken
    found = told(server, ledger, probe_dir="input")
    assert found["capabilities"] == dict.fromkeys(ALL, "unknown")


def test_a_folder_in_which_nothing_can_be_made_is_told_and_nothing_is_learned(server: OddServer, ledger: Path) -> None:
    with pytest.raises(RemoteError):
        told(server, ledger, probe_dir="nowhere")
    assert told(server, ledger)["capabilities"] == dict.fromkeys(ALL, "unknown")


@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.CLOSE, Kind.RENAME])
def test_a_connection_that_is_lost_meanwhile_teaches_nothing(server: OddServer, ledger: Path, kind: Kind) -> None:
    def cut(_call: Call, _go: Serve) -> Answer | None:
        server.cut()
        return None

    server.hooks[kind] = cut
    with pytest.raises(ConnectionLost):
        told(server, ledger, probe_dir="input")
    server.hooks.clear()
    assert told(server, ledger)["capabilities"] == dict.fromkeys(ALL, "unknown")
