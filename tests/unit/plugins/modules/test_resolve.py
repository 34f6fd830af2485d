# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules `resolve` and `ledger_info` on a ledger as runs leave it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.courier.filedrop.plugins.module_utils import _module
from ansible_collections.courier.filedrop.plugins.module_utils._engine import _paramiko
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey, only_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.modules import ledger_info, resolve
from support.ledgers import plant

ACCOUNT = "2001234@sftp.amili.se:22"
GROUP_DEFAULTS = {  # what module_defaults of the action group may bring along
    "preset": "amili_sftp",
    "username": "2001234",
    "private_key_file": "/nowhere/key",
    "passphrase": "opens-it",
    "password": "hunter-two",
    "host_keys": ["SHA256:abc"],
    "timeout": 5,
    "connections": 2,
}


def row(name: str, **changes: Any) -> Row:
    values: dict[str, Any] = {
        "account": ACCOUNT,
        "direction": "dropoff",
        "folder": "/srv/out",
        "size": 20480,
        "mtime_ns": 1_775_800_802_500_000_000,
        "job": "dropoff:/srv/out",
        "remote_path": f"input/{name}",
        "state": "held",
        "reason": "ambiguous",
        "sha256": "00ff",
    }
    values.update(changes)
    return Row(name=name, **{**values, "state": State(values["state"])})


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    path = str(tmp_path / "ledger.sqlite3")
    rows = [
        row("a.xml"),
        row("b.xml", account="bank", job="payments"),
        row(
            "c.xml",
            state=State.DELIVERED,
            reason=None,
            local_path="/srv/out/archive/c.xml",
            verified_by="size",
            taken_at=1775804400.0,  # 2026-04-10T07:00:00Z
        ),
    ]
    with closing(Ledger(path, create=True)) as made:
        plant(made, *rows)
        made.learn(ACCOUNT, "rename", allowed=False)
    return path


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], ledger: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a module and return its result. There is no paramiko, for nobody is connected to."""

    def no_paramiko() -> None:
        raise _module.DependencyError("paramiko_missing", "There is no paramiko.", "Install it.")

    def run(module: Any, **options: Any) -> dict[str, Any]:
        with patch_module_args({"ledger": ledger, **options}), pytest.raises(SystemExit):
            module.main()
        return dict(json.loads(capsys.readouterr().out))

    monkeypatch.setattr(_paramiko, "require", no_paramiko)
    return run


def test_a_decision_is_taken_once(told: Any) -> None:
    result = told(resolve, name="a.xml", decision="resend")
    assert result["changed"] is True
    assert result["files"] == [
        {
            "name": "a.xml",
            "path": "/srv/out/a.xml",
            "account": ACCOUNT,
            "direction": "dropoff",
            "job": "dropoff:/srv/out",
            "size": 20480,
            "reason": "ambiguous",
            "before": "held",
            "after": "resend",
            "changed": True,
        }
    ]
    again = told(resolve, names=["a.xml"], decision="resend")
    assert again["changed"] is False
    assert (again["files"][0]["before"], again["files"][0]["after"]) == ("resend", "resend")


def test_check_mode_and_diff_tell_what_would_be_decided_and_decide_nothing(told: Any) -> None:
    expected = {
        "before_header": "ledger",
        "after_header": "ledger",
        "before": f"{ACCOUNT} dropoff /srv/out/a.xml: held\n",
        "after": f"{ACCOUNT} dropoff /srv/out/a.xml: discarded\n",
    }
    for check in (True, True, False):
        result = told(resolve, name="a.xml", decision="discard", _ansible_check_mode=check, _ansible_diff=True)
        assert (result["changed"], result["diff"]) == (True, expected)
    result = told(resolve, name="a.xml", decision="discard", _ansible_check_mode=True, _ansible_diff=True)
    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"] == expected["after"]


def test_the_options_of_the_action_group_name_the_account(told: Any) -> None:
    result = told(resolve, all_held=True, decision="delivered", **GROUP_DEFAULTS)
    assert [one["name"] for one in result["files"]] == ["a.xml"]
    assert [one["name"] for one in told(resolve, account="bank", all_held=True, decision="resend")["files"]] == [
        "b.xml"
    ]
    assert told(resolve, all_held=True, decision="resend")["files"] == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "c.xml"}, "not_held"),
        ({"name": "d.xml"}, "file_unknown"),
        ({"name": ["a.xml", "c.xml"]}, "not_held"),
        ({"name": "a.xml", "account": "acme"}, "account_unknown"),
        ({"name": "a.xml", "ledger": "/nowhere/ledger"}, "ledger_missing"),
        ({}, "option_missing"),
        ({"name": "a.xml", "all_held": True}, "option_invalid"),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_what_cannot_be_decided_fails_with_its_reason(
    told: Any, options: dict[str, Any], reason: str, check: bool
) -> None:
    result = told(resolve, decision="resend", _ansible_check_mode=check, **options)
    assert (result["failed"], result["reason"]) == (True, reason)
    assert {one["state"] for one in told(ledger_info, outcome="held")["files"]} == {"held"}


def test_a_run_that_is_at_work_is_in_the_way(told: Any, ledger: str) -> None:
    with only_run(ledger, JobKey("bank", "dropoff", "payments")):
        result = told(resolve, name="b.xml", decision="resend")
    assert (result["failed"], result["reason"]) == (True, "job_running")


def test_the_ledger_tells_all_that_people_need(told: Any, ledger: str) -> None:
    result = told(ledger_info)
    assert (result["changed"], result["ledger"]) == (False, ledger)
    assert result["summary"] == {
        "held": 2,
        "waiting": 0,
        "unfinished": 0,
        "delivered": 1,
        "discarded": 0,
        "rejected": 0,
        "abandoned": 0,
    }
    *held, delivered = result["files"]
    assert {one["name"] for one in held} == {"a.xml", "b.xml"}
    assert delivered.pop("changed_at").endswith("Z")
    assert delivered == {
        "name": "c.xml",
        "folder": "/srv/out",
        "account": ACCOUNT,
        "direction": "dropoff",
        "job": "dropoff:/srv/out",
        "outcome": "delivered",
        "state": "delivered",
        "reason": "",
        "size": 20480,
        "mtime": "2026-04-10T06:00:02Z",
        "sha256": "00ff",
        "verified_by": "size",
        "taken": "2026-04-10T07:00:00Z",
        "accepted": None,
        "accepted_by": None,
        "remote_path": "input/c.xml",
        "local_path": "/srv/out/archive/c.xml",
        "file_id": None,
        "request": None,
    }
    assert [(one["account"], one["name"], one["allowed"]) for one in result["capabilities"]] == [
        (ACCOUNT, "rename", False)
    ]


def test_the_ledger_is_asked_for_some_of_it(told: Any) -> None:
    assert [one["name"] for one in told(ledger_info, outcome=["held"], **GROUP_DEFAULTS)["files"]] == ["a.xml"]
    assert told(ledger_info, name="[bc].xml", since="1h", outcome="delivered")["summary"]["delivered"] == 1
    assert told(ledger_info, since="2999-01-01")["files"] == []
    result = told(ledger_info, max_results=1, outcome="held")
    assert (len(result["files"]), result["summary"]["held"]) == (1, 2)
    assert "1 more are not listed" in json.dumps(result["warnings"])


def test_a_missing_ledger_is_told_and_not_made(told: Any, tmp_path: Path) -> None:
    result = told(ledger_info, ledger=str(tmp_path / "other" / "ledger"))
    assert (result["failed"], result["reason"]) == (True, "ledger_missing")
    assert str(tmp_path / "other" / "ledger") in result["msg"]
    assert not (tmp_path / "other").exists()


def test_no_time_that_a_file_can_have_is_too_odd(told: Any, ledger: str) -> None:
    with closing(Ledger(ledger)) as opened:
        for name, mtime_ns in (("never", 0), ("far", 2**63 - 1), ("past", -(2**62))):
            plant(opened, row(name, mtime_ns=mtime_ns))
    found = {one["name"]: one["mtime"] for one in told(ledger_info)["files"]}
    assert (found["never"], found["far"], found["past"]) == (None, "2262-04-11T23:47:16Z", "1823-11-12T00:06:21Z")
