# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example in the README, run as it stands but for addresses and paths, against OpenSSH."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.pages import code_blocks
from support.sshd import SshServer

if TYPE_CHECKING:
    from .conftest import Stage

DROPOFF = "courier.filedrop.dropoff"
PICKUP = "courier.filedrop.pickup"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
HOUR = 3600
WITH_LEDGER = [f"courier.filedrop.{name}" for name in ("dropoff", "pickup", "ledger_info", "resolve")]


class Readme:
    """The examples, with a server and folders of the test in place of the real ones."""

    def __init__(self, text: str, folder: Path, sshd: SshServer) -> None:
        self._examples = [yaml.safe_load(block) for language, block in code_blocks(text) if language == "yaml"]
        self._folder = folder
        self._sshd = sshd
        self.ledger = str(folder / "ledger.sqlite3")

    def play(self, name: str) -> str:
        """Write the example with this play to a file, and return its path."""
        (found,) = (one for one in self._examples if isinstance(one, list) and one[0]["name"] == name)
        return self._write("play.yml", found)

    def inventory(self) -> str:
        """The same for the inventory. Its schedules stand apart; they are for the role, which Molecule runs."""
        (found,) = (one for one in self._examples if isinstance(one, dict) and "erp" in one)
        return self._write("inventory.yml", found)

    def _write(self, name: str, content: object) -> str:
        path = self._folder / name
        path.write_text(yaml.safe_dump(self._here(content)))
        return str(path)

    def _here(self, node: Any) -> Any:
        if isinstance(node, str):
            return re.sub("^/(srv/erp|etc/filedrop)", str(self._folder), node)
        if isinstance(node, list):
            return [self._here(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        here = {name: self._here(value) for name, value in node.items()}
        for name in filter(here.__contains__, WITH_LEDGER):
            here[name].update(ledger=self.ledger)
        if "preset" in here:
            here.update(host=self._sshd.host, port=self._sshd.port)
        if "username" in here:
            here.update(username=self._sshd.username)
        if isinstance(here.get("host_keys"), list):
            here.update(host_keys=self._sshd.host_keys)
        return here


@pytest.fixture
def readme(checkout: Path, tmp_path: Path, sshd: SshServer) -> Readme:
    return Readme((checkout / "README.md").read_text(), tmp_path, sshd)


def old(path: Path, content: str) -> Path:
    """A file that nobody has been writing for long."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    then = time.time() - HOUR
    os.utime(path, (then, then))
    return path


def test_get_ready_send_and_fetch(stage: Stage, readme: Readme, sshd: SshServer, tmp_path: Path) -> None:
    ready = stage.play(readme.play("Prepare the exchange with Amili"), "-i", "erp,", **LOCAL)
    assert ready.status == 0
    public = (tmp_path / "keys" / "amili.pub").read_text().strip()
    assert public in ready.output
    assert all(key in ready.output for key in sshd.host_keys)

    sshd.authorize([public])
    sent = old(tmp_path / "outbox" / "invoices-1.xml", "one")
    (tmp_path / "inbox").mkdir()
    os.utime(sshd.put("report-1.json", b"{}"), (0, 0))
    exchange = readme.play("Exchange files with Amili")
    assert stage.play(exchange, "-i", "erp,", amili_host_keys=sshd.host_keys, **LOCAL).status == 0
    assert (sshd.input / sent.name).read_text() == "one"
    assert (tmp_path / "outbox" / "archive" / sent.name).exists()
    assert (tmp_path / "inbox" / "report-1.json").read_bytes() == b"{}"
    assert not list(sshd.pickup.iterdir())


def test_what_an_inventory_describes_and_what_is_held(
    stage: Stage, readme: Readme, sshd: SshServer, tmp_path: Path
) -> None:
    local = {**LOCAL, "filedrop_ledger": readme.ledger}
    inventory = readme.inventory()
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "amili"
    key.write_bytes(Path(sshd.private_key_file).read_bytes())
    key.chmod(0o600)
    sent = old(tmp_path / "outbox" / "invoices-1.xml", "one")
    (tmp_path / "inbox").mkdir()
    os.utime(sshd.put("report-1.json", b"{}"), (0, 0))
    assert stage.play(DROPOFF, "-i", inventory, "--check", "--diff", **local).status == 0
    assert sent.exists()
    assert stage.play(DROPOFF, "-i", inventory, **local).status == 0
    assert (sshd.input / sent.name).read_text() == "one"
    assert stage.play(PICKUP, "-i", inventory, **local, filedrop_job="reports").status == 0
    assert (tmp_path / "inbox" / "report-1.json").read_bytes() == b"{}"

    again = sshd.put("report-1.json", b"{}")
    os.utime(again, (0, 0))
    wary = yaml.safe_load(Path(inventory).read_text())
    wary["erp"]["vars"]["filedrop_jobs"]["reports"]["on_duplicate"] = "hold"
    Path(inventory).write_text(yaml.safe_dump(wary))
    assert stage.play(PICKUP, "-i", inventory, **local).status != 0
    decide = readme.play("Decide what happens to held files")
    decided = stage.play(decide, "-i", "erp,", **local)
    assert (decided.status, decided.counts["changed"]) == (0, 1)
    assert "report-1.json" in decided.output
    assert stage.play(PICKUP, "-i", inventory, **local).status == 0
    assert again.exists()
