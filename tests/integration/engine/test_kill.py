# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SIGKILL in the middle of many files: whatever the moment, nothing is lost, and the next run completes the work."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import driver
from support.desk import Desk, assert_delivered, digests, fill, outcomes, quiet_way
from support.relay import Fault, Relay
from support.sshd import SshServer

COUNT = 300  # more than are under way at once
SIZE = 3000
MOMENTS = [0.05, 0.2, 0.35, 0.5, 0.8]
SURE = 0.5


def _run_and_kill(desk: Desk, sshd: SshServer, mode: str, moment: float, after: int) -> None:
    """Run the job in a process of its own, and kill that as soon as so many bytes have passed.

    A late byte may never come: how many there are in all depends a little on what happens to travel together.
    """
    started: list[subprocess.Popen[str]] = []

    def kill() -> None:
        started[0].kill()

    fault = Fault("call", quiet_way(mode), after, then=kill)
    with Relay(sshd.port, faults=[fault]) as relay:
        started.append(driver.start(desk.spec(desk.job_of(mode), port=relay.port)))
        started[0].communicate(timeout=driver.RUN_SECONDS)
    assert started[0].returncode == -signal.SIGKILL or (moment > SURE and started[0].returncode == 0)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_drop_off_that_is_killed_is_completed_by_the_next_run(
    desk: Desk, sshd: SshServer, byte_at: Callable[[str, float, int, int], int], upload: str, moment: float
) -> None:
    desk.account["account"] = "killed"
    sent = fill(desk.outbox, COUNT, SIZE)
    _run_and_kill(desk, sshd, upload, moment, byte_at(upload, moment, COUNT, SIZE))
    archived = _digests_if_any(desk.archive)
    assert {**archived, **digests(desk.outbox)} == sent
    there = digests(sshd.input)
    assert {name: there[name] for name in archived} == archived
    if upload == "rename":
        assert {name: digest for name, digest in there.items() if name in sent}.items() <= sent.items()

    result = desk.run(desk.job_of(upload))
    assert result.error is None
    assert set(outcomes(result).values()) <= {("delivered", ""), ("skipped", "already_delivered")}
    assert outcomes(result).keys() >= sent.keys() - archived.keys()
    sshd.wait_idle()
    assert digests(sshd.input) == sent
    assert digests(desk.archive) == sent
    assert digests(desk.outbox) == {}
    assert_delivered(desk.run(desk.job_of(upload)), [])


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_pickup_that_is_killed_is_completed_by_the_next_run(
    desk: Desk, sshd: SshServer, byte_at: Callable[[str, float, int, int], int], moment: float
) -> None:
    desk.account["account"] = "killed"
    there = fill(sshd.pickup, COUNT, SIZE)
    _run_and_kill(desk, sshd, "pickup", moment, byte_at("pickup", moment, COUNT, SIZE))
    came = {name: digest for name, digest in digests(desk.inbox).items() if name in there}
    assert came.items() <= there.items()
    assert {**digests(sshd.pickup), **came} == there

    result = desk.pick_up()
    assert result.error is None
    assert {one.outcome for one in result.outcomes} <= {"delivered"}, outcomes(result)
    sshd.wait_idle()
    assert digests(desk.inbox) == there
    assert digests(sshd.pickup) == {}
    assert_delivered(desk.pick_up(), [])


def _digests_if_any(folder: Path) -> dict[str, str]:
    return digests(folder) if folder.exists() else {}
