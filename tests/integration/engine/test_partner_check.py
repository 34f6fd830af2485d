# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check that users run against their partner's test account: what it tells, what it leaves, and when it asks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import DROP_BOX, Rights
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from support.sshd import SshServer, user_key

USER = "2001234"
PROGRAM = Path(__file__).parents[2] / "faults" / "partner_check"
PROVIDER = Callable[..., Sandbox]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[PROVIDER]:
    """Start a sandbox with a third folder, ``both``, that may be written and read."""
    started: list[Sandbox] = []

    def start(*faults: str, import_delay: float = 3600.0) -> Sandbox:
        users = [account(USER, public_keys=[user_key().public])]
        folders = {**DROP_BOX, "both": Rights(read=True, write=True, remove=True, rename=True)}
        sandbox = Sandbox(
            tmp_path / "provider", accounts=users, folders=folders, faults=faults, import_delay=import_delay
        )
        sandbox.start()
        started.append(sandbox)
        return sandbox

    yield start
    for sandbox in started:
        sandbox.stop()


def check(
    server: SshServer | Sandbox, folder: str, *words: str, answer: str = "", username: str = USER
) -> tuple[int, str]:
    """Run it as a user does; its exit status, and what it printed, on one line."""
    keys = [word for line in server.host_keys for word in ("--host-key", line)]
    options = ["--host", server.host, "--port", str(server.port), "--username", username, "--timeout", "20"]
    options += ["--private-key-file", str(user_key().path), "--folder", folder]
    done = subprocess.run(
        [sys.executable, PROGRAM, *options, *keys, *words],
        input=answer,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, " ".join(done.stdout.split())


def test_openssh_keeps_every_promise_and_nothing_is_left(start_sshd: Callable[..., SshServer]) -> None:
    server = start_sshd()
    theirs = server.put("theirs.xml", b"theirs", folder="input")
    status, said = check(server, "input", "--run", "--yes", username=server.username)
    assert status == 0, said
    assert said.count("delivered: filedrop-check-") == 2 * 9
    assert said.count("2 connections in all") == 2
    for promise in ("whole files only", "nothing of others is overwritten", "went on by itself", "can be fetched"):
        assert promise in said
    assert list(server.input.iterdir()) == [theirs]
    assert list(server.pickup.iterdir()) == []


def test_without_run_it_only_looks(provider: PROVIDER) -> None:
    sandbox = provider("write_fails:bytes=0", "rename_refused", "remove_refused")
    (sandbox.folders(USER).input / "theirs.xml").write_bytes(b"theirs")
    status, said = check(sandbox, "input")
    assert status == 0, said
    assert "1 MiB" in said
    assert "Nothing was changed" in said
    assert [path.name for path in sandbox.folders(USER).input.iterdir()] == ["theirs.xml"]


@pytest.mark.parametrize(("answer", "goes_on"), [("", False), ("yes\n", False), ("both\n", True)])
def test_it_asks_before_anything_could_be_imported(provider: PROVIDER, answer: str, goes_on: bool) -> None:
    sandbox = provider()
    status, said = check(sandbox, "both", "--run", answer=answer)
    assert status == 0, said
    assert "may import these" in said
    assert ("Drop-off" in said) == goes_on
    assert ("Nothing was changed" in said) == (not goes_on)
    assert list((sandbox.folders(USER).root / "both").iterdir()) == []


def test_a_drop_box_that_cannot_be_read_is_told(provider: PROVIDER) -> None:
    sandbox = provider()
    status, said = check(sandbox, "input", "--run", "--yes")
    assert status == 0, said
    assert "cannot be read" in said
    assert "9 files were removed" in said
    assert list(sandbox.folders(USER).input.iterdir()) == []


def test_a_partner_who_takes_files_at_once_is_told(provider: PROVIDER) -> None:
    sandbox = provider(import_delay=0.0)
    status, said = check(sandbox, "input", "--run", "--yes")
    assert status == 0, said
    assert "taken at once" in said
    assert sandbox.wait()
    assert len(list(sandbox.folders(USER).imported.iterdir())) == 9


def test_what_a_server_cannot_do_is_told_with_what_it_means(provider: PROVIDER) -> None:
    sandbox = provider("rename_refused", "exclusive_ignored")
    status, said = check(sandbox, "both", "--run", "--yes")
    assert status == 0, said
    assert "Ask for the right to rename" in said
    assert "Use names that nobody else uses" in said
    assert list((sandbox.folders(USER).root / "both").iterdir()) == []


def test_what_goes_wrong_and_what_is_left_is_named(provider: PROVIDER) -> None:
    sandbox = provider("write_fails:bytes=50000", "remove_refused")
    status, said = check(sandbox, "both", "--run", "--yes")
    assert status == 1, said
    assert "packet.xml: failed, remote_failure" in said
    left = [path.name for path in (sandbox.folders(USER).root / "both").iterdir()]
    assert left
    assert [name for name in left if name not in said] == []


def test_a_server_that_is_not_trusted_gets_nothing(provider: PROVIDER) -> None:
    sandbox = provider("host_key_changed")
    status, said = check(sandbox, "both", "--run", "--yes")
    assert status == 2
    assert "(host_key_changed)" in said
    assert list((sandbox.folders(USER).root / "both").iterdir()) == []
