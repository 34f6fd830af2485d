# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person sees at a terminal: the progress bar, and tables."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from support.command import Host, hold, prepared
from support.desk import fill
from support.relay import Relay
from support.sshd import SshServer


def on_terminal(host: Host, *arguments: str, status: int = 0, columns: int = 120, **environment: str) -> str:
    """What a person sees."""
    own, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        host.command(*arguments),
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
        cwd="/",
        env={**known, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment},
    )
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([own], [], [], 0.1)[0]:
            try:
                seen += os.read(own, 65536)
            except OSError:  # Linux says so at the end of a terminal
                break
    assert process.wait(60) == status
    os.close(own)
    return seen.decode("utf-8", "replace")


def test_a_bar_moves_on_a_terminal_where_rich_is_there(tmp_path: Path, program: Path, sshd: SshServer) -> None:
    assert _has_rich(sys.executable)
    for python, draws in ((sys.executable, True), ("/usr/bin/python3", _has_rich("/usr/bin/python3"))):
        folder = tmp_path / str(draws)
        folder.mkdir()
        host = Host(folder, program, python)
        with Relay(sshd.port, rtt=0.3) as relay:
            host.account("acme", {**sshd.account_options(), "port": relay.port})
            host.dropoff()
            host.run("init")
            fill(host.outbox, 3, 400_000)
            seen = on_terminal(host, "run", "invoices")
        assert ("/3 files" in seen) is draws, seen
        assert ("invoice-0000" in seen) is draws  # the file under way
        assert (re.search(r"[kM]B/s", seen) is not None) is draws
        assert (re.search(r"0:00:0\d", seen) is not None) is draws
        assert "invoices: 3 files (1.1 MiB) delivered" in seen
        for path in sshd.input.iterdir():
            path.unlink()


def _has_rich(python: str) -> bool:
    return subprocess.run([python, "-I", "-c", "import rich"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def busy(host: Host, sshd: SshServer) -> Host:
    """A host with a delivered and a held file, under an interpreter with rich and, usually, under one without it."""
    hold(prepared(host), sshd)
    return host


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_status_and_history_are_tables_at_a_terminal_and_lines_elsewhere(busy: Host) -> None:
    seen = on_terminal(busy, "status", status=3)
    title, invoices, reports, _blank, *problems = COLOUR.sub("", seen).replace("\r", "").splitlines()
    assert title.split()[-1] == "NOW"
    assert re.match(r"!!  invoices  dropoff    acme:input +every 15m +20..-..-.. ..:.. +1 held +1 held", invoices)
    assert re.match(r"ok  reports   pickup     acme:pickup  Mon\.\.Fri 06:00  never", reports)
    assert problems[0].startswith("invoices: files_held: 1 file held")
    seen = on_terminal(busy, "history", "invoices")
    title, held = COLOUR.sub("", seen).replace("\r", "").splitlines()
    assert re.match(r"CHANGED \(UTC\) +JOB +DIRECTION +OUTCOME +NAME +SIZE +REMOTE PATH", title)
    assert re.match(
        r"20..-..-.. ..:..  invoices  dropoff    held \w+ +invoice-00000.xml +7 B  input/invoice-00000.xml$", held
    )
    assert "; 1 file held for a decision.\n" in busy.run("status").out
    assert "  invoices  held (" in busy.run("history").out


def test_colours_can_be_refused(busy: Host) -> None:
    assert COLOUR.search(on_terminal(busy, "status", status=3))
    assert COLOUR.search(on_terminal(busy, "history"))
    for arguments, environment in (
        (["--no-color"], {}),
        ([], {"NO_COLOR": "1"}),
        ([], {"TERM": "dumb"}),
    ):
        for command, status in (("status", 3), ("history", 0)):
            seen = on_terminal(busy, command, *arguments, status=status, columns=120, **environment)
            assert "\x1b" not in seen
            assert "JOB" in seen
    for command in ("status", "history"):
        assert "\x1b" not in busy.run(command, env={"TERM": "xterm", "FORCE_COLOR": "1"}).out


def test_documents_and_quiet_are_the_same_at_a_terminal(busy: Host) -> None:
    assert on_terminal(busy, "status", "--json", status=3).startswith("{")
    assert on_terminal(busy, "status", "reports", "--quiet") == ""


def test_a_terminal_that_is_too_narrow_for_a_table_shows_lines(busy: Host) -> None:
    for command, status in (("status", 3), ("history", 0)):
        seen = on_terminal(busy, command, columns=60, status=status).replace("\r", "")
        assert seen == busy.run(command).out
