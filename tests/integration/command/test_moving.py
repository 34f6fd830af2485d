# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job moves to another host with its ledger, as docs/role.md tells it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from support.command import Host
from support.desk import digests, fill
from support.sshd import SshServer


def new_host(folder: Path, program: Path, sshd: SshServer) -> Host:
    """A host on which the jobs are described, and that has an empty ledger."""
    folder.mkdir()
    host = Host(folder, program, sys.executable)
    host.account("acme", sshd.account_options())
    host.dropoff(after="keep")
    host.pickup(after="keep")
    assert host.run("init").status == 0
    return host


def test_nothing_moves_again_on_the_new_host(tmp_path: Path, program: Path, sshd: SshServer) -> None:
    old = new_host(tmp_path / "host", program, sshd)
    sent = fill(old.outbox, 3)
    sshd.put("report.xml", b"content")
    assert old.run("run", "invoices").status == old.run("run", "reports").status == 0
    assert digests(sshd.input) == sent

    # The provider takes what came: its being there is no evidence any more.
    for path in sshd.input.iterdir():
        path.unlink()
    copy = tmp_path / "ledger.sqlite3"
    with closing(sqlite3.connect(old.ledger)) as ledger, closing(sqlite3.connect(copy)) as backup:
        ledger.backup(backup)  # what .backup of the program sqlite3 does
    # The new host has the same paths; what the jobs still send comes along with its times.
    old.folder.rename(tmp_path / "old")
    new = new_host(tmp_path / "host", program, sshd)
    shutil.copytree(tmp_path / "old" / "outbox", new.outbox, dirs_exist_ok=True)
    subprocess.run(["install", "-m", "600", str(copy), str(new.ledger)], check=True)

    fill(new.outbox, 4)  # three with new content, and one more
    for name in list(sent)[:2]:
        shutil.copy2(tmp_path / "old" / "outbox" / name, new.outbox / name)
    assert new.run("run", "invoices").status == new.run("run", "reports").status == 0
    assert len(digests(sshd.input)) == 2
    assert not set(sent.values()) & set(digests(sshd.input).values())
    assert digests(new.inbox) == {}
