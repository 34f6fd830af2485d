# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command import journal


def decoded(datagram: bytes) -> dict[str, str]:
    """Read a datagram as the journal does: a name, a line feed, the length in 8 bytes, the value, a line feed."""
    found = {}
    while datagram:
        name, _feed, rest = datagram.partition(b"\n")
        length = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8 : 8 + length].decode()
        assert rest[8 + length : 9 + length] == b"\n"
        datagram = rest[9 + length :]
    return found


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "socket"))
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(str(tmp_path / "socket"))
    return made


def test_each_value_is_a_field(server: socket.socket) -> None:
    fields = {"event": "file", "job": "invoices", "outcome": "held", "name": "a\nFILEDROP_JOB=other", "reason": None}
    assert journal.send(4, "event=file", fields)
    assert decoded(server.recv(65536)) == {
        "MESSAGE": "event=file", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "filedrop", "FILEDROP_EVENT": "file",
        "FILEDROP_JOB": "invoices", "FILEDROP_OUTCOME": "held", "FILEDROP_NAME": "a\nFILEDROP_JOB=other",
    }  # fmt: skip


def test_without_a_journal_the_caller_writes_to_its_own_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "none"))
    assert not journal.send(6, "event=run_began", {})


def test_an_event_that_is_too_long_is_not_lost(server: socket.socket) -> None:
    assert not journal.send(3, "x" * 10_000_000, {})
