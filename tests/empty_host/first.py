# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/first-exchange.md says, for a host of a test's own."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import yaml
from support.pages import CHECKOUT, code_blocks
from support.sshd import SshServer

BLOCKS = code_blocks((CHECKOUT / "docs" / "first-exchange.md").read_text())
COMMANDS = [line for language, block in BLOCKS if language == "shell" for line in block.splitlines()]
HOUR = 3600


def run(command: str, *, status: int = 0) -> str:
    """Run a command of the page, and return what it printed."""
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)  # pytest shows it for failed tests only
    assert done.returncode == status, command
    return done.stdout


def make_folders() -> None:
    """Make the folders of the page's jobs, which every user may write to."""
    for name in ("outbox", "inbox"):
        Path("/srv/erp", name).mkdir(parents=True, exist_ok=True)
        Path("/srv/erp", name).chmod(0o777)


def write_inventory(sshd: SshServer) -> None:
    """Write the inventory of the page, with the address of the test's server."""
    (block,) = (block for language, block in BLOCKS if language == "yaml")
    inventory = yaml.safe_load(block)
    account = inventory["all"]["vars"]["filedrop_accounts"]["amili"]
    account.update({name: sshd.account_options()[name] for name in ("host", "port", "username", "host_keys")})
    inventory["all"]["hosts"]["localhost"]["ansible_python_interpreter"] = "/usr/bin/python3"
    Path("inventory.yml").write_text(yaml.safe_dump(inventory))
