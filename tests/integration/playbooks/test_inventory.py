# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example inventories: what each of its hosts would get, as the role renders it from the variables."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._deployment import Deployment
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables

from .conftest import Stage

RENDER = """
- hosts: all
  gather_facts: false
  connection: local
  vars:
    names: "{{{{ vars.keys() | select('match', 'filedrop_') }}}}"
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ dict(names | zip(query('ansible.builtin.vars', *names))) | to_json }}}}"
        dest: "{folder}/{{{{ inventory_hostname }}}}.json"
        mode: "0600"
"""

Files = dict[str, dict[str, Any]]


HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF"


@pytest.fixture(scope="module")
def rendered(collections: Path, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    """By host, the account and job files that the role would put there, by their paths below ``/etc/filedrop``."""
    return _rendered(checkout / "docs" / "inventory", collections, checkout, tmp_path_factory.mktemp("rendered"))


def _rendered(inventory: Path, collections: Path, checkout: Path, folder: Path) -> dict[str, Files]:
    facts = {"filedrop_server_host_key": {"stdout": HOST_KEY}}  # as the playbook `server` reads it
    variables = {"ansible_python_interpreter": sys.executable, **facts}
    (folder / "lowest.yml").write_text(json.dumps({"all": {"vars": variables}}))
    (folder / "render.yml").write_text(RENDER.format(folder=folder))
    inventories = ["-i", str(folder / "lowest.yml"), "-i", str(inventory)]
    played = Stage(collections, folder, checkout / "tests" / "ansible.cfg").play(
        str(folder / "render.yml"), *inventories
    )
    assert played.status == 0
    found = {}
    for path in folder.glob("*.example.com.json"):
        given = json.loads(path.read_text())
        deployment = Deployment(Variables(given, given.__getitem__), path.stem)
        found[path.stem] = _files(deployment.plan("systemd", "root"))
    return found


def _files(plan: dict[str, Any]) -> Files:
    found = {}
    for file in plan["files"]:
        if file["path"].endswith(".json"):
            found[file["path"].removeprefix("/etc/filedrop/").removesuffix(".json")] = json.loads(file["content"])
    return found


def test_every_host_gets_its_groups_jobs(rendered: dict[str, Files]) -> None:
    jobs = {host: {name for name in files if name.startswith("jobs/")} for host, files in rendered.items()}
    shop, warehouse = {"jobs/invoices"}, {"jobs/stock", "jobs/orders"}
    assert jobs == {
        **{f"shop{number}.example.com": shop for number in (1, 2, 3)},
        **{f"stock{number}.example.com": warehouse for number in (1, 2)},
        "erp.example.com": {"jobs/payments", "jobs/statements", "jobs/reports"},
    }
    providers = {
        file.get("preset") or file["host"] for name, file in rendered["erp.example.com"].items() if "accounts" in name
    }
    assert providers == {"amili_sftp", "sftp.bank.example.com"}


def test_hosts_differ_from_their_group_in_what_they_say_and_nothing_else(rendered: dict[str, Files]) -> None:
    usual, busy, closed = (rendered[f"shop{number}.example.com"] for number in (1, 2, 3))
    assert busy["jobs/invoices"] == {**usual["jobs/invoices"], "every": "5m"}
    assert busy["accounts/amili"] == {**usual["accounts/amili"], "username": "2009876"}
    assert closed["jobs/invoices"] == {**usual["jobs/invoices"], "enabled": False}
    assert closed["accounts/amili"] == usual["accounts/amili"]


def test_groups_differ_from_the_others_in_what_they_say(rendered: dict[str, Files]) -> None:
    thin, usual = rendered["stock1.example.com"]["accounts/amili"], rendered["shop1.example.com"]["accounts/amili"]
    assert thin == {**usual, "bandwidth_limit": "500K"}


def test_hosts_of_one_mailbox_have_different_shares_of_it(rendered: dict[str, Files]) -> None:
    shares = [rendered[f"stock{number}.example.com"]["jobs/orders"]["share"] for number in (1, 2)]
    assert [(int(share["index"]), int(share["count"])) for share in shares] == [(0, 2), (1, 2)]


def test_the_exchange_has_both_ends_from_the_same_variables(collections: Path, checkout: Path, tmp_path: Path) -> None:
    found = _rendered(checkout / "docs" / "exchange", collections, checkout, tmp_path)
    names = {"shop1.example.com": "shop1", "shop2.example.com": "shop2", "shop3.example.com": "2001234"}
    for host, name in names.items():
        account = found[host]["accounts/partner"]
        assert (account["host"], account["port"]) == ("provider.example.com", 2022)
        assert (account["username"], account["host_keys"]) == (name, [HOST_KEY])
        assert found[host].keys() == {"accounts/partner", "jobs/invoices", "jobs/reports"}
    assert found["provider.example.com"].keys() == {"jobs/book"}
    sources = found["provider.example.com"]["jobs/book"]["src"]
    assert sources == [f"/srv/filedrop/{name}/input" for name in sorted(names.values())]
