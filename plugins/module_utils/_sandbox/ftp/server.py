# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve FTP and FTPS: connections, certificates, and what pyftpdlib asks of its server.

Each control connection has a thread, with an event loop of pyftpdlib for it and for its data connections. So a fault
that waits holds up no other connection.
"""

from __future__ import annotations

import contextlib
import socket
from types import SimpleNamespace
from typing import Any

from ..filesystem import Filesystem
from ..server import Connection, Server
from ..sftp_server import Session
from . import certificate, deps
from .handlers import handler_class
from .relay import relayed

# Seconds after which a connection looks whether it has been cut, if nothing else wakes it.
_LOOK = 0.5


class FtpServer(Server):
    """Serve FTP, FTPS or both on one port.

    :param tls_folder: the folder of the certificate; ``None``: no TLS.
    :param cleartext: whether clients may log in without TLS.
    :param implicit: whether TLS begins with the connection.
    """

    def __init__(
        self, *, tls_folder: str | None, cleartext: bool = False, implicit: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.tls_folder = tls_folder
        self.cleartext = cleartext
        self.implicit = implicit
        self._contexts: dict[str, Any] = {}

    def connection(self, accepted: socket.socket) -> Connection:
        return FtpConnection(self, accepted)

    def context(self, kind: str) -> Any:
        """Return the TLS context with a certificate of a kind. It is kept: clients resume its sessions."""
        if kind not in self._contexts:
            folder = self.tls_folder or ""
            certificate.create_missing(folder, kind)
            context = deps.SSL.Context(deps.SSL.TLS_SERVER_METHOD)
            context.set_min_proto_version(deps.SSL.TLS1_2_VERSION)
            context.use_certificate_chain_file(certificate.path_of(folder, kind))
            context.use_privatekey_file(certificate.key_path_of(folder, kind))
            context.set_session_id(b"filedrop sandbox")
            self._contexts[kind] = context
        return self._contexts[kind]


class FtpConnection(Connection):
    """Serve one control connection and its data connections, in one thread."""

    server: FtpServer

    def __init__(self, server: FtpServer, accepted: socket.socket) -> None:
        super().__init__(server, accepted)
        self.server = server
        self.faults = self._faults
        self._sockets = [accepted]
        self._sessions: list[Session] = []
        self._is_cut = False

    def serve(self) -> None:
        # What pyftpdlib asks of its own server.
        host = SimpleNamespace(
            connection=self, ip_map=[], backlog=5, socket=self._socket, _accept_new_cons=lambda: True
        )
        try:
            with deps.ioloop.IOLoop() as loop:
                handler = handler_class()(relayed(self._socket, self.faults), host, ioloop=loop)
                handler.handle()
                while loop.socket_map and not self._is_cut:
                    loop.poll(_LOOK)
                    loop.sched.poll()
        finally:
            for session in self._sessions:
                session.end()

    def cut(self) -> None:
        self._is_cut = True
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def data_connection(self, accepted: socket.socket) -> socket.socket:
        """Return the socket to serve for an accepted data connection."""
        self._sockets = [one for one in self._sockets if one.fileno() >= 0]
        self._sockets.append(accepted)
        return relayed(accepted, self.faults)

    def session(self, username: str) -> Session:
        """Begin a session for a user that has logged in."""
        session = Session(self.files(username), username=username, faults=self.faults)
        self._sessions.append(session)
        return session

    def files(self, username: str) -> Filesystem:
        return self._server.files(username)

    def certificate_kind(self) -> str:
        kind = certificate.OWN
        for fault in self.faults:
            kind = fault.certificate(kind)
        return kind
