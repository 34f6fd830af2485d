# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``filedrop run``: what moves, what is said, and with which status it ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.command import Ended, Host
from support.desk import digests, fill
from support.relay import Fault, Relay
from support.sshd import SshServer

FILE_KEYS = {"name", "remote_path", "local_path", "size", "sha256", "outcome", "reason", "message", "verified_by"}
RUN_KEYS = {
    *("status", "job", "account", "direction", "dry_run", "changed"),
    *("summary", "files", "notes", "pruned", "problems", "error"),
}


def ready(host: Host) -> Host:
    assert host.run("init").status == 0
    return host


def refused(ended: Ended, status: int, reason: str) -> str:
    """The message of what could not be done."""
    assert (ended.status, ended.document["status"]) == (status, status), ended
    assert ended.document["error"]["reason"] == reason
    assert "Traceback" not in ended.err
    return str(ended.document["error"]["message"])


def test_files_go_out_and_come_in_and_a_second_run_has_nothing_to_do(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff()
    host.pickup(after="delete")
    sent = fill(host.outbox, 5)
    came = {f"report-{number}.csv": sshd.put(f"report-{number}.csv", os.urandom(100)).read_bytes() for number in (1, 2)}

    out = host.run("run", "invoices")
    assert (out.status, out.err) == (0, "")
    assert out.out.startswith("invoices: 5 files (100.0 KiB) delivered, in ")
    assert digests(sshd.input) == sent == digests(host.outbox / "archive")

    back = host.run("run", "reports", "--json")
    assert back.status == 0
    assert {path.name: path.read_bytes() for path in host.inbox.iterdir()} == came
    assert list(sshd.pickup.iterdir()) == []
    assert set(back.document) == RUN_KEYS
    assert back.document["summary"]["delivered"] == 2
    assert [set(file) for file in back.document["files"]] == [FILE_KEYS, FILE_KEYS]
    assert back.document["error"] is None

    again = host.run("run", "invoices")
    assert again.status == 0
    assert again.out.startswith("invoices: nothing to do, in ")


def test_a_dry_run_tells_and_does_nothing(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff()
    fill(host.outbox, 2)
    told = host.run("run", "invoices", "--dry-run")
    assert told.status == 0
    assert "invoices: 2 files (40.0 KiB) would be delivered" in told.out
    assert "  delivered  invoice-00001.xml  -> input/invoice-00001.xml\n" in told.out
    assert list(sshd.input.iterdir()) == []
    assert not (host.outbox / "archive").exists()
    assert host.run("history", "--json").document["files"] == []


def test_without_a_ledger_nothing_moves_and_init_is_named(host: Host, sshd: SshServer) -> None:
    host.dropoff()
    fill(host.outbox, 1)
    for call in (("run", "invoices"), ("check",), ("status",), ("history",), ("run", "invoices", "--dry-run")):
        assert "filedrop init" in refused(host.run(*call, "--json"), 3, "ledger_missing")
    assert list(sshd.input.iterdir()) == []
    assert not host.ledger.exists()


def test_a_lost_ledger_is_not_replaced(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).dropoff(after="keep")
    fill(system_host.outbox, 1)
    assert system_host.run("run", "invoices").status == 0
    system_host.ledger.unlink()
    assert system_host.run("run", "invoices").status == 3
    assert not system_host.ledger.exists()


def test_init_makes_the_ledger_once(host: Host) -> None:
    made, again = host.run("init", "--json"), host.run("init", "--json")
    assert (made.status, made.document) == (0, {"status": 0, "ledger": str(host.ledger), "created": True})
    assert (again.status, again.document["created"]) == (0, False)
    assert host.ledger.stat().st_mode & 0o077 == 0


def test_a_file_that_fails_is_status_1_and_the_others_go(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff(empty="refuse")
    fill(host.outbox, 2)
    (host.outbox / "empty.xml").touch()
    ended = host.run("run", "invoices")
    assert ended.status == 1
    assert "2 files (40.0 KiB) delivered, 1 file failed" in ended.out
    assert "failed     empty.xml  empty_file: The file is empty" in ended.out
    assert len(list(sshd.input.iterdir())) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"port": 1}, "port_closed"),
        ({"username": "stranger"}, "user_refused"),
        ({"host_keys": ["SHA256:" + "A" * 43]}, "host_key_changed"),
    ],
)
def test_a_job_that_cannot_run_is_status_2(
    system_host: Host, sshd: SshServer, change: dict[str, object], reason: str
) -> None:
    ready(system_host).dropoff()
    system_host.account("acme", {**sshd.account_options(), **change})
    fill(system_host.outbox, 1)
    ended = system_host.run("run", "invoices", "--json")
    assert (ended.status, ended.document["error"]["reason"]) == (2, reason)
    assert ended.document["summary"]["delivered"] == 0
    assert "Traceback" not in ended.err


def test_a_configuration_that_cannot_be_meant_is_status_2(system_host: Host) -> None:
    ready(system_host).dropoff(setle=5)
    message = refused(system_host.run("run", "invoices", "--json"), 2, "option_unknown")
    assert f"{system_host.config}/jobs/invoices.json: 'setle'" in message
    assert "Did you mean settle?" in message
    message = refused(system_host.run("run", "invoicse", "--json"), 2, "file_missing")
    assert "no such file. Did you mean invoices? Existing jobs: invoices." in message
    assert "is not a valid name" in refused(system_host.run("run", "../x", "--json"), 2, "option_invalid")


def test_relative_paths_count_from_the_current_folder(system_host: Host, sshd: SshServer) -> None:
    """Also for the account's secrets, and for a file to decide about."""
    system_host.account("acme", {**sshd.account_options(), "passphrase_file": "credential:acme.passphrase"})
    words = system_host.config / "keys" / "acme.passphrase"
    words.write_text("not needed\n")
    words.chmod(0o600)
    system_host.dropoff()
    fill(system_host.outbox, 1)
    python, isolated, program = system_host.command()[:3]
    for arguments in ("init", "run invoices", "status", "history invoices"):
        places = ["--config", "etc", "--ledger", "state/../state/ledger.sqlite3"]
        ended = subprocess.run(
            [python, isolated, program, *arguments.split(), *places], cwd=system_host.folder, check=False
        )
        assert ended.returncode == 0, arguments
    assert len(list(sshd.input.iterdir())) == 1
    assert system_host.ledger.exists()


def test_a_folder_that_is_missing_is_status_2_and_remembered(system_host: Host) -> None:
    ready(system_host).pickup()
    system_host.inbox.rmdir()
    refused(system_host.run("run", "reports", "--json"), 2, "local_missing")
    told = system_host.run("status", "--json")
    assert (told.status, told.document["jobs"][0]["last_run"]["reason"]) == (2, "local_missing")


def test_a_disabled_job_is_refused_unless_forced(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).dropoff(enabled=False)
    fill(system_host.outbox, 1)
    assert "--force" in refused(system_host.run("run", "invoices", "--json"), 2, "job_disabled")
    assert system_host.run("run", "invoices", "--force").status == 0
    assert len(list(sshd.input.iterdir())) == 1


def test_two_runs_of_a_job_at_once_and_the_second_is_status_4(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff()
    host.dropoff("other", include=["*.csv"])
    fill(host.outbox, 3)
    with Relay(sshd.port, faults=[Fault("stall", "up", 4000)]) as relay:
        host.account("acme", {**sshd.account_options(), "port": relay.port, "timeout": 60})
        first = host.start("run", "invoices")
        _wait_for(lambda: relay.passed["up"] >= 4000)
        assert "another run" in refused(host.run("run", "invoices", "--json"), 4, "job_running").lower()
        assert host.run("status", "invoices", "--json").document["jobs"][0]["running"] is True
        assert host.run("run", "other").status == 0  # nothing to do, so no need to connect
        first.send_signal(signal.SIGKILL)
        host.end(first)
    assert host.run("status", "invoices", "--json").document["jobs"][0]["running"] is False
    host.account("acme", sshd.account_options())
    assert host.run("run", "invoices").status == 0
    sshd.wait_idle()
    assert len(list(sshd.input.iterdir())) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_run_cleanly_and_the_next_one_completes_it(
    system_host: Host, sshd: SshServer, number: signal.Signals
) -> None:
    host = ready(system_host)
    host.pickup()
    came = {f"report-{n:03}": sshd.put(f"report-{n:03}", os.urandom(30_000)).read_bytes() for n in range(40)}
    with Relay(sshd.port, faults=[Fault("stall", "down", 600_000)]) as relay:
        host.account("acme", {**sshd.account_options(), "port": relay.port, "timeout": 60})
        process = host.start("run", "reports", "--json")
        _wait_for(lambda: relay.passed["down"] >= 600_000)
        time.sleep(0.2)
        process.send_signal(number)
        process.send_signal(number)  # the impatient
        ended = host.end(process)
    assert (ended.status, ended.document["status"]) == (1, 1)
    assert ended.document["error"]["reason"] == "interrupted"
    assert number.name in ended.document["error"]["message"]
    assert {file["outcome"] for file in ended.document["files"]} <= {"failed", "skipped", "delivered"}
    assert "Traceback" not in ended.err
    assert [
        path.name for path in host.inbox.iterdir() if path.name.endswith(".part") and "-lock-" not in path.name
    ] == []
    assert host.run("status", "--json").status == 1

    host.account("acme", sshd.account_options())
    assert host.run("run", "reports").status == 0
    assert {path.name: path.read_bytes() for path in host.inbox.iterdir()} == came
    assert host.run("status").status == 0


def test_a_check_that_is_ended_does_not_go_on_with_the_next_job(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).pickup("first")
    system_host.pickup("second")
    with Relay(sshd.port, faults=[Fault("stall", "down", 2500)]) as relay:
        system_host.account("acme", {**sshd.account_options(), "port": relay.port, "timeout": 60})
        process = system_host.start("check", "--json")
        _wait_for(lambda: relay.passed["down"] >= 2500)
        process.send_signal(signal.SIGTERM)
        ended = system_host.end(process)
    assert (ended.status, [job["job"] for job in ended.document["jobs"]]) == (1, ["first"])
    assert ended.document["jobs"][0]["error"]["reason"] == "interrupted"


def test_a_killed_run_is_completed_by_the_next_one(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff(upload="rename")
    sent = fill(host.outbox, 60, 30_000)
    with Relay(sshd.port, faults=[Fault("stall", "up", 900_000)]) as relay:
        host.account("acme", {**sshd.account_options(), "port": relay.port, "timeout": 60})
        process = host.start("run", "invoices")
        _wait_for(lambda: relay.passed["up"] >= 900_000)
        process.kill()
        host.end(process)
    host.account("acme", sshd.account_options())
    ended = host.run("run", "invoices")
    assert ended.status == 0, ended
    sshd.wait_idle()
    assert digests(sshd.input) == sent == digests(host.outbox / "archive")


def test_a_new_release_does_not_disturb_a_run_at_work(
    tmp_path: Path, program: Path, system_host: Host, sshd: SshServer
) -> None:
    """The file is replaced, as any deployment does it, not written over."""
    own = tmp_path / "filedrop"
    own.write_bytes(program.read_bytes())
    system_host.program = own
    ready(system_host).dropoff()
    fill(system_host.outbox, 20)
    with Relay(sshd.port, rtt=0.3) as relay:
        system_host.account("acme", {**sshd.account_options(), "port": relay.port})
        process = system_host.start("run", "invoices", "-v")
        _wait_for(lambda: relay.passed["up"] > 0)
        (tmp_path / "new").write_bytes(b"#!/bin/sh\nexit 9\n")
        (tmp_path / "new").replace(own)
        ended = system_host.end(process)
    assert (ended.status, ended.err) == (0, "")
    assert len(list(sshd.input.iterdir())) == 20


def test_a_run_begins_no_file_after_its_time_limit(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).pickup(time_limit="1s", max_results=3)
    for number in range(20):
        sshd.put(f"report-{number:02}", b"x")
    with Relay(sshd.port, rtt=0.4) as relay:  # the login alone takes longer
        system_host.account("acme", {**sshd.account_options(), "port": relay.port})
        ended = system_host.run("run", "reports", "--json")
    assert (ended.status, ended.document["error"]["reason"]) == (1, "time_limit")
    assert [(file["outcome"], file["reason"]) for file in ended.document["files"]] == [("waiting", "not_reached")] * 3
    assert ended.document["summary"]["waiting"] == 20
    assert list(system_host.inbox.iterdir()) == []


@pytest.mark.parametrize(("retention", "removed"), [("1d", 2), ({"files": 1}, 1)])
def test_what_a_job_keeps_for_a_time_only_goes_with_a_run(
    system_host: Host, sshd: SshServer, retention: object, removed: int
) -> None:
    ready(system_host).dropoff(retention=retention)
    fill(system_host.outbox, 2)
    assert system_host.run("run", "invoices", "--json").document["pruned"] == {"archived": 0, "history": 0}
    _make_older(system_host.ledger, days=2)
    ended = system_host.run("run", "invoices")
    assert ended.status == 0
    files, rows = {1: ("1 archived file", "1 row"), 2: ("2 archived files", "2 rows")}[removed]
    assert f"Removed by retention: {files}, {rows} of history." in ended.out
    assert len(list((system_host.outbox / "archive").iterdir())) == 2 - removed
    assert len(list(sshd.input.iterdir())) == 2


def _make_older(ledger: Path, *, days: int) -> None:
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("UPDATE transfer SET changed_at = changed_at - ? + id", (days * 86400,))
        db.commit()


def test_fetched_files_have_the_group_and_mode_that_the_job_says(system_host: Host, sshd: SshServer) -> None:
    group = os.getgroups()[0] if os.geteuid() else 60_000
    ready(system_host).pickup(group=group, file_mode="0640")
    sshd.put("report.csv", b"x")
    assert system_host.run("run", "reports").status == 0
    found = (system_host.inbox / "report.csv").stat()
    assert (found.st_gid, found.st_mode & 0o777) == (group, 0o640)


def test_hosts_that_share_a_mailbox_take_each_file_once(system_host: Host, sshd: SshServer) -> None:
    ready(system_host)
    names = {sshd.put(f"report-{number}.csv", b"x").name for number in range(40)}
    taken: list[set[str]] = []
    for index in range(3):
        inbox = system_host.folder / f"inbox{index}"
        inbox.mkdir()
        system_host.pickup(f"part{index}", dest=str(inbox), after="keep", share={"index": index, "count": 3})
        assert system_host.run("run", f"part{index}").status == 0
        taken.append({path.name for path in inbox.iterdir()})
    assert set().union(*taken) == names
    assert sum(map(len, taken)) == len(names)
    assert all(taken)


def _wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("it never came to that")
        time.sleep(0.02)
