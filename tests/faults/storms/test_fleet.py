# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storms over a fleet: several ledgers at one mailbox of OpenSSH's, whose runs are killed at random.

Two ledgers without `share` and with different `dest` are a stated limit, so that combination is left out.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from support import driver
from support.desk import digests
from support.fleet import arrived, fleet, left_over
from support.sshd import SshServer

BUSY = ("dest_in_use", "dest_unfinished")
ROUNDS, FILES = 4, 60
FLEETS = [case for case in product((2, 3), (True, False), (True, False)) if any(case[1:])]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("count", "is_shared", "one_dest"), FLEETS)
def test_a_fleet_whose_hosts_are_killed_loses_nothing_and_fetches_nothing_twice(
    tmp_path: Path, stormy_sshd: SshServer, count: int, is_shared: bool, one_dest: bool, seed: int, full: bool
) -> None:
    chance = random.Random(seed)
    hosts = fleet(tmp_path, stormy_sshd, count, one_dest=one_dest)
    share: Mapping[str, Any] = {"share": {"index": 0, "count": 1}} if is_shared else {}
    put: Counter[str] = Counter()
    for round_ in range(ROUNDS * 10 if full else ROUNDS):
        for number in range(FILES):
            content = os.urandom(3000)
            put[hashlib.sha256(content).hexdigest()] += 1
            stormy_sshd.put(f"{round_}-{number}.xml", content)
        runs = [driver.start(host.spec(host.job("pickup", **share))) for host in hosts]
        for victim in chance.sample(runs, chance.randint(0, count)):
            time.sleep(chance.uniform(0.2, 0.6) / count)
            victim.kill()
        for run in runs:
            run.communicate()
        stormy_sshd.wait_idle()
    for host in (*hosts, *hosts):
        error = driver.finish(driver.start(host.spec(host.job("pickup", **share))))["error"]
        assert error is None or error[0] in BUSY, error
    assert arrived(hosts) == put
    assert digests(stormy_sshd.pickup) == {}
    assert left_over(hosts) == []
