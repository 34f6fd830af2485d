# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pickup that moves the originals to another folder on the server."""

from __future__ import annotations

from support.desk import Desk, assert_delivered, digests, outcomes
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
