# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs of the command between local folders and a folder that is a mailbox."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command import Host
from support.desk import digests, fill


@pytest.fixture
def box(tmp_path: Path) -> Path:
    for name in ("input", "pickup"):
        (tmp_path / "box" / name).mkdir(parents=True)
    return tmp_path / "box"


@pytest.fixture
def host(tmp_path: Path, program: Path, box: Path) -> Host:
    (tmp_path / "host").mkdir()
    host = Host(tmp_path / "host", program, sys.executable)
    host.account("acme", {"protocol": "folder", "root": str(box)})
    assert host.run("init").status == 0
    return host


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_files_are_dropped_off_with_their_group_and_mode(host: Host, box: Path, upload: str) -> None:
    host.dropoff(upload=upload, group=os.getegid(), file_mode="0604")
    sent = fill(host.outbox, 20)
    ended = host.run("run", "invoices", "--json")
    assert ended.status == 0, ended.err
    assert digests(box / "input") == sent
    found = [path.stat() for path in (box / "input").iterdir()]
    assert {(stat.S_IMODE(one.st_mode), one.st_gid) for one in found} == {(0o604, os.getegid())}
    assert digests(host.outbox / "archive") == sent
    assert digests(host.outbox) == {}


@pytest.mark.parametrize("after", ["delete", "move", "keep"])
def test_files_are_picked_up(host: Host, box: Path, after: str) -> None:
    (box / "done").mkdir()
    host.pickup(after=after, **({"move_dir": "done"} if after == "move" else {}))
    there = fill(box / "pickup", 20)
    assert host.run("run", "reports").status == 0
    assert digests(host.inbox) == there
    assert digests(box / "pickup") == (there if after == "keep" else {})
    assert digests(box / "done") == (there if after == "move" else {})
    assert host.run("run", "reports").status == 0
    assert digests(host.inbox) == there


def test_a_name_that_is_taken_stays_theirs(host: Host, box: Path) -> None:
    host.dropoff()
    (host.outbox / "a.xml").write_bytes(b"ours")
    (box / "input" / "a.xml").write_bytes(b"theirs")
    assert host.run("run", "invoices").status == 1
    assert (box / "input" / "a.xml").read_bytes() == b"theirs"
    assert (host.outbox / "a.xml").read_bytes() == b"ours"


def test_a_root_that_is_gone_ends_the_run(host: Host, box: Path) -> None:
    host.dropoff()
    fill(host.outbox, 1)
    box.rename(box.parent / "unmounted")
    ended = host.run("run", "invoices")
    assert ended.status == 2
    assert str(box) in ended.err + ended.out
    assert len(digests(host.outbox)) == 1


@pytest.mark.parametrize(
    ("account", "job", "told"),
    [
        ({"host": "h"}, {}, "host: unknown option for protocol folder."),
        ({"root": None}, {}, "root: this option is missing."),
        ({"root": None, "protocol": "sftp", "host": "h", "username": "u", "password": "p"}, {"group": "g"}, "group: "),
    ],
)
def test_what_does_not_go_together_is_refused(
    host: Host, box: Path, account: dict[str, Any], job: dict[str, Any], told: str
) -> None:
    host.account("acme", {"protocol": "folder", "root": str(box), **account})
    (host.config / "accounts" / "acme.json").chmod(0o600)
    host.dropoff(**job)
    ended = host.run("run", "invoices")
    assert ended.status == 2
    assert told in ended.err
