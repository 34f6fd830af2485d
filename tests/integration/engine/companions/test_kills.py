# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs with many sets are killed or cut again and again: each set goes on in its order, and nothing is moved twice."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support import driver
from support.desk import Desk, assert_delivered, digests, quiet_way
from support.relay import Fault, Relay
from support.sshd import SshServer

ENDS = ("pdf", "xml", "zip")
COMPANIONS: list[Any] = ["*.pdf", {"pattern": "*.xml"}, {"pattern": "*.zip", "optional": True}]
SETS = 40
ROUNDS = 8


def fill(folder: Path, sshd: SshServer) -> dict[str, str]:
    for number in range(SETS):
        for end in ENDS[: 2 + number % 2]:
            path = folder / f"invoice-{number}.{end}"
            path.write_bytes(os.urandom(random.Random(number).randrange(1, 30_000)))
            sshd.give(path)
    return digests(folder)


def names_in(folder: Path, sent: dict[str, str]) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name in sent}


def assert_in_order(folder: Path, sent: dict[str, str]) -> None:
    there = names_in(folder, sent)
    for name in there:
        stem, end = name.split(".")
        assert {f"{stem}.{one}" for one in ENDS[: ENDS.index(end)]} <= there, name


def assert_originals(origin: Path, target: Path, sent: dict[str, str]) -> None:
    """An original that is gone means that its whole set is there."""
    arrived = names_in(target, sent)
    for name in sent.keys() - names_in(origin, sent):
        stem = name.split(".")[0]
        assert {other for other in sent if other.startswith(f"{stem}.")} <= arrived, name


def interrupt(desk: Desk, sshd: SshServer, job: Mapping[str, object], mode: str, action: str, *, after: int) -> None:
    """Run a job, and kill it or cut its connection as soon as so many bytes have passed."""
    started: list[subprocess.Popen[str]] = []

    def kill() -> None:
        started[0].kill()

    fault = Fault("call", quiet_way(mode), after, then=kill) if action == "kill" else Fault("cut", "up", after)
    with Relay(sshd.port, faults=[fault]) as relay:
        started.append(driver.start(desk.spec(job, port=relay.port, account="killed")))
        started[0].communicate(timeout=driver.RUN_SECONDS)
    sshd.wait_idle()


@pytest.mark.parametrize("action", ["kill", "cut"])
@pytest.mark.parametrize("mode", ["rename", "direct", "pickup"])
def test_sets_are_moved_in_order_through_kills_and_cuts(desk: Desk, sshd: SshServer, mode: str, action: str) -> None:
    origin, target = (sshd.pickup, desk.inbox) if mode == "pickup" else (desk.outbox, sshd.input)
    sent = fill(origin, sshd)
    job = {**desk.job_of(mode), "companions": COMPANIONS, "max_files": 8}
    dice = random.Random(f"{mode} {action}")
    for _round in range(ROUNDS):
        interrupt(desk, sshd, job, mode, action, after=dice.randrange(1500, 12_000))
        assert_in_order(target, sent)
        assert_originals(origin, target, sent)
    del job["max_files"]
    result = desk.run(job, {"account": "killed"})
    assert result.error is None
    assert result.summary["held"] == result.summary["failed"] == result.summary["waiting"] == 0
    sshd.wait_idle()
    assert {name: digest for name, digest in digests(target).items() if not name.startswith(".")} == sent
    assert {name for name in digests(origin) if name in sent} == set()
    assert_delivered(desk.run(job, {"account": "killed"}), [])
