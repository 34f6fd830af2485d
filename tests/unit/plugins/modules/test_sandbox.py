# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module sandbox. The playbook quickstart runs it in Ansible."""

from __future__ import annotations

import ftplib
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import daemon
from support.sandbox_client import Key, connect, make_key
from support.stage import InProcess, Step

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return make_key(tmp_path / "keys")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "provider"


@pytest.fixture
def run(path: Path, tmp_path: Path) -> Iterator[Run]:
    """Runs one task after another, each with its options and perhaps in check mode, and returns their results."""
    stage = InProcess(tmp_path)

    def play(*steps: dict[str, Any]) -> list[dict[str, Any]]:
        return stage.play(
            *(
                Step(
                    "sandbox",
                    {"path": str(path), **{name: value for name, value in step.items() if name != "check"}},
                    check=step.get("check", False),
                    diff=True,
                )
                for step in steps
            )
        ).results

    yield play
    daemon.stop(str(path))


def test_it_is_started_changed_and_stopped_and_tells_the_truth(run: Run, path: Path, key: Key) -> None:
    accounts = [{"username": "2001234", "public_keys": [key.public], "password": "correct horse"}]
    more = [*accounts, {"username": "bob", "public_keys": [key.public]}]
    predicted, first, *again, predicted_more, second = run(
        {"accounts": accounts, "check": True},
        {"accounts": accounts},
        {"accounts": accounts},
        {"accounts": accounts, "check": True},
        {},
        {"accounts": more, "check": True},
        {"accounts": more},
    )
    assert predicted["changed"], predicted
    assert (predicted["host_keys"], predicted["pid"], predicted["port"]) == ([], None, None)
    assert first["changed"], first
    assert first["diff"]["before"] == predicted["diff"]["before"] == {"state": "absent"}
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
    for one in again:
        assert not one["changed"], one
        assert one["diff"]["before"] == one["diff"]["after"] == first["diff"]["after"]
        assert [one[name] for name in ("port", "pid", "host_keys")] == [
            first[name] for name in ("port", "pid", "host_keys")
        ]
    assert (predicted_more["changed"], second["changed"]) == (True, True)
    assert predicted_more["diff"] == second["diff"]
    assert second["pid"] == first["pid"]
    server = SimpleNamespace(host=first["host"], port=first["port"], host_keys=first["host_keys"])
    connect(server, key).close()  # type: ignore[arg-type]
    connect(server, key, "bob").close()  # type: ignore[arg-type]

    predicted, unchanged, stopped, twice = run(
        {"state": "stopped", "check": True}, {}, {"state": "stopped"}, {"state": "stopped"}
    )
    assert [one["changed"] for one in (predicted, unchanged, stopped, twice)] == [True, False, True, False]
    assert predicted["diff"] == stopped["diff"]
    assert (stopped["pid"], stopped["port"], stopped["host_keys"]) == (None, first["port"], first["host_keys"])
    assert not daemon.look(str(path)).held


def test_faults_begin_and_end_while_it_runs_and_are_idempotent(run: Run, path: Path, key: Key) -> None:
    accounts = [{"username": "2001234", "public_keys": [key.public]}]
    faults = [{"name": "login_refused", "account": "2001234"}, {"name": "write_fails", "bytes": 10000, "after": 2}]
    same = [faults[0], {"name": "write_fails", "after": 2}]
    first, predicted, begun, *again = run(
        {"accounts": accounts},
        {"faults": faults, "check": True},
        {"faults": faults},
        {"faults": same},
        {"accounts": accounts},
    )
    assert (predicted["changed"], begun["changed"], begun["pid"]) == (True, True, first["pid"])
    assert predicted["diff"] == begun["diff"]
    assert [one["name"] for one in begun["diff"]["after"]["faults"]] == ["login_refused", "write_fails"]
    assert [one["changed"] for one in again] == [False, False]
    server = SimpleNamespace(host=first["host"], port=first["port"], host_keys=first["host_keys"])
    with pytest.raises(paramiko.AuthenticationException):
        connect(server, key)  # type: ignore[arg-type]
    unknown, wrong, nobody, ended = run(
        {"faults": [{"name": "slow"}]},
        {"faults": [{"name": "write_fails", "seconds": 1}], "check": True},
        {"faults": [{"name": "write_fails", "account": "bob"}]},
        {"faults": []},
    )
    assert [one["reason"] for one in (unknown, wrong, nobody)] == [
        "fault_unknown",
        "fault_parameter_unknown",
        "fault_account_unknown",
    ]
    assert (ended["changed"], ended["pid"]) == (True, first["pid"])
    connect(server, key).close()  # type: ignore[arg-type]


def test_ftps_begins_and_ends_while_it_runs_and_tells_how_to_trust_it(run: Run, path: Path) -> None:
    accounts = [{"username": "alice", "password": "correct horse"}]
    first, predicted, begun, again, kept = run(
        {"accounts": accounts},
        {"protocols": ["sftp", "ftps"], "check": True},
        {"protocols": ["sftp", "ftps"]},
        {"protocols": ["ftps"]},
        {},
    )
    assert (first["ftp_port"], first["ca_file"], first["tls_fingerprints"]) == (None, None, [])
    assert predicted["diff"] == begun["diff"]
    assert begun["diff"]["after"]["protocols"] == ["sftp", "ftps"]
    assert [one["changed"] for one in (predicted, begun, again, kept)] == [True, True, False, False]
    assert [kept[name] for name in ("pid", "ftp_port")] == [first["pid"], begun["ftp_port"]]
    for port, client in (
        (begun["ftp_port"], ftplib.FTP_TLS(context=ssl.create_default_context(cafile=begun["ca_file"]))),
        (begun["implicit_port"], None),
    ):
        if client is None:
            assert ssl.get_server_certificate((begun["host"], port), ca_certs=begun["ca_file"])
        else:
            client.connect(begun["host"], port, timeout=10)
            assert client.login("alice", "correct horse").startswith("230")
            client.close()
    (ended,) = run({"protocols": ["sftp"]})
    assert (ended["pid"], ended["ftp_port"]) == (first["pid"], None)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((begun["host"], begun["ftp_port"]))


def test_the_files_api_begins_and_ends_while_it_runs(run: Run, path: Path) -> None:
    accounts = [{"username": "2218", "password": "correct horse"}]
    first, predicted, begun, again = run(
        {"accounts": accounts},
        {"protocols": ["amili_api"], "check": True},
        {"protocols": ["amili_api"], "faults": [{"name": "upload_answered", "status": 503}]},
        {},
    )
    for one in (first, predicted):
        assert (one["base_url"], one["token_url"]) == (None, None)
    assert [one["changed"] for one in (predicted, begun, again)] == [True, True, False]
    assert (begun["pid"], begun["ftp_port"], begun["ca_file"]) == (first["pid"], None, None)
    assert begun["token_url"] == f"{begun['base_url']}/token"
    with urlopen(f"{begun['base_url']}/health", timeout=10) as answer:
        assert answer.status == 200
    (ended,) = run({"protocols": ["sftp"]})
    assert (ended["pid"], ended["base_url"]) == (first["pid"], None)
    with pytest.raises(URLError):
        urlopen(f"{begun['base_url']}/health", timeout=10)


def test_an_account_of_billit_has_its_folders_and_habits(run: Run, path: Path) -> None:
    alice = {"username": "alice", "password": "correct horse", "billit": {"poll_every": 0.1, "after": "move"}}
    first, again, changed = run(
        {"accounts": [alice]},
        {"accounts": [alice]},
        {"accounts": [{**alice, "billit": {"poll_every": 90000}}]},
    )
    (told,) = first["accounts"]
    assert (told["success"], told["issued"]) == (f"{path}/accounts/alice/success", f"{path}/issued/alice")
    assert first["diff"]["after"]["accounts"][0]["billit"] == {"poll_every": 0.1, "require_pdf": False, "after": "move"}
    assert not again["changed"]
    assert changed["reason"] == "poll_every_invalid"
    (Path(told["input"]) / "a.pdf").write_bytes(b"%PDF")
    end = time.monotonic() + 20
    while not os.listdir(told["success"]) and time.monotonic() < end:
        time.sleep(0.05)
    assert os.listdir(told["success"]) == os.listdir(told["imported"]) == ["a.pdf"]


def test_in_check_mode_it_changes_nothing_on_the_first_day(run: Run, path: Path, key: Key) -> None:
    accounts = [{"username": "2001234", "public_keys": [key.public]}]
    started, stopped, really = run(
        {"accounts": accounts, "check": True}, {"state": "stopped", "check": True}, {"state": "stopped"}
    )
    assert [one["changed"] for one in (started, stopped, really)] == [True, False, False]
    assert not path.exists()


def test_what_it_cannot_do_it_says_and_predicts(run: Run, path: Path, key: Key) -> None:
    accounts = [{"username": "alice", "public_keys": [key.public]}]
    private = key.path.read_text()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        *busy, nobody, exposed = run(
            {"accounts": accounts, "port": port, "check": True},
            {"accounts": accounts, "port": port},
            {},
            {"accounts": [{"username": "alice", "public_keys": [private]}]},
        )
    for refused in busy:
        assert (refused["failed"], refused["reason"]) == (True, "port_taken")
        assert str(port) in refused["msg"]
    assert nobody["reason"] == "no_accounts"
    assert exposed["reason"] == "public_key_private"
    assert private.splitlines()[1] not in exposed["msg"]
    (path / "other").mkdir(parents=True, exist_ok=True)
    for refused in run({"accounts": accounts, "check": True}, {"accounts": accounts}):
        assert (refused["reason"], "'other'" in refused["msg"]) == ("path_not_sandbox", True)
