# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``report``: hosts with the real command, a client and its server, and hosts that cannot be asked."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.mounted_host import MountedHost, can_be_made
from support.ports import free_port
from support.sshd import SshServer

if TYPE_CHECKING:
    from .conftest import Played, Stage

REPORT = "courier.filedrop.report"
HOSTILE = ("=cmd|'calc'!A0.xml", "<script>alert(1)<b>.xml", "a\x1b[31m\n.xml", "größe \u202ecod.xml")


TIMES = (("transfer", ("changed_at",)), ("run", ("began", "ended")))


class Erp:
    """A host with the command, files of accounts and jobs, and a ledger, each below its own folders."""

    def __init__(self, folder: Path, program: Path | None) -> None:
        self.place = MountedHost(folder, more=("usr/local/bin", "var/lib"))
        self.outbox, self.inbox, self.done, self.failed = (folder / name for name in ("out", "in", "done", "failed"))
        for made in (self.outbox, self.inbox, self.done, self.failed):
            made.mkdir()
        for kind in ("accounts", "jobs", "keys"):
            (self.place.configuration / kind).mkdir(parents=True)
        self.command = folder / "usr/local/bin/filedrop"
        if program is not None:
            shutil.copy(program, self.command)

    @property
    def ledger(self) -> Path:
        return self.place.folder / "var/lib/filedrop/ledger.sqlite3"

    def write(self, kind: str, name: str, **options: object) -> None:
        path = self.place.configuration / kind / f"{name}.json"
        path.write_text(json.dumps(options))
        os.utime(path, (time.time() - 7200,) * 2)

    def filedrop(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.place.python), "/usr/local/bin/filedrop", *words]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        print(ran.stdout, ran.stderr)
        return ran


class Fleet:
    """An inventory, and the report about it."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self.folder, self._stage = folder, stage
        self.hosts: dict[str, dict[str, object]] = {}
        self.report = stage.folder / "filedrop-report"

    def add(self, name: str, erp: Erp) -> Erp:
        self.hosts[name] = {"ansible_connection": "local", "ansible_python_interpreter": str(erp.place.python)}
        return erp

    def play(self, *words: str, **variables: object) -> Played:
        path = self.folder / "fleet.json"
        path.write_text(json.dumps({"all": {"hosts": self.hosts}}))
        return self._stage.play(REPORT, "-i", str(path), "--forks", "8", *words, **variables)

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.report / "report.json").read_text())
        return found

    def host(self, name: str) -> dict[str, Any]:
        (found,) = (host for host in self.document["hosts"] if host["host"] == name)
        return dict(found)


@pytest.fixture
def fleet(tmp_path: Path, stage: Stage) -> Fleet:
    if not can_be_made(tmp_path / "probe"):
        pytest.skip("only root can give a host its own /etc")
    return Fleet(tmp_path, stage)


def client(folder: Path, program: Path, sshd: SshServer) -> Erp:
    made = Erp(folder, program)
    key = made.place.keys / "amili"
    shutil.copy(sshd.private_key_file, key)
    key.chmod(0o600)
    made.write("accounts", "amili", **sshd.account_options(private_key_file="credential:amili"))
    common = {"account": "amili", "settle": 0, "every": "15m"}
    made.write("jobs", "invoices", direction="dropoff", src=str(made.outbox), remote_dir="input", **common)
    made.write("jobs", "reports", direction="pickup", dest=str(made.inbox), remote_dir="pickup", **common)
    assert made.filedrop("init").returncode == 0
    return made


def server(folder: Path, program: Path, sshd: SshServer) -> Erp:
    """The host of the server, as the role filedrop_server leaves it: the accounts, and the host key."""
    made = Erp(folder, program)
    here = made.place.etc / "filedrop-server"
    here.mkdir()
    (here / "users.sftp").write_text(f"{sshd.username}:*a-secret-hash*:1:1::{sshd.root}:/bin/false\n")
    (here / "host_ed25519.pub").write_text(f"{sshd.host_keys[0]} box\n")
    made.write("accounts", sshd.username, protocol="folder", root=str(sshd.root))
    folders = {"src": str(sshd.input), "done_dir": str(made.done), "failed_dir": str(made.failed)}
    made.write("jobs", "book", direction="import", settle=0, handler=["/bin/true", "{path}"], every="15m", **folders)
    assert made.filedrop("init").returncode == 0
    return made


def test_a_fleet_with_both_ends_and_hosts_that_cannot_be_asked(
    fleet: Fleet, program: Path, start_sshd: Callable[..., SshServer], tmp_path: Path
) -> None:
    sshd = start_sshd(base=Path("/srv"))  # each host has a /var/lib of its own
    erp = fleet.add("erp1", client(tmp_path / "erp1", program, sshd))
    box = fleet.add("box1", server(tmp_path / "box1", program, sshd))
    fleet.add("bare", Erp(tmp_path / "bare", None))
    fleet.add("lost", Erp(tmp_path / "lost", program))
    damaged = fleet.add("damaged", Erp(tmp_path / "damaged", program))
    damaged.ledger.parent.mkdir()
    damaged.ledger.write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    old = fleet.add("old", Erp(tmp_path / "old", None))
    old.command.write_text("#!/bin/sh\necho filedrop 0.0.1; echo 'no such option: --json' >&2; exit 2\n")
    old.command.chmod(0o755)
    fleet.hosts["gone"] = {
        "ansible_host": "127.0.0.1",
        "ansible_port": free_port(),
        "ansible_become_password": "s3cr3t-pass",
    }

    for name in ("one.xml", "two.xml", "changed.xml", *HOSTILE):
        (erp.outbox / name).write_text(f"content of {name!r}")
    assert erp.filedrop("run", "invoices").returncode == 1  # the name with a line break is refused
    (sshd.input / "two.xml").unlink()
    (sshd.input / "changed.xml").write_text("other bytes")
    (sshd.input / "stray.xml").write_text("nobody sent it")
    assert box.filedrop("run", "book").returncode == 0
    report = tmp_path / "report.txt"
    for number in (1, 2):
        report.write_text(f"report {number}")
        words = ("--account", sshd.username, "--as", f"report-{number}.txt")
        assert box.filedrop("place", str(report), *words).returncode == 0
        if number == 1:
            assert erp.filedrop("run", "reports").returncode == 0
    for host in (erp, box):  # all of it was an hour ago, and the timers have stopped since
        for table, columns in TIMES:
            change = ", ".join(f"{column} = {column} - 3600" for column in columns)
            subprocess.run(["sqlite3", str(host.ledger), f"UPDATE {table} SET {change}"], check=True)

    check = fleet.play("--check")
    assert (check.status, fleet.report.exists()) == (0, False)
    assert f"The report would be written to {fleet.report}/report.html." in check.output
    first = fleet.play()
    assert first.status == 0
    assert f"The report is in {fleet.report}/report.html." in first.output
    assert "s3cr3t-pass" not in first.output
    assert {path.name: path.stat().st_mode & 0o777 for path in fleet.report.iterdir()} == {
        f"report.{kind}": 0o640 for kind in ("html", "json", "csv")
    }
    again = fleet.play()
    assert "changed=1 " in first.output
    assert "changed=1 " not in again.output  # only the times differ

    messages = {host["host"]: (host["reached"], host["message"]) for host in fleet.document["hosts"]}
    assert [messages[name] for name in ("erp1", "box1")] == [(True, "")] * 2
    assert "filedrop is not installed" in messages["bare"][1]
    assert "filedrop init" in messages["lost"][1]
    assert "ledger.sqlite3" in messages["damaged"][1]
    assert "no such option: --json" in messages["old"][1]
    assert not messages["gone"][0]
    page = (fleet.report / "report.html").read_text()
    text = "".join((fleet.report / name).read_text() for name in os.listdir(fleet.report))
    assert all(name in page for name in messages)
    assert "s3cr3t-pass" not in text
    assert "a-secret-hash" not in text
    assert "<script>alert" not in page

    jobs = {job["job"]: job for job in fleet.host("erp1")["jobs"]}
    assert {problem["reason"] for problem in jobs["invoices"]["problems"]} == {"overdue", "files_failed"}
    files = fleet.document["files"]
    rows = [dict(zip(files["columns"], row)) for row in files["rows"]]
    assert {row["name"] for row in rows if row["host"] == "erp1"} == {
        *("one.xml", "two.xml", "changed.xml", "report-1.txt"),
        *(name for name in HOSTILE if "\n" not in name),
    }
    with open(fleet.report / "report.csv", newline="", encoding="utf-8") as sheet:
        names = {row["name"] for row in csv.DictReader(sheet)}
    assert names == {f"'{row['name']}" if row["name"].startswith("=") else row["name"] for row in rows}

    sent, placed = fleet.document["reconciliation"]
    assert (sent["client"], sent["server"]) == (
        {"host": "erp1", "account": "amili"},
        {"host": "box1", "account": sshd.username},
    )
    assert (sent["kind"], sent["matched"]) == ("sent", 4)
    assert {(one["name"], one["what"]) for one in sent["differences"]} == {
        ("two.xml", "sent_not_imported"),
        ("changed.xml", "other_bytes"),
        ("stray.xml", "imported_not_sent"),
    }
    assert (placed["kind"], placed["matched"]) == ("placed", 1)
    assert [(one["name"], one["what"]) for one in placed["differences"]] == [("report-2.txt", "placed_not_fetched")]


def test_choices_that_cannot_be_are_refused_together(fleet: Fleet) -> None:
    fleet.hosts["erp1"] = {"ansible_connection": "local"}
    wrong = {"filedrop_report_since": "soon", "filedrop_report_files": 0, "filedrop_report_folder": ["a"]}
    played = fleet.play(**wrong, filedrop_report_sinze="7d")
    assert (played.status != 0, fleet.report.exists()) == (True, False)
    for variable in wrong:
        assert f"{variable}: " in played.output
    misspelt = fleet.play(filedrop_hosts="erp7")
    assert misspelt.status != 0
    assert "'erp7' matches no host of the inventory. Correct the name. Did you mean erp1?" in misspelt.output
