# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A signal at any instant ends a run with its status and its sentence, and the next run completes it.

The instants are counted in calls of Python functions, from the first import of the command to its exit. So each of them
is hit exactly, however quick the machine is.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Ended, Host
from support.desk import digests, fill
from support.sshd import SshServer

INSTANTS = 8
AGAIN = (0, 1, 7, 500)
"""Calls after which a second signal comes; 0: none."""

# It sends itself a signal at the call of that number, and perhaps a second one. Without a number, it counts.
WRAPPER = """
import runpy, signal, sys
at, number, again, sys.argv = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
import importlib.util, pkgutil, zipimport, zlib
calls, begun = 0, False

def count(frame, event, _argument):
    global calls, begun
    begun = begun or frame.f_code.co_filename.startswith(sys.argv[0] + "/filedrop/")
    calls += begun
    if at and (calls == at or (again and calls == at + again)):
        signal.raise_signal(number)

if not at:
    import atexit
    atexit.register(lambda: (sys.setprofile(None), sys.stderr.write(f"calls {calls}")))
sys.setprofile(count)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(host: Host, job: str, *more: str, at: int = 0, number: int = signal.SIGTERM, again: int = 0) -> Ended:
    command = host.command("run", job, *more)
    told = [*command[:2], "-c", WRAPPER, str(at), str(int(number)), str(again), *command[2:]]
    done = subprocess.run(told, capture_output=True, text=True, check=False, timeout=120)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def own_host(tmp_path: Path, program: Path, sshd: SshServer) -> Host:
    host = Host(tmp_path, program, sys.executable)
    host.account("acme", sshd.account_options())
    host.dropoff(upload="rename")
    host.pickup()
    assert host.run("init").status == 0
    return host


@pytest.mark.parametrize("job", ["invoices", "reports"])
def test_a_signal_at_any_instant_ends_a_run_with_its_status(own_host: Host, sshd: SshServer, job: str) -> None:
    source, target = (own_host.outbox, sshd.input) if job == "invoices" else (sshd.pickup, own_host.inbox)
    fill(source, 2)
    counted = run(own_host, job)
    assert counted.status == 0, counted
    calls = int(counted.err.rpartition("calls ")[2])
    signals = itertools.cycle((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    for index, number, again in zip(range(INSTANTS), signals, itertools.cycle(AGAIN)):
        for path in target.iterdir():
            path.unlink()
        sent = fill(source, 2)
        as_json = index % 2 == 0
        ended = run(
            own_host,
            job,
            *(["--json"] if as_json else []),
            at=1 + calls * index // INSTANTS,
            number=number,
            again=again,
        )
        told = ended.out + ended.err
        assert ended.status in (0, 1), (index, told)
        assert ended.status == 0 or number.name in told, (index, told)
        for trouble in ("Traceback", "Unexpected", "Exception ignored"):
            assert trouble not in told, (index, told)
        if as_json:
            assert json.loads(ended.out)["status"] == ended.status
        assert own_host.run("run", job).status == 0
        assert (digests(target), digests(source)) == (sent, {}), index


def test_two_signals_at_once_are_one(own_host: Host) -> None:
    """Both have come before the first one is handled. Python would call the second one's handler, too."""
    together = WRAPPER.replace(
        "signal.raise_signal(number)",
        "[signal.raise_signal(each) for each in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)]",
    )
    command = own_host.command("run", "reports")
    told = [*command[:2], "-c", together, "1", "0", "0", *command[2:]]
    done = subprocess.run(told, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, "Traceback" in done.stderr, "was ended by SIG" in done.stderr) == (1, False, True)
