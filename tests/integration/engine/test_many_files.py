# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many files, and files of every size at which something could go wrong, both ways, on one session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import sessions
from support.desk import Desk, assert_delivered, digests, fill
from support.relay import Relay
from support.sshd import SshServer

KIB = 1024
# Around what fits into one request, one SSH packet and the bytes under way.
SIZES = [0, 1, 32 * KIB - 1, 32 * KIB, 32 * KIB + 1, 255 * KIB, 255 * KIB + 1, 1024 * KIB, 20 * 1024 * KIB + 7]


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_thousand_files_are_dropped_off_on_one_session(desk: Desk, sshd: SshServer, upload: str) -> None:
    sent = fill(desk.outbox, 1000)
    with Relay(sshd.port) as relay:
        result = desk.drop_off(upload=upload, account={"port": relay.port, "account": "many"})
        assert relay.connections == 1
        assert_delivered(result, sent)
        assert digests(sshd.input) == sent
        assert digests(desk.archive) == sent
        assert digests(desk.outbox) == {}
        again = desk.drop_off(upload=upload, account={"port": relay.port, "account": "many"})
    assert (again.changed, again.outcomes, again.error) == (False, [], None)


def test_a_thousand_files_are_picked_up_on_one_session(desk: Desk, sshd: SshServer) -> None:
    there = fill(sshd.pickup, 1000)
    with Relay(sshd.port) as relay:
        result = desk.pick_up(account={"port": relay.port, "account": "many"})
        assert relay.connections == 1
        assert_delivered(result, there)
        assert {one.name: one.sha256 for one in result.outcomes} == there
        assert digests(desk.inbox) == there
        assert list(sshd.pickup.iterdir()) == []
        again = desk.pick_up(account={"port": relay.port, "account": "many"})
    assert (again.changed, again.outcomes, again.error) == (False, [], None)


@pytest.mark.parametrize("most", [1, 2, 10])
def test_a_large_file_goes_over_as_many_channels_as_a_server_far_away_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(sessions, "WIDE_FROM", 16 * 1024 * KIB)
    with SshServer(config=[f"MaxSessions {most}"]) as server, Relay(server.port, rtt=0.02) as relay:
        desk = Desk(tmp_path, server.account_options() | {"port": relay.port, "account": "far"})
        (desk.outbox / "large.bin").write_bytes(os.urandom(16 * 1024 * KIB + 7))
        sent = digests(desk.outbox)
        assert_delivered(desk.drop_off(), sent)
        assert digests(server.input) == sent
        assert relay.connections == 1


@pytest.mark.parametrize("connections", [1, 2])
def test_files_of_all_sizes_go_there_and_come_back(desk: Desk, sshd: SshServer, connections: int) -> None:
    for size in SIZES:
        (desk.outbox / f"{size}.bin").write_bytes(os.urandom(size))
    sent = digests(desk.outbox)
    account = {"connections": connections}
    assert_delivered(desk.drop_off(account=account), sent)
    assert digests(sshd.input) == sent
    assert_delivered(desk.pick_up(remote_dir="input", account=account), sent)
    assert digests(desk.inbox) == sent
    assert list(sshd.input.iterdir()) == []


def test_a_check_tells_of_every_file_and_changes_nothing(desk: Desk, sshd: SshServer) -> None:
    sent = fill(desk.outbox, 3)
    there = {sshd.put(name, name.encode()).name for name in ("a.xml", "b.xml")}
    desk.drop_off(src=str(desk.inbox))  # so that there is a ledger, which a check must leave as it is
    before = desk.ledger.read_bytes()
    dropped = desk.run(desk.job("dropoff"), check=True)
    picked = desk.run(desk.job("pickup"), check=True)
    assert_delivered(dropped, sent)
    assert_delivered(picked, there)
    assert {one.reason for one in [*dropped.outcomes, *picked.outcomes]} == {"predicted"}
    assert digests(desk.outbox) == sent
    assert digests(sshd.input) == digests(desk.inbox) == {}
    assert set(digests(sshd.pickup)) == there
    assert desk.ledger.read_bytes() == before


def test_a_check_before_the_first_run_makes_no_ledger(desk: Desk, sshd: SshServer) -> None:
    sent = fill(desk.outbox, 3)
    assert_delivered(desk.run(desk.job("dropoff"), check=True), sent)
    assert_delivered(desk.run(desk.job("pickup"), check=True), [])
    assert [path for path in desk.ledger.parent.iterdir() if path.is_file()] == []


def test_limits_of_a_run_leave_the_rest_for_later(desk: Desk, sshd: SshServer) -> None:
    there = fill(sshd.pickup, 5, 1000)
    for expected in (2, 4, 5):
        result = desk.pick_up(max_files=2)
        assert result.error is None
        assert len(digests(desk.inbox)) == expected
    sent = fill(desk.outbox, 5, 1000)
    for expected in (3, 5):
        result = desk.drop_off(max_bytes=3000)
        assert result.error is None
        assert len(digests(sshd.input)) == expected
    assert digests(desk.inbox) == there
    assert digests(sshd.input) == sent
