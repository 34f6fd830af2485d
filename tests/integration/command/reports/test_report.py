# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``check``, ``history``, ``list`` and ``resolve``: what is told, to people and to programs."""

from __future__ import annotations

import json
import os

import pytest
from support.command import Ended, Host, hold, is_recent, prepared
from support.desk import fill
from support.sshd import SshServer


@pytest.fixture
def ready(system_host: Host) -> Host:
    return prepared(system_host)


# --- check


def test_check_predicts_for_every_enabled_job(ready: Host, sshd: SshServer) -> None:
    ready.dropoff("asleep", enabled=False)
    fill(ready.outbox, 2)
    sshd.put("report.csv", b"x")
    told = ready.run("check")
    assert told.status == 0
    assert "asleep: disabled." in told.out
    assert "invoices: 2 files (40.0 KiB) would be delivered" in told.out
    assert "reports: 1 file (1 B) would be delivered" in told.out
    document = ready.run("check", "--json").document
    assert [(job["job"], job["dry_run"], job["status"]) for job in document["jobs"]] == [
        ("invoices", True, 0),
        ("reports", True, 0),
    ]
    assert list(sshd.input.iterdir()) == []
    assert list(ready.inbox.iterdir()) == []


def test_one_job_that_cannot_work_does_not_hide_the_others(ready: Host, sshd: SshServer) -> None:
    ready.account("gone", {**sshd.account_options(), "port": 1})
    ready.dropoff("broken", account="gone")
    ready.dropoff("wrong", sources="/srv")
    told = ready.run("check", "--json")
    assert told.status == 2
    found = {job["job"]: (job["status"], (job["error"] or {}).get("reason")) for job in told.document["jobs"]}
    assert found == {
        "broken": (2, "port_closed"),
        "invoices": (0, None),
        "reports": (0, None),
        "wrong": (2, "option_unknown"),
    }
    assert ready.run("check", "invoices", "reports").status == 0


def test_no_jobs_are_no_trouble(system_host: Host) -> None:
    system_host.run("init")
    for call in ("check", "status"):
        told = system_host.run(call)
        assert (told.status, told.out) == (0, "There are no jobs.\n")


# --- history


def test_history_tells_what_became_of_files(ready: Host, sshd: SshServer) -> None:
    fill(ready.outbox, 3)
    ready.run("run", "invoices")
    sshd.put("report.csv", b"x")
    ready.run("run", "reports")
    told = ready.run("history", "--json")
    assert (told.status, len(told.document["files"])) == (0, 4)
    latest = told.document["files"][0]
    assert set(latest) == {
        *("changed", "job", "account", "direction", "outcome", "state", "reason", "folder", "name", "size"),
        *("modified", "remote_path", "local_path", "sha256", "verified_by", "taken", "accepted", "accepted_by"),
        *("file_id", "request"),
    }
    assert (latest["job"], latest["name"], latest["outcome"], latest["state"], latest["size"]) == (
        "reports",
        "report.csv",
        "delivered",
        "fetched",
        1,
    )
    assert (latest["verified_by"], latest["taken"]) == ("size", None)
    assert is_recent(latest["changed"])
    assert {file["name"] for file in ready.run("history", "reports", "--json").document["files"]} == {"report.csv"}
    assert ready.run("history", "--outcome", "held", "--json").document["files"] == []
    assert ready.run("history", "--since", "7d", "--json").document["counts"]["delivered"] == 4
    assert ready.run("history", "--since", "2090-01-01", "--json").document["files"] == []
    refused = ready.run("history", "--since", "yesterday")
    assert (refused.status, refused.err[:34]) == (2, "filedrop: --since: 'yesterday' is ")
    assert (
        ready.run("history", "invoices", "--outcome", "held").out
        == "The ledger has no such file of the job invoices.\n"
    )
    words = ready.run("history", "-n", "2").out.splitlines()
    assert len(words) == 3
    assert "reports  delivered  report.csv  1 B" in words[0]
    assert words[2] == "... and 2 more."


def test_a_name_that_is_no_text_is_told_escaped(ready: Host, sshd: SshServer) -> None:
    odd = os.fsencode(str(ready.outbox)) + b"/caf\xe9\n.xml"
    with open(odd, "wb") as file:
        file.write(b"x")
    (ready.outbox / "Grüße 漢字.xml").write_bytes(b"x")
    told = ready.run("run", "invoices", "--json", "-v")
    assert told.status == 1
    assert {file["name"]: file["outcome"] for file in told.document["files"]} == {
        "caf\\xe9\\x0a.xml": "failed",
        "Grüße 漢字.xml": "delivered",
    }
    words = ready.run("run", "invoices").out
    assert "failed     caf\\xe9\\x0a.xml" in words
    told = ready.run("history", env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"})
    assert (told.status, told.err) == (0, "")


# --- list


def test_list_tells_what_is_on_the_server(ready: Host, sshd: SshServer) -> None:
    os.utime(sshd.put("report.csv", b"12345"), (0, 1_700_000_000))
    sshd.put("other.txt", b"")
    sshd.put("half.csv.part", b"")
    (sshd.pickup / "folder").mkdir()
    told = ready.run("list", "reports", "--json")
    assert told.status == 0
    assert (told.document["job"], told.document["folder"]) == ("reports", "pickup")
    found = {file["name"]: file for file in told.document["files"]}
    assert found["report.csv"] == {
        "name": "report.csv",
        "path": "pickup/report.csv",
        "kind": "file",
        "size": 5,
        "modified": "2023-11-14T22:13:20Z",
        "wanted": True,
    }
    assert {name: file["wanted"] for name, file in found.items()} == {
        "report.csv": True,
        "other.txt": False,
        "half.csv.part": False,
        "folder": False,
    }
    words = ready.run("list", "reports").out
    assert "2023-11-14T22:13:20Z         5 B  report.csv\n" in words
    assert "other.txt  (not part of this job)" in words
    assert "folder  (folder)" in words
    assert ready.run("list", "invoices").out == "There is nothing in input.\n"


def test_list_needs_no_ledger(system_host: Host, sshd: SshServer) -> None:
    system_host.pickup(remote_dir="nowhere")
    told = system_host.run("list", "reports", "--json")
    assert (told.status, told.document["error"]["reason"]) == (2, "remote_missing")


# --- resolve


@pytest.mark.parametrize(
    ("decision", "arrived", "left"), [("resend", True, False), ("delivered", False, False), ("discard", False, True)]
)
def test_what_is_held_can_be_resolved(ready: Host, sshd: SshServer, decision: str, arrived: bool, left: bool) -> None:
    hold(ready, sshd)
    name = "invoice-00000.xml"
    held = ready.run("history", "invoices", "--outcome", "held", "--json").document["files"]
    assert [file["name"] for file in held] == [name]
    path = ready.outbox / name
    for named in (name, str(path), str(path.relative_to("/"))):  # the command is called from there
        dry = ready.run("resolve", "invoices", named, f"--{decision}", "--dry-run")
        assert (dry.status, "would be resolved" in dry.out) == (0, True)
    assert ready.run("status").status == 3

    told = ready.run("resolve", "invoices", name, f"--{decision}", "--json")
    assert told.status == 0
    assert (told.document["job"], told.document["decision"], told.document["dry_run"]) == ("invoices", decision, False)
    (file,) = told.document["files"]
    assert (file["name"], file["before"], file["changed"]) == (name, "held", True)
    assert ready.run("run", "invoices").status == 0
    sshd.wait_idle()
    assert (sshd.input / name).exists() is arrived
    assert (ready.outbox / name).exists() is left
    assert ready.run("status").status == 0


def test_the_held_file_itself_says_what_to_type(ready: Host, sshd: SshServer) -> None:
    hold(ready, sshd)
    assert "`filedrop resolve invoices invoice-00000.xml --resend`" in ready.run("run", "invoices").out


def test_a_job_whose_files_are_gone_or_broken_can_be_resolved(ready: Host, sshd: SshServer) -> None:
    hold(ready, sshd)
    ready.dropoff(setle=1)
    (ready.config / "jobs" / "reports.json").write_text("{")
    assert ready.run("resolve", "invoices", "invoice-00000.xml", "--resend", "--dry-run").status == 0
    (ready.config / "jobs" / "invoices.json").unlink()
    found = ready.run("history", "invoices", "--json").document["files"]
    assert [(file["name"], file["outcome"]) for file in found] == [("invoice-00000.xml", "held")]
    assert ready.run("resolve", "invoices", "invoice-00000.xml", "--discard").status == 0
    refused = ready.run("history", "reprots", "--json").document["error"]
    assert refused["message"].endswith("Did you mean reports? Existing jobs: reports.")


def test_what_cannot_be_resolved_is_told_why(ready: Host, sshd: SshServer) -> None:
    hold(ready, sshd)

    def reason(*arguments: str) -> tuple[int, str]:
        ended = ready.run("resolve", *arguments, "--resend", "--json")
        return ended.status, ended.document["error"]["reason"]

    assert reason("invoices", "other.xml") == (2, "file_unknown")
    assert reason("reports", "invoice-00000.xml") == (2, "file_unknown")
    assert reason("nothing", "invoice-00000.xml") == (2, "file_missing")
    for arguments in (["invoices", "a.xml"], ["invoices", "a.xml", "--resend", "--discard"], ["invoices", "--resend"]):
        ended = ready.run("resolve", *arguments)
        assert ended.status == 2
        assert "usage: filedrop resolve" in ended.err


# --- what all have in common


def test_every_answer_in_json_is_one_document_with_its_status(host: Host) -> None:
    ready = prepared(host)
    for call in (("init",), ("check",), ("status",), ("history",), ("list", "reports"), ("run", "invoices")):
        ended: Ended = ready.run(*call, "--json")
        assert ended.document["status"] == ended.status == 0
        assert json.loads(ended.out) == ended.document
