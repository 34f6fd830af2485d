# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine against the system's real OpenSSH server."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine import runner
from support.desk import Desk
from support.sshd import SshServer


@pytest.fixture
def desk(tmp_path: Path, sshd: SshServer) -> Desk:
    """A desk whose account is at the server."""
    return Desk(tmp_path, sshd.account_options())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come as often as ever, and at once."""
    monkeypatch.setattr(runner, "PAUSES", tuple(0.01 for _pause in runner.PAUSES))
