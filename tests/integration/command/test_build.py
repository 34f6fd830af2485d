# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils import _build
from ansible_collections.courier.filedrop.plugins.module_utils._engine.version import VERSION

SYSTEM = "/usr/bin/python3"


def copied_tools(checkout: Path, folder: Path) -> Path:
    """The builder and the engine elsewhere, with other times, modes and rubbish beside them."""
    source = checkout / "plugins" / "module_utils"
    target = folder / "elsewhere"
    target.mkdir()
    shutil.copy(source / "_build.py", target)
    shutil.copytree(source / "_engine", target / "_engine", ignore=shutil.ignore_patterns("__pycache__"))
    for path in sorted((target / "_engine").rglob("*.py"), reverse=True):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    (target / "_engine" / "__pycache__").mkdir()
    (target / "_engine" / "__pycache__" / "cli.cpython-311.pyc").write_bytes(b"rubbish")
    (target / "_engine" / "cli.py~").write_text("an editor's")
    return target


def test_the_same_engine_gives_the_same_bytes_wherever_it_is_built(checkout: Path, tmp_path: Path) -> None:
    tools = copied_tools(checkout, tmp_path)
    for number, python in enumerate((SYSTEM, sys.executable)):
        output = tmp_path / f"filedrop{number}"
        subprocess.run([python, str(tools / "_build.py"), str(output)], check=True, cwd="/", env={"TZ": "Asia/Tokyo"})
        assert output.read_bytes() == _build.build()


def test_another_engine_gives_other_bytes(checkout: Path, tmp_path: Path) -> None:
    tools = copied_tools(checkout, tmp_path)
    with (tools / "_engine" / "names.py").open("a") as file:
        file.write("# changed\n")
    subprocess.run([SYSTEM, str(tools / "_build.py"), str(tmp_path / "filedrop")], check=True)
    assert (tmp_path / "filedrop").read_bytes() != _build.build()


def test_a_second_build_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "filedrop"
    assert _build.write(str(path), _build.build()) is True
    before = path.stat()
    assert _build.write(str(path), _build.build()) is False
    assert path.stat().st_ino == before.st_ino
    assert before.st_mode & 0o777 == 0o755
    path.chmod(0o644)
    assert _build.write(str(path), _build.build()) is True
    assert os.listdir(tmp_path) == ["filedrop"]


def test_it_is_one_executable_file_with_nothing_of_ansible_in_it(program: Path) -> None:
    shown = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True, env={}, cwd="/")
    assert shown.stdout == f"filedrop {VERSION}\n"
    with zipfile.ZipFile(program) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert not [name for name in names if b"import ansible" in archive.read(name)]
    assert names == sorted(names)
    assert all(name == "__main__.py" or name.startswith("filedrop/") for name in names)


def test_the_release_is_that_of_the_collection(checkout: Path) -> None:
    assert f"version: {VERSION}\n" in (checkout / "galaxy.yml").read_text()


def test_the_environment_has_no_say_in_what_is_imported(program: Path, tmp_path: Path) -> None:
    (tmp_path / "sqlite3.py").write_text("raise SystemExit('somebody else s code')")
    shown = subprocess.run(
        [str(program), "status", "--ledger", "/nonexistent/ledger"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
    )
    assert shown.returncode == 3
    assert "filedrop init" in shown.stderr


@pytest.mark.parametrize("python", ["python3", "", "/usr/bin/env python3", "/" + "x" * 200, "/bin/py\nthon"])
def test_an_interpreter_that_cannot_be_named_in_a_first_line_is_refused(python: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be the interpreter of a program"):
        _build.build(python)
    assert _build.main(["--python", python, str(tmp_path / "filedrop")]) == 1
    assert not (tmp_path / "filedrop").exists()


def test_an_old_python_is_told_that_it_is_too_old() -> None:
    """It has to understand at least that much: the words of Python 2.7."""
    first = _build._MAIN.decode().partition("from filedrop")[0]
    old = "import sys\nsys.version_info = (3, 6, 8)\n"
    shown = subprocess.run([SYSTEM, "-c", old + first], capture_output=True, text=True, check=False)
    assert shown.returncode == 2
    assert "needs Python 3.9 or newer, and /usr/bin/python3 is 3.6." in shown.stderr
