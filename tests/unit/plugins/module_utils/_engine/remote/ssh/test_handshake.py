# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers of all kinds, each for one connection: what they do to us must end soon, and be told in the right words."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    FiledropError,
    ServerBusy,
    UnreachableError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import connect, handshake

VERSION = b"SSH-2.0-test\r\n"
Talk = Callable[[socket.socket], object]
Serve = Callable[[Talk], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve each connection to a free port with a function; it ends with the test."""
    listeners = []

    def start(talk: Talk) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection:
                    talk(connection)

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def says(*lines: bytes) -> Talk:
    """Say this, take what comes, and end as soon as the client does, or is silent for a moment."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"".join(lines))
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        try:
            while connection.recv(65536):
                pass
        except OSError:
            return

    return talk


def keeps(*lines: bytes) -> Talk:
    """Say this, and then nothing more, with the connection open."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"".join(lines))
        connection.settimeout(10)
        try:
            while connection.recv(65536):
                pass
        except OSError:
            return

    return talk


def packet(*parts: bytes) -> bytes:
    """An unencrypted packet (RFC 4253 section 6)."""
    payload = b"".join(parts)
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def text(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def failure(port: int, timeout: float = 5.0) -> FiledropError:
    threads = threading.active_count()
    with pytest.raises(FiledropError) as caught:
        handshake.negotiate("127.0.0.1", port, timeout)
    assert f"127.0.0.1 port {port}" in caught.value.finding
    assert caught.value.way_out
    assert all(len(line) < 2000 for line in str(caught.value).splitlines())
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= threads, [str(t) for t in threading.enumerate()]
    return caught.value


@pytest.mark.parametrize("first", [(), (b"Welcome\r\n",), (VERSION,)])
def test_silence_is_noticed_within_the_timeout(serve: Serve, first: tuple[bytes, ...]) -> None:
    started = time.monotonic()
    error = failure(serve(keeps(*first)), timeout=0.6)
    assert 0.5 < time.monotonic() - started < 15
    assert error.reason == "no_answer"
    assert ("but sends nothing" in error.finding) == (first == ())
    assert "0.6 s" in error.finding


def test_a_dribble_is_as_good_as_silence(serve: Serve) -> None:
    def dribble(connection: socket.socket) -> None:
        try:
            for _number in range(400):
                connection.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            return

    started = time.monotonic()
    assert failure(serve(dribble), timeout=0.6).reason == "no_answer"
    assert time.monotonic() - started < 15


def test_a_flood_without_an_end_is_cut_off(serve: Serve) -> None:
    def flood(connection: socket.socket) -> None:
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            return

    started = time.monotonic()
    assert failure(serve(flood), timeout=0.6).reason == "no_answer"
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    "line",
    [
        b"Exceeded MaxStartups\r\n",
        b"Not allowed at this time\r\n",
        b"421 Too many connections from your address\r\n",
        b"Maximum number of sessions reached\r\n",
    ],
)
def test_a_server_that_says_it_is_full_is_busy(serve: Serve, line: bytes) -> None:
    error = failure(serve(says(line)))
    assert isinstance(error, ServerBusy)
    assert line.decode().strip() in error.finding


@pytest.mark.parametrize(
    ("bytes_said", "printable"),
    [
        (b"220 ftp.example.com ready\r\n", "220 ftp.example.com ready"),
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "HTTP/1.1 400 Bad Request Server: x"),
        (b"\x1b[31mred\r\n", "\\x1b[31mred"),
        (b"\x15\x03\xff\n", "It does not send text"),
        (b"y" * 5000 + b"\n", "y" * 200 + "..."),
    ],
)
def test_what_is_no_ssh_server_is_quoted_safely(serve: Serve, bytes_said: bytes, printable: str) -> None:
    error = failure(serve(says(bytes_said)))
    assert isinstance(error, UnreachableError)
    assert error.reason == "not_ssh"
    assert error.finding.rstrip('".').endswith(printable.rstrip("."))


def test_lines_before_the_version_are_passed_over(serve: Serve) -> None:
    # RFC 4253 section 4.2 allows them.
    error = failure(serve(says(b"Welcome\r\n", VERSION)))
    assert error.reason == "server_busy"
    assert "during the key exchange" in error.finding


@pytest.mark.parametrize("said", [b"", VERSION])
def test_a_connection_closed_early_is_busy(serve: Serve, said: bytes) -> None:
    assert isinstance(failure(serve(says(said))), ServerBusy)


@pytest.mark.parametrize(
    ("code", "reason"), [(12, "server_busy"), (11, "server_busy"), (7, "server_busy"), (1, "host_refused")]
)
def test_a_farewell_is_quoted(serve: Serve, code: int, reason: str) -> None:
    goodbye = packet(b"\x01", code.to_bytes(4, "big"), text(b"Come \x07back\xff later"), text(b""))
    error = failure(serve(says(VERSION, goodbye)))
    assert error.reason == reason
    assert 'The server says: "Come \\x07back\\xff later".' in error.finding


def test_an_old_protocol_is_told(serve: Serve) -> None:
    error = failure(serve(says(b"SSH-1.5-ancient\r\n")))
    assert error.reason == "no_common_algorithm"
    assert "SSH-1.5-ancient" in error.finding


def offer(**changes: bytes) -> bytes:
    """The algorithms that a server offers (RFC 4253 section 7.1)."""
    lists = {
        "kex": b"ecdh-sha2-nistp256",
        "host_key": b"ssh-ed25519",
        "cipher": b"aes128-ctr",
        "mac": b"hmac-sha2-256",
        **changes,
    }
    names = [lists[name] for name in ("kex", "host_key", "cipher", "cipher", "mac", "mac")]
    names += [b"none", b"none", b"", b""]
    return packet(b"\x14", bytes(16), *(text(name) for name in names), b"\0", bytes(4))


@pytest.mark.parametrize(
    ("kind", "weak"),
    [
        ("kex", b"diffie-hellman-group1-sha1,diffie-hellman-group14-sha1"),
        ("host_key", b"ssh-rsa,ssh-dss"),
        ("cipher", b"aes128-cbc,3des-cbc,arcfour"),
        ("mac", b"hmac-sha1,hmac-md5,hmac-sha1-96"),
    ],
)
def test_weak_algorithms_are_refused_and_named(serve: Serve, kind: str, weak: bytes) -> None:
    error = failure(serve(says(VERSION, offer(**{kind: weak}))))
    assert error.reason == "no_common_algorithm"
    assert f"{kind}: {', '.join(weak.decode().split(','))}" in error.finding


def test_a_broken_key_exchange_is_the_server_s_fault(serve: Serve) -> None:
    assert failure(serve(says(VERSION, packet(b"\x15")))).reason == "key_exchange_failed"


def test_a_packet_that_claims_to_be_endless_is_not_waited_for(serve: Serve) -> None:
    error = failure(serve(keeps(VERSION, b"\x7f\xff\xff\xfc" + bytes(100))))
    assert error.reason == "key_exchange_failed"
    assert "a packet of 2147483" in error.finding


def test_nothing_weak_is_ever_offered_and_the_fast_comes_first() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport: Any = paramiko.Transport(ours)
        handshake._configure(transport, 5.0, ("rsa-sha2-512", "rsa-sha2-256"), only=False)
        options = transport.get_security_options()
        gcm = "aes128-gcm@openssh.com" in transport._cipher_info
        assert options.ciphers[0] == ("aes128-gcm@openssh.com" if gcm else "aes128-ctr")
        assert options.digests[0].startswith("hmac-sha2-256")
        assert options.key_types[:3] == ("rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519")
        assert "group-exchange" in options.kex[-1]
        for names in (options.ciphers, options.digests, options.kex, options.key_types):
            assert not [name for name in names if handshake.WEAK.search(name)]


def test_old_paramiko_without_strict_key_exchange_prefers_what_cannot_be_cut() -> None:
    class Old:
        pass

    class New:
        advertise_strict_kex = True

    assert handshake._macs(New())[0] == "hmac-sha2-256-etm@openssh.com"  # type: ignore[arg-type]
    assert handshake._macs(Old())[:2] == ["hmac-sha2-256", "hmac-sha2-512"]  # type: ignore[arg-type]


def test_nothing_is_printed(serve: Serve, import_path: Path) -> None:
    port = serve(says(VERSION, packet(b"\x15")))
    code = (
        f"import sys; sys.path.insert(0, {str(import_path)!r})\n"
        f"from {handshake.__name__} import negotiate\n"
        "try:\n"
        f"    negotiate('127.0.0.1', {port}, 5.0)\n"
        "except Exception as error:\n"
        "    sys.stdout.write(error.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("key_exchange_failed", "")


def test_a_transport_from_elsewhere_has_no_words() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert connect.banner_of(paramiko.Transport(ours)) == handshake.ServerBanner()
