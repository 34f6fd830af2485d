# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/first-exchange.md, command by command, on an empty Debian 13 host, with OpenSSH in the place of Amili."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.pages import CHECKOUT
from support.sshd import SshServer

PAGE = (CHECKOUT / "docs" / "first-exchange.md").read_text()
COMMANDS = [
    line for block in re.findall(r"^```shell\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
OF_APT = "apt install --yes "
HOUR = 3600


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


def run(command: str) -> str:
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)  # pytest shows it for failed tests only
    assert done.returncode == 0, command
    return done.stdout


def write_inventory(sshd: SshServer) -> None:
    """The inventory of the page, with the address of the test's server."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    inventory = yaml.safe_load(block)
    account = inventory["all"]["vars"]["filedrop_accounts"]["amili"]
    real = {name: sshd.account_options()[name] for name in ("host", "port", "username", "host_keys")}
    account.update(real)
    inventory["all"]["hosts"]["localhost"]["ansible_python_interpreter"] = "/usr/bin/python3"
    Path("inventory.yml").write_text(yaml.safe_dump(inventory))


def test_the_commands_of_the_page_deliver_a_file(user: Path, sshd: SshServer) -> None:
    packages, collection, onboard, jobs, dropoff = COMMANDS
    # The host has no network. It has the library, and this virtual environment has Ansible.
    assert packages.startswith(OF_APT)
    assert set(packages.removeprefix(OF_APT).split()) == {"ansible-core", "python3-paramiko"}
    (artefact,) = (CHECKOUT / "build").glob("courier-filedrop-*.tar.gz")
    run(collection.replace("courier.filedrop", f"--offline {artefact}"))
    for name in ("outbox", "inbox"):
        Path("/srv/erp", name).mkdir(parents=True)
        Path("/srv/erp", name).chmod(0o777)
    write_inventory(sshd)

    assert "not registered" in run(onboard)
    sshd.authorize(list(map(Path.read_text, Path("filedrop-onboard").glob("*.pub"))))
    assert "registered: the login works" in run(onboard)
    run(jobs)
    sent = Path("/srv/erp/outbox/invoices-2026-04-10.xml")
    sent.write_text("<invoice/>")
    os.utime(sent, (sent.stat().st_mtime - HOUR,) * 2)
    assert "invoices: 1 delivered" in run(dropoff)
    assert (sshd.input / sent.name).read_text() == "<invoice/>"
    assert (sent.parent / "archive" / sent.name).exists()
    assert sent.name in run("filedrop history invoices")
