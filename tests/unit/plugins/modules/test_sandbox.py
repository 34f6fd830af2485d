# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module sandbox, run by Ansible itself."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import daemon
from support.sandbox_client import Key, connect, make_key, program

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return make_key(tmp_path / "keys")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "provider"


@pytest.fixture
def run(import_path: Path, path: Path, tmp_path: Path) -> Iterator[Run]:
    """Runs the module as Ansible does, in a process of its own, and returns its result."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(import_path),
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
    }
    book, result = tmp_path / "book.yml", tmp_path / "result.json"

    def once(*flags: str, **options: Any) -> dict[str, Any]:
        result.unlink(missing_ok=True)
        tasks = [
            {"courier.filedrop.sandbox": {"path": str(path), **options}, "register": "told", "ignore_errors": True},
            {
                "ansible.builtin.copy": {"content": "{{ told | to_json }}", "dest": str(result), "mode": "0600"},
                "check_mode": False,
                "diff": False,
            },
        ]
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": tasks,
        }
        book.write_text(json.dumps([play]))
        done = program(
            sys.executable, "-m", "ansible.cli.playbook", "-i", "localhost,", "--diff", *flags, book, env=environment
        )
        if done.returncode != 0:
            raise ChildProcessError(done.stdout)
        return dict(json.loads(result.read_text()))

    yield once
    daemon.stop(str(path))


def test_it_is_started_changed_and_stopped_and_tells_the_truth(run: Run, path: Path, key: Key) -> None:
    accounts = [{"username": "2001234", "public_keys": [key.public], "password": "correct horse"}]
    predicted = run("--check", accounts=accounts)
    assert predicted["changed"]
    assert (predicted["host_keys"], predicted["pid"], predicted["port"]) == ([], None, None)
    assert predicted["diff"]["before"] == {"state": "absent"}
    assert not path.exists()

    first = run(accounts=accounts)
    assert first["changed"], first
    assert {**first["diff"]["after"], "port": None} == predicted["diff"]["after"]
    assert first["accounts"] == [
        {
            "username": "2001234",
            "root": f"{path}/accounts/2001234",
            "input": f"{path}/accounts/2001234/input",
            "pickup": f"{path}/accounts/2001234/pickup",
            "imported": f"{path}/imported/2001234",
        }
    ]
    assert "correct horse" not in str(first)
    server = SimpleNamespace(host=first["host"], port=first["port"], host_keys=first["host_keys"])
    connect(server, key).close()  # type: ignore[arg-type]

    for flags, options in (((), {"accounts": accounts}), (("--check",), {"accounts": accounts}), ((), {})):
        again = run(*flags, **options)
        assert not again["changed"]
        assert again["diff"]["before"] == again["diff"]["after"] == first["diff"]["after"]
        assert [again[name] for name in ("port", "pid", "host_keys")] == [
            first[name] for name in ("port", "pid", "host_keys")
        ]

    more = [*accounts, {"username": "bob", "public_keys": [key.public]}]
    predicted, second = run("--check", accounts=more), run(accounts=more)
    assert predicted["changed"]
    assert second["changed"]
    assert predicted["diff"] == second["diff"]
    assert second["pid"] == first["pid"]
    connect(server, key, "bob").close()  # type: ignore[arg-type]

    predicted = run("--check", state="stopped")
    connect(server, key).close()  # type: ignore[arg-type]
    stopped, twice = run(state="stopped"), run(state="stopped")
    assert [one["changed"] for one in (predicted, stopped, twice)] == [True, True, False]
    assert predicted["diff"] == stopped["diff"]
    assert (stopped["pid"], stopped["port"], stopped["host_keys"]) == (None, first["port"], first["host_keys"])
    assert not daemon.look(str(path)).held


def test_what_it_cannot_do_it_says_and_predicts(run: Run, path: Path, key: Key) -> None:
    accounts = [{"username": "alice", "public_keys": [key.public]}]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for flags in ((), ("--check",)):
            refused = run(*flags, accounts=accounts, port=port)
            assert (refused["failed"], refused["reason"]) == (True, "port_taken")
            assert str(port) in refused["msg"]
    assert run()["reason"] == "no_accounts"
    private = key.path.read_text()
    refused = run(accounts=[{"username": "alice", "public_keys": [private]}])
    assert refused["reason"] == "public_key_private"
    assert private.splitlines()[1] not in refused["msg"]
    (path / "other").mkdir(parents=True, exist_ok=True)
    refused = run("--check", accounts=accounts)
    assert (refused["reason"], "'other'" in refused["msg"]) == ("path_not_sandbox", True)


def test_stopping_one_that_never_was_leaves_no_trace(run: Run, path: Path) -> None:
    assert not run(state="stopped")["changed"]
    assert not path.exists()
