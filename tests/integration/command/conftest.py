# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built command, by the system's Python with the distribution's paramiko, and by that of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.command import Host
from support.sshd import SshServer

SYSTEM = "/usr/bin/python3"


@pytest.fixture(params=[SYSTEM, sys.executable], ids=["system", "own"])
def host(request: pytest.FixtureRequest, tmp_path: Path, program: Path, sshd: SshServer) -> Host:
    """A host with an account at the server, under each interpreter."""
    return _host(tmp_path, program, str(request.param), sshd)


@pytest.fixture
def system_host(tmp_path: Path, program: Path, sshd: SshServer) -> Host:
    """The same under the system's interpreter only, for what does not depend on it."""
    return _host(tmp_path, program, SYSTEM, sshd)


def _host(folder: Path, program: Path, python: str, sshd: SshServer) -> Host:
    found = Host(folder, program, python)
    found.account("acme", sshd.account_options())
    return found
