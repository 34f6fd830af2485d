# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Progress of tasks and of the playbooks: lines on stderr while files are on their way, and the same results."""

from __future__ import annotations

import json
import os
import pwd
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.sshd import SshServer, user_key

from .conftest import LOCAL, Office, Stage

SIZE = 300_000
LINE = re.compile(r"^(\S+): (.+): (?:looking for files|0 of 1 file, [0-9.]+ \S+ of 293\.0 KiB(?:, .+)?)$", re.MULTILINE)


@pytest.fixture
def by_ssh(start_sshd: Callable[..., SshServer]) -> Iterator[dict[str, object]]:
    """The variables of a host that is this machine over a real SSH connection."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    server = start_sshd(users=[user], config=["ForceCommand none", "ChrootDirectory none", "PermitRootLogin yes"])
    with tempfile.TemporaryDirectory(prefix="cp") as sockets:  # the path of a socket must be short
        yield {
            "ansible_connection": "ssh",
            "ansible_host": server.host,
            "ansible_port": server.port,
            "ansible_user": user,
            "ansible_ssh_private_key_file": str(user_key().path),
            "ansible_control_path_dir": sockets,
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            "ansible_python_interpreter": sys.executable,
        }


def test_tasks_show_how_far_they_are_and_have_the_same_results(
    stage: Stage, sshd: SshServer, by_ssh: dict[str, object], tmp_path: Path
) -> None:
    hosts: dict[str, dict[str, object]] = {
        "shop1": {**LOCAL},
        "shop2": by_ssh,
        "shop3": {**by_ssh, "filedrop_progress": 0},
        "shop4": {**LOCAL, "hidden": True},
        "shop5": {**LOCAL, "only_check": True},
        "shop6": {**LOCAL, "ansible_async_dir": str(tmp_path / "async"), "limit": 100},
        "shop7": {**by_ssh, "ansible_ssh_args": "-o ControlMaster=no"},
    }
    for name in hosts:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.xml").write_bytes(os.urandom(SIZE))
    every = {"filedrop_progress": 0.3, "folder": f"{tmp_path}/{{{{ inventory_hostname }}}}"}
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": every}}))
    book = tmp_path / "play.json"
    book.write_text(json.dumps([_play(sshd.account_options(account="amili", bandwidth_limit="150K"), tmp_path)]))
    played = stage.play(str(book), "-i", str(inventory), "--forks", "9")
    assert played.status == 0
    assert len(LINE.findall(played.output)) == len(LINE.findall(played.errors))
    assert {found[1]: found[2] for found in LINE.finditer(played.errors)} == {
        "shop1": "dropoff amili (item=a\\x1b[2Jb)",
        "shop2": "dropoff amili (item=a\\x1b[2Jb)",
    }
    results = {name: _result(tmp_path, name) for name in hosts if name not in ("shop5", "shop6")}
    assert [result == results["shop3"] for result in results.values()] == [True] * len(results)
    assert _result(tmp_path, "shop5")["files"][0]["reason"] == "predicted"
    assert not list(tmp_path.rglob(".filedrop-progress-*"))


def _play(account: dict[str, object], folder: Path) -> dict[str, object]:
    job = {
        "src": "{{ folder }}",
        "remote_dir": "input",
        "settle": 0,
        "ledger": "{{ folder }}/../{{ inventory_hostname }}.db",
    }
    send = {
        "courier.filedrop.dropoff": job,
        "loop": ["a\x1b[2Jb"],
        "register": "found",
        "no_log": "{{ hidden | default(false) }}",
        "check_mode": "{{ only_check | default(false) }}",
        "async": "{{ limit | default(0) }}",
        "poll": 1,
    }
    keep = {
        "ansible.builtin.copy": {
            "content": "{{ found.results[0] | to_json }}",
            "dest": f"{folder}/{{{{ inventory_hostname }}}}.json",
        },
        "no_log": True,
    }
    defaults = {"group/courier.filedrop.remote": account}
    return {"hosts": "all", "gather_facts": False, "module_defaults": defaults, "tasks": [send, keep]}


def _result(folder: Path, name: str) -> dict[str, Any]:
    """The result of a host, without what differs from host to host and from run to run."""
    text = (folder / f"{name}.json").read_text().replace(name, "HOST")
    result: dict[str, Any] = json.loads(text)
    result["summary"].pop("seconds")
    result["files"][0].pop("sha256")
    return {key: value for key, value in result.items() if key != "_ansible_no_log"}


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_the_playbooks_show_how_far_each_job_is(stage: Stage, office: Office, sshd: SshServer, direction: str) -> None:
    if direction == "dropoff":
        (office.outbox / "invoice.xml").write_bytes(bytes(SIZE))
    else:
        sshd.put("report.xml", bytes(SIZE))
    office.accounts["amili"]["bandwidth_limit"] = "150K"
    inventory = office.inventory(monthly=office.job(direction))
    played = stage.play(f"courier.filedrop.{direction}", "-i", inventory, filedrop_progress=0.3)
    assert played.status == 0
    assert {(found[1], found[2]) for found in LINE.finditer(played.errors)} == {("erp1", f"{direction} monthly")}
