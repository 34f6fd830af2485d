# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ledger restored from a backup: what it has forgotten is reported, and a log of another state is refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names
from support import driver
from support.desk import Desk, assert_delivered, digests, fill, outcomes
from support.sshd import SshServer

SHARE = {"share": {"index": 0, "count": 1}}
DAY = 24 * 3600


# Its log


def _killed(desk: Desk, sshd: SshServer) -> None:
    """Leave the log of a run that was killed after it had written to the ledger."""
    fill(desk.outbox, 40, 100_000)
    log = Path(f"{desk.ledger}-wal")
    process = driver.start(desk.spec(desk.job("dropoff")))
    while not (log.exists() and log.stat().st_size > 50_000) and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    sshd.wait_idle()
    assert log.stat().st_size > 0


def test_a_log_of_another_state_is_never_mixed_into_a_restored_ledger(desk: Desk, sshd: SshServer) -> None:
    sent = fill(desk.outbox, 3)
    assert_delivered(desk.drop_off(), sent)
    shutil.copy(desk.ledger, desk.ledger.with_suffix(".backup"))
    for _run in range(2):
        desk.drop_off()
    _killed(desk, sshd)
    shutil.copy(desk.ledger.with_suffix(".backup"), desk.ledger)
    restored = desk.ledger.read_bytes()
    for check in (False, True):
        with pytest.raises(Exception, match="restored") as caught:
            desk.run(desk.job("dropoff"), check=check)
        assert getattr(caught.value, "reason", "") == "ledger_restored"
        assert f"{desk.ledger}-wal" in getattr(caught.value, "way_out", "")
    assert desk.ledger.read_bytes() == restored
    for suffix in ("-wal", "-shm"):
        os.rename(f"{desk.ledger}{suffix}", f"{desk.ledger}{suffix}.old")
    assert desk.drop_off().error is None


@pytest.mark.parametrize("kills", [1, 3])
def test_the_log_of_a_killed_run_is_used(desk: Desk, sshd: SshServer, kills: int) -> None:
    for _kill in range(kills):
        _killed(desk, sshd)
    result = desk.drop_off()
    assert result.error is None
    assert {outcome for outcome, _reason in outcomes(result).values()} <= {"delivered", "held", "waiting"}


def test_a_log_that_is_in_use_or_written_into_the_ledger_is_used(desk: Desk) -> None:
    def send(number: int) -> None:
        (desk.outbox / f"{number}.xml").write_bytes(b"content")
        assert_delivered(desk.drop_off(), [f"{number}.xml"])

    send(0)
    with closing(sqlite3.connect(desk.ledger)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM transfer").fetchone()
        send(1)
        reader.execute("COMMIT")
        send(2)
        reader.execute("PRAGMA wal_checkpoint(FULL)")
        send(3)
        assert Path(f"{desk.ledger}-wal").exists()
    send(4)


def test_a_log_in_which_the_number_begins_again_is_used(desk: Desk) -> None:
    desk.drop_off()
    with closing(sqlite3.connect(desk.ledger)) as other:
        other.execute(f"PRAGMA application_id = {2**31 - 2}")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for name in ("a", "b"):
            (desk.outbox / name).write_bytes(b"content")
            assert_delivered(desk.drop_off(), [name])
        assert Path(f"{desk.ledger}-wal").exists()


# Claims


def _claim(sshd: SshServer, name: str, *, age: float = 0) -> Path:
    path = sshd.put(name, b"content")
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("options", [SHARE, {}], ids=["share", "no share"])
def test_a_claim_that_the_ledger_has_forgotten_is_reported(
    desk: Desk, sshd: SshServer, check: bool, options: dict[str, Any]
) -> None:
    there = fill(sshd.pickup, 30, 100_000)
    assert desk.run(desk.job("pickup", include=["none"], **SHARE)).error is None
    shutil.copy(desk.ledger, desk.ledger.with_suffix(".backup"))
    process = driver.start(desk.spec(desk.job("pickup", **SHARE)))
    while not any(names.is_claim(name) for name in os.listdir(sshd.pickup)) and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    sshd.wait_idle()
    claims = [name for name in os.listdir(sshd.pickup) if names.is_claim(name)]
    assert claims
    for path in desk.ledger.parent.glob("ledger.sqlite3*"):
        if path.is_file() and path.suffix != ".backup":
            path.unlink()
    shutil.copy(desk.ledger.with_suffix(".backup"), desk.ledger)
    result = desk.run(desk.job("pickup", **options), check=check)
    lost = {one.name: one for one in result.outcomes if one.reason == "claim_unknown"}
    assert lost.keys() == set(claims)
    assert {one.outcome for one in lost.values()} == {"failed"}
    for claim, outcome in lost.items():
        name = names.claimed(claim).name
        assert name in there
        assert name in outcome.message
        os.rename(sshd.pickup / claim, sshd.pickup / name)  # what the message says
    result = desk.pick_up(**options)
    assert {one.outcome for one in result.outcomes} <= {"delivered"}
    assert digests(sshd.pickup) == {}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        ".filedrop-claim-other-host-0123456789ab-60000000-01234567-a.xml.part",
        ".filedrop-claim-other-host-01234567-a.xml.part",
        ".filedrop-claim-other-host-strange",
    ],
)
def test_an_old_claim_of_another_host_is_reported(desk: Desk, sshd: SshServer, name: str, check: bool) -> None:
    _claim(sshd, name, age=2 * DAY)
    result = desk.run(desk.job("pickup", **SHARE), check=check)
    assert outcomes(result) == {name: ("failed", "claim_old")}
    if "a.xml" in name:
        assert "other-host" in result.outcomes[0].message
        assert "'a.xml'" in result.outcomes[0].message


def test_a_claim_of_another_host_at_work_is_not_reported(desk: Desk, sshd: SshServer) -> None:
    """Its file may be old: a rename does not change the time of a file."""
    young, old = (
        f".filedrop-claim-other-0123456789ab-{int(time.time() - age):08x}-01234567-a.xml.part" for age in (60, 3700)
    )
    _claim(sshd, young, age=2 * DAY)
    assert outcomes(desk.pick_up(**SHARE)) == {}
    _claim(sshd, old)
    assert outcomes(desk.pick_up(**SHARE)) == {old: ("failed", "claim_old")}
