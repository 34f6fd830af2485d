# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SIGKILL around requests to a files API: under ``ambiguous: hold``, no file is taken twice, and none is lost."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import Ended, Host
from support.desk import digests, fill
from support.files_api import SECRET, Answer, FilesApi, answer, files_api, take_all

COUNT = 6
IN_REQUEST = 3
INSTANTS = 6

# It kills itself at the call of that number, counted in all threads from the first one. Without a number, it counts.
WRAPPER = """
import itertools, os, runpy, signal, sys, threading
at, sys.argv = int(sys.argv[1]), sys.argv[2:]
calls = itertools.count(1)

def count(frame, event, _argument):
    if next(calls) == at:
        os.kill(os.getpid(), signal.SIGKILL)

if not at:
    import atexit
    atexit.register(lambda: (sys.setprofile(None), sys.stderr.write(f"calls {next(calls)}")))
threading.setprofile(count)
sys.setprofile(count)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def api() -> Iterator[FilesApi]:
    with files_api() as found:
        yield found


@pytest.fixture
def own_host(tmp_path: Path, program: Path, api: FilesApi) -> Host:
    host = Host(tmp_path, program, sys.executable)
    secret = host.config / "keys" / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    host.account("api", api.options(client_secret=None, client_secret_file=str(secret), max_request_files=IN_REQUEST))
    job = {"account": "api", "direction": "dropoff", "src": str(host.outbox), "settle": 0, "file_types": {"*": "Doc"}}
    host.job("invoices", job)
    assert host.run("init").status == 0
    return host


class Killed:
    """A run that something kills."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._process: subprocess.Popen[str] | None = None

    def now(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def run(self) -> None:
        self._process = self._host.start("run", "invoices")
        assert self._host.end(self._process).status == -signal.SIGKILL


def assert_nothing_twice_and_nothing_lost(host: Host, api: FilesApi, sent: dict[str, str]) -> dict[str, str]:
    """Check what a run after the kill has left; return the files that wait for a person."""
    assert all(len(copies) == 1 for copies in api.taken.values())
    assert set(api.contents) <= set(sent)
    archived = digests(host.outbox / "archive") if (host.outbox / "archive").exists() else {}
    held = digests(host.outbox)
    assert set(archived) <= set(api.contents)
    assert {**archived, **held} == sent
    assert not set(archived) & set(held)
    return held


def before_the_token(api: FilesApi, kill: Callable[[], None]) -> None:
    def once() -> None:
        api.before_token = lambda: None
        kill()

    api.before_token = once


def in_the_body(api: FilesApi, kill: Callable[[], None]) -> None:
    api.cut_after, api.before_cut = 150_000, kill


def when_it_has_arrived(api: FilesApi, kill: Callable[[], None]) -> None:
    api.scripts = [lambda _api, _body: kill()]


def when_it_is_taken(api: FilesApi, kill: Callable[[], None]) -> None:
    def take(api: FilesApi, body: dict[str, Any]) -> Answer | None:
        api.take(body)
        kill()
        return None

    api.scripts = [take]


def in_the_second_request(api: FilesApi, kill: Callable[[], None]) -> None:
    when_it_is_taken(api, kill)
    api.scripts.insert(0, take_all)


def after_a_token_that_has_expired(api: FilesApi, kill: Callable[[], None]) -> None:
    def refuse(api: FilesApi, _body: dict[str, Any]) -> Answer:
        api.valid.clear()
        return 401, {"message": "expired"}

    when_it_is_taken(api, kill)
    api.scripts.insert(0, refuse)


def after_an_answer_for_some(api: FilesApi, kill: Callable[[], None]) -> None:
    when_it_is_taken(api, kill)
    api.scripts.insert(0, lambda api, body: answer(api.take(body)[:1], 207))


@pytest.mark.parametrize(
    ("moment", "held"),
    [
        (before_the_token, 0),
        (in_the_body, 0),
        (when_it_has_arrived, IN_REQUEST),
        (when_it_is_taken, IN_REQUEST),
        (in_the_second_request, IN_REQUEST),
        (after_a_token_that_has_expired, IN_REQUEST),
        (after_an_answer_for_some, IN_REQUEST + 2),
    ],
)
def test_a_run_that_is_killed_leaves_what_no_answer_spoke_of_to_a_person(
    own_host: Host, api: FilesApi, moment: Callable[[FilesApi, Callable[[], None]], None], held: int
) -> None:
    sent = fill(own_host.outbox, COUNT, 700_000)
    killed = Killed(own_host)
    moment(api, killed.now)
    killed.run()
    api.valid.clear()  # the token that the killed run has kept expires, too
    after = own_host.run("run", "invoices")
    assert after.status == (3 if held else 0), after
    left = assert_nothing_twice_and_nothing_lost(own_host, api, sent)
    assert len(left) == held
    requests = len(api.requests)
    assert own_host.run("run", "invoices").status == after.status
    assert len(api.requests) == requests


def test_a_run_that_is_killed_at_any_instant_sends_nothing_twice(own_host: Host, api: FilesApi) -> None:
    fill(own_host.outbox, COUNT)
    counted = run(own_host)
    assert counted.status == 0, counted
    calls = int(counted.err.rpartition("calls ")[2])
    # Python itself and the libraries come first: what matters is after them.
    for instant, expires_in in zip(range(INSTANTS), itertools.cycle((3600, 1))):
        api.taken.clear()
        for path in (own_host.outbox / "archive").iterdir():
            path.unlink()
        api.expires_in = expires_in
        api.valid.clear()
        sent = fill(own_host.outbox, COUNT)
        ended = run(own_host, calls - calls * instant // (4 * INSTANTS))
        assert ended.status in (0, -signal.SIGKILL), ended
        again = own_host.run("run", "invoices")
        assert again.status in (0, 3), (instant, again)
        held = assert_nothing_twice_and_nothing_lost(own_host, api, sent)
        assert bool(held) == (again.status == 3)
        if held:
            assert own_host.run("resolve", "invoices", *held, "--delivered").status == 0
            assert own_host.run("run", "invoices").status == 0
            assert digests(own_host.outbox) == {}


def run(host: Host, at: int = 0) -> Ended:
    command = host.command("run", "invoices")
    told = [*command[:2], "-c", WRAPPER, str(at), *command[2:]]
    done = subprocess.run(told, capture_output=True, text=True, check=False, timeout=120)
    return Ended(done.returncode, done.stdout, done.stderr)
