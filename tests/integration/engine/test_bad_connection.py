# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever keeps a connection or a folder from being used is told with its reason, and moves nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from support.desk import Desk, assert_delivered, digests, fill, outcomes
from support.sshd import SshServer, host_key, make_key, user_key

PASSPHRASE = "correct horse"

PARAMIKO_ONLY = pytest.mark.parametrize("transport", ["paramiko"], indirect=True)  # see openssh_config.why_not


@pytest.fixture(params=["paramiko", "openssh"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(tmp_path: Path, sshd: SshServer, transport: str) -> Desk:
    return Desk(tmp_path, sshd.account_options(transport=transport))


def _refused(desk: Desk, sshd: SshServer, **account: object) -> FiledropError:
    """The error of both directions, which is the same; nothing may have moved, nor may a secret be told."""
    sent = fill(desk.outbox, 1, 100)
    there = fill(sshd.pickup, 1, 100)
    dropped, picked = (desk.refusal(desk.job(direction), account) for direction in ("dropoff", "pickup"))
    assert (dropped.reason, dropped.finding) == (picked.reason, picked.finding)
    assert (digests(desk.outbox), digests(sshd.input)) == (sent, {})
    assert (digests(sshd.pickup), digests(desk.inbox)) == (there, {})
    assert dropped.way_out
    for secret in (account.get("password"), account.get("passphrase"), PASSPHRASE):
        assert not secret or str(secret) not in f"{dropped} {picked} {dropped!r} {picked!r}"
    return dropped


def _key_file(folder: Path, what: str) -> Path:
    path = folder / "key"
    if what == "encrypted":
        make_key(path, passphrase=PASSPHRASE)
    elif what != "missing":
        contents = {"public": user_key().public, "empty": "", "text": "no key\n"}
        content = contents.get(what, user_key().path.read_text())
        path.write_text(content)
        path.chmod(0o644 if what == "exposed" else 0o600)
    return path


@PARAMIKO_ONLY
def test_a_wrong_passphrase(desk: Desk, sshd: SshServer, tmp_path: Path) -> None:
    path = _key_file(tmp_path, "encrypted")
    error = _refused(desk, sshd, private_key_file=str(path), passphrase="battery staple")
    assert (error.reason, "the passphrase is wrong" in error.finding) == ("key_passphrase", True)
    assert str(path) in error.finding


@pytest.mark.parametrize(
    ("what", "reason", "words"),
    [
        ("missing", "key_missing", "does not exist"),
        ("exposed", "key_exposed", "has mode 0644"),
        ("encrypted", "key_encrypted", "no passphrase is given"),
        ("public", "key_malformed", "contains a public key"),
        ("empty", "key_malformed", "is empty"),
        ("text", "key_malformed", "contains no private key"),
    ],
)
def test_a_private_key_that_cannot_be_used(
    desk: Desk, sshd: SshServer, tmp_path: Path, what: str, reason: str, words: str
) -> None:
    path = _key_file(tmp_path, what)
    error = _refused(desk, sshd, private_key_file=str(path))
    assert error.reason == reason
    assert str(path) in error.finding
    assert words in error.finding
    assert "Connection from" not in sshd.log


@PARAMIKO_ONLY
def test_an_encrypted_key_with_its_passphrase_opens_the_door(desk: Desk, sshd: SshServer, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", passphrase=PASSPHRASE)
    sshd.authorize([key.public])
    sent = fill(desk.outbox, 1)
    account = {"private_key_file": str(key.path), "passphrase": PASSPHRASE}
    assert_delivered(desk.drop_off(account=account), sent)


def test_no_pinned_host_key_shows_what_was_offered(desk: Desk, sshd: SshServer) -> None:
    error = _refused(desk, sshd, host_keys=[])
    assert error.reason == "host_key_unknown"
    assert host_key("ed25519").fingerprint in error.finding
    assert host_key("ed25519").public in error.way_out
    assert "provider published" in error.way_out
    assert "Accepted" not in sshd.log


@pytest.mark.parametrize("form", ["key", "fingerprint"])
def test_another_host_key_ends_the_run_before_the_login(desk: Desk, sshd: SshServer, tmp_path: Path, form: str) -> None:
    other = make_key(tmp_path / "other")
    entry = other.public if form == "key" else other.fingerprint
    error = _refused(desk, sshd, host_keys=[entry])
    assert error.reason == "host_key_changed"
    assert other.fingerprint in error.finding
    assert host_key("ed25519").fingerprint in error.finding
    assert "provider" in error.way_out
    assert "courier.filedrop.onboard" in error.way_out
    assert "Accepted" not in sshd.log
    assert "Failed" not in sshd.log


@pytest.mark.parametrize(
    "entry", ["ssh-ed25519", "ssh-ed25519 AAAA!", "ssh-dss AAAAB3NzaC1kc3M=", "SHA256:short", "MD5:00", "whatever", " "]
)
def test_a_malformed_host_key_is_shown(desk: Desk, sshd: SshServer, entry: str) -> None:
    error = _refused(desk, sshd, host_keys=[host_key("ed25519").public, entry])
    assert error.reason in ("host_keys_malformed", "option_invalid")
    assert repr(entry) in error.finding
    assert "Connection from" not in sshd.log


@pytest.mark.parametrize("key_type", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("form", ["key", "fingerprint", "known_hosts"])
def test_every_type_and_form_of_a_host_key_can_be_pinned(desk: Desk, sshd: SshServer, key_type: str, form: str) -> None:
    key = host_key(key_type)
    entry = {"key": f"{key.public} a comment", "fingerprint": key.fingerprint, "known_hosts": f"[h]:22 {key.public}"}
    sent = fill(desk.outbox, 1, 10)
    assert_delivered(desk.drop_off(account={"host_keys": [entry[form]]}), sent)


@pytest.mark.parametrize("case", ["key", "name"])
def test_a_refused_user_is_told_what_was_offered(desk: Desk, sshd: SshServer, case: str) -> None:
    name = sshd.username
    if case == "key":
        sshd.authorize([])
    else:
        name = "nobody-of-that-name"
    error = _refused(desk, sshd, username=name)
    assert error.reason == "user_refused"
    assert repr(name) in error.finding
    assert user_key().fingerprint in error.finding
    assert "publickey" in error.finding
    assert error.way_out


@pytest.mark.parametrize(
    ("config", "reason", "words"),
    [
        ("AuthenticationMethods publickey,publickey", "more_needed", "but requires more. It allows: publickey."),
        ("MaxAuthTries 1", "user_refused", "refused the user"),
    ],
)
def test_a_login_that_fails_is_told_with_the_words_of_the_server(
    desk: Desk, start_sshd: Callable[..., SshServer], tmp_path: Path, config: str, reason: str, words: str
) -> None:
    (tmp_path / "banner").write_text("Closed for the night.\n")
    authorized: list[str] | None = [] if reason == "user_refused" else None
    server = start_sshd(config=[config, f"Banner {tmp_path}/banner"], authorized=authorized)
    error = _refused(desk, server, **server.account_options())
    assert (error.reason, words in error.finding) == (reason, True), error.finding
    assert reason == "user_refused" or "Closed for the night." in error.finding


@PARAMIKO_ONLY
def test_a_wrong_password_is_refused_and_never_shown(desk: Desk, start_sshd: Callable[..., SshServer]) -> None:
    server = start_sshd(password=True, authorized=[])
    options = server.account_options(private_key_file=None)
    error = _refused(desk, server, **options, password="hunter2-and-more")
    assert error.reason == "user_refused"
    sent = digests(desk.outbox)
    result = desk.drop_off(account={**options, "password": server.password})
    assert_delivered(result, sent)


def test_an_unknown_host_is_named(desk: Desk, sshd: SshServer) -> None:
    error = _refused(desk, sshd, host="no-such-host.invalid")
    assert error.reason == "host_unknown"
    assert "no-such-host.invalid" in error.finding


def test_a_closed_port_is_named(desk: Desk, sshd: SshServer) -> None:
    with socket.socket() as bound:  # bound, so that nobody else gets the port, and not listening
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        error = _refused(desk, sshd, port=port)
    assert error.reason == "port_closed"
    assert f"127.0.0.1 port {port}" in error.finding


def test_a_silent_server_is_noticed_within_the_timeout(desk: Desk, sshd: SshServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel takes the connection, and nobody speaks
        error = _refused(desk, sshd, port=listener.getsockname()[1], timeout=0.5)
    assert error.reason == "no_answer"
    assert "0.5 s" in error.finding
    assert "timeout" in error.way_out


def test_what_is_no_ssh_server_is_quoted(desk: Desk, sshd: SshServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_say_goodbye, args=(listener,), daemon=True).start()
        error = _refused(desk, sshd, port=listener.getsockname()[1])
    assert error.reason == "not_ssh"
    assert "421 ftp.example.com: go away" in error.finding


def _say_goodbye(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _address = listener.accept()
            with connection:
                connection.sendall(b"421 ftp.example.com: go away\r\n")
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1000)  # what the client says, or its end: closing before that would reset


def test_a_server_without_a_place_for_us_is_busy(desk: Desk, start_sshd: Callable[..., SshServer]) -> None:
    server = start_sshd(config=["MaxStartups 1:100:1"])
    with socket.create_connection((server.host, server.port)) as other:
        assert other.recv(100).startswith(b"SSH-2.0")  # it has the only place
        error = _refused(desk, server, **server.account_options())
    assert error.reason == "server_busy"
    assert f"port {server.port}" in error.finding


def test_a_login_without_sftp_is_told_apart(desk: Desk, start_sshd: Callable[..., SshServer]) -> None:
    server = start_sshd(config=["ForceCommand /nothing"])
    error = _refused(desk, server, **server.account_options())
    assert error.reason == "sftp_refused"
    assert "may use SFTP" in error.way_out


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_a_missing_remote_folder_is_named(desk: Desk, sshd: SshServer, direction: str) -> None:
    sent = fill(desk.outbox, 1)
    error = desk.refusal(desk.job(direction, remote_dir="no/such"))
    assert error.reason == "remote_missing"
    assert "'no/such'" in error.finding
    assert "`remote_dir`" in error.way_out
    assert digests(desk.outbox) == sent


def test_a_remote_folder_that_is_a_file_is_refused(desk: Desk, sshd: SshServer) -> None:
    sshd.put("report.xml", b"report")
    sent = fill(desk.outbox, 1)
    error = desk.refusal(desk.job("dropoff", remote_dir="pickup/report.xml"))
    assert "'pickup/report.xml'" in error.finding
    assert error.way_out
    assert digests(desk.outbox) == sent
    assert (sshd.pickup / "report.xml").read_bytes() == b"report"


def test_a_remote_folder_that_may_not_be_listed(desk: Desk, sshd: SshServer) -> None:
    sshd.put("report.xml", b"report")
    sshd.pickup.chmod(0o300)
    error = desk.refusal(desk.job("pickup"))
    assert error.reason == "remote_denied"
    assert "'pickup'" in error.finding
    assert "permission to list" in error.way_out
    sshd.pickup.chmod(0o700)
    assert_delivered(desk.pick_up(), ["report.xml"])


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_remote_folder_that_may_not_be_written(desk: Desk, sshd: SshServer, upload: str) -> None:
    sent = fill(desk.outbox, 3)
    sshd.input.chmod(0o500)
    result = desk.drop_off(upload=upload)
    assert {(one.outcome, one.reason) for one in result.outcomes} <= {
        ("failed", "remote_denied"),
        ("waiting", "not_reached"),
    }
    assert "input/" in result.outcomes[0].message
    assert digests(desk.outbox) == sent
    sshd.input.chmod(0o700)
    assert_delivered(desk.drop_off(upload=upload), sent)
    assert digests(sshd.input) == sent


def test_a_file_that_may_not_be_read_or_deleted_does_not_stop_the_others(desk: Desk, sshd: SshServer) -> None:
    sshd.put("unreadable.xml", b"secret").chmod(0)
    sshd.put("good.xml", b"good")
    result = desk.pick_up()
    assert result.error is None
    assert outcomes(result) == {"good.xml": ("delivered", ""), "unreadable.xml": ("failed", "remote_denied")}
    assert digests(desk.inbox).keys() == {"good.xml"}

    sshd.put("kept.xml", b"kept")
    sshd.pickup.chmod(0o500)
    again = desk.pick_up()
    assert outcomes(again)["kept.xml"] == ("failed", "not_removed")
    assert (desk.inbox / "kept.xml").read_bytes() == b"kept"
    sshd.pickup.chmod(0o700)
    (sshd.pickup / "unreadable.xml").unlink()
    third = desk.pick_up()
    assert third.error is None
    assert digests(sshd.pickup) == {}
    assert digests(desk.inbox).keys() == {"good.xml", "kept.xml"}


def test_a_server_that_ends_the_session_without_a_word_is_not_waited_for(
    desk: Desk, start_sshd: Callable[..., SshServer]
) -> None:
    server = start_sshd(config=["ForceCommand /bin/true"])
    assert _refused(desk, server, **server.account_options()).reason == "sftp_refused"
