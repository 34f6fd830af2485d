# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts at Amili's files API on a host: their secret, their jobs, and the libraries that they need."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils import _deployment
from ansible_collections.courier.filedrop.plugins.plugin_utils._deployment import Deployment
from ansible_collections.courier.filedrop.plugins.plugin_utils._plan import plan
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables

from .test_plan import AMILI, BANK, CRON1, ERP1, content, refusal

SECRET = "hush hush"
API = {
    "preset": "amili_api",
    "base_url": "https://api.example.com/arm",
    "client_id": "erp",
    "client_secret": SECRET,
    "client_no": "2218",
}
JOB = {
    "account": "api",
    "direction": "dropoff",
    "src": "/srv/erp/outbox",
    "file_types": {"*.csv": "InvoiciaFormatDocFile"},
    "rejected_dir": "/srv/erp/rejected",
    "every": "15m",
}
FOLDER = {"protocol": "folder", "root": "/srv/mailbox"}
UNIT = "/etc/systemd/system/filedrop@invoices.service.d/filedrop.conf"


def test_systemd_hands_the_secret_to_the_jobs_of_the_account() -> None:
    found = plan({"api": API, "bank": BANK}, {"invoices": JOB}, ERP1)
    unit = content(found, UNIT)
    assert "LoadCredential=api.client_secret:/etc/filedrop/keys/api.client_secret\n" in unit
    assert "bank" not in unit
    assert {each["path"]: each["content"] for each in found.pop("secrets")} == {
        "/etc/filedrop/keys/api.client_secret": f"{SECRET}\n",
        "/etc/filedrop/keys/bank.password": "hush hush\n",
    }
    assert found["keys"] == []
    assert SECRET not in str(found)
    account = json.loads(content(found, "/etc/filedrop/accounts/api.json"))
    assert account["client_secret_file"] == "credential:api.client_secret"
    assert "client_secret" not in account


def test_under_cron_the_secret_belongs_to_the_user_of_the_jobs() -> None:
    (secret,) = plan({"api": API}, {"invoices": JOB}, CRON1)["secrets"]
    assert (secret["path"], secret["owner"]) == ("/etc/filedrop/keys/api.client_secret", "filedrop")


def test_a_secret_of_the_host_is_handed_over_from_its_place() -> None:
    given = {**{name: API[name] for name in API if name != "client_secret"}, "client_secret_file": "/root/secret"}
    found = plan({"api": given}, {"invoices": JOB}, ERP1)
    assert "LoadCredential=api.client_secret:/root/secret\n" in content(found, UNIT)
    assert found["secrets"] == []


def test_the_job_may_write_in_the_folder_for_refused_files() -> None:
    found = plan({"api": API}, {"invoices": JOB}, ERP1)
    assert "ReadWritePaths=-/srv/erp/rejected\n" in content(found, UNIT)
    assert {"variable": "filedrop_jobs.invoices.src", "path": "/srv/erp/rejected", "write": True} in found["places"]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"client_no": ""}, "filedrop_accounts.api.client_no"),
        ({"client_secret": None}, "filedrop_accounts.api.client_secret"),
        ({"base_url": "http://api.example.com"}, "filedrop_accounts.api.base_url"),
        ({"base_url": f"https://erp:{SECRET}@api.example.com"}, "filedrop_accounts.api.base_url"),
        ({"password": SECRET}, "filedrop_accounts.api.password: unknown option"),
        ({"host_keys": []}, "filedrop_accounts.api.host_keys: unknown option"),
    ],
)
def test_what_does_not_go_with_the_api_is_refused(option: dict[str, Any], told: str) -> None:
    text = refusal({"api": {**API, **option}}, {"invoices": JOB})
    assert told in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("accounts", "libraries", "packages"),
    [
        ({}, ["paramiko"], ["paramiko"]),
        ({"a": AMILI}, ["paramiko"], ["paramiko"]),
        ({"folder": FOLDER}, ["paramiko"], ["paramiko"]),
        ({"api": API}, ["urllib3"], ["paramiko", "urllib3>=1.26,<3"]),
        ({"api": API, "gone": None}, ["urllib3"], ["paramiko", "urllib3>=1.26,<3"]),
        ({"api": API, "a": AMILI}, ["paramiko", "urllib3"], ["paramiko", "urllib3>=1.26,<3"]),
        ({"api": None, "a": AMILI}, ["paramiko"], ["paramiko"]),
    ],
)
def test_urllib3_is_needed_only_where_an_account_uses_the_api(
    monkeypatch: pytest.MonkeyPatch, accounts: dict[str, Any], libraries: list[str], packages: list[str]
) -> None:
    monkeypatch.setattr(_deployment, "built_command", lambda _python, _temporary: __file__)
    given = {"filedrop_accounts": accounts, "filedrop_pip_packages": ["paramiko"], "filedrop_python": "venv"}
    question = Deployment(Variables(given, given.__getitem__), "erp1").question("main", "")
    assert question["libraries"] == libraries
    assert question["requirements"].split() == packages


@pytest.mark.parametrize(
    ("package", "is_added"),
    [("urllib3", False), ("urllib3==2.0.7", False), ("urllib3 < 2", False), ("urllib3-mock", True)],
)
def test_a_package_of_the_inventory_is_not_asked_for_twice(package: str, is_added: bool) -> None:
    given = {"filedrop_accounts": {"api": API}, "filedrop_pip_packages": [package], "filedrop_python": "venv"}
    found = Deployment(Variables(given, given.__getitem__), "erp1").packages
    assert found == [package, *(["urllib3>=1.26,<3"] if is_added else [])]
