# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run whose time is over: what is under way is finished if that goes quickly, else left to the next one."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import Preset
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import (
    dropoff_from_options,
    pickup_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop import deadline
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome, RunResult
from support.desk import Desk, assert_delivered, digests, fill, outcomes
from support.relay import Fault, Relay
from support.sshd import SshServer


class Counter:
    """An observer that only counts."""

    def __init__(self) -> None:
        self.plans: list[tuple[int, int]] = []
        self.bytes = 0
        self.outcomes: list[str] = []
        self.at_end: Callable[[], object] = lambda: None

    def planned(self, files: int, size: int) -> None:
        self.plans.append((files, size))

    def began(self, name: str) -> None:
        """Note nothing."""

    def moved(self, size: int) -> None:
        self.bytes += size

    def ended(self, outcome: FileOutcome) -> None:
        self.outcomes.append(outcome.outcome)
        self.at_end()


def limited(
    desk: Desk, direction: str, port: int, *, limit: float | None, observer: Counter | None = None
) -> RunResult:
    options = desk.job(direction)
    make = dropoff_from_options if options.pop("direction") == "dropoff" else pickup_from_options
    return runner.run(
        make(options, Preset()),
        account_from_options({**desk.account, "port": port, "account": "limited"}),
        ledger=str(desk.ledger),
        create_ledger=True,
        time_limit=limit,
        observer=observer,
    )


def test_files_under_way_are_finished_and_no_other_is_begun(
    desk: Desk, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SftpRemote, "features", SftpRemote.features._replace(max_in_flight=4))
    sent = fill(desk.outbox, 40, 1000)
    observer = Counter()
    clock = [0.0]
    observer.at_end = lambda: clock.__setitem__(0, 1000.0)  # with the first file, the time is over
    monkeypatch.setattr(deadline.Deadline, "spent", property(lambda _deadline: clock[0]))
    monkeypatch.setattr(deadline, "GRACE", 1e6)
    result = limited(desk, "dropoff", sshd.port, limit=500, observer=observer)

    assert result.error is not None
    assert result.error.reason == "time_limit"
    delivered = {name for name, (outcome, _reason) in outcomes(result).items() if outcome == "delivered"}
    assert 1 <= len(delivered) <= 4
    assert {reason for outcome, reason in outcomes(result).values() if outcome == "waiting"} == {"not_reached"}
    assert result.summary["failed"] == 0
    monkeypatch.undo()
    assert_delivered(limited(desk, "dropoff", sshd.port, limit=None), sent.keys() - delivered)
    assert digests(sshd.input) == sent


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_what_takes_too_long_is_left_for_the_next_run(
    desk: Desk, sshd: SshServer, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    monkeypatch.setattr(deadline, "GRACE", 0.3)
    sent = fill(desk.outbox, 20, 40_000)
    came = {f"report-{n}": sshd.put(f"report-{n}", os.urandom(40_000)) for n in range(20)}
    expected = digests(sshd.pickup)
    way = "up" if direction == "dropoff" else "down"
    with Relay(sshd.port, faults=[Fault("stall", way, 300_000)]) as relay:
        result = limited(desk, direction, relay.port, limit=1)
    assert result.error is not None
    assert result.error.reason == "time_limit"
    assert result.summary["delivered"] < 20
    assert {reason for outcome, reason in outcomes(result).values() if outcome == "failed"} == {"time_limit"}
    assert [path for path in desk.inbox.iterdir() if path.name.startswith(".") and "-lock-" not in path.name] == []
    delivered = {name for name, (outcome, _reason) in outcomes(result).items() if outcome == "delivered"}

    monkeypatch.undo()
    names = sent.keys() if direction == "dropoff" else came.keys()
    assert_delivered(limited(desk, direction, sshd.port, limit=None), names - delivered)
    sshd.wait_idle()
    assert digests(sshd.input if direction == "dropoff" else desk.inbox) == (
        sent if direction == "dropoff" else expected
    )


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_an_observer_is_told_of_every_byte_and_every_file(desk: Desk, sshd: SshServer, direction: str) -> None:
    fill(desk.outbox, 7, 100_000)
    for number in range(7):
        sshd.put(f"report-{number}", os.urandom(100_000))
    observer = Counter()
    limited(desk, direction, sshd.port, limit=None, observer=observer)
    assert observer.plans == [(7, 700_000)]
    assert observer.bytes == 700_000
    assert observer.outcomes == ["delivered"] * 7
