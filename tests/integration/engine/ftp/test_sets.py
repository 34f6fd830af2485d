# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that belong together, time frames and folders a day over FTP, against vsftpd, ProFTPD and pyftpdlib."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, assert_delivered, digests, outcomes
from support.ftpd import KINDS, FtpServer

PAIR = ["*.pdf", "*.xml"]
ZIP: list[Any] = [*PAIR, {"pattern": "*.zip", "optional": True, "after_taken": True}]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[FtpServer]:
    with FtpServer(str(request.param)) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: FtpServer) -> Desk:
    return Desk(tmp_path, server.account_options(connections=3))


def put(desk: Desk, *names: str) -> None:
    for name in names:
        (desk.outbox / name).write_text(name)


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_sets_are_sent_in_order_and_followers_once_the_leader_was_taken(
    desk: Desk, server: FtpServer, upload: str
) -> None:
    stems = [f"invoice-{number}" for number in range(10)]
    put(desk, *(f"{stem}.{end}" for stem in stems for end in ("pdf", "xml", "zip")))
    put(desk, "incomplete.xml")
    job = desk.job("dropoff", companions=ZIP, upload=upload)
    found = outcomes(desk.run(job))
    assert found.pop("incomplete.xml") == ("waiting", "companion_missing")
    assert {name for name, outcome in found.items() if outcome == ("delivered", "")} == {
        f"{stem}.{end}" for stem in stems for end in ("pdf", "xml")
    }
    assert {reason for outcome, reason in found.values() if outcome == "waiting"} == {"companion_not_taken"}
    assert len(digests(desk.outbox)) == 31
    (server.input / "invoice-3.xml").unlink()
    assert outcomes(desk.run(job))["invoice-3.zip"] == ("delivered", "")
    assert {path.name for path in server.input.glob("*.zip")} == {"invoice-3.zip"}
    assert len(digests(desk.outbox)) == 28


def test_nothing_starts_while_a_name_is_taken(desk: Desk, server: FtpServer) -> None:
    put(desk, "a.pdf", "a.xml")
    server.put("a.xml", b"theirs", folder="input")
    assert outcomes(desk.drop_off(companions=PAIR)) == {
        "a.pdf": ("waiting", "companion_waiting"),
        "a.xml": ("waiting", "name_taken"),
    }
    assert digests(server.input).keys() == {"a.xml"}


def test_sets_of_a_time_frame_are_fetched_and_moved_to_the_folder_of_the_day(desk: Desk, server: FtpServer) -> None:
    for name, year in (("a.pdf", 2024), ("a.xml", 2024), ("b.pdf", 2025), ("b.xml", 2025)):
        moment = time.mktime((year, 6, 1, 12, 0, 0, 0, 0, -1))
        os.utime(server.put(name, name.encode()), (moment, moment))
    server.give(server.input)
    result = desk.pick_up(
        companions=PAIR, modified_from="2025-01-01", modified_to="2026-01-01", after="move", move_dir="input/{date}"
    )
    assert_delivered(result, ["b.pdf", "b.xml"])
    assert digests(server.pickup).keys() == {"a.pdf", "a.xml"}
    assert {path.name for path in server.input.glob("*/*")} == {"b.pdf", "b.xml"}
