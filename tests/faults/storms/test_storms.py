# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random storms: whatever comes together, afterwards every byte is accounted for.

``python -m pytest tests/faults/storms --storms 5000 --storms-from 1000`` for more of them, ``--storm-seed N`` for one.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import hostkeys
from faults.storms.nursery import Nursery
from faults.storms.requests import requests
from faults.storms.servers import Server, folder, ftps, openssh, plain_sandbox, ssh_sandbox
from faults.storms.storm import storm
from faults.storms.weather import Storm
from support.ftpd import KINDS as FTP_SERVERS
from support.sandbox_client import Key
from support.sshd import SshServer

# Over SSH a run takes ten times as long, and shows little that it does not show without.
KINDS = (
    *("plain", "plain", "folder", "plain", "ssh", "plain", "api", "plain", "plain", "openssh"),
    *("plain", "plain", "folder", "plain", "ftps", "plain", "api", "plain", "plain", "child"),
)


@pytest.fixture(scope="session")
def host_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("host_keys")
    hostkeys.load_or_create(str(folder))
    return folder


def test_a_storm(
    storm_seed: int,
    nursery: Nursery,
    client_key: Key,
    host_keys: Path,
    stormy_sshd: SshServer,
    counts: Counter[str],
) -> None:
    fault = Storm()
    servers: dict[str, AbstractContextManager[Server]] = {
        "plain": plain_sandbox(fault),
        "ssh": ssh_sandbox(fault, client_key, host_keys),
        "openssh": openssh(stormy_sshd),
        "child": openssh(stormy_sshd, transport="openssh"),
        "folder": folder(),
        "api": requests(fault),
        "ftps": ftps(FTP_SERVERS[storm_seed // len(KINDS) % len(FTP_SERVERS)]),
    }
    with servers[KINDS[storm_seed % len(KINDS)]] as server:
        report = storm(storm_seed, server, fault, nursery)
    counts.update(report.counts)
    assert not report.findings, str(report)
