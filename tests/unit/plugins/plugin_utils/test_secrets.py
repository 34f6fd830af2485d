# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A secret at a wrong place of the inventory, a module or a file is refused, and is in no message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import Configuration
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.hostkeys import TrustedKeys
from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._choice import choose
from ansible_collections.courier.filedrop.plugins.plugin_utils._deployment import Deployment
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables
from support.stage import InProcess, Step

from .test_plan import AMILI, INVOICES

SECRET = "Hunter2xyz"
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----\n"
ONE_LINE = KEY.replace("\n", " ")
URL = f"sftp://ann:{SECRET}@h/in"
SLASH = f"sftp://ann:a/b{SECRET}@h/in"
ANN = {"host": "h", "username": "ann", "host_keys": AMILI["host_keys"]}

_OPTIONS: tuple[dict[str, Any], ...] = (
    *({name: value} for name in ("private_key_file",) for value in (KEY, ONE_LINE, SECRET, [KEY], {"a": SECRET})),
    *({"private_key_file": value} for value in (f"credential:{KEY}", f"~/{KEY}", f"/{KEY}", f"{SECRET}\0", URL)),
    *({name: value} for name in ("password_file", "passphrase_file") for value in (SECRET, f"a {SECRET}", [SECRET])),
    {"password": SECRET, "password_file": SECRET},
    *({name: value} for name in ("password", "passphrase") for value in ([SECRET], {"a": SECRET}, f"{SECRET}\0")),
    {"password": "x", "host": URL},
    {"password": "x", "host": f"ann:{SECRET}@h"},
    {"password": "x", "host": {"name": "h", "password": SECRET}},
    {"password": "x", "username": [{"password": SECRET}]},
    {"password": "x", "username": {"password": SECRET}},
    {"password": "x", "port": {"password": SECRET}},
    {"password": "x", "port": [{"password": SECRET}]},
    {"password": "x", "preset": URL},
    {"password": "x", "preset": {"password": SECRET}},
    {"password": "x", "protocol": URL},
    {"password": "x", "protocol": {"password": SECRET}},
    {"password": "x", "timeout": {"password": SECRET}},
    {"password": "x", "host_keys": {"password": SECRET}},
    {"password": "x", "host_keys": [{"password": SECRET}]},
    {"password": "x", "host_keys": KEY},
    {"password": "x", "root": URL},
    {"password": "x", URL: "x"},
    {"protocol": "folder", "root": URL},
    {"protocol": "folder", "root": SLASH},
    {"protocol": "folder", "root": {"password": SECRET}},
)
OF_AN_ACCOUNT: list[dict[str, Any]] = [{**ANN, **option} for option in _OPTIONS]
OF_AN_INVENTORY: list[Any] = [
    [{"name": "amili", "password": SECRET}],
    [SECRET],
    URL,
    SECRET,
    {"amili": [{"password": SECRET}]},
    {"amili": [SECRET]},
    {"amili": URL},
    {"amili": SECRET},
    {"amili": (SECRET,)},
    {URL: ANN},
    {SLASH: ANN},
    *({"amili": {**ANN, "private_key": value}} for value in (SECRET, [KEY], {"a": KEY}, f"{KEY}\0")),
]
OF_A_JOB: list[dict[str, Any]] = [
    {"account": {**ANN, "password": SECRET}},
    {"account": [{**ANN, "password": SECRET}]},
    {"account": URL},
    {"account": KEY},
    {"src": {"password": SECRET}},
    {"src": [{"password": SECRET}]},
    {"src": URL},
    {"share": {"password": SECRET}},
]
Call = Callable[[Variables], object]


@pytest.mark.parametrize("layer", ["", "_group", "_host"])
@pytest.mark.parametrize(
    "call", [lambda found: Deployment(found, "erp1"), lambda found: choose(found, "dropoff")], ids=["role", "playbook"]
)
@pytest.mark.parametrize(
    "accounts", [*OF_AN_INVENTORY, *({"amili": one} for one in OF_AN_ACCOUNT)], ids=lambda given: str(given)[:60]
)
def test_no_message_about_the_inventory_tells_a_secret(accounts: Any, call: Call, layer: str) -> None:
    job = {**INVOICES, "account": "amili", "remote_dir": "in"}
    given = {f"filedrop_accounts{layer}": accounts, "filedrop_jobs": {"invoices": job}}
    with pytest.raises(InvalidVariables) as refused:
        call(Variables(given, given.__getitem__))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "call", [lambda found: Deployment(found, "erp1"), lambda found: choose(found, "dropoff")], ids=["role", "playbook"]
)
@pytest.mark.parametrize("option", OF_A_JOB, ids=lambda given: str(given)[:60])
def test_no_message_about_a_job_tells_a_secret(option: dict[str, Any], call: Call) -> None:
    given = {"filedrop_accounts": {"amili": AMILI}, "filedrop_jobs": {"invoices": {**INVOICES, **option}}}
    with pytest.raises(InvalidVariables) as refused:
        call(Variables(given, given.__getitem__))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("account", [[SECRET], SECRET, *OF_AN_ACCOUNT], ids=lambda given: str(given)[:60])
def test_no_message_about_a_file_of_the_command_tells_a_secret(account: Any, tmp_path: Path) -> None:
    path = tmp_path / "accounts" / "amili.json"
    path.parent.mkdir()
    path.write_text(json.dumps(account))
    path.chmod(0o600)
    configuration = Configuration(str(tmp_path))
    with pytest.raises(InputError) as refused:
        TrustedKeys.parse(configuration.account("amili").host_keys)
    assert SECRET not in str(refused.value)
    (tmp_path / "jobs").mkdir()
    for number, option in enumerate(OF_A_JOB):
        (tmp_path / "jobs" / f"a{number}.json").write_text(json.dumps({**INVOICES, **option}))
        with pytest.raises(InputError) as refused:
            configuration.job(f"a{number}")
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize("module", ["dropoff", "pickup", "connection_info", "files_info"])
@pytest.mark.parametrize("key", [KEY, ONE_LINE, SECRET, f"~/{KEY}"])
def test_no_message_of_a_module_tells_a_key(module: str, key: str, tmp_path: Path) -> None:
    job: dict[str, dict[str, str]] = {
        "dropoff": {"src": "/srv", "remote_dir": "in"},
        "pickup": {"dest": "/srv", "remote_dir": "in"},
    }
    options = {
        **ANN,
        "private_key_file": key,
        **job.get(module, {"remote_dir": "in"} if module == "files_info" else {}),
    }
    found = InProcess(tmp_path).play(Step(module, options)).results[0]
    assert found["failed"]
    assert SECRET not in found["msg"]
