# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that is not OpenSSH, and works at several requests at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.desk import Desk, assert_delivered, digests, fill
from support.rclone import rclone_server

KIB = 1024
SIZES = [0, 1, 32 * KIB, 100 * KIB, 1024 * KIB + 1, 20 * 1024 * KIB + 7]


@pytest.mark.parametrize("connections", [1, 2])
@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_files_go_there_and_come_back(tmp_path: Path, upload: str, connections: int) -> None:
    with rclone_server(tmp_path / "there") as options:
        desk = Desk(tmp_path, {**options, "connections": connections})
        fill(desk.outbox, 200)
        for size in SIZES:
            (desk.outbox / f"{size}.bin").write_bytes(os.urandom(size))
        sent = digests(desk.outbox)
        assert_delivered(desk.drop_off(upload=upload), sent)
        assert digests(tmp_path / "there" / "input") == sent
        assert_delivered(desk.pick_up(remote_dir="input"), sent)
    assert digests(desk.inbox) == sent
    assert digests(tmp_path / "there" / "input") == {}


def test_originals_that_are_moved_do_not_overwrite_each_other(tmp_path: Path) -> None:
    """This server lets a rename overwrite what is there."""
    with rclone_server(tmp_path / "there") as options:
        there, done = tmp_path / "there" / "pickup", tmp_path / "there" / "input"
        (done / "report.xml").write_bytes(b"of last year")
        contents = {f"report{number}.xml": os.urandom(1000) for number in ("", ".2", ".3", ".4")}
        for name, content in contents.items():
            (there / name).write_bytes(content)
        desk = Desk(tmp_path, options)
        assert_delivered(desk.pick_up(after="move", move_dir="input"), contents)
    assert {path.read_bytes() for path in done.iterdir()} == {b"of last year", *contents.values()}
