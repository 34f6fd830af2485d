# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve Amili's files API, with the token service beside it, over HTTP on loopback.

``docs/amili-api.openapi.yaml`` describes it. The client number of an account is its user name, which is its
``client_id`` as well. Files go through a session as those of the other protocols, so faults of files concern them.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from secrets import token_urlsafe
from typing import Any

from ..filesystem import Filesystem
from ..ftp.relay import relayed
from ..server import Connection, Server
from ..sftp_server import Session
from .handler import VALID, Handler


class ApiServer(Server):
    """Serve all requests on one port."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tokens: dict[str, tuple[str, float]] = {}
        self._tokens_lock = threading.Lock()

    def connection(self, accepted: socket.socket) -> Connection:
        return ApiConnection(self, accepted)

    def new_token(self, username: str) -> str:
        now, token = time.monotonic(), token_urlsafe(32)
        with self._tokens_lock:
            self._tokens = {value: known for value, known in self._tokens.items() if known[1] > now}
            self._tokens[token] = (username, now + VALID)
        return token

    def user_of(self, token: str) -> str | None:
        """Return whose token it is; ``None`` if it is unknown or has expired, or if its account is gone."""
        username, until = self._tokens.get(token, ("", 0.0))
        return username if until > time.monotonic() and self.lookup(username) is not None else None


class ApiConnection(Connection):
    """Serve the requests of one connection, one after the other."""

    server: ApiServer

    def __init__(self, server: ApiServer, accepted: socket.socket) -> None:
        super().__init__(server, accepted)
        self.server = server
        self.faults = self._faults
        self._served = accepted

    def serve(self) -> None:
        self._served = relayed(self._socket, self.faults)
        Handler(self._served, self)

    def cut(self) -> None:
        for one in [self._socket] if self._served is self._socket else [self._socket, self._served]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def session(self, username: str) -> Session:
        """Begin a session for the files of a request."""
        return Session(self.files(username), username=username, faults=self.faults)

    def files(self, username: str) -> Filesystem:
        return self._server.files(username)
