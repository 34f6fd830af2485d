# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks by FQCN, run by ansible-playbook on this machine, from the built artefact, with nothing of its user's own."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
REMOTE = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text())["action_groups"]["remote"]
PLAY_SECONDS = 300.0  # ends a play that hangs


def install_artefact(checkout: Path, folder: Path) -> Path:
    """Build the collection and install it into an empty folder, for ANSIBLE_COLLECTIONS_PATH."""
    galaxy = [str(PROGRAMS / "ansible-galaxy"), "collection"]
    installed = folder / "installed"
    # Where ansible-galaxy finds the collection installed elsewhere, it installs nothing.
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(installed)}
    _run([*galaxy, "build", "--output-path", str(folder)], checkout, environment)
    (artefact,) = folder.glob("courier-filedrop-*.tar.gz")
    _run([*galaxy, "install", "--offline", "--collections-path", str(installed), str(artefact)], folder, environment)
    return installed


def _run(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")


class Step(NamedTuple):
    """One task of a play.

    :ivar module: its short name in the collection.
    :ivar check, diff: modes of this task alone.
    :ivar more: keywords of the task, such as ``environment``.
    """

    module: str
    options: Mapping[str, object]
    check: bool = False
    diff: bool = False
    more: Mapping[str, object] = {}


class Played(NamedTuple):
    """The results of the steps, in their order, and all that was printed, at the highest verbosity of interest."""

    results: list[dict[str, Any]]
    output: str


class InProcess:
    """Runs the steps of a play in this process, from the checkout: quicker, where nothing is asked of ansible-playbook.

    :param folder: the plays' own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def play(self, *steps: Step, defaults: Mapping[str, object] | None = None) -> Played:
        """Run steps one after the other; a failure is a result like another.

        :param defaults: for the action group courier.filedrop.remote.
        """
        printed = [_printed(step, defaults or {}) for step in steps]
        return Played([{"failed": False, "changed": False, **json.loads(text)} for text in printed], "".join(printed))


def as_on_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let modules run in this process as on a host: with their warnings in their results.

    A test that imports an action makes this process a control node, for all that follow in it.
    """
    from ansible.module_utils import _internal

    monkeypatch.setattr(_internal, "is_controller", False)


def _printed(step: Step, defaults: Mapping[str, object]) -> str:
    from ansible.module_utils.testing import patch_module_args

    module = importlib.import_module(f"ansible_collections.courier.filedrop.plugins.modules.{step.module}")
    options = {**(defaults if step.module in REMOTE else {}), **step.options}
    given = {**options, "_ansible_check_mode": step.check, "_ansible_diff": step.diff}
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, patch_module_args(given), contextlib.redirect_stdout(printed):
        as_on_a_host(patched)
        with contextlib.suppress(SystemExit):
            module.main()
    return printed.getvalue()


class Stage:
    """Runs plays on this machine.

    :param collections: where the collection is installed, and nothing else.
    :param settings: an ansible.cfg.
    :param folder: the plays' own, and their user's home.
    """

    def __init__(self, *, collections: Path, settings: Path, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(folder),
            "ANSIBLE_REMOTE_TEMP": str(folder / "modules"),  # else in the real home of the user who connects
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
        }

    def play(
        self,
        *steps: Step,
        defaults: Mapping[str, object] | None = None,
        python: str = sys.executable,
        wrapper: Sequence[str] = (),
    ) -> Played:
        """Run steps one after the other; a failure is a result like another.

        :param defaults: for the action group courier.filedrop.remote.
        :param python: the interpreter for the modules.
        :param wrapper: a command that runs ansible-playbook.
        """
        results = self.folder / "results.json"
        book = self.folder / "play.json"
        book.write_text(json.dumps([_playbook(steps, defaults or {}, python, results)]))
        command = [*wrapper, str(PROGRAMS / "ansible-playbook"), "-vvv", str(book)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PLAY_SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        print(output)  # pytest shows it for failed tests only
        if done.returncode:
            raise RuntimeError(f"ansible-playbook ended with {done.returncode}")
        return Played(json.loads(results.read_text()), output)


def _playbook(steps: Sequence[Step], defaults: Mapping[str, object], python: str, results: Path) -> dict[str, object]:
    tasks: list[dict[str, object]] = []
    for number, step in enumerate(steps):
        tasks.append(
            {
                "name": f"Step {number}",
                f"courier.filedrop.{step.module}": dict(step.options),
                "register": f"result_{number}",
                "ignore_errors": True,
                "check_mode": step.check,
                "diff": step.diff,
                **step.more,
            }
        )
    found = ", ".join(f"result_{number}" for number in range(len(steps)))
    tasks.append(
        {
            "name": "Keep the results",
            "ansible.builtin.copy": {"content": f"{{{{ [{found}] | to_json }}}}", "dest": str(results), "mode": "0600"},
            "no_log": True,
        }
    )
    return {
        "name": "Play the steps",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": python},
        "module_defaults": {"group/courier.filedrop.remote": dict(defaults)},
        "tasks": tasks,
    }
