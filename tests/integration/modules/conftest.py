# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules as users have them: from the built artefact, installed into an empty folder, by their full names.

What asks nothing of ansible-playbook (`here`) is run from the checkout, in the process of the test.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.stage import InProcess, Stage, install_artefact


@pytest.fixture(scope="session")
def collections(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds nothing but the collection."""
    return install_artefact(checkout, tmp_path_factory.mktemp("collections"))


@pytest.fixture
def stage(checkout: Path, collections: Path, tmp_path: Path) -> Stage:
    return Stage(collections=collections, settings=checkout / "tests" / "ansible.cfg", folder=tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> InProcess:
    return InProcess(tmp_path)
