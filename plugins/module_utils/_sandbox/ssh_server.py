# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve SSH on loopback: accept connections, log in registered users, and start an SFTP session for each channel."""

from __future__ import annotations

import contextlib
import functools
import logging
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

from .._engine._deps import paramiko
from .accounts import Account, password_matches
from .faults import Cut, Fault
from .sftp_server import Session
from .wire import BadMessage

if TYPE_CHECKING:
    from .filesystem import Filesystem

#: The only address that the sandbox ever listens on. There is no option for another one.
HOST = "127.0.0.1"

LOGGER = "filedrop.sandbox"

# Seconds within which a client must log in.
_LOGIN_TIME = 60.0
# Bytes that a client may send before it must wait, and bytes of one packet: enough for hundreds of files in transfer.
_WINDOW = 16 * 1024 * 1024
_PACKET = 256 * 1024

_log = logging.getLogger(LOGGER)
_log.addHandler(logging.NullHandler())


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback. Port 0: a free one. :raises OSError: the port is not available."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Lingering connections of an earlier sandbox must not block the port for the next one.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


class SshServer:
    """Listen until it is stopped.

    :param lookup: returns the account of a user name; called at each login, so accounts can change at any time.
    :param files: returns the folders of an account that has logged in.
    :param max_sessions: maximum number of open channels per connection.
    """

    def __init__(
        self,
        *,
        listener: socket.socket,
        host_keys: Sequence[paramiko.PKey],
        lookup: Callable[[str], Account | None],
        files: Callable[[str], Filesystem],
        faults: Sequence[Fault] = (),
        max_sessions: int = 10,
    ) -> None:
        self.host_keys = host_keys
        self.lookup = lookup
        self.files = files
        self.faults = tuple(faults)
        self.max_sessions = max_sessions
        #: When a client last connected or sent a request, by the monotonic clock.
        self.last_active = time.monotonic()
        self._listener = listener
        self._wake, self._waker = socket.socketpair()
        self._connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="sandbox accept", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection. All sessions have ended when this returns."""
        self._waker.send(b"\0")
        self._thread.join()
        for closing in (self._listener, self._wake, self._waker):
            closing.close()
        for connection in self._current():
            connection.cut()
            connection.join()

    def cut(self) -> None:
        """Cut all current connections, without a message to the clients."""
        for connection in self._current():
            connection.cut()

    def touch(self) -> None:
        self.last_active = time.monotonic()

    def ended(self, connection: _Connection) -> None:
        with self._lock:
            self._connections.discard(connection)

    def _current(self) -> list[_Connection]:
        with self._lock:
            return list(self._connections)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not any(key.fileobj is self._wake for key, _events in selector.select()):
                try:
                    accepted, _address = self._listener.accept()
                except OSError:
                    # The client has disconnected, or there are no free descriptors. Other clients are not affected.
                    time.sleep(0.05)
                    continue
                self.touch()
                connection = _Connection(self, accepted)
                with self._lock:
                    self._connections.add(connection)
                connection.start()


class _Connection:
    """Serve one TCP connection, from the key exchange to its end."""

    def __init__(self, server: SshServer, accepted: socket.socket) -> None:
        self._server = server
        self._socket = accepted
        self._transport: paramiko.Transport | None = None
        self._channels: list[paramiko.Channel] = []
        # Faults can be replaced at any time. A connection keeps the faults that it started with.
        self._faults = server.faults
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run, name="sandbox connection", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        for thread in (self._thread, *self._threads):
            thread.join()

    def cut(self) -> None:
        """End the connection at once, without a message to the client."""
        if self._transport is not None:
            self._transport.close()
        self._socket.close()

    def _run(self) -> None:
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._negotiate()
        except (paramiko.SSHException, OSError, EOFError, Cut) as error:
            _log.info("A connection ended: %s", error)
        finally:
            self.cut()
            self._server.ended(self)

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
        account = self._permitted(username, "publickey")
        return account is not None and key.asbytes() in account.blobs

    def knows_password(self, username: str, password: str | bytes) -> bool:
        account = self._permitted(username, "password")
        if account is None or account.password is None or not isinstance(password, str):
            return False
        return password_matches(password, account.password)

    def _permitted(self, username: str, method: str) -> Account | None:
        try:
            permitted = [fault.authenticate(username, method) for fault in self._faults]
        except Cut:
            self.cut()
            return None
        return self._server.lookup(username) if all(permitted) else None

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
        session = Session(
            _Line(channel, self._server.touch),
            self._server.files(username),
            username=username,
            faults=self._faults,
            packet=getattr(channel, "out_max_packet_size", 32768),
        )
        try:
            session.run()
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
        def __init__(self, connection: _Connection) -> None:
            self._connection = connection

        def get_allowed_auths(self, username: str) -> str:
            return self._connection.allowed_methods(username)

        def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
            known = self._connection.knows_key(username, key)
            return paramiko.common.AUTH_SUCCESSFUL if known else paramiko.common.AUTH_FAILED

        def check_auth_password(self, username: str, password: str) -> int:
            known = self._connection.knows_password(username, password)
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
