# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks as users have them: from the built artefact, installed into an empty folder, by their full names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.stage import install_artefact

PROGRAMS = Path(sys.executable).parent


@dataclass(frozen=True)
class Played:
    """How a playbook ended.

    :ivar counts: the recap of the one host: ok, changed, failed and so on.
    """

    status: int
    output: str
    counts: Mapping[str, int]


class Stage:
    """Runs playbooks on this machine, with nothing of its user's own."""

    def __init__(self, collections: Path, folder: Path, settings: Path) -> None:
        self.folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(folder),
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",  # YAML would wrap long lines
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
        }

    def play(self, playbook: str, *words: str, **variables: object) -> Played:
        command = [str(PROGRAMS / "ansible-playbook"), playbook, "--extra-vars", json.dumps(variables), *words]
        ran = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=300
        )
        output = ran.stdout + ran.stderr
        print(output)  # pytest shows it for failed tests only
        recap = re.search(r"^\S+ +: (ok=.*)$", ran.stdout, re.MULTILINE)
        pairs = (pair.split("=") for pair in recap.group(1).split()) if recap else ()
        return Played(ran.returncode, output, {name: int(count) for name, count in pairs})


@pytest.fixture(scope="session")
def collections(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds nothing but the collection, installed from the artefact."""
    return install_artefact(checkout, tmp_path_factory.mktemp("collections"))


@pytest.fixture
def stage(checkout: Path, collections: Path, tmp_path: Path) -> Stage:
    return Stage(collections, tmp_path, checkout / "tests" / "ansible.cfg")
