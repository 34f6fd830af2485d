# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine against the system's real OpenSSH server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from support import driver
from support.desk import Desk, assert_delivered, fill, quiet_way
from support.odd_server import server
from support.relay import Relay
from support.sshd import SshServer

__all__ = ["server"]


@pytest.fixture
def desk(tmp_path: Path, sshd: SshServer) -> Desk:
    """A desk whose account is at the server."""
    return Desk(tmp_path, sshd.account_options())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come as often as ever, and at once."""
    monkeypatch.setattr(runner, "PAUSES", tuple(0.01 for _pause in runner.PAUSES))


@pytest.fixture(autouse=True)
def _over_openssh(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.config.getoption("--over-openssh"):
        monkeypatch.setattr(Account, "transport", "auto")


@pytest.fixture(scope="module")
def byte_at(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, float, int, int], int]:
    """``byte_at(mode, moment, count, size)``: which byte passes at a moment of a run of so many files of that size.

    At moment 0 the login is done, at 1 everything. Bytes are counted in the direction in which requests or answers are
    small (`quiet_way`): they are spread evenly over all steps of the workflows, so the moments are too.
    """
    measured: dict[tuple[str, int, int], tuple[int, int]] = {}

    def measure(mode: str, count: int, size: int) -> tuple[int, int]:
        with SshServer() as server, Relay(server.port) as relay:
            desk = Desk(tmp_path_factory.mktemp(mode), server.account_options(port=relay.port))
            assert_delivered(desk.pick_up(), [])
            idle = relay.passed[quiet_way(mode)]
            names = fill(server.pickup if mode == "pickup" else desk.outbox, count, size)
            # As the measured runs will be: in a process of its own, for that decides what travels together.
            result = driver.finish(driver.start(desk.spec(desk.job_of(mode))))
            assert result["summary"]["delivered"] == len(names)
            return idle, relay.passed[quiet_way(mode)] - idle

    def at(mode: str, moment: float, count: int, size: int) -> int:
        if (mode, count, size) not in measured:
            measured[mode, count, size] = measure(mode, count, size)
        begin, end = measured[mode, count, size]
        return int(begin + (end - begin) * moment)

    return at
