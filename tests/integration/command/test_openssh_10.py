# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built command on Debian 13, whose ssh is OpenSSH 10, as its transport, against this machine's OpenSSH."""

from __future__ import annotations

import subprocess

import pytest
from support.command import Host
from support.debian13 import in_container, why_not
from support.desk import digests, fill
from support.sshd import SshServer


def test_files_go_out_and_come_in(system_host: Host, sshd: SshServer) -> None:
    if reason := why_not():
        pytest.skip(reason)
    host = system_host
    host.account("acme", sshd.account_options(transport="openssh"))
    host.dropoff()
    host.pickup()
    sent = fill(host.outbox, 20)
    there = fill(sshd.pickup, 20)
    words = [
        " ".join(host.command("init")),
        *(" ".join(host.command("run", job)) for job in ("invoices", "reports")),
    ]
    command = [*in_container(host.folder, host.program.parent), "sh", "-ec", " && ".join(["ssh -V", *words])]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, "OpenSSH_10" in ran.stderr) == (0, True), ran.stdout + ran.stderr
    assert digests(sshd.input) == sent
    assert digests(host.inbox) == there
