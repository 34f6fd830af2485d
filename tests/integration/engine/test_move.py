# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pickup that moves the originals to another folder on the server."""

from __future__ import annotations

import time

import pytest
from support.desk import Desk, assert_delivered, digests, fill, outcomes
from support.sshd import SshServer


def test_an_original_is_moved_under_a_name_that_is_free(desk: Desk, sshd: SshServer) -> None:
    done = sshd.give(sshd.root / "input")
    sshd.put("report.xml", b"of last year", folder="input")
    sshd.put("report.xml", b"of this year")
    assert_delivered(desk.pick_up(after="move", move_dir="input"), ["report.xml"])
    assert {path.name: path.read_bytes() for path in done.iterdir()} == {
        "report.xml": b"of last year",
        "report.2.xml": b"of this year",
    }


def test_originals_that_want_the_same_free_name_get_one_each(desk: Desk, sshd: SshServer) -> None:
    done = sshd.give(sshd.root / "input")
    sshd.put("report.xml", b"of last year", folder="input")
    for number in ("", ".2", ".3"):
        sshd.put(f"report{number}.xml", b"of this year" + number.encode())
    assert_delivered(desk.pick_up(after="move", move_dir="input"), ["report.xml", "report.2.xml", "report.3.xml"])
    assert sorted(path.read_bytes() for path in done.iterdir()) == [
        *(b"of last year", b"of this year", b"of this year.2", b"of this year.3")
    ]


def test_a_missing_folder_to_move_to_is_told_and_nothing_comes_twice(desk: Desk, sshd: SshServer) -> None:
    sshd.put("report.xml", b"content")
    for _run in range(3):
        result = desk.pick_up(after="move", move_dir="nowhere")
        assert outcomes(result) == {"report.xml": ("failed", "not_removed")}
        assert digests(desk.inbox).keys() == digests(sshd.pickup).keys() == {"report.xml"}
    (sshd.root / "nowhere").mkdir()
    sshd.give(sshd.root / "nowhere")
    desk.pick_up(after="move", move_dir="nowhere")
    assert digests(desk.inbox).keys() == digests(sshd.root / "nowhere").keys() == {"report.xml"}
    assert digests(sshd.pickup) == {}


@pytest.mark.parametrize("protocol", ["sftp", "folder"])
@pytest.mark.parametrize("move_dir", ["input/{date}", "pickup/{date}", "pickup/old/{date}", "input/done-{date}/all"])
@pytest.mark.parametrize("count", [1, 100])
def test_the_folder_of_the_day_is_made(desk: Desk, sshd: SshServer, protocol: str, move_dir: str, count: int) -> None:
    sent = fill(sshd.pickup, count, 10)
    for path in sshd.pickup.iterdir():
        sshd.give(path)
    if protocol == "folder":
        desk.account = {"protocol": "folder", "root": str(sshd.root)}
    days = {time.strftime("%Y-%m-%d")}
    result = desk.pick_up(after="move", move_dir=move_dir)
    days.add(time.strftime("%Y-%m-%d"))
    assert_delivered(result, sent)
    assert digests(sshd.pickup) == {}
    places = [sshd.root / move_dir.format(date=day) for day in days]
    found = [digests(place) for place in places if place.exists()]
    assert {name: digest for one in found for name, digest in one.items()} == sent
    assert not desk.pick_up(after="move", move_dir=move_dir).notes  # the folder in the folder is not spoken of


def test_a_name_that_is_taken_in_the_folder_of_the_day_gets_the_next_version(desk: Desk, sshd: SshServer) -> None:
    for content in (b"first", b"second", b"third"):
        sshd.put("report.xml", content)
        assert_delivered(desk.pick_up(after="move", move_dir="input/{date}"), ["report.xml"])
    assert sorted(path.read_bytes() for path in sshd.input.glob("*/*")) == [b"first", b"second", b"third"]


def test_a_folder_that_may_not_be_made_is_told_and_the_files_stay(desk: Desk, sshd: SshServer) -> None:
    sent = fill(sshd.pickup, 3, 10)
    for path in sshd.pickup.iterdir():
        sshd.give(path)
    closed = sshd.root / "closed"
    closed.mkdir(mode=0o555)
    for _run in range(2):
        result = desk.pick_up(after="move", move_dir="closed/{date}")
        assert outcomes(result) == dict.fromkeys(sent, ("failed", "not_removed"))
        assert "refused to make the folder 'closed/" in result.outcomes[0].message
        assert digests(sshd.pickup) == digests(desk.inbox) == sent
    sshd.give(closed).chmod(0o755)
    desk.pick_up(after="move", move_dir="closed/{date}")
    assert digests(sshd.pickup) == {}
    assert digests(desk.inbox) == sent
