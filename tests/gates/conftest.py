# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built artefact, as the tools of the ecosystem get it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def artefact() -> Path:
    (found,) = (CHECKOUT / "build").glob("courier-filedrop-*.tar.gz")
    return found


@pytest.fixture(scope="session")
def installed() -> Path:
    """The folder of the installed collection, at its place in a path of collections."""
    return CHECKOUT / "build" / "collections" / "ansible_collections" / "courier" / "filedrop"


@pytest.fixture
def run(tmp_path: Path, installed: Path) -> Run:
    """Run a tool of this virtual environment, with nothing of its user's own."""
    environment = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(installed.parents[2]),
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
    }

    def tool(*command: str, cwd: Path = tmp_path, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=cwd, env={**environment, **more}, capture_output=True, text=True, check=False, timeout=600
        )
        print(done.stdout, done.stderr)  # pytest shows it for failed tests only
        return done

    return tool
