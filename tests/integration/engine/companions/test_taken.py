# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that go only once the file before them was taken from the server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support.desk import Desk, digests, outcomes
from support.sshd import SshServer

ZIP = {"pattern": "*.zip", "optional": True, "after_taken": True}
COMPANIONS: list[Any] = ["*.pdf", "*.xml", ZIP]
ALL = {"a.pdf", "a.xml", "a.zip"}


def told(result: RunResult) -> dict[str, str]:
    return {name: reason if outcome == "waiting" else outcome for name, (outcome, reason) in outcomes(result).items()}


def put(desk: Desk, *names: str) -> None:
    for name in names:
        (desk.outbox / name).write_text(name)


@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize("after", ["archive", "delete", "keep"])
def test_a_follower_goes_once_its_leader_was_taken(desk: Desk, sshd: SshServer, upload: str, after: str) -> None:
    put(desk, *ALL)
    job = desk.job("dropoff", companions=COMPANIONS, upload=upload, after=after)
    assert told(desk.run(job)) == {"a.pdf": "delivered", "a.xml": "delivered", "a.zip": "companion_not_taken"}
    for check in (True, False, False):
        assert told(desk.run(job, check=check)) == {
            "a.pdf": "companion_waiting",
            "a.xml": "companion_waiting",
            "a.zip": "companion_not_taken",
        }
    assert digests(desk.outbox).keys() == ALL
    assert digests(sshd.input).keys() == {"a.pdf", "a.xml"}
    (sshd.input / "a.xml").unlink()
    assert told(desk.run(job, check=True))["a.zip"] == "delivered"
    assert told(desk.run(job)) == {"a.pdf": "skipped", "a.xml": "skipped", "a.zip": "delivered"}
    assert digests(sshd.input).keys() == {"a.pdf", "a.zip"}
    assert digests(desk.outbox).keys() == (ALL if after == "keep" else set())
    assert desk.run(job).counts["delivered"] == 0
    assert digests(sshd.input).keys() == {"a.pdf", "a.zip"}


def test_a_leader_whose_name_another_file_has_is_not_sent_again(desk: Desk, sshd: SshServer) -> None:
    put(desk, "a.xml", "a.zip")
    job = desk.job("dropoff", companions=["*.xml", ZIP], upload="direct")
    desk.run(job)
    sshd.put("a.xml", b"of somebody else", folder="input")
    assert told(desk.run(job)) == {"a.xml": "companion_waiting", "a.zip": "companion_not_taken"}
    (sshd.input / "a.xml").unlink()
    assert told(desk.run(job)) == {"a.xml": "skipped", "a.zip": "delivered"}
    assert digests(sshd.input).keys() == {"a.zip"}


@pytest.mark.parametrize("after", ["archive", "delete", "keep"])
@pytest.mark.parametrize("is_taken", [False, True])
def test_a_follower_that_comes_late_waits_as_well(desk: Desk, sshd: SshServer, after: str, is_taken: bool) -> None:
    job = desk.job("dropoff", companions=COMPANIONS, after=after)
    put(desk, "a.pdf", "a.xml")
    assert desk.run(job).counts["delivered"] == 2
    put(desk, "a.zip")
    if is_taken:
        (sshd.input / "a.xml").unlink()
    assert told(desk.run(job)) == {"a.zip": "delivered" if is_taken else "companion_not_taken"}


def test_without_an_optional_leader_the_one_before_counts(desk: Desk, sshd: SshServer) -> None:
    put(desk, "a.pdf", "a.zip")
    companions = ["*.pdf", {"pattern": "*.xml", "optional": True}, ZIP]
    job = desk.job("dropoff", companions=companions)
    assert told(desk.run(job)) == {"a.pdf": "delivered", "a.zip": "companion_not_taken"}
    (sshd.input / "a.pdf").unlink()
    assert told(desk.run(job))["a.zip"] == "delivered"


def test_a_set_that_waits_does_not_keep_others_from_their_turn(desk: Desk, sshd: SshServer) -> None:
    for stem in "abc":
        put(desk, f"{stem}.xml", f"{stem}.zip")
    job = desk.job("dropoff", companions=["*.xml", ZIP], max_files=1)
    for expected in ({"a.xml"}, {"a.xml", "b.xml"}, {"a.xml", "b.xml", "c.xml"}):
        desk.run(job)
        assert digests(sshd.input).keys() == expected
    for path in sshd.input.iterdir():
        path.unlink()
    desk.run(job)
    assert digests(sshd.input).keys() == {"a.zip", "b.zip", "c.zip"}


def test_followers_of_followers_go_one_after_the_other(desk: Desk, sshd: SshServer) -> None:
    put(desk, "a.xml", "a.zip", "a.end")
    job = desk.job("dropoff", companions=["*.xml", ZIP, {"pattern": "*.end", "after_taken": True}])
    for name in ("a.xml", "a.zip", "a.end"):
        desk.run(job)
        desk.run(job)
        assert digests(sshd.input).keys() == {name}
        (sshd.input / name).unlink()
    assert digests(desk.outbox) == {}
