# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.courier.filedrop.plugins.plugin_utils._deployment import PATHS
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import OF_ROLE
from support.rights import SOMEBODY


@pytest.fixture(scope="module")
def role(checkout: Path) -> Path:
    return checkout / "roles" / "filedrop"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_defaults_and_specs_agree(role: Path) -> None:
    specs = read(role / "meta" / "argument_specs.yml")["argument_specs"]
    documented = {name: option.get("default") for spec in specs.values() for name, option in spec["options"].items()}
    assert documented == read(role / "defaults" / "main.yml")


def test_each_entry_point_is_a_task_file(role: Path) -> None:
    specs = read(role / "meta" / "argument_specs.yml")["argument_specs"]
    assert all((role / "tasks" / f"{name}.yml").is_file() for name in specs)


def test_each_variable_that_the_tasks_use_is_documented(role: Path) -> None:
    documented = read(role / "defaults" / "main.yml")
    sources = [*(role / "tasks").glob("*.yml"), role / "vars" / "main.yml"]
    used = {name for path in sources for name in re.findall(r"(?<![\w.])filedrop_[a-z_]+", path.read_text())}
    assert used <= set(documented)
    assert set(documented) <= {*used, *OF_ROLE}


def test_the_paths_of_the_tasks_are_those_of_the_plan(role: Path) -> None:
    variables = read(role / "vars" / "main.yml")
    of_tasks = {
        "python": variables["__filedrop_system_python"],
        "command": variables["__filedrop_command"],
        "configuration": variables["__filedrop_configuration"],
        "ledger": variables["__filedrop_ledger"].replace("{{ __filedrop_state }}", variables["__filedrop_state"]),
        "venv": variables["__filedrop_venv"].replace("{{ __filedrop_own }}", variables["__filedrop_own"]),
    }
    assert {name: PATHS[name] for name in of_tasks} == of_tasks


@pytest.mark.parametrize("library", ["paramiko", "cryptography"])
def test_the_newest_library_that_is_installed_is_one_that_is_tested(role: Path, checkout: Path, library: str) -> None:
    wanted = read(role / "defaults" / "main.yml")["filedrop_pip_packages"]
    (bound,) = (package.partition("<")[2] for package in wanted if package.startswith(library))
    tested = re.search(rf"^{library}==([\d.]+)$", (checkout / "tests" / "requirements" / "run.txt").read_text(), re.M)
    assert tested is not None
    newest = [int(part) for part in tested[1].split(".")]
    next_one = [int(part) for part in bound.split(".")]
    assert next_one == [*newest[: len(next_one) - 1], newest[len(next_one) - 1] + 1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_the_ledger_is_given_to_its_user_and_nothing_else_is(role: Path, tmp_path: Path) -> None:
    """The user may have made the folder's content."""
    user, state, root_s = pwd.getpwuid(SOMEBODY), tmp_path / "state", tmp_path / "of-root"
    (state / "ledger.sqlite3.locks").mkdir(parents=True)
    for path in (state / "ledger.sqlite3", state / "ledger.sqlite3.locks" / "lock", root_s):
        path.write_text("x")
    os.link(root_s, state / "hard")
    (state / "link").symlink_to(root_s)
    (state / "folder").symlink_to(tmp_path)
    os.mkfifo(state / "fifo")
    script = str(role / "files" / "give_ledger.py")
    subprocess.run([sys.executable, "-I", script, str(state), user.pw_name], check=True, timeout=60)
    given = {path.name for path in [state, *state.rglob("*")] if path.lstat().st_uid == SOMEBODY}
    assert given == {"state", "ledger.sqlite3", "ledger.sqlite3.locks", "lock"}
    assert {root_s.stat().st_uid, tmp_path.stat().st_uid} == {0}
