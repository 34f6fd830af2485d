# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that wait: what the command says about them, and with which status it ends."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from support.command import Host
from support.desk import fill
from support.sshd import SshServer

from .test_run import ready


def test_a_folder_in_src_is_a_note_and_all_is_well(host: Host) -> None:
    ready(host).dropoff()
    fill(host.outbox, 1)
    (host.outbox / "folder").mkdir()
    ended = host.run("run", "invoices")
    assert ended.status == 0
    assert "Left alone in `src`: 'folder' (a folder)." in ended.out


def test_a_taken_name_is_status_1_and_3_after_max_age(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff(max_age="1h")
    fill(host.outbox, 1)
    sshd.put("invoice-00000.xml", b"somebody else's", folder="input")
    ended = host.run("run", "invoices", "--json")
    assert (ended.status, ended.document["status"]) == (1, 1)
    assert [(file["outcome"], file["reason"]) for file in ended.document["files"]] == [("waiting", "name_taken")]
    assert "waiting    invoice-00000.xml  name_taken: A file" in host.run("run", "invoices").out
    wait_longer(host, 3700)
    for subcommand in ("check", "run"):
        ended = host.run(subcommand, "invoices")
        assert ended.status == 3
        assert "longer than 1h (`max_age`)" in ended.out


def test_what_waits_for_its_turn_is_well_until_max_age(host: Host) -> None:
    ready(host).dropoff(max_files=1)
    fill(host.outbox, 3)
    ended = host.run("run", "invoices")
    assert ended.status == 0
    assert "1 file (20.0 KiB) delivered, 2 files waiting" in ended.out
    assert "limit_reached" not in ended.out
    assert "limit_reached" in host.run("history", "--outcome", "waiting").out
    wait_longer(host, 90_000)
    ended = host.run("run", "invoices")
    assert ended.status == 3
    assert "waiting    invoice-0000" in ended.out


def wait_longer(host: Host, seconds: float) -> None:
    """Let all that waits have waited for longer."""
    with closing(sqlite3.connect(host.ledger)) as ledger:
        ledger.execute("UPDATE waiting SET since = since - ?", (seconds,))
        ledger.commit()
