# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network fails in the middle of many files: the run connects again, and completes the work by itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import ConnectionLost
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Outgoing
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.upload import Upload
from support.desk import MODES, Desk, assert_delivered, busy_way, digests, fill, quiet_way
from support.relay import Fault, Relay
from support.sshd import SshServer

COUNT = 60
SIZE = 20_000
VOLUME = COUNT * SIZE  # what one direction carries at least; the other one has only small packets


def _assert_completed(desk: Desk, sshd: SshServer, mode: str, faults: Sequence[Fault], **account: object) -> None:
    """Through a network with these faults every file is delivered once, in one run."""
    source, target = (sshd.pickup, desk.inbox) if mode == "pickup" else (desk.outbox, sshd.input)
    sent = fill(source, COUNT, SIZE)
    with Relay(sshd.port, faults=faults) as relay:
        options = {"port": relay.port, "account": "cut", **account}
        assert_delivered(desk.run(desk.job_of(mode), options), sent)
        # Where ssh cannot say why there is no login, a key exchange of our own asks again.
        asked = 1 if account.get("transport", Account.transport) != "paramiko" else 0
        assert len(faults) + 1 <= relay.connections <= len(faults) + 1 + asked
        assert_delivered(desk.run(desk.job_of(mode), options), [])
    sshd.wait_idle()
    assert digests(target) == sent
    assert digests(source) == {}
    if mode != "pickup":
        assert digests(desk.archive) == sent


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("action", "share"), [("cut", 0.1), ("close", 0.6)])
@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_a_connection_that_is_lost_while_content_passes(
    desk: Desk, sshd: SshServer, mode: str, action: str, share: float, transport: str
) -> None:
    _assert_completed(desk, sshd, mode, [Fault(action, busy_way(mode), int(VOLUME * share))], transport=transport)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("moment", [0.1, 0.3, 0.5])
def test_a_connection_that_is_lost_at_any_step(
    desk: Desk, sshd: SshServer, byte_at: Callable[[str, float, int, int], int], mode: str, moment: float
) -> None:
    _assert_completed(desk, sshd, mode, [Fault("cut", quiet_way(mode), byte_at(mode, moment, COUNT, SIZE))])


@pytest.mark.parametrize("action", ["cut", "close"])
@pytest.mark.parametrize("after", [("up", 0), ("down", 10), ("up", 1000), ("up", 1400), ("down", 1500), ("down", 2000)])
@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_a_connection_that_is_lost_before_it_is_of_use(
    desk: Desk, sshd: SshServer, action: str, after: tuple[str, int], transport: str
) -> None:
    way, count = after
    _assert_completed(desk, sshd, "rename", [Fault(action, way, count)], transport=transport)


@pytest.mark.parametrize("mode", MODES)
def test_connections_that_are_lost_again_and_again(desk: Desk, sshd: SshServer, mode: str) -> None:
    _assert_completed(
        desk,
        sshd,
        mode,
        [
            Fault("cut", busy_way(mode), VOLUME // 4),
            Fault("close", busy_way(mode), 100),
            Fault("cut", busy_way(mode), 1500),
        ],
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_a_server_that_goes_silent_is_given_up_within_the_timeout(
    desk: Desk, sshd: SshServer, mode: str, transport: str
) -> None:
    fault = Fault("stall", busy_way(mode), VOLUME // 2)
    _assert_completed(desk, sshd, mode, [fault], timeout=1, transport=transport)


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_drops_its_sessions(desk: Desk, sshd: SshServer, mode: str) -> None:
    _assert_completed(desk, sshd, mode, [Fault("call", busy_way(mode), VOLUME // 2, then=sshd.drop_sessions)])


@pytest.mark.parametrize("mode", MODES)
def test_a_network_that_stays_away_ends_the_run_and_loses_nothing(
    desk: Desk, start_sshd: Callable[..., SshServer], mode: str
) -> None:
    sshd = start_sshd()
    source, target = (sshd.pickup, desk.inbox) if mode == "pickup" else (desk.outbox, sshd.input)
    sent = fill(source, COUNT, SIZE)
    options = sshd.account_options(account="cut")
    with Relay(sshd.port, faults=[Fault("cut", busy_way(mode), VOLUME // 2)] + [Fault("cut", "up", 0)] * 100) as relay:
        result = desk.run(desk.job_of(mode), {**options, "port": relay.port})
    assert result.error is not None
    assert result.error.reason in ("connection_lost", "server_busy")
    assert result.error.way_out
    assert {one.name for one in result.outcomes} == sent.keys()
    assert {one.outcome for one in result.outcomes} <= {"delivered", "failed", "waiting"}
    sshd.wait_idle()
    after = desk.run(desk.job_of(mode), options)
    assert after.error is None
    assert {one.outcome for one in after.outcomes} <= {"delivered"}
    assert digests(target) == sent
    assert digests(source) == {}


def test_a_connection_that_is_lost_while_files_wait_for_the_ledger(
    desk: Desk, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file comes to write when all that may be under way is in use, and nobody will give it back."""
    (desk.outbox / "first.xml").write_bytes(b"so that it is known that the server lets us rename")
    assert_delivered(desk.drop_off(), ["first.xml"])
    sent = fill(desk.outbox, 6, 1024 * 1024)
    send, sends = Upload.send, itertools.count(1)

    async def lose_it(upload: Upload, source: Outgoing) -> None:
        if next(sends) == len(sent):
            upload._handle.session.fail(ConnectionLost("connection_lost", "It is gone."))
        await send(upload, source)

    monkeypatch.setattr(Upload, "send", lose_it)
    assert_delivered(desk.drop_off(), sent)
    assert digests(sshd.input).items() >= sent.items()
