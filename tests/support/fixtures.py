# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures that tests of every kind may use; a conftest.py imports those that its tests need."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .sshd import SshServer


@pytest.fixture
def start_sshd() -> Iterator[Callable[..., SshServer]]:
    """Start servers with :class:`SshServer`'s arguments; they end with the test. A failed test shows their logs."""
    servers: list[SshServer] = []

    def start(**options: object) -> SshServer:
        server = SshServer(**options)  # type: ignore[arg-type]
        servers.append(server.start())
        return server

    yield start
    for server in servers:
        sys.stderr.write(f"--- sshd on port {server.port} ---\n{server.log}\n")  # pytest shows it for failed tests only
        server.stop()


@pytest.fixture
def sshd(start_sshd: Callable[..., SshServer]) -> SshServer:
    """A server with the strictest limit that providers are known to set: one session a connection."""
    return start_sshd(config=["MaxSessions 1"])


@pytest.fixture(scope="session")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a locale that is not UTF-8, and in which Python does not choose UTF-8 by itself."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/charmaps").is_dir():
        pytest.skip("needs localedef and the charmaps of the system")
    made = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE.ISO-8859-1")]
    subprocess.run(made, check=True, capture_output=True)
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"}


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, built once."""
    from ansible_collections.courier.filedrop.plugins.module_utils._build import build, write

    path = tmp_path_factory.mktemp("command") / "filedrop"
    write(str(path), build())
    return path
