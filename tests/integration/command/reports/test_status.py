# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``status``: what it says of each job, and what needs a person."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.command import Host, age, hold, is_recent, prepared, reasons
from support.desk import fill
from support.rights import SOMEBODY, somebodys_folder
from support.sshd import SshServer


@pytest.fixture
def ready(system_host: Host) -> Host:
    return prepared(system_host)


def test_status_before_the_first_run(ready: Host) -> None:
    told = ready.run("status")
    assert told.status == 0
    *jobs, key = told.out.splitlines()
    assert jobs == [
        "ok  invoices: dropoff; every 15m; has not run yet.",
        "ok  reports: pickup; Mon..Fri 06:00; has not run yet.",
    ]
    assert key.startswith("key of acme: ")


def test_status_after_runs(ready: Host, sshd: SshServer) -> None:
    fill(ready.outbox, 2)
    ready.run("run", "invoices")
    told = ready.run("status", "--json")
    assert told.status == 0
    assert told.document["ledger"] == str(ready.ledger)
    job = told.document["jobs"][0]
    assert set(job) == {
        *("job", "account", "direction", "enabled", "schedule", "running", "status", "held", "unfinished"),
        *("last_run", "last_well", "problems", "waiting", "blocked", "stuck", "waiting_since"),
        *("folders", "remote_dir"),
    }
    assert (job["job"], job["enabled"], job["schedule"], job["running"]) == ("invoices", True, "every 15m", False)
    assert (job["folders"], job["remote_dir"]) == ([str(ready.outbox)], "input")
    assert [one["folders"] for one in told.document["jobs"][1:]] == [[str(ready.inbox)]]
    (account,) = told.document["accounts"]
    expected = {name: sshd.account_options()[name] for name in ("host", "port", "username", "host_keys")}
    assert account == {"account": "acme", "protocol": "sftp", **expected}
    assert {name: job["last_run"][name] for name in ("status", "delivered", "held", "failed", "bytes", "reason")} == {
        "status": 0,
        "delivered": 2,
        "held": 0,
        "failed": 0,
        "bytes": 40960,
        "reason": "",
    }
    assert is_recent(job["last_run"]["ended"])
    assert job["last_well"] == job["last_run"]["ended"]


def test_status_tells_what_is_wrong_and_since_when_it_was_well(ready: Host, sshd: SshServer) -> None:
    ready.run("run", "invoices")
    ready.account("acme", {**sshd.account_options(), "port": 1})
    fill(ready.outbox, 1)
    assert ready.run("run", "invoices").status == 2
    told = ready.run("status")
    assert told.status == 2
    assert "!!  invoices: dropoff; every 15m; last run " in told.out
    assert ": port_closed; last well 2" in told.out
    ready.dropoff(enabled=False)
    assert ready.run("status").status == 0  # nobody waits for a job that is switched off


def test_a_held_file_is_a_status_until_it_is_resolved(ready: Host, sshd: SshServer) -> None:
    hold(ready, sshd)
    told = ready.run("status")
    assert told.status == 3
    assert "; 1 file held for a decision.\n" in told.out
    assert "    invoices: files_held: 1 file held for a decision. See them: filedrop history invoices" in told.out
    assert ready.run("status", "reports").status == 0
    ready.dropoff(enabled=False)
    assert ready.run("status").status == 3


def test_files_that_wait_are_counted_and_need_a_person_after_max_age(ready: Host, sshd: SshServer) -> None:
    fill(ready.outbox, 2)
    sshd.put("invoice-00000.xml", b"somebody else's", folder="input")
    assert ready.run("run", "invoices").status == 1
    told = ready.run("status", "--json")
    assert (told.status, reasons(told)["invoices"]) == (1, ["files_blocked"])
    job = told.document["jobs"][0]
    assert (job["waiting"], job["blocked"], job["stuck"], job["held"], job["unfinished"]) == (1, 1, 0, 0, 0)
    assert is_recent(job["waiting_since"])
    assert "; 1 file waiting.\n" in ready.run("status").out
    ready.change_ledger("UPDATE waiting SET since = since - 90000")
    told = ready.run("status", "--json")
    assert (told.status, reasons(told)["invoices"]) == (3, ["files_stuck"])
    columns = "account, direction, job, folder, 'new.xml', size, remote_path, reason, since + 90000"
    ready.change_ledger(f"INSERT INTO waiting SELECT {columns} FROM waiting")
    told = ready.run("status", "--json")
    assert (told.status, reasons(told)["invoices"]) == (3, ["files_stuck", "files_blocked"])
    ready.dropoff(every="15m", max_age="48h")
    assert ready.run("status").status == 1
    (ready.outbox / "invoice-00000.xml").unlink()
    assert ready.run("run", "invoices").status == 0
    assert ready.run("status").status == 0


def test_a_file_that_waits_for_the_next_run_of_a_weekly_job_is_not_stuck(ready: Host, sshd: SshServer) -> None:
    ready.dropoff(on_calendar="Mon 06:00", settle=3600)
    fill(ready.outbox, 1)
    assert ready.run("run", "invoices").status == 0
    ready.change_ledger("UPDATE waiting SET since = since - 172800")
    age(ready, 172800)
    ready.dropoff(on_calendar="Mon 06:00", settle=3600)  # a new schedule is not overdue
    told = ready.run("status", "invoices", "--json")
    job = told.document["jobs"][0]
    assert (told.status, reasons(told)["invoices"], job["waiting"], job["stuck"]) == (0, [], 1, 0)
    assert ready.run("run", "invoices").status == 3  # this run has seen it wait again
    assert reasons(ready.run("status", "invoices", "--json"))["invoices"] == ["files_stuck"]


# --- files that are broken, missing, or of a job that was taken off


def test_a_broken_file_hides_nothing_else(ready: Host, sshd: SshServer) -> None:
    hold(ready, sshd)
    sshd_account = sshd.account_options()
    for name in ("gone", "strange", "torn"):
        ready.account(name, {**sshd_account, "port": "many"} if name == "strange" else sshd_account)
        ready.dropoff(f"of_{name}", account=name)
    (ready.config / "accounts" / "gone.json").unlink()
    (ready.config / "accounts" / "torn.json").write_text('{"host": ')
    ready.dropoff("empty")
    (ready.config / "jobs" / "empty.json").write_bytes(b"")
    ready.dropoff("mistyped", inclde=["*.xml"])
    ready.dropoff("No Name")
    (ready.config / "jobs" / "folder.json").mkdir()
    told = ready.run("status", "--json")
    assert told.status == 3
    assert reasons(told) == {
        "No Name": ["option_invalid"],
        "empty": ["file_malformed"],
        "folder": ["file_unreadable"],
        "invoices": ["files_held"],
        "mistyped": ["option_unknown"],
        "of_gone": ["file_missing"],
        "of_strange": ["option_invalid"],
        "of_torn": ["file_malformed"],
        "reports": [],
    }
    for job in told.document["jobs"]:
        assert job["status"] == (3 if job["problems"] else 0)
        assert all(problem["message"] and problem["way_out"] for problem in job["problems"])
    words = ready.run("status").out
    assert "!!  of_gone: has not run yet.\n    of_gone: file_missing: " in words
    assert "ok  reports: pickup; Mon..Fri 06:00; has not run yet.\n" in words


def test_what_is_held_is_told_although_the_file_of_its_job_is_broken_or_gone(ready: Host, sshd: SshServer) -> None:
    hold(ready, sshd)
    path = ready.config / "jobs" / "invoices.json"
    whole = path.read_text()
    path.write_text("{")
    assert reasons(ready.run("status", "--json"))["invoices"] == ["file_malformed", "files_held"]
    path.unlink()
    told = ready.run("status", "--json")
    assert (told.status, reasons(told)["invoices"]) == (3, ["files_held", "job_missing"])
    assert ready.run("status", "invoices").status == 3
    path.write_text(whole.replace('"acme"', '"other"'))
    ready.account("other", sshd.account_options())
    told = ready.run("status", "--json")
    assert [(job["account"], job["status"]) for job in told.document["jobs"]] == [
        ("other", 0),
        ("acme", 0),
        ("acme", 3),
    ]


def test_what_waits_for_a_taken_name_is_told_although_its_job_was_taken_off(ready: Host, sshd: SshServer) -> None:
    fill(ready.outbox, 2)
    sshd.put("invoice-00000.xml", b"somebody else's", folder="input")
    assert ready.run("run", "invoices").status == 1
    path = ready.config / "jobs" / "invoices.json"
    whole = path.read_text()
    path.unlink()
    told = ready.run("status", "--json")
    assert (told.status, reasons(told)["invoices"]) == (3, ["job_missing"])
    assert str(ready.outbox / "invoice-00000.xml") in told.document["jobs"][-1]["problems"][0]["message"]
    path.write_text(whole.replace('"acme"', '"other"'))
    ready.account("other", sshd.account_options())
    assert ready.run("status").status == 0  # another account takes the file now
    path.unlink()
    for table in ("run", "waiting"):  # a module ran it
        ready.change_ledger(f"UPDATE {table} SET job = 'dropoff:' || job")
    assert [job["job"] for job in ready.run("status", "--json").document["jobs"]] == ["reports"]
    for table in ("run", "waiting"):
        ready.change_ledger(f"UPDATE {table} SET job = substr(job, 9)")
    assert ready.run("status").status == 3
    (ready.outbox / "invoice-00000.xml").unlink()
    assert [job["job"] for job in ready.run("status", "--json").document["jobs"]] == ["reports"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work as another user")
def test_a_file_that_the_jobs_user_cannot_read_is_told_to_root(program: Path, sshd: SshServer) -> None:
    with somebodys_folder() as folder:
        (folder / "host").mkdir()
        host = Host(folder / "host", program, "/usr/bin/python3")
        host.account("acme", sshd.account_options())
        host.ledger.parent.mkdir()
        os.chown(host.ledger.parent, SOMEBODY, -1)
        for path in folder.glob("*"):
            os.chown(path, SOMEBODY, -1)
        prepared(host)
        (host.config / "jobs" / "reports.json").chmod(0o600)
        os.chown(host.config / "jobs" / "reports.json", 0, 0)
        told = host.run("status", "--json")
        assert (told.status, reasons(told)) == (3, {"invoices": [], "reports": ["file_unreadable"]})


def test_a_job_that_there_is_not_is_told_what_there_is(ready: Host) -> None:
    told = ready.run("status", "invoces", "--json")
    assert (told.status, told.document["error"]["reason"]) == (2, "file_missing")
    assert told.document["error"]["message"].endswith("Did you mean invoices? Existing jobs: invoices, reports.")


# --- what starts the runs


def test_a_timer_that_is_dead_is_not_well(ready: Host, tmp_path: Path) -> None:
    """The variants are in the unit tests, and real ones with systemd in the tests on hosts."""
    answer = tmp_path / "answer"
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\ncat {answer}\n")
    (tmp_path / "systemctl").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for state, found in (("active", []), ("inactive", ["timer_stopped"])):
        answer.write_text(
            "Id=filedrop@invoices.service\nLoadState=loaded\nActiveState=inactive\n\n"
            f"Id=filedrop@invoices.timer\nLoadState=loaded\nActiveState={state}\nUnitFileState=enabled\n"
        )
        told = ready.run("status", "invoices", "--json", env=environment)
        assert (told.status, reasons(told)["invoices"]) == (3 if found else 0, found)
    age(ready, 86400)
    assert reasons(ready.run("status", "invoices", "--json", env=environment))["invoices"] == ["overdue", *found]
    answer.write_text(answer.read_text().replace("ActiveState=inactive\n\n", "ActiveState=activating\n\n"))
    told = ready.run("status", "invoices", "--json", env=environment)
    assert (told.document["jobs"][0]["running"], reasons(told)["invoices"]) == (True, found)  # it is late no longer
    (ready.config / "jobs" / "invoices.json").unlink()
    answer.write_text(answer.read_text().replace("ActiveState=inactive\nUnit", "ActiveState=active\nUnit"))
    assert reasons(ready.run("status", "--json", env=environment))["invoices"] == ["job_missing"]
    ready.dropoff(every="15m")
    answer.write_text(answer.read_text().replace("ActiveState=active\nUnit", "ActiveState=inactive\nUnit"))
    words = ready.run("status", "invoices", env=environment).out
    assert "Run: systemctl enable --now filedrop@invoices.timer." in words
