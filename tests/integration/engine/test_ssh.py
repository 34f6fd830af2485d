# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections to the system's real OpenSSH server, in the settings that providers have."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    Account,
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError, ServerBusy
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import connect
from support.relay import Fault, Relay
from support.sshd import SshServer, host_key, make_key, user_key

Start = Callable[..., SshServer]
MIB = 1024 * 1024


def account(server: SshServer, **changes: Any) -> Account:
    return account_from_options(server.account_options(timeout=5.0, **changes))


def refusal(who: Account) -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        connect.open_transport(who)
    return caught.value


def test_a_session_tells_what_was_agreed(sshd: SshServer) -> None:
    transport = connect.open_transport(account(sshd))
    try:
        assert connect.banner_of(transport).version.startswith("SSH-2.0-OpenSSH_")
        agreed = connect.agreed_algorithms(transport)
        assert agreed["host_key"] == "ssh-ed25519"
        assert agreed["kex"]
        assert (agreed["mac"] == "implicit") == ("gcm" in agreed["cipher"])
        assert connect.host_key_of(transport).fingerprint == host_key("ed25519").fingerprint
        assert transport.open_sftp_client().listdir("/" if sshd.chrooted else ".") != []
    finally:
        transport.close()


def test_all_host_keys_are_proved_and_nobody_logs_in(sshd: SshServer) -> None:
    offered = connect.offered_host_keys(sshd.host, sshd.port, 5.0)
    assert [key.line for key in offered] == [host_key(name).public for name in ("ed25519", "ecdsa", "rsa")]
    assert [key.fingerprint for key in offered] == [host_key(name).fingerprint for name in ("ed25519", "ecdsa", "rsa")]
    assert [key.bits for key in offered] == [256, 256, 2048]
    assert "Failed" not in sshd.log
    assert "Accepted" not in sshd.log


@pytest.mark.parametrize("key_type", ["ed25519", "ecdsa", "rsa"])
def test_a_fingerprint_finds_its_key_whatever_is_offered_first(sshd: SshServer, key_type: str) -> None:
    transport = connect.open_transport(account(sshd, host_keys=[host_key(key_type).fingerprint]))
    try:
        assert connect.host_key_of(transport).line == host_key(key_type).public
    finally:
        transport.close()


@pytest.mark.parametrize("accepted", ["rsa-sha2-256", "rsa-sha2-512", "rsa-sha2-512,rsa-sha2-256"])
def test_rsa_keys_sign_in_the_way_that_the_server_takes(start_sshd: Start, tmp_path: Path, accepted: str) -> None:
    key = make_key(tmp_path / "rsa", key_type="rsa")
    server = start_sshd(config=[f"PubkeyAcceptedAlgorithms {accepted}"], authorized=[key.public])
    connect.open_transport(account(server, private_key_file=str(key.path))).close()
    assert f"Accepted publickey for {server.username}" in server.log


def test_no_sha_1_signature_even_where_the_server_wants_nothing_else(start_sshd: Start, tmp_path: Path) -> None:
    key = make_key(tmp_path / "rsa", key_type="rsa")
    server = start_sshd(config=["PubkeyAcceptedAlgorithms ssh-rsa"], authorized=[key.public])
    error = refusal(account(server, private_key_file=str(key.path)))
    # OpenSSH 9.2 does not say that it takes nothing else; newer ones do.
    assert error.reason in ("user_refused", "key_type_refused")
    assert str(key.path) in error.finding
    assert "Accepted publickey" not in server.log


def test_a_user_without_more_tries_is_told_what_the_server_said(start_sshd: Start) -> None:
    server = start_sshd(config=["MaxAuthTries 1"], authorized=[])
    error = refusal(account(server))
    assert error.reason == "user_refused"
    assert user_key().fingerprint in error.finding or "Too many authentication failures" in error.finding


def test_a_key_and_a_password_where_the_server_wants_both(start_sshd: Start) -> None:
    server = start_sshd(config=["AuthenticationMethods publickey,password"], password=True)
    if server.password is None:
        assert not server.chrooted  # a password needs a user of its own, which only root can make
        return
    alone = refusal(account(server))
    assert alone.reason == "more_needed"
    assert "It allows: password." in alone.finding
    connect.open_transport(account(server, password=server.password)).close()


def test_a_full_server_is_busy_and_free_again(start_sshd: Start) -> None:
    server = start_sshd(config=["MaxStartups 1:100:1", "LoginGraceTime 60"])
    with Relay(server.port, faults=[Fault("stall", "up", after=10)]) as relay:
        slow = account_from_options(server.account_options(port=relay.port, timeout=1.0))
        waiting = threading.Thread(target=refusal, args=(slow,))
        waiting.start()
        deadline = time.monotonic() + 5
        while not server.sessions() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert isinstance(refusal(account(server)), ServerBusy)
        waiting.join()
    server.drop_sessions()
    server.wait_idle()
    connect.open_transport(account(server)).close()


@pytest.mark.parametrize("after", [50, 1000, 1500])
def test_a_server_that_falls_silent_is_noticed(sshd: SshServer, after: int) -> None:
    """In the key exchange, and in the login, which begins after some 1,400 bytes from the server."""
    with Relay(sshd.port, faults=[Fault("stall", "down", after=after)]) as relay:
        who = account_from_options(sshd.account_options(port=relay.port, timeout=0.7))
        started = time.monotonic()
        error = refusal(who)
        assert time.monotonic() - started < 3
    assert error.reason == "no_answer"


@pytest.mark.parametrize("after", [0, 100, 1000, 1500, 1600, 1700])
def test_a_connection_that_breaks_anywhere_leaves_no_traceback(
    sshd: SshServer, after: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with Relay(sshd.port, faults=[Fault("cut", "down", after=after)]) as relay:
        error = refusal(account(sshd, port=relay.port))
    assert error.reason in ("server_busy", "connection_lost")
    assert capfd.readouterr().err == ""


def test_new_session_keys_do_not_disturb_a_transfer(start_sshd: Start) -> None:
    server = start_sshd(config=["RekeyLimit 2M"])
    content = bytes(range(256)) * (16 * MIB // 256)
    transport = connect.open_transport(account(server))
    try:
        sftp = transport.open_sftp_client()
        with sftp.open("input/big", "wb") as remote:
            remote.set_pipelined(True)
            remote.write(content)
        with sftp.open("input/big", "rb") as remote:
            remote.prefetch(len(content))
            assert remote.read() == content
    finally:
        transport.close()
    assert (server.input / "big").read_bytes() == content


def test_our_own_side_asks_for_new_session_keys_late(sshd: SshServer) -> None:
    """Later than paramiko would, every 512 MiB, and before AES has to have them, after 64 GiB (RFC 4344)."""
    transport = connect.open_transport(account(sshd))
    transport.close()
    assert 16 * 1024 * MIB < transport.packetizer.REKEY_BYTES < 64 * 1024 * MIB


def test_a_process_with_a_refused_login_prints_nothing_of_its_own(sshd: SshServer, import_path: Path) -> None:
    sshd.authorize([])
    options = sshd.account_options(timeout=5.0)
    code = (
        f"import sys; sys.path.insert(0, {str(import_path)!r})\n"
        f"from {account_from_options.__module__} import account_from_options\n"
        f"from {connect.__name__} import open_transport\n"
        "try:\n"
        f"    open_transport(account_from_options({options!r}))\n"
        "except Exception as error:\n"
        "    sys.stdout.write(error.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("user_refused", "")
