# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the command behaves towards the journal, a terminal, cron, a pipe that closes, and with secrets."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Ended, Host
from support.desk import fill
from support.rights import SOMEBODY, somebodys_folder
from support.sshd import SshServer

SECRET = "s3cret-word-that-nobody-must-see"


@pytest.fixture
def ready(system_host: Host) -> Host:
    assert system_host.run("init").status == 0
    system_host.dropoff()
    return system_host


# --- the journal


def journal_of(host: Host, *arguments: str) -> tuple[Ended, list[str]]:
    """Run with a file for the journal, as systemd would connect it."""
    path = host.folder / "journal"
    with path.open("w") as file:
        status = os.fstat(file.fileno())
        place = f"{status.st_dev}:{status.st_ino}"
        ended = host.run(*arguments, err=file, env={"JOURNAL_STREAM": place})
    return ended, path.read_text().splitlines()


def test_the_journal_gets_structured_lines_with_priorities(ready: Host, sshd: SshServer) -> None:
    ready.dropoff(empty="refuse")
    fill(ready.outbox, 1)
    (ready.outbox / "an empty.xml").touch()
    (ready.outbox / "a folder").mkdir()
    ended, lines = journal_of(ready, "run", "invoices")
    assert (ended.status, ended.out) == (1, "")
    assert lines[0] == "<6>event=run_began job=invoices account=acme direction=dropoff"
    assert lines[1].startswith('<3>event=file_failed job=invoices name="an empty.xml" ')
    assert ' reason=empty_file message="The file is empty, and `empty` excludes empty files. ' in lines[1]
    assert lines[2].startswith("<6>event=file_delivered job=invoices name=invoice-00000.xml remote_path=input/inv")
    assert " size=20480 sha256=" in lines[2]
    assert lines[3].startswith("<4>event=run_note job=invoices message=\"Left alone in `src`: 'a folder' (a folder).")
    assert lines[4].startswith(
        "<3>event=run_ended job=invoices account=acme direction=dropoff status=1 delivered=1 skipped=0 waiting=0 "
        "held=0 failed=1 bytes=20480 seconds="
    )
    assert len(lines) == 5


def test_the_journal_is_told_what_ended_a_run(ready: Host, sshd: SshServer) -> None:
    ready.account("acme", {**sshd.account_options(), "port": 1})
    fill(ready.outbox, 1)
    _ended, lines = journal_of(ready, "run", "invoices")
    assert lines[-1].startswith("<3>event=run_ended ")
    assert ' reason=port_closed message="' in lines[-1]
    ready.dropoff(setle=1)
    _ended, lines = journal_of(ready, "run", "invoices")
    assert lines[-1].startswith("<3>event=refused reason=option_unknown message=")


def test_another_file_than_the_journal_gets_sentences(ready: Host) -> None:
    ended = ready.run("run", "other", env={"JOURNAL_STREAM": "1:1"})
    assert ended.err.startswith(f"filedrop: {ready.config}/jobs/other.json: no such file.")


# --- people


def test_quiet_says_nothing_while_all_is_well(ready: Host, sshd: SshServer) -> None:
    fill(ready.outbox, 1)
    assert ready.run("run", "invoices", "-q") == Ended(0, "", "")
    assert ready.run("status", "--quiet") == Ended(0, "", "")
    (ready.outbox / "folder").mkdir()
    assert ready.run("run", "invoices", "-q") == Ended(0, "", "")
    ready.dropoff(empty="refuse")
    (ready.outbox / "empty.xml").touch()
    loud = ready.run("-q", "run", "invoices")
    assert (loud.status, "empty_file" in loud.out) == (1, True)


def test_verbose_tells_of_every_file_up_to_max_results(ready: Host) -> None:
    ready.dropoff(max_results=2)
    fill(ready.outbox, 3)
    assert ready.run("run", "invoices", "-v").out.splitlines()[1:] == [
        "  delivered  invoice-00000.xml  -> input/invoice-00000.xml",
        "  delivered  invoice-00001.xml  -> input/invoice-00001.xml",
        "  ... and 1 file more.",
    ]
    (ready.outbox / "more.xml").write_bytes(b"x")
    (ready.outbox / "even-more.xml").write_bytes(b"x")
    ready.dropoff(max_results=1)
    _ended, lines = journal_of(ready, "run", "invoices")
    assert [line.split()[0] for line in lines] == [
        "<6>event=run_began",
        "<6>event=file_delivered",
        "<6>event=files_not_listed",
        "<6>event=run_ended",
    ]


def test_a_reader_who_has_heard_enough_is_no_error(ready: Host) -> None:
    fill(ready.outbox, 300, 1)
    assert ready.run("run", "invoices").status == 0
    command = shlex.join(ready.command("history", "-n", "1000"))
    shown = subprocess.run(
        ["bash", "-c", f"{command} | head -1; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=True
    )
    assert (shown.stdout.splitlines()[1], shown.stderr) == ("0", "")


def test_help_teaches(ready: Host) -> None:
    told = ready.run("--help")
    assert told.status == 0
    for word in ("examples:", "exit status:", "files:", "/etc/filedrop/jobs/NAME.json", "filedrop init"):
        assert word in told.out
    for command in ("run", "check", "status", "history", "list", "resolve", "init"):
        assert ready.run(command, "--help").out.startswith(f"usage: filedrop {command}")


def test_what_is_mistyped_is_told_with_the_usage(ready: Host) -> None:
    for arguments in ([], ["runn"], ["run"], ["history", "-n", "0"], ["run", "invoices", "--dry"]):
        ended = ready.run(*arguments)
        assert (ended.status, ended.err.startswith("usage: filedrop")) == (2, True)


def test_a_library_that_is_missing_is_told(ready: Host) -> None:
    """As on a host without python3-paramiko."""
    fill(ready.outbox, 1)
    script = (
        "import sys; sys.modules['paramiko'] = None; import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    python, _isolated, program, *rest = ready.command("run", "invoices", "--json")
    process = subprocess.run(
        [python, "-I", "-c", script, program, *rest], capture_output=True, text=True, check=False, cwd="/"
    )
    ended = Ended(process.returncode, process.stdout, process.stderr)
    assert (ended.status, ended.document["error"]["reason"]) == (2, "paramiko_missing")
    assert "python3-paramiko" in ended.document["error"]["message"]
    assert ready.run("status").status == 2  # the run is remembered; and status needs no paramiko


# --- secrets and rights


def test_secrets_come_from_credentials_and_are_never_told(
    ready: Host, start_sshd: Callable[..., SshServer], tmp_path: Path, sshd: SshServer
) -> None:
    server = start_sshd(password=True)
    options = server.account_options(private_key_file=None)
    ready.account("acme", {**options, "password_file": "credential:acme.password"})
    fill(ready.outbox, 1)

    handed_over = tmp_path / "credentials"
    handed_over.mkdir()
    (handed_over / "acme.password").write_text(f"{server.password}\n")
    (handed_over / "acme.password").chmod(0o440)
    ended = ready.run("run", "invoices", env={"CREDENTIALS_DIRECTORY": str(handed_over)})
    assert (ended.status, "1 file" in ended.out) == (0, True), ended

    own = ready.config / "keys" / "acme.password"
    own.write_text(f"{SECRET}\n")
    own.chmod(0o600)
    fill(ready.outbox, 1)
    refused = ready.run("run", "invoices", "--json", "--debug")
    assert (refused.status, refused.document["error"]["reason"]) == (2, "user_refused")
    journal = journal_of(ready, "run", "invoices")[1]
    for text in (refused.out, refused.err, "\n".join(journal), ready.ledger.read_bytes().decode("latin-1")):
        assert SECRET not in text

    own.chmod(0o644)
    exposed = ready.run("run", "invoices", "--json")
    assert (exposed.status, exposed.document["error"]["reason"]) == (2, "secret_exposed")
    ready.account("acme", {**options, "password": SECRET})
    exposed = ready.run("check", "--json")
    assert exposed.document["jobs"][0]["error"]["reason"] == "secret_exposed"
    assert SECRET not in exposed.out + exposed.err


def test_a_key_that_others_can_read_is_refused(ready: Host) -> None:
    fill(ready.outbox, 1)
    (ready.config / "keys" / "acme").chmod(0o644)
    ended = ready.run("run", "invoices", "--json")
    assert (ended.status, ended.document["error"]["reason"]) == (2, "key_exposed")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work as another user")
def test_what_root_does_is_done_as_the_user_of_the_ledger(program: Path, sshd: SshServer) -> None:
    """Root's own key, which nobody else can read, is still used."""
    with somebodys_folder() as folder:
        (folder / "host").mkdir()
        (folder / "filedrop").write_bytes(program.read_bytes())  # where that user can read it, as on a real host
        host = Host(folder / "host", folder / "filedrop", "/usr/bin/python3")
        host.account("acme", sshd.account_options())
        host.dropoff()
        host.ledger.parent.mkdir()
        for path in folder.rglob("*"):
            os.chown(path, 0 if path.parent.name == "keys" else SOMEBODY, -1)
        asked = [host.run(*words).status for words in (("init",), ("check",), ("status",), ("history",))]
        assert asked == [0, 0, 0, 0]
        fill(host.outbox, 2)
        for path in host.outbox.iterdir():
            os.chown(path, SOMEBODY, -1)
        assert host.run("run", "invoices", "--only", "invoice-00000.xml").status == 0
        assert [path.name for path in sshd.input.iterdir()] == ["invoice-00000.xml"]
        assert {path.stat().st_uid for path in host.outbox.rglob("*")} == {SOMEBODY}
        assert host.run("resolve", "invoices", "x", "--resend").status == 2
        assert {path.stat().st_uid for path in host.ledger.parent.rglob("*")} == {SOMEBODY}


def test_a_ledger_that_may_not_be_looked_at_is_not_called_missing(ready: Host) -> None:
    from support.confined import mode_bits_count

    ready.ledger.parent.chmod(0)
    ended = ready.run("status", "--json", prefix=mode_bits_count())
    ready.ledger.parent.chmod(0o700)
    assert (ended.status, ended.document["error"]["reason"]) == (2, "ledger_read_only")
