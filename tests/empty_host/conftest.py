# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that change the host on which they run: tests/tools/in-debian13 gives them one of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support.fixtures import sshd, start_sshd

__all__ = ["sshd", "start_sshd", "user"]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person who has nothing of Ansible's yet."""
    if not Path("/run/.containerenv").exists():
        pytest.fail("this test changes its host: tests/tools/in-debian13 gives it one of its own")
    for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path
