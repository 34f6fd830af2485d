# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""resolve and ledger_info: a file is held, its error says what to type, and that is typed: check, run, check, run."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.desk import digests
from support.sshd import SshServer
from support.stage import InProcess, Stage, Step

NAME = 'report, "the 1st".xml'


def _pickup(here: InProcess, **options: object) -> Step:
    inbox = here.folder / "inbox"
    inbox.mkdir(exist_ok=True)
    places = {"dest": str(inbox), "remote_dir": "pickup", "ledger": str(here.folder / "ledger")}
    return Step("pickup", {**places, "settle": 0, "on_duplicate": "hold", **options})


def _typed(message: str) -> dict[str, Any]:
    """The task that a message tells to type."""
    found = re.search(r"`(courier\.filedrop\.resolve: \{.*\})`", message)
    assert found
    return dict(yaml.safe_load(found[1])["courier.filedrop.resolve"])


def _held(here: InProcess, sshd: SshServer) -> dict[str, Any]:
    """Have a duplicate held; return its entry in the result."""
    sshd.put(NAME, b"report")
    here.play(_pickup(here), defaults=sshd.account_options(account="acme"))
    sshd.put(NAME, b"report")
    (result,), _output = here.play(_pickup(here), defaults=sshd.account_options(account="acme"))
    assert (result["failed"], result["reason"]) == (True, "files_held")
    assert "`courier.filedrop.resolve: {account: " in result["msg"]
    return dict(result["files"][0])


@pytest.mark.parametrize("decision", ["resend", "delivered", "discard"])
def test_what_the_error_says_is_typed(here: InProcess, sshd: SshServer, decision: str) -> None:
    told = _typed(_held(here, sshd)["message"])
    assert told["decision"] == "resend"
    wanted = {**told, "decision": decision}
    defaults = sshd.account_options(account="acme")
    before = Path(told["ledger"]).read_bytes()
    (foreseen,), _output = here.play(Step("resolve", wanted, check=True, diff=True), defaults=defaults)
    assert foreseen["changed"]
    assert Path(told["ledger"]).read_bytes() == before
    (done, none_left, again, result), _output = here.play(
        Step("resolve", wanted, diff=True),
        Step("resolve", wanted, check=True, diff=True),
        Step("resolve", wanted),
        _pickup(here),
        defaults=defaults,
    )
    assert [done["changed"], none_left["changed"], again["changed"]] == [True, False, False]
    assert done["diff"] == foreseen["diff"]
    assert done["files"] == foreseen["files"]
    assert [(one["name"], one["before"], one["reason"]) for one in done["files"]] == [(NAME, "held", "duplicate")]
    assert not result.get("failed")
    came = ['report, "the 1st".2.xml', NAME] if decision == "resend" else [NAME]
    assert sorted(os.listdir(here.folder / "inbox")) == sorted(came)
    assert (NAME in digests(sshd.pickup)) == (decision == "discard")


def test_the_ledger_lists_what_is_held_and_nobody_is_connected_to(
    stage: Stage, here: InProcess, sshd: SshServer
) -> None:
    _held(here, sshd)
    ledger = str(stage.folder / "ledger")
    offline = {"account": "acme", "host": "nowhere.invalid", "username": "ann", "private_key_file": "/nowhere"}
    before = {path.name: path.read_bytes() for path in stage.folder.glob("ledger*") if path.is_file()}
    (listed, all_), output = stage.play(
        Step("ledger_info", {"ledger": ledger, "outcome": "held"}),
        Step("ledger_info", {"ledger": ledger, "name": "report*", "since": "1h"}, check=True),
        defaults=offline,
    )
    assert not listed["changed"]
    assert {outcome: number for outcome, number in listed["summary"].items() if number} == {"held": 1}
    assert [(one["name"], one["folder"], one["reason"]) for one in listed["files"]] == [(NAME, "pickup", "duplicate")]
    assert all_["summary"]["delivered"] == 1
    assert [one["outcome"] for one in all_["files"]] == ["held", "delivered"]
    assert {path.name: path.read_bytes() for path in stage.folder.glob("ledger*") if path.is_file()} == before
    assert "DEPRECATION" not in output


def test_all_that_is_held_is_settled_by_one_task(stage: Stage, here: InProcess, sshd: SshServer) -> None:
    _held(here, sshd)
    ledger = str(stage.folder / "ledger")
    wanted = {"ledger": ledger, "all_held": True, "decision": "discard"}
    (first, second, wrong), _output = stage.play(
        Step("resolve", wanted),
        Step("resolve", wanted),
        Step("resolve", {"ledger": ledger, "name": "unknown.xml", "decision": "discard"}),
        defaults=sshd.account_options(account="acme"),
    )
    assert (first["changed"], len(first["files"])) == (True, 1)
    assert (second["changed"], second["files"]) == (False, [])
    assert (wrong["failed"], wrong["reason"]) == (True, "file_unknown")
    with closing(sqlite3.connect(ledger)) as database:
        assert database.execute("SELECT state FROM transfer ORDER BY id").fetchall() == [("fetched",), ("discarded",)]
