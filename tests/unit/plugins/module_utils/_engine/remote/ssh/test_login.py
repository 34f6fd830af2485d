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
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
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
    text = io.StringIO(formats.encode_private(KEYS[name]).decode())
    return paramiko.RSAKey.from_private_key(text) if name == "rsa" else paramiko.Ed25519Key.from_private_key(text)


HOST_KEY = loaded("ed25519")
HOST_LINE = formats.public_part(KEYS["ed25519"]).line


class Door(paramiko.ServerInterface):
    """A server's decisions; tests change them."""

    methods = "publickey,password"
    key_answer: Any = common.AUTH_SUCCESSFUL
    password_answer: Any = common.AUTH_SUCCESSFUL
    prompts: tuple[Any, ...] = ("Password: ",)
    transport: Any  # a paramiko.Transport, of which tests use more than its type tells

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.responses: list[list[str]] = []

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
        return InteractiveQuery(
            "", "", *[prompt if isinstance(prompt, tuple) else (prompt, False) for prompt in self.prompts]
        )

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self.responses.append(list(responses))
        is_right = responses[-1:] == [SECRET]
        return self._decide("keyboard-interactive", self.password_answer if is_right else common.AUTH_FAILED)


Open = Callable[..., tuple[Account, Door]]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Open]:
    """Start a server with the decisions given; return an account for it, and the door."""
    listeners: list[socket.socket] = []
    transports: list[paramiko.Transport] = []

    def start(
        kind: type[Door] = Door, *, configure: Callable[[paramiko.Transport], object] | None = None, **decisions: Any
    ) -> Any:
        behaviour = kind()
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
        path.write_bytes(formats.encode_private(KEYS[name]))
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


@pytest.mark.parametrize(
    "prompts",
    [
        ("Password: ", "Token: "),
        ("Verification code: ",),
        ("One-time password (OTP): ",),
        ("PIN: ",),
        ("Enter new password: ",),
        ("a", "b"),
    ],
)
def test_a_question_for_a_person_gets_no_password(door: Open, prompts: tuple[str, ...]) -> None:
    account, behaviour = door(methods="keyboard-interactive", prompts=prompts)
    error = refusal(changed(account, password=SECRET))
    assert error.reason == "user_refused"
    assert all(prompt.strip() in error.finding for prompt in prompts)
    assert "Only a person" in error.finding
    assert behaviour.responses == [[""] * len(prompts)]


@pytest.mark.parametrize("prompts", [("Password: ",), ("Kennwort:",), ("",), (("Password: ", True),)])
def test_the_only_question_gets_the_password(door: Open, prompts: tuple[Any, ...]) -> None:
    account, behaviour = door(methods="keyboard-interactive", prompts=prompts)
    log_in(changed(account, password=SECRET))
    assert behaviour.responses == [[SECRET]]


def test_a_question_for_the_name_gets_the_name(door: Open) -> None:
    account, behaviour = door(methods="keyboard-interactive", prompts=(("User name: ", True), "Password: "))
    log_in(changed(account, password=SECRET))
    assert behaviour.responses == [["ann", SECRET]]


class Stages(Door):
    """A server that wants several methods, one after the other.

    :ivar order: the methods that it wants.
    :ivar named: what it names as allowed; None: only the next one.
    """

    order: tuple[str, ...] = ()
    named: str | None = None

    @property
    def methods(self) -> str:  # type: ignore[override]
        return self.named or self.order[len(self.asked) % len(self.order)]

    def _decide(self, what: str, answer: Any) -> int:
        if what != self.order[len(self.asked)] or answer == common.AUTH_FAILED:
            return common.AUTH_FAILED
        self.asked.append(what)
        return common.AUTH_SUCCESSFUL if len(self.asked) == len(self.order) else common.AUTH_PARTIALLY_SUCCESSFUL


KEY, PASSWORD, QUESTIONS = "publickey", "password", "keyboard-interactive"
ORDERS = [
    (KEY, PASSWORD),
    (PASSWORD, KEY),
    (KEY, QUESTIONS),
    (QUESTIONS, KEY),
    (PASSWORD, QUESTIONS),
    (QUESTIONS, PASSWORD),
    (QUESTIONS, QUESTIONS),
    (KEY, PASSWORD, QUESTIONS),
    (PASSWORD, KEY, QUESTIONS),
    (QUESTIONS, KEY, PASSWORD),
    (KEY, QUESTIONS, QUESTIONS),
    (QUESTIONS, QUESTIONS, KEY),
    (QUESTIONS, PASSWORD, QUESTIONS, KEY),
]


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_server_gets_what_it_wants_in_its_order(
    door: Open, key_file: Callable[[str], str], order: tuple[str, ...], name: str
) -> None:
    account, behaviour = door(Stages, order=order)
    log_in(changed(account, private_key_file=key_file(name), password=SECRET))
    assert tuple(behaviour.asked) == order


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_server_may_name_all_it_wants_from_the_beginning(
    door: Open, key_file: Callable[[str], str], order: tuple[str, ...]
) -> None:
    account, behaviour = door(Stages, order=order, named=",".join(sorted(set(order), key=order.index)))
    log_in(changed(account, private_key_file=key_file("ed25519"), password=SECRET))
    assert tuple(behaviour.asked) == order


def test_a_refused_password_is_not_tried_twice(door: Open) -> None:
    """Else a job with a wrong password would lock the account in half the time."""
    account, behaviour = door(methods="publickey,password,keyboard-interactive")
    error = refusal(changed(account, password=SECRET + "-no"))
    assert error.reason == "user_refused"
    assert behaviour.asked == ["password"]


def test_a_server_that_never_has_enough_is_given_up(door: Open) -> None:
    account, behaviour = door(Stages, order=(QUESTIONS,) * 100)
    error = refusal(changed(account, password=SECRET))
    assert error.reason == "more_needed"
    assert len(behaviour.asked) < 20


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_is_refused_after_the_password_is_told(
    door: Open, key_file: Callable[[str], str], name: str
) -> None:
    account, _door = door(Stages, order=(PASSWORD, KEY), key_answer=common.AUTH_FAILED)
    error = refusal(changed(account, private_key_file=key_file(name), password=SECRET))
    assert error.reason == "user_refused"
    assert "accepted the password of the user 'ann', and refused the key" in error.finding
    assert "registered exactly this key" in error.way_out


@pytest.mark.parametrize("second", [PASSWORD, QUESTIONS])
def test_a_password_that_is_refused_after_the_key_is_told(
    door: Open, key_file: Callable[[str], str], second: str
) -> None:
    account, _door = door(Stages, order=(KEY, second))
    error = refusal(changed(account, private_key_file=key_file("ed25519"), password=SECRET + "-no"))
    assert error.reason == "user_refused"
    assert "accepted the key" in error.finding
    assert error.finding.index("accepted the key") < error.finding.index("and refused the password")
    assert error.way_out == "Check the user name and the password."


@pytest.mark.parametrize(
    ("order", "has", "missing"),
    [
        ((KEY, PASSWORD), "key", "Set password"),
        ((KEY, QUESTIONS), "key", "Set password"),
        ((PASSWORD, KEY), "password", "Set private_key_file"),
        ((QUESTIONS, KEY), "password", "Set private_key_file"),
        ((KEY, KEY), "key", "Ask the provider"),
        ((KEY, "hostbased"), "key", "Ask the provider"),
        ((KEY, KEY), "both", "Ask the provider"),
    ],
)
def test_what_is_missing_is_named(
    door: Open, key_file: Callable[[str], str], order: tuple[str, ...], has: str, missing: str
) -> None:
    account, _door = door(Stages, order=order)
    account = changed(account, password=None if has == "key" else SECRET)
    account = changed(account, private_key_file=None if has == "password" else key_file("ed25519"))
    error = refusal(account)
    assert error.reason == "more_needed"
    assert "but requires more" in error.finding
    assert error.way_out.startswith(missing)


@pytest.mark.parametrize(("order", "missing"), [((PASSWORD, KEY), "Set password"), ((QUESTIONS,), "Set password")])
def test_what_has_to_come_first_and_is_missing_is_named(
    door: Open, key_file: Callable[[str], str], order: tuple[str, ...], missing: str
) -> None:
    account, _door = door(Stages, order=order)
    error = refusal(changed(account, private_key_file=key_file("ed25519")))
    assert error.reason == "user_refused"
    assert "does not take the key" in error.finding
    assert f"It allows: {order[0]}." in error.finding
    assert error.way_out.startswith(missing)


def test_a_partial_success_that_names_nothing_is_no_login(door: Open, key_file: Callable[[str], str]) -> None:
    account, _door = door(methods="", key_answer=common.AUTH_PARTIALLY_SUCCESSFUL)
    assert refusal(changed(account, private_key_file=key_file("ed25519"))).reason == "more_needed"


def test_an_expired_password_is_told(door: Open) -> None:
    """RFC 4252, 8: the server asks for a new one."""
    account, behaviour = door()

    def expire() -> int:
        message = paramiko.Message()
        message.add_byte(bytes([60]))
        message.add_string("Your password has expired")
        message.add_string("")
        behaviour.transport._send_message(message)
        return common.AUTH_FAILED

    behaviour.password_answer = expire
    error = refusal(changed(account, password=SECRET))
    assert error.reason == "user_refused"
    assert "expired" in error.finding


# --- servers that know only SHA-1 for RSA keys


def say_nothing_of_signatures(transport: Any) -> None:
    transport.server_sig_algs = False


@pytest.mark.parametrize("configure", [say_nothing_of_signatures, None])
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("stages", [(KEY,), (PASSWORD, KEY)], ids=str)
def test_sha_1_is_named_where_it_may_be_the_reason(
    door: Open, key_file: Callable[[str], str], stages: tuple[str, ...], name: str, configure: Any
) -> None:
    account, _door = door(Stages, order=stages, key_answer=common.AUTH_FAILED, configure=configure)
    error = refusal(changed(account, private_key_file=key_file(name), password=SECRET))
    assert error.reason == "user_refused"
    may_be = name == "rsa" and configure is not None
    assert ("SHA-1" in str(error)) is may_be
    assert ("ed25519" in error.way_out) is may_be


def test_sha_1_is_not_named_where_the_server_signs_with_sha_2(door: Open, key_file: Callable[[str], str]) -> None:
    def configure(transport: Any) -> None:
        say_nothing_of_signatures(transport)
        transport.add_server_key(loaded("rsa"))

    account, _door = door(key_answer=common.AUTH_FAILED, configure=configure)
    error = refusal(changed(account, private_key_file=key_file("rsa")))
    assert "SHA-1" not in str(error)


def test_sha_1_is_not_named_where_the_key_comes_too_early(door: Open, key_file: Callable[[str], str]) -> None:
    account, _door = door(Stages, order=(PASSWORD, KEY), configure=say_nothing_of_signatures)
    error = refusal(changed(account, private_key_file=key_file("rsa")))
    assert "SHA-1" not in str(error)


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
    told = threading.Event()

    def doze() -> int:
        told.wait(30)
        return common.AUTH_FAILED

    account, _door = door(password_answer=doze)
    started = time.monotonic()
    error = refusal(changed(account, password=SECRET, timeout=0.7))
    told.set()
    assert time.monotonic() - started < 15
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
    assert "SHA-1" in error.finding
    assert "ed25519" in error.way_out
    assert behaviour.asked == []


@pytest.mark.parametrize(
    "error", [IndexError("index out of range"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), AttributeError("x")]
)
@pytest.mark.parametrize("method", ["auth_publickey", "auth_password", "auth_none"])
def test_what_paramiko_raises_during_the_login_is_one_of_our_errors(
    door: Open, key_file: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, error: Exception, method: str
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    account, _door = door(key_answer=common.AUTH_FAILED, password_answer=common.AUTH_FAILED)
    monkeypatch.setattr(paramiko.Transport, method, fail)
    found = refusal(changed(account, private_key_file=key_file("ed25519"), password=SECRET))
    assert found.reason == ("user_refused" if method == "auth_none" else "connection_lost")
