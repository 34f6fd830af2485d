# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listen on loopback, and serve each connection in a thread of its own. The protocols derive from these classes."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

from .accounts import Account, password_matches
from .faults import Cut, Fault

if TYPE_CHECKING:
    from .filesystem import Filesystem

#: The only address that the sandbox ever listens on. There is no option for another one.
HOST = "127.0.0.1"

LOGGER = "filedrop.sandbox"

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


class Server(ABC):
    """Listen until it is stopped.

    :param lookup: returns the account of a user name; called at each login, so accounts can change at any time.
    :param files: returns the folders of an account that has logged in.
    """

    def __init__(
        self,
        *,
        listener: socket.socket,
        lookup: Callable[[str], Account | None],
        files: Callable[[str], Filesystem],
        faults: Sequence[Fault] = (),
    ) -> None:
        self.lookup = lookup
        self.files = files
        self.faults = tuple(faults)
        #: When a client last connected or sent a request, by the monotonic clock.
        self.last_active = time.monotonic()
        self._listener = listener
        self._wake, self._waker = socket.socketpair()
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="sandbox accept", daemon=True)

    @abstractmethod
    def connection(self, accepted: socket.socket) -> Connection:
        """Return the connection that serves an accepted socket."""

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

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

    def ended(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)

    def _current(self) -> list[Connection]:
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
                connection = self.connection(accepted)
                with self._lock:
                    self._connections.add(connection)
                connection.start()


class Connection(ABC):
    """Serve one TCP connection, from its first byte to its end. It keeps the faults that it started with."""

    def __init__(self, server: Server, accepted: socket.socket) -> None:
        self._server = server
        self._socket = accepted
        self._faults = server.faults
        self._thread = threading.Thread(target=self._run, name="sandbox connection", daemon=True)

    @abstractmethod
    def serve(self) -> None:
        """Serve until the connection ends."""

    @abstractmethod
    def cut(self) -> None:
        """End the connection at once, without a message to the client. Any thread may call it."""

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def knows_password(self, username: str, password: str) -> bool:
        """Whether the user may log in with the password."""
        account = self.permitted(username, "password")
        return account is not None and account.password is not None and password_matches(password, account.password)

    def permitted(self, username: str, method: str) -> Account | None:
        """Return the account of a user, unless a fault refuses the login."""
        try:
            permitted = [fault.authenticate(username, method) for fault in self._faults]
        except Cut:
            self.cut()
            return None
        return self._server.lookup(username) if all(permitted) else None

    def _run(self) -> None:
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.serve()
        except (Cut, EOFError, OSError) as error:
            _log.info("A connection ended: %s", error)
        finally:
            self.cut()
            self._server.ended(self)
