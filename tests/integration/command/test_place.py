# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are placed for a partner to fetch, by the built command."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from support.command import Ended, Host


@pytest.fixture
def pickup(system_host: Host) -> Path:
    """The folder from which a partner fetches."""
    root = system_host.folder / "server"
    (root / "pickup").mkdir(parents=True)
    (system_host.config / "accounts" / "partner.json").write_text(json.dumps({"protocol": "folder", "root": str(root)}))
    assert system_host.run("init").status == 0
    (system_host.folder / "report.xml").write_text("a report")
    return root / "pickup"


def place(host: Host, *flags: str, name: str = "report.xml", account: str = "partner") -> Ended:
    return host.run("place", str(host.folder / name), "--account", account, "--json", *flags)


def outcome(ended: Ended) -> tuple[int, str, str]:
    (file,) = ended.document["files"]
    return ended.status, file["outcome"], file["reason"]


def test_a_file_is_placed_once(system_host: Host, pickup: Path) -> None:
    assert outcome(place(system_host, "--dry-run")) == (0, "delivered", "predicted")
    assert list(pickup.iterdir()) == []
    assert outcome(place(system_host)) == (0, "delivered", "")
    there = pickup / "report.xml"
    assert (there.read_text(), stat.S_IMODE(there.stat().st_mode)) == ("a report", 0o640)
    there.unlink()
    assert outcome(place(system_host)) == (0, "skipped", "moved_before")
    assert outcome(place(system_host, "--again")) == (0, "delivered", "")
    assert (system_host.folder / "report.xml").exists()


def test_another_file_is_never_replaced(system_host: Host, pickup: Path) -> None:
    (pickup / "report.xml").write_text("theirs")
    assert outcome(place(system_host)) == (1, "waiting", "name_taken")
    assert outcome(place(system_host, "--as", "report-2.xml")) == (0, "delivered", "")
    assert {path.name: path.read_text() for path in pickup.iterdir()} == {
        "report.xml": "theirs",
        "report-2.xml": "a report",
    }


def test_status_tells_what_lies_there_and_what_was_fetched(system_host: Host, pickup: Path) -> None:
    (system_host.folder / "other.xml").write_text("another report")
    place(system_host)
    place(system_host, name="other.xml")
    (pickup / "report.xml").unlink()
    told = system_host.run("status", "--json").document["placed"]
    assert {one["path"]: one["fetched"] for one in told} == {"pickup/report.xml": True, "pickup/other.xml": False}
    assert "1 file not fetched yet, the oldest for" in system_host.run("status").out


@pytest.mark.parametrize(
    ("flags", "finding"),
    [
        (["--as", "../x"], "../x"),
        (["--folder", "input"], "does not exist"),
        (["--account", "../etc"], "--account"),
        (["--account", "acme"], "reached over sftp"),
    ],
)
def test_what_cannot_be_placed_is_refused(system_host: Host, pickup: Path, flags: list[str], finding: str) -> None:
    ended = place(system_host, *flags)
    assert (ended.status, finding in ended.document["error"]["message"]) == (2, True)
    assert list(pickup.iterdir()) == []
