# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox in the foreground, as people run it."""

from __future__ import annotations

import ftplib
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import daemon
from support.sandbox_client import Key, connect, program

MODULE = "ansible_collections.courier.filedrop.plugins.module_utils._sandbox.cli"


@pytest.fixture
def environment(import_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(import_path), "PYTHONUNBUFFERED": "1"}


@contextmanager
def running(environment: dict[str, str], *words: str) -> Iterator[tuple[int, str]]:
    """Run it until the block ends, and then press Ctrl-C. Yields its process number and what it said at first."""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen([sys.executable, "-m", MODULE, *words], env=environment, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(process.kill)
        said = ""
        while "Account" not in said and process.stdout is not None:
            line = process.stdout.readline()
            if not line:
                break
            said += line
        yield process.pid, said
        process.send_signal(signal.SIGINT)
        if process.wait(timeout=20) != 0:
            raise ChildProcessError(process.returncode)


def test_it_serves_until_it_is_interrupted(environment: dict[str, str], tmp_path: Path, key: Key) -> None:
    (tmp_path / "key.pub").write_text(f"{key.public}\n")
    path = str(tmp_path / "provider")
    ports = []
    for words in (["--public-key", str(tmp_path / "key.pub"), "--username", "alice"], []):
        with running(environment, "--path", path, *words) as (pid, said):
            port = int(re.search(r"port (\d+)", said)[1])  # type: ignore[index]
            keys = tuple(line.strip() for line in said.splitlines() if line.startswith("  "))
            connect(SimpleNamespace(host="127.0.0.1", port=port, host_keys=keys), key, "alice").close()  # type: ignore[arg-type]
            found = daemon.look(path).serving
            assert found is not None
            assert (found.pid, found.port) == (pid, port)
            again = program(sys.executable, "-m", MODULE, "--path", path, env=environment)
            assert (again.returncode, "already running" in again.stdout) == (2, True)
            ports.append(port)
        assert not daemon.look(path).held
    assert ports[0] == ports[1]


def test_it_misbehaves_as_asked_and_not_the_next_time(environment: dict[str, str], tmp_path: Path, key: Key) -> None:
    (tmp_path / "key.pub").write_text(f"{key.public}\n")
    words = ["--path", str(tmp_path / "provider"), "--public-key", str(tmp_path / "key.pub"), "--username", "alice"]
    for fault, refused in ((["--fault", "login_refused:account=alice,after=0"], True), ([], False)):
        with running(environment, *words, *fault) as (_pid, said):
            port = int(re.search(r"port (\d+)", said)[1])  # type: ignore[index]
            keys = tuple(line.strip() for line in said.splitlines() if line.startswith("  "))
            server = SimpleNamespace(host="127.0.0.1", port=port, host_keys=keys)
            try:
                connect(server, key, "alice").close()  # type: ignore[arg-type]
            except paramiko.AuthenticationException:
                assert refused
            else:
                assert not refused


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "no account"),
        (("--public-key", "/nonexistent.pub"), "/nonexistent.pub"),
        (("--public-key", os.devnull), "public key"),
        (("--fault", "slow"), "Unknown fault 'slow'"),
        (("--fault", "write_fails:bytes=x"), "'x'"),
    ],
)
def test_what_it_cannot_do_it_says(
    environment: dict[str, str], tmp_path: Path, words: tuple[str, ...], text: str
) -> None:
    done = program(sys.executable, "-m", MODULE, "--path", tmp_path / "provider", *words, env=environment)
    assert (done.returncode, text in done.stdout, "Traceback" in done.stdout) == (2, True, False)


def test_it_serves_ftps_where_asked(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    words = ["--path", str(tmp_path / "provider"), "--username", "alice", "--protocol", "ftps"]
    with running(environment, *words, "--password-file", str(tmp_path / "password")) as (_pid, said):
        port = int(re.search(r"Serving FTPS on port (\d+)", said)[1])  # type: ignore[index]
        ca_file = re.search(r"Certificate: (.*)", said)[1]  # type: ignore[index]
        client = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=ca_file))
        client.connect("127.0.0.1", port, timeout=10)
        assert client.login("alice", "correct horse").startswith("230")
        client.close()


def test_it_serves_the_files_api_where_asked(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    words = ["--path", str(tmp_path / "provider"), "--username", "2218", "--protocol", "amili_api"]
    with running(environment, *words, "--password-file", str(tmp_path / "password")) as (_pid, said):
        base_url = re.search(r"Serving the files API at (\S+),", said)[1]  # type: ignore[index]
        with urlopen(f"{base_url}/health", timeout=10) as answer:
            assert (answer.status, "Serving FTP" in said) == (200, False)
