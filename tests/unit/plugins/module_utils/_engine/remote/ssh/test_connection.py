# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Channels of a real SSH connection, and how they end."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    FiledropError,
    ServerBusy,
    UnreachableError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.channel import ChannelEnded
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import receive_buffer
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.connection import SshConnection
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.transports import (
    open_connection as open_any,
)
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import ssh_server as ssh_server_module
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Kind
from support.odd_server import OddSshServer, Sink, drive, upload


def test_a_connection_tells_who_the_server_is(ssh_server: OddSshServer) -> None:
    info = ssh_server.connect().info()
    assert info["host_key"]["line"] in ssh_server.sandbox.host_keys
    assert info["host_key"]["fingerprint"].startswith("SHA256:")
    assert info["server_version"] == "SSH-2.0-filedrop_sandbox"
    assert info["algorithms"].keys() == {"kex", "host_key", "cipher", "mac"}


def open_connection(account: Account) -> SshConnection:
    """A connection by paramiko, the default."""
    found = open_any(account)
    assert isinstance(found, SshConnection)
    return found


@pytest.fixture
def connection(ssh_server: OddSshServer) -> Iterator[SshConnection]:
    connection = open_connection(ssh_server.account())
    yield connection
    connection.close()


def test_a_channel_that_is_closed_before_the_first_byte_has_ended_and_the_connection_has_not(
    connection: SshConnection,
) -> None:
    """As when a server closes SFTP at once: which of the two comes first must not decide what is told."""
    channel = connection.open_channel()
    channel._channel.close()
    with pytest.raises(ChannelEnded):
        channel.send(b"\0\0\0\5\1\0\0\0\3")


def test_bytes_go_there_and_come_back(connection: SshConnection) -> None:
    channel = connection.open_channel()
    assert channel.send(b"\0\0\0\5\1\0\0\0\3") == 9
    found = channel.receive(20.0)
    assert found is not None
    assert found[4:5] == b"\2"
    assert channel.receive(0.0) is None
    assert channel.receive(0.01) is None


def test_only_openssh_is_known_as_openssh(connection: SshConnection) -> None:
    assert not connection.is_openssh


@pytest.mark.parametrize("ended", ["here", "there"])
def test_a_connection_that_has_ended_is_told(ssh_server: OddSshServer, connection: SshConnection, ended: str) -> None:
    channel = connection.open_channel()
    if ended == "here":
        channel.close()
    else:
        ssh_server.cut()
    with pytest.raises(ConnectionLost) as caught:
        channel.receive(20.0)
    assert not isinstance(caught.value, ChannelEnded)
    with pytest.raises(ConnectionLost):
        channel.send(b"x")
    with pytest.raises((ConnectionLost, UnreachableError)):
        connection.open_channel()


def test_a_channel_that_the_server_ends_is_told_apart_from_a_connection_that_has_ended(
    ssh_server: OddSshServer, connection: SshConnection
) -> None:
    channel = connection.open_channel()
    channel.send(b"\xff" * 9)  # no SFTP
    with pytest.raises(ChannelEnded):
        channel.receive(20.0)


@pytest.mark.parametrize("connections", [1, 2])
def test_a_session_that_the_server_ends_is_noticed_at_once(ssh_server: OddSshServer, connections: int) -> None:
    """The channel alone is closed: the SSH connection goes on."""
    remote = ssh_server.connect(connections=connections)

    def end(_call: Call, _go: Serve) -> Answer | None:
        raise OSError("the session ends")

    ssh_server.hooks[Kind.LSTAT] = end

    async def look() -> Entry | None:
        return await remote.stat("pickup")

    began = time.monotonic()
    with pytest.raises(ConnectionLost):
        drive(remote, look())
    assert time.monotonic() - began < 10


def test_a_server_that_ends_the_session_at_its_beginning_has_no_sftp(ssh_server: OddSshServer) -> None:
    def end(_call: Call, _go: Serve) -> Answer | None:
        raise OSError("the session ends")

    ssh_server.hooks[Kind.INIT] = end
    with pytest.raises(UnreachableError) as caught:
        ssh_server.connect()
    assert caught.value.reason == "sftp_refused"


def test_a_server_that_cuts_the_connection_at_its_beginning_is_told(ssh_server: OddSshServer) -> None:
    def cut(_call: Call, _go: Serve) -> Answer | None:
        raise Cut

    ssh_server.hooks[Kind.INIT] = cut
    with pytest.raises((ConnectionLost, UnreachableError)) as caught:
        ssh_server.connect(timeout=3.0)
    assert "has not answered" not in caught.value.finding


def test_a_server_without_room_for_a_session_is_busy(ssh_server: OddSshServer) -> None:
    cast(Any, ssh_server.sandbox._servers["sftp"]).max_sessions = 0
    with pytest.raises(ServerBusy) as caught:
        ssh_server.connect()
    assert caught.value.reason == "session_refused"


def test_a_server_that_never_says_whether_it_speaks_sftp_is_noticed_in_time(
    ssh_server: OddSshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(ssh_server_module._SshConnection, "open_session", lambda _self, _channel: ended.wait(30))
    began = time.monotonic()
    with pytest.raises(ConnectionLost) as caught:
        ssh_server.connect(timeout=3.0)
    ended.set()
    assert 3.0 <= time.monotonic() - began < 20
    assert "3 seconds" in caught.value.finding


# --- what paramiko raises at odd instants

ERRORS = [
    *(paramiko.ChannelException(code, "no") for code in range(1, 5)),
    paramiko.SSHException("SSH session not active"),
    paramiko.ssh_exception.ProxyCommandFailure("x", "y"),
    EOFError(),
    OSError(32, "Broken pipe"),
    ConnectionResetError(104, "Connection reset by peer"),
    socket.timeout(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    struct.error("unpack requires a buffer of 4 bytes"),
    IndexError("index out of range"),
    KeyError(0),
    AttributeError("'NoneType' object has no attribute 'x'"),
    ValueError("bad"),
    TypeError("bad"),
    AssertionError(),
    RuntimeError("cannot join current thread"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize(
    ("kind", "method"),
    [(paramiko.Transport, "open_session"), (paramiko.Channel, "invoke_subsystem"), (paramiko.Channel, "settimeout")],
    ids=["open_session", "invoke_subsystem", "settimeout"],
)
@pytest.mark.parametrize("is_dead", [False, True])
def test_what_paramiko_raises_while_a_channel_opens_is_one_of_our_errors(
    connection: SshConnection,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    kind: type[Any],
    method: str,
    is_dead: bool,
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        if is_dead:
            connection.close()
        raise error

    monkeypatch.setattr(kind, method, fail)
    with pytest.raises(FiledropError) as caught:
        connection.open_channel()
    assert isinstance(caught.value, (ConnectionLost, ServerBusy, UnreachableError))
    if is_dead and not isinstance(error, paramiko.ChannelException):
        assert isinstance(caught.value, ConnectionLost)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("method", ["send", "recv"])
def test_what_paramiko_raises_on_a_channel_is_one_of_our_errors(
    connection: SshConnection, monkeypatch: pytest.MonkeyPatch, error: Exception, method: str
) -> None:
    channel = connection.open_channel()

    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(channel._channel, method, fail)  # not the server's, which is in this process
    if method == "recv" and isinstance(error, socket.timeout):
        assert channel.receive(0.1) is None
        return
    with pytest.raises(ConnectionLost):
        channel.receive(0.1) if method == "recv" else channel.send(b"x")


@pytest.mark.parametrize("ends", ["_event_pending", "_send_user_message"])
def test_a_connection_that_ends_while_a_session_is_asked_for_is_noticed_in_time(
    ssh_server: OddSshServer, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """paramiko waits for an event that nobody sets any more."""
    kind: Any = paramiko.Channel if ends == "_event_pending" else paramiko.Transport
    connection = open_connection(ssh_server.account(timeout=1.0))
    honest = getattr(kind, ends)

    def end(self: Any, *arguments: object) -> Any:
        if kind is paramiko.Channel or connection._transport._channels:  # type: ignore[attr-defined]
            connection.close()
            connection._transport.join(5)
        return honest(self, *arguments)

    monkeypatch.setattr(kind, ends, end)
    began = time.monotonic()
    with pytest.raises((ConnectionLost, UnreachableError)):
        connection.open_channel()
    assert time.monotonic() - began < 10


def test_a_connection_that_ends_right_after_the_key_exchange_is_lost(
    ssh_server: OddSshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_transport: object) -> None:
        raise paramiko.SSHException("No existing session")

    monkeypatch.setattr(paramiko.Transport, "get_remote_server_key", ended)
    with pytest.raises(ConnectionLost):
        open_connection(ssh_server.account())


def test_buffers_that_are_not_known_are_left_as_they_are(
    ssh_server: OddSshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release of the future may have others. All goes through their public parts then."""
    monkeypatch.setattr(receive_buffer, "KNOWN_METHODS", {"close", "feed", "read"})
    content = bytes(range(256)) * 4000
    (ssh_server.pickup / "a.xml").write_bytes(content)
    remote = ssh_server.connect()
    sink = Sink()

    async def both_ways() -> int | None:
        uploaded = await upload(remote, "input/b.xml", content)
        size = await uploaded.size()
        await uploaded.close()
        await remote.download("pickup/a.xml", sink, size=len(content))
        return size

    assert drive(remote, both_ways()) == len(content)
    assert sink.content == content
    assert (ssh_server.input / "b.xml").read_bytes() == content
    kinds = {type(session._channel._channel.in_buffer) for session in remote._sessions.all}  # type: ignore[attr-defined]
    assert kinds == {paramiko.buffered_pipe.BufferedPipe}


def test_buffers_that_are_known_are_replaced(ssh_server: OddSshServer) -> None:
    remote = ssh_server.connect()
    kinds = {type(session._channel._channel.in_buffer) for session in remote._sessions.all}  # type: ignore[attr-defined]
    assert kinds == {receive_buffer.ReceiveBuffer}
