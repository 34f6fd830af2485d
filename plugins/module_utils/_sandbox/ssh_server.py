# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve SSH: log in registered users, and start an SFTP session for each channel."""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Callable

from .._engine._paramiko import paramiko
from .faults import Cut
from .server import LOGGER, Connection, Server
from .sftp_server import Session
from .wire import BadMessage

# Seconds within which a client must log in.
_LOGIN_TIME = 60.0
# Bytes that a client may send before it must wait, and bytes of one packet: enough for hundreds of files in transfer.
_WINDOW = 16 * 1024 * 1024
_PACKET = 256 * 1024

_log = logging.getLogger(LOGGER)


class SshServer(Server):
    """Serve SFTP.

    :param max_sessions: maximum number of open channels per connection.
    """

    def __init__(self, *, host_keys: Sequence[paramiko.PKey], max_sessions: int = 10, **options: Any) -> None:
        super().__init__(**options)
        self.host_keys = host_keys
        self.max_sessions = max_sessions

    def connection(self, accepted: socket.socket) -> Connection:
        return _SshConnection(self, accepted)


class _SshConnection(Connection):
    _server: SshServer

    def __init__(self, server: SshServer, accepted: socket.socket) -> None:
        super().__init__(server, accepted)
        self._transport: paramiko.Transport | None = None
        self._channels: list[paramiko.Channel] = []
        self._threads: list[threading.Thread] = []

    def join(self) -> None:
        super().join()
        for thread in self._threads:
            thread.join()

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.close()
        self._socket.close()

    def serve(self) -> None:
        try:
            self._negotiate()
        except paramiko.SSHException as error:
            _log.info("A connection ended: %s", error)

    def _negotiate(self) -> None:
        link = self._socket
        keys = self._server.host_keys
        for fault in self._faults:
            link = fault.link(link)
            keys = fault.host_keys(keys)
        transport = paramiko.Transport(link, default_window_size=_WINDOW, default_max_packet_size=_PACKET)
        self._transport = transport
        transport.local_version = "SSH-2.0-filedrop_sandbox"
        transport.set_log_channel(f"{LOGGER}.ssh")
        for key in keys:
            transport.add_server_key(key)
        transport.start_server(event=threading.Event(), server=_interface_class()(self))
        deadline = time.monotonic() + _LOGIN_TIME
        while transport.is_alive() and not transport.is_authenticated() and time.monotonic() < deadline:
            transport.join(0.5)
        if transport.is_authenticated():
            transport.join()

    def allowed_methods(self, username: str) -> str:
        account = self._server.lookup(username)
        return "publickey" if account is None else account.methods

    def knows_key(self, username: str, key: paramiko.PKey) -> bool:
        """Whether the key is registered for the user. paramiko checks that the client has its private key."""
        account = self.permitted(username, "publickey")
        return account is not None and key.asbytes() in account.blobs

    def has_room(self) -> bool:
        """Whether another channel may be opened."""
        transport = self._transport
        # Accepting channels also prevents paramiko from keeping references to all old channels.
        while transport is not None and (channel := transport.accept(0)) is not None:
            self._channels.append(channel)
        self._channels = [channel for channel in self._channels if not channel.closed]
        return len(self._channels) < self._server.max_sessions

    def open_session(self, channel: paramiko.Channel) -> bool:
        """Start SFTP on a channel."""
        username = channel.get_transport().get_username()
        if username is None or self._server.lookup(username) is None:
            return False
        thread = threading.Thread(target=self._serve, args=(channel, username), name="sandbox session", daemon=True)
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()
        return True

    def _serve(self, channel: paramiko.Channel, username: str) -> None:
        _log.info("%s: session started.", username)
        session = Session(self._server.files(username), username=username, faults=self._faults)
        line = _Line(channel, self._server.touch)
        try:
            session.run(line, packet=getattr(channel, "out_max_packet_size", 32768))
            channel.send_exit_status(0)
        except Cut:
            self.cut()
        except BadMessage as error:
            _log.warning("%s: session ended: %s.", username, error)
        except (OSError, EOFError, paramiko.SSHException) as error:
            _log.info("%s: session ended: %s", username, error)
        finally:
            # Closing sends a message to the client, which may be gone.
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                channel.close()


class _Line:
    """An SSH channel that records its use."""

    def __init__(self, channel: paramiko.Channel, touch: Callable[[], None]) -> None:
        self.send = channel.send
        self._recv = channel.recv
        self._touch = touch

    def recv(self, nbytes: int) -> bytes:
        data = self._recv(nbytes)
        self._touch()
        return data


@functools.cache
def _interface_class() -> Any:
    """Return the server interface for paramiko. The class is made here, because paramiko may be missing at import."""

    class Interface(paramiko.ServerInterface):
        def __init__(self, connection: _SshConnection) -> None:
            self._connection = connection

        def get_allowed_auths(self, username: str) -> str:
            return self._connection.allowed_methods(username)

        def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
            known = self._connection.knows_key(username, key)
            return paramiko.common.AUTH_SUCCESSFUL if known else paramiko.common.AUTH_FAILED

        def check_auth_password(self, username: str, password: str) -> int:
            known = isinstance(password, str) and self._connection.knows_password(username, password)
            return paramiko.common.AUTH_SUCCESSFUL if known else paramiko.common.AUTH_FAILED

        def check_channel_request(self, kind: str, chanid: int) -> int:
            del chanid
            if kind != "session":
                return paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
            return (
                paramiko.common.OPEN_SUCCEEDED
                if self._connection.has_room()
                else paramiko.common.OPEN_FAILED_RESOURCE_SHORTAGE
            )

        def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
            return name == "sftp" and self._connection.open_session(channel)

    return Interface
