# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of which something changes between two runs, or that meet another set."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.companions import Companion
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Kind
from support import odd_desk
from support.desk import Desk, assert_delivered, digests, outcomes
from support.ledgers import plant
from support.odd_server import OddServer
from support.sshd import SshServer

PAIR = ["*.pdf", "*.xml"]
OLD = 1_700_000_000
FOLLOWER: list[Any] = ["*.pdf", {"pattern": "*.xml", "after_taken": True}]


def put(desk: Desk, *names: str, content: str = "") -> None:
    for name in names:
        (desk.outbox / name).write_text(content or name)


def test_a_leader_that_was_replaced_after_it_was_sent_is_sent_first(desk: Desk, sshd: SshServer) -> None:
    put(desk, "a.pdf", "a.xml")
    job = desk.job("dropoff", companions=FOLLOWER)
    desk.run(job)
    put(desk, "a.pdf", content="corrected")
    assert outcomes(desk.run(job)) == {"a.pdf": ("waiting", "name_taken"), "a.xml": ("waiting", "companion_waiting")}
    (sshd.input / "a.pdf").unlink()
    assert outcomes(desk.run(job))["a.pdf"] == ("delivered", "")
    assert (sshd.input / "a.pdf").read_text() == "corrected"
    assert digests(sshd.input).keys() == {"a.pdf"}
    (sshd.input / "a.pdf").unlink()
    desk.run(job)
    assert digests(sshd.input).keys() == {"a.xml"}
    assert digests(desk.outbox) == {}


@pytest.mark.parametrize("after", ["archive", "keep"])
def test_a_leader_that_was_only_touched_is_not_sent_again(desk: Desk, sshd: SshServer, after: str) -> None:
    put(desk, "a.pdf", "a.xml")
    job = desk.job("dropoff", companions=FOLLOWER, after=after)
    desk.run(job)
    os.utime(desk.outbox / "a.pdf", (OLD, OLD))
    (sshd.input / "a.pdf").unlink()
    assert outcomes(desk.run(job))["a.xml"] == ("delivered", "")
    assert digests(sshd.input).keys() == {"a.xml"}
    assert_delivered(desk.run(job), [])
    assert digests(sshd.input).keys() == {"a.xml"}


def test_a_leader_whose_original_was_removed_counts_as_sent(desk: Desk, sshd: SshServer) -> None:
    put(desk, "a.pdf", "a.xml")
    job = desk.job("dropoff", companions=FOLLOWER)
    desk.run(job)
    (desk.outbox / "a.pdf").unlink()
    (sshd.input / "a.pdf").unlink()
    assert outcomes(desk.run(job))["a.xml"] == ("delivered", "")
    assert digests(desk.outbox) == {}


def test_a_follower_that_was_removed_lets_its_leader_go(desk: Desk, sshd: SshServer) -> None:
    put(desk, "a.pdf", "a.xml")
    job = desk.job("dropoff", companions=FOLLOWER)
    desk.run(job)
    (desk.outbox / "a.xml").unlink()
    assert outcomes(desk.run(job)) == {"a.pdf": ("skipped", "already_delivered")}
    assert digests(desk.outbox) == {}
    assert digests(sshd.input).keys() == {"a.pdf"}


def test_a_new_half_is_a_new_set(desk: Desk, sshd: SshServer) -> None:
    put(desk, "a.pdf", "a.xml")
    desk.drop_off(companions=PAIR)
    for path in sshd.input.iterdir():
        path.unlink()
    put(desk, "a.xml", content="corrected")
    assert outcomes(desk.drop_off(companions=PAIR)) == {"a.xml": ("waiting", "companion_missing")}


def test_a_new_half_on_the_server_is_a_new_set_whatever_its_time(desk: Desk, sshd: SshServer) -> None:
    for name in ("a.pdf", "a.xml"):
        sshd.put(name, name.encode())
    assert_delivered(desk.pick_up(companions=PAIR), ["a.pdf", "a.xml"])
    for path in desk.inbox.iterdir():
        path.unlink()
    os.utime(sshd.put("a.xml", b"corrected"), (OLD, OLD))
    assert outcomes(desk.pick_up(companions=PAIR)) == {"a.xml": ("waiting", "companion_missing")}


def test_sets_whose_names_differ_by_case_go_one_after_the_other(desk: Desk, sshd: SshServer) -> None:
    put(desk, "a.pdf", "a.xml", "A.pdf", "A.xml")
    assert_delivered(desk.drop_off(companions=PAIR), ["a.pdf", "a.xml", "A.pdf", "A.xml"])
    assert digests(sshd.input).keys() == {"a.pdf", "a.xml", "A.pdf", "A.xml"}


def test_a_set_may_come_from_two_folders_and_a_name_that_is_there_twice_waits(desk: Desk, sshd: SshServer) -> None:
    other = desk.outbox.parent / "other"
    other.mkdir()
    put(desk, "a.xml")
    (other / "a.pdf").write_text("picture")
    (other / "a.xml").write_text("a later one")
    os.utime(desk.outbox / "a.xml", (OLD, OLD))
    result = desk.drop_off(src=[str(desk.outbox), str(other)], companions=PAIR)
    assert {one.local_path: one.reason for one in result.outcomes if one.outcome == "waiting"} == {
        str(other / "a.xml"): "name_taken"
    }
    assert (sshd.input / "a.xml").read_text() == "a.xml"
    assert digests(sshd.input).keys() == {"a.pdf", "a.xml"}


def test_a_first_half_that_the_server_has_removed_counts(tmp_path: Path, server: OddServer) -> None:
    desk = odd_desk.Desk(tmp_path, server)
    for name in ("a.pdf", "a.xml"):
        (server.pickup / name).write_text(name)
        os.utime(server.pickup / name, (OLD, OLD))

    def cut(call: Call, go: Serve) -> Answer | None:
        if call.path.endswith(b"a.xml"):
            raise Cut
        return go(call.request)

    server.hooks[Kind.READ] = cut
    job = desk.pickup(companions=tuple(map(Companion, PAIR)))
    for _run in range(2):
        assert desk.run(job).error is not None
    server.hooks.clear()
    (server.pickup / "a.pdf").unlink()
    assert outcomes(desk.run(job))["a.xml"] == ("delivered", "")
    assert digests(desk.inbox).keys() == {"a.pdf", "a.xml"}


@pytest.mark.parametrize("index", [0, 1])
def test_a_host_finishes_its_set_after_its_share_has_changed(desk: Desk, sshd: SshServer, index: int) -> None:
    sshd.put("a.pdf", b"picture")
    bad = sshd.put("a.xml", b"invoice")
    bad.chmod(0)
    job = desk.job("pickup", companions=PAIR, job="shared")
    assert outcomes(desk.run({**job, "share": {"index": 0, "count": 1}}))["a.xml"][0] == "failed"
    assert digests(desk.inbox).keys() == {"a.pdf"}
    bad.chmod(0o644)
    desk.run({**job, "share": {"index": index, "count": 2}})
    assert digests(desk.inbox).keys() == {"a.pdf", "a.xml"}
    assert digests(sshd.pickup) == {}


@pytest.mark.parametrize("companions", [PAIR, ["*.xml", "*.xml.sha256"]])
@pytest.mark.parametrize("is_right", [True, False])
def test_checksum_files_are_read_in_sets_too(
    desk: Desk, sshd: SshServer, companions: list[str], is_right: bool
) -> None:
    names = ["a.pdf", "a.xml"] if companions == PAIR else ["a.xml"]
    for name in names:
        sshd.put(name, name.encode())
        digest = hashlib.sha256(name.encode() if is_right else b"other").hexdigest()
        sshd.put(f"{name}.sha256", digest.encode())
    result = desk.pick_up(companions=companions, verify="sidecar")
    if is_right:
        assert_delivered(result, [*names, *(f"{name}.sha256" for name in names)])
        assert digests(sshd.pickup) == {}
    else:
        assert outcomes(result)[names[0]] == ("failed", "checksum_differs")
        assert result.counts["delivered"] == 0
        assert digests(desk.inbox) == {}


@pytest.mark.parametrize("half", ["a.pdf", "a.xml"])
def test_a_half_that_is_being_discarded_is_skipped(desk: Desk, sshd: SshServer, half: str) -> None:
    """Its temporary file may still be on the server, so its row is open."""
    put(desk, "a.pdf", "a.xml")
    job = desk.job("dropoff", companions=PAIR, job="invoices")
    with closing(Ledger(str(desk.ledger), create=True)) as ledger:
        file = (desk.outbox / half).stat()
        row = Row(
            account=account_from_options(desk.account).name,
            direction="dropoff",
            folder=str(desk.outbox),
            name=half,
            size=file.st_size,
            mtime_ns=file.st_mtime_ns,
            job="invoices",
            remote_path=f"input/{half}",
            temporary="input/.12345678.part",
            state=State.DISCARDING,
        )
        plant(ledger, row)
    result = desk.run(job)
    assert outcomes(result)[half] == ("skipped", "discarded")
    assert result.counts["failed"] == 0
    assert digests(sshd.input).keys() == ({"a.pdf"} if half == "a.xml" else set())
