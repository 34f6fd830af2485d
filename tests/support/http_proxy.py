# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTP proxy: it connects to every host as one and the same, and remembers what it was asked for."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class HttpProxy:
    """The proxy.

    :ivar asked: the host and port of each connection.
    :ivar logins: the ``Proxy-Authorization`` of each connection.
    :ivar status: what it answers.
    """

    port: int
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    status: int = 200


@contextmanager
def http_proxy(port: int) -> Iterator[HttpProxy]:
    """Run a proxy that connects to this port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            proxy.asked.append(self.path)
            proxy.logins.append(self.headers.get("Proxy-Authorization", ""))
            self.send_response(proxy.status)
            self.end_headers()
            if proxy.status == 200:
                with socket.create_connection(("127.0.0.1", port)) as other:
                    _pass_on(self.connection, other)
            self.close_connection = True

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy = HttpProxy(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    peers = {one: other, other: one}
    while True:
        for ready in select.select([one, other], [], [])[0]:
            try:
                data = ready.recv(65536)
                peers[ready].sendall(data)
            except OSError:
                return
            if not data:
                return
