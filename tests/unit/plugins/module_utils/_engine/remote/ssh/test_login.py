# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logging in at servers that behave in ways which OpenSSH cannot be set to."""

from __future__ import annotations

import dataclasses
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import formats
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import connect
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from paramiko import common
from paramiko.server import InteractiveQuery

SECRET = "hunter-two"
KEYS: dict[str, formats.PrivateKey] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


def loaded(name: str) -> paramiko.PKey:
    text = io.StringIO(formats.encode_private(KEYS[name], None).decode())
    return paramiko.RSAKey.from_private_key(text) if name == "rsa" else paramiko.Ed25519Key.from_private_key(text)


HOST_KEY = loaded("ed25519")
HOST_LINE = formats.public_part(KEYS["ed25519"]).line


class Door(paramiko.ServerInterface):
    """A server's decisions; tests change them."""

    methods = "publickey,password"
    key_answer: Any = common.AUTH_SUCCESSFUL
    password_answer: Any = common.AUTH_SUCCESSFUL
    prompts: tuple[str, ...] = ("Password: ",)
    transport: Any  # a paramiko.Transport, of which tests use more than its type tells

    def __init__(self) -> None:
        self.asked: list[str] = []

    def _decide(self, what: str, answer: Any) -> int:
        self.asked.append(what)
        return int(answer() if callable(answer) else answer)

    def get_allowed_auths(self, username: str) -> str:
        return self.methods

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self._decide("publickey", self.key_answer)

    def check_auth_password(self, username: str, password: str) -> int:
        if "password" not in self.methods:
            return common.AUTH_FAILED
        return self._decide("password", self.password_answer if password == SECRET else common.AUTH_FAILED)

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        if "keyboard-interactive" not in self.methods:
            return common.AUTH_FAILED
        return InteractiveQuery("", "", *self.prompts)

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return self._decide("keyboard-interactive", self.password_answer if responses == [SECRET] else 2)


Open = Callable[..., tuple[Account, Door]]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Open]:
    """Start a server with the decisions given; return an account for it, and the door."""
    listeners: list[socket.socket] = []
    transports: list[paramiko.Transport] = []

    def start(*, configure: Callable[[paramiko.Transport], object] | None = None, **decisions: Any) -> Any:
        behaviour = Door()
        for name, value in decisions.items():
            setattr(behaviour, name, value)
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transports.append(transport)
            behaviour.transport = transport
            transport.add_server_key(HOST_KEY)
            if configure:
                configure(transport)
            try:
                transport.start_server(server=behaviour)
            except (paramiko.SSHException, EOFError, OSError):
                return

        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        account = Account("a", "sftp", "127.0.0.1", port, "ann", host_keys=(HOST_LINE,), timeout=5.0)
        return account, behaviour

    yield start
    for transport in transports:
        transport.close()
    for listener in listeners:
        listener.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Callable[[str], str]:
    def write(name: str) -> str:
        path = tmp_path / name
        path.touch(0o600)
        path.write_bytes(formats.encode_private(KEYS[name], None))
        return str(path)

    return write


def changed(account: Account, **options: Any) -> Account:
    return dataclasses.replace(account, **options)


def refusal(account: Account) -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        connect.open_transport(account)
    assert SECRET not in repr(caught.value)
    assert caught.value.way_out
    return caught.value


def log_in(account: Account) -> None:
    transport = connect.open_transport(account)
    try:
        assert transport.is_authenticated()
    finally:
        transport.close()


@pytest.mark.parametrize("name", KEYS)
def test_the_key_alone_is_enough(door: Open, key_file: Callable[[str], str], name: str) -> None:
    account, behaviour = door()
    log_in(changed(account, private_key_file=key_file(name), password=SECRET))
    assert behaviour.asked == ["publickey"]


def test_the_password_comes_when_the_key_is_refused(door: Open, key_file: Callable[[str], str]) -> None:
    account, behaviour = door(key_answer=common.AUTH_FAILED)
    log_in(changed(account, private_key_file=key_file("ed25519"), password=SECRET))
    assert behaviour.asked == ["publickey", "password"]


def test_a_server_may_want_both(door: Open, key_file: Callable[[str], str]) -> None:
    account, behaviour = door(key_answer=common.AUTH_PARTIALLY_SUCCESSFUL)
    log_in(changed(account, private_key_file=key_file("ed25519"), password=SECRET))
    assert behaviour.asked == ["publickey", "password"]


def test_a_server_that_wants_more_than_there_is_says_what(door: Open, key_file: Callable[[str], str]) -> None:
    account, _door = door(key_answer=common.AUTH_PARTIALLY_SUCCESSFUL)
    error = refusal(changed(account, private_key_file=key_file("ed25519")))
    assert error.reason == "more_needed"
    assert "accepted the key" in error.finding
    assert "It allows: publickey, password." in error.finding


def test_a_password_can_be_asked_for_as_a_question(door: Open) -> None:
    account, behaviour = door(methods="keyboard-interactive")
    log_in(changed(account, password=SECRET))
    assert behaviour.asked == ["keyboard-interactive"]


def test_other_questions_get_no_answer(door: Open) -> None:
    account, behaviour = door(methods="keyboard-interactive", prompts=("Password: ", "Token: "))
    assert refusal(changed(account, password=SECRET)).reason == "user_refused"
    assert behaviour.asked == []


def test_a_wrong_password_is_refused_with_what_is_allowed(door: Open) -> None:
    account, _door = door()
    error = refusal(changed(account, password=SECRET + "-no"))
    assert error.reason == "user_refused"
    assert "refused the user 'ann' with the password. It allows: publickey, password." in error.finding


def test_the_banner_is_told_with_a_refusal(door: Open) -> None:
    account, _door = door(get_banner=lambda: ("Account\x07 locked\r\n", "en-US"))
    error = refusal(changed(account, password=SECRET + "-no"))
    assert 'The server says: "Account\\x07 locked".' in error.finding


def test_an_account_without_credentials_never_connects(door: Open) -> None:
    account, behaviour = door()
    assert refusal(account).reason == "no_credentials"
    assert not hasattr(behaviour, "transport")


def test_a_server_that_does_not_answer_the_login_is_noticed(door: Open) -> None:
    def doze() -> int:
        time.sleep(3)
        return common.AUTH_FAILED

    account, _door = door(password_answer=doze)
    started = time.monotonic()
    error = refusal(changed(account, password=SECRET, timeout=0.7))
    assert time.monotonic() - started < 2.5
    assert error.reason == "no_answer"
    assert "0.7 s" in error.finding


def test_a_connection_that_ends_during_the_login_is_lost(door: Open) -> None:
    account, behaviour = door()

    def hang_up() -> int:
        behaviour.transport.sock.shutdown(socket.SHUT_RDWR)
        return common.AUTH_FAILED

    behaviour.password_answer = hang_up
    assert refusal(changed(account, password=SECRET)).reason == "connection_lost"


@pytest.mark.parametrize(("code", "reason"), [(2, "user_refused"), (14, "user_refused"), (12, "server_busy")])
def test_a_farewell_during_the_login_is_told(door: Open, code: int, reason: str) -> None:
    account, behaviour = door()

    def dismiss() -> int:
        message = paramiko.Message()
        message.add_byte(b"\1")
        message.add_int(code)
        message.add_string("Too many authentication failures")
        message.add_string("")
        behaviour.transport._send_message(message)
        behaviour.transport.sock.shutdown(socket.SHUT_WR)
        return common.AUTH_FAILED

    behaviour.password_answer = dismiss
    error = refusal(changed(account, password=SECRET))
    assert error.reason == reason
    assert 'The server says: "Too many authentication failures".' in error.finding


def test_a_server_that_says_nothing_of_signatures_gets_a_second_try(door: Open, key_file: Callable[[str], str]) -> None:
    seen: list[str] = []

    def note_algorithms(transport: Any) -> None:
        def noting(name: str, kind: Any) -> Any:
            return lambda blob: (seen.append(name), kind(blob))[1]

        transport.server_sig_algs = False
        transport._key_info = {name: noting(name, kind) for name, kind in transport._key_info.items()}

    def take_only_sha256() -> int:
        return int(common.AUTH_SUCCESSFUL if seen[-1] == "rsa-sha2-256" else common.AUTH_FAILED)

    account, _door = door(configure=note_algorithms, key_answer=take_only_sha256)
    log_in(changed(account, private_key_file=key_file("rsa")))
    assert seen == ["rsa-sha2-512", "rsa-sha2-256"]


def test_a_server_that_wants_weak_signatures_is_told(door: Open, key_file: Callable[[str], str]) -> None:
    def configure(transport: Any) -> None:
        transport._preferred_pubkeys = ("ssh-rsa", "ssh-ed25519")

    account, behaviour = door(configure=configure)
    error = refusal(changed(account, private_key_file=key_file("rsa")))
    assert error.reason == "key_type_refused"
    assert "ssh-rsa,ssh-ed25519" in error.finding
    assert behaviour.asked == []
