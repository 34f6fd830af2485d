# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks as users have them: from the built artefact, installed into an empty folder, by their full names."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.mounted_host import MountedHost, can_be_made
from support.sshd import SshServer
from support.stage import install_artefact

PROGRAMS = Path(sys.executable).parent


@dataclass(frozen=True)
class Played:
    """How a playbook ended.

    :ivar output: what it has printed, of which errors are on stderr.
    :ivar counts: the recap of the one host: ok, changed, failed and so on.
    """

    status: int
    output: str
    errors: str
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
        ran = subprocess.run(
            self._command(playbook, *words, **variables),
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        output = ran.stdout + ran.stderr
        print(output)  # pytest shows it for failed tests only
        recap = re.search(r"^\S+ +: (ok=.*)$", ran.stdout, re.MULTILINE)
        pairs = (pair.split("=") for pair in recap.group(1).split()) if recap else ()
        return Played(ran.returncode, output, ran.stderr, {name: int(count) for name, count in pairs})

    def kill(self, seen: Callable[[], object], playbook: str, *words: str, **variables: object) -> None:
        """Run a playbook, and kill it with all its children at the moment at which something is seen."""
        with open(self.folder / "killed.log", "w+b") as log:
            play = subprocess.Popen(
                self._command(playbook, *words, **variables),
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            while play.poll() is None and not seen():
                time.sleep(0.001)
            assert play.poll() is None, (self.folder / "killed.log").read_text()
            os.killpg(play.pid, signal.SIGKILL)
            play.wait()

    def _command(self, playbook: str, *words: str, **variables: object) -> list[str]:
        return [str(PROGRAMS / "ansible-playbook"), playbook, "--extra-vars", json.dumps(variables), *words]


@pytest.fixture(scope="session")
def collections(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds nothing but the collection, installed from the artefact."""
    return install_artefact(checkout, tmp_path_factory.mktemp("collections"))


@pytest.fixture
def stage(checkout: Path, collections: Path, tmp_path: Path) -> Stage:
    return Stage(collections, tmp_path, checkout / "tests" / "ansible.cfg")


LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


class Office:
    """A host with an outbox and an inbox, and an account at the server."""

    def __init__(self, folder: Path, sshd: SshServer) -> None:
        self.outbox = folder / "outbox"
        self.inbox = folder / "inbox"
        self.ledger = folder / "ledger.sqlite3"
        self._inventory = folder / "inventory.json"
        self.accounts: dict[str, dict[str, object]] = {"amili": {**sshd.account_options(), "preset": "amili_sftp"}}
        self.presets: dict[str, object] = {}
        self.outbox.mkdir()
        self.inbox.mkdir()

    def job(self, direction: str, **options: object) -> dict[str, object]:
        place = {"src": str(self.outbox)} if direction == "dropoff" else {"dest": str(self.inbox)}
        return {"account": "amili", "direction": direction, "settle": 0, **place, **options}

    def inventory(self, **jobs: Mapping[str, object]) -> str:
        """Write an inventory with these jobs, and return its path."""
        variables = {"filedrop_ledger": str(self.ledger), "filedrop_accounts": self.accounts, "filedrop_jobs": jobs}
        presets = {"filedrop_presets": self.presets}
        return self.write({"erp": {"hosts": {"erp1": {**LOCAL, **variables, **presets}}}})

    def fleet(self, *names: str, jobs: Mapping[str, object], **more: Mapping[str, object]) -> str:
        """Write an inventory of hosts, each with a ledger of its own, with what some say beside it; return its path."""
        hosts = {
            name: {**LOCAL, "filedrop_ledger": str(self.outbox.parent / name / "ledger.sqlite3"), **more.get(name, {})}
            for name in names
        }
        common = {"filedrop_accounts": self.accounts, "filedrop_jobs": jobs, **more.get("group", {})}
        return self.write({"shops": {"hosts": hosts, "vars": common}})

    def write(self, groups: Mapping[str, object]) -> str:
        self._inventory.write_text(json.dumps(groups))
        return str(self._inventory)


@pytest.fixture
def office(tmp_path: Path, sshd: SshServer) -> Office:
    return Office(tmp_path, sshd)


class Shops:
    """Hosts with an /etc of their own, and one account at the server for all of them.

    :ivar account: its options, which a test may change.
    """

    def __init__(self, folder: Path, sshd: SshServer) -> None:
        self._folder = folder
        self.hosts: dict[str, MountedHost] = {}
        options = {name: value for name, value in sshd.account_options().items() if name != "private_key_file"}
        self.account: dict[str, object] = {**options, "preset": "amili_sftp"}
        for name in ("shop1", "shop2"):
            self.add(name)

    def add(self, name: str) -> MountedHost:
        self.hosts[name] = MountedHost(self._folder / name)
        return self.hosts[name]

    def inventory(self, *names: str, **variables: object) -> str:
        hosts = {
            name: {"ansible_connection": "local", "ansible_python_interpreter": str(self.hosts[name].python)}
            for name in names or self.hosts
        }
        path = self._folder / "shops.json"
        common = {"filedrop_accounts": {"amili": self.account}, **variables}
        path.write_text(json.dumps({"shops": {"hosts": hosts, "vars": common}}))
        return str(path)


@pytest.fixture
def shops(tmp_path: Path, sshd: SshServer) -> Shops:
    if not can_be_made(tmp_path / "probe"):
        pytest.skip("only root can give a host its own /etc")
    return Shops(tmp_path, sshd)
