# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A files API that answers as a test says, and remembers what it took."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

CLIENT_NO = "2218"
SECRET = "s3cret/+=of the client"

PATIENCE = 30.0  # seconds until a service has seen the end of its connections

Answer = tuple[int, Any]
Script = Callable[["FilesApi", dict[str, Any]], Optional[Answer]]
"""What to answer to a request; None: close the connection without an answer."""


@dataclass
class FilesApi:
    """The service.

    :ivar taken: name and content of each file that it took, by fileId; a list shows those that were taken twice.
    :ivar scripts: answers to the next requests.
    :ivar otherwise: answers to the others; every file is taken.
    :ivar requests: the names of the files of each complete request.
    :ivar cut_after: bytes of the body after which the connection is cut, for the next request.
    :ivar before_cut: what happens right before that.
    :ivar discards: whether the content of files is not kept: each request has one large file.
    :ivar knows: whether the form of a token's request has the right secret.
    :ivar before_token: what happens before a token is given.
    :ivar before_upload: what happens when the whole of a request has come, before its token is looked at.
    :ivar before_peer: what happens for each request, given the port of the client.
    :ivar early: what to answer, and then close, before the body of a request is read, given its length.
    :ivar pages: answers to GET by path; None: cut the connection.
    """

    taken: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    scripts: list[Script] = field(default_factory=list)
    otherwise: Script = field(default=lambda api, body: answer(api.take(body)))
    requests: list[list[str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    file_ids: list[tuple[str, str]] = field(default_factory=list)
    tokens: int = 0
    begin_of_token: str = "token-"
    valid: set[str] = field(default_factory=set)
    expires_in: int = 3600
    token_status: int = 200
    token_headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    discards: bool = False
    before_cut: Callable[[], None] = field(default=lambda: None)
    knows: Callable[[bytes], bool] = field(default=lambda _form: True)
    before_token: Callable[[], object] = field(default=lambda: None)
    before_upload: Callable[[], object] = field(default=lambda: None)
    before_peer: Callable[[int], object] = field(default=lambda _port: None)
    early: Callable[[int], Answer | None] = field(default=lambda _length: None)
    pages: dict[str, Answer | None] = field(default_factory=dict)
    url: str = ""
    _connections: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def met(self, change: int) -> None:
        """Count connections."""
        with self._changed:
            self._connections += change
            self._changed.notify_all()

    def wait_alone(self) -> None:
        """Wait until the connection that asks is the only one. All that were made before it have been met by then."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._connections == 1, PATIENCE):
                raise RuntimeError("the service does not see the end of a connection")

    @property
    def contents(self) -> dict[str, bytes]:
        """The content of each file by its name; no file was taken twice."""
        found = [one for each in self.taken.values() for one in each]
        assert len(found) == len(dict(found))
        return dict(found)

    def take(self, body: dict[str, Any], *names: str) -> list[dict[str, Any]]:
        """Take the files of these names (all, if there are none); return their entries."""
        entries = []
        for file in body["files"]:
            if not names or file["name"] in names:
                self.taken.setdefault(file["fileId"], []).append((file["name"], content_of(file)))
                entries.append(entry(file))
        return entries

    def options(self, **more: Any) -> dict[str, Any]:
        return {
            "protocol": "amili_api",
            "base_url": f"{self.url}/arm",
            "token_url": f"{self.url}/token",
            "client_id": "client",
            "client_secret": SECRET,
            "client_no": CLIENT_NO,
            "timeout": 5,
            **more,
        }


def entry(file: Mapping[str, Any], status: str = "PROCESSED", result: str = "CREATED", **more: Any) -> dict[str, Any]:
    return {"fileId": file["fileId"], "status": status, "result": result, "message": f"of {file['name']}", **more}


def content_of(file: Mapping[str, Any]) -> bytes:
    return base64.b64decode(file["content"], validate=True)


def answer(entries: list[dict[str, Any]], status: int = 200, client_no: object = int(CLIENT_NO)) -> Answer:
    return status, {"status": "PROCESSED", "result": "CREATED", "clientNo": client_no, "files": entries}


SETTLE = "/settle"


def settle(url: str) -> None:
    """Wait until a service has seen the end of all connections that were made before."""
    with closing(http.client.HTTPConnection(url.rpartition("//")[2])) as connection:
        connection.request("GET", SETTLE)
        connection.getresponse().read()


def take_all(api: FilesApi, body: dict[str, Any]) -> Answer:
    return answer(api.take(body))


@contextmanager
def files_api(context: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> Iterator[FilesApi]:
    api = FilesApi()

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

        def process_request(self, request: Any, client_address: Any) -> None:
            api.met(1)
            super().process_request(request, client_address)

        def shutdown_request(self, request: Any) -> None:
            super().shutdown_request(request)
            api.met(-1)

        def handle_error(self, request: object, client_address: object) -> None:
            del request, client_address  # a client that has gone

    class Handler(_Handler):
        service = api

    with Server((host, port), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        shown = f"[{host}]" if ":" in host else host
        api.url = f"{'http' if context is None else 'https'}://{shown}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: FilesApi

    def do_GET(self) -> None:
        if self.path == SETTLE:
            self.service.wait_alone()
            return self._send(200, {})
        said = self.service.pages.get(self.path, (404, {}))
        return self._cut() if said is None else self._send(*said)

    def do_POST(self) -> None:
        api, length = self.service, int(self.headers["Content-Length"])
        api.before_peer(self.client_address[1])
        if self.path == "/token":
            is_known = api.knows(self.rfile.read(length))
            api.before_token()
            if not is_known:
                return self._send(401, {"error": "invalid_client"})
            api.tokens += 1
            token = f"{api.begin_of_token}{api.tokens}"
            api.valid.add(token)
            return self._send(
                api.token_status, {"access_token": token, "expires_in": api.expires_in, "headers": api.token_headers}
            )
        refused = api.early(length)
        if refused is not None:
            self.close_connection = True
            return self._send(*refused)
        if api.cut_after is not None:
            self.rfile.read(min(api.cut_after, length))
            api.cut_after = None
            api.before_cut()
            return self._cut()
        body = self._without_content(length) if api.discards else self.rfile.read(length)
        if api.discards:
            length = len(body)
        if len(body) < length:
            return self._cut()
        api.before_upload()
        given = json.loads(body)
        api.requests.append([file["name"] for file in given["files"]])
        api.file_ids += [(file["name"], file["fileId"]) for file in given["files"]]
        api.headers.append(dict(self.headers))
        if self.headers["Authorization"].removeprefix("Bearer ") not in api.valid:
            return self._send(401, {"message": "who are you?"})
        if self.path != f"/arm/clients/{CLIENT_NO}/files":
            return self._send(404, {})
        script = api.scripts.pop(0) if api.scripts else api.otherwise
        said = script(api, given)
        return self._cut() if said is None else self._send(*said)

    def _without_content(self, length: int) -> bytes:
        """Read a body with one file, whose content is one run of the letter A: zeros."""
        kept = b""
        while length:
            piece = self.rfile.read(min(length, 2**20))
            length -= len(piece)
            kept = (kept + piece).replace(b"A" * 2**16, b"")
        return kept

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, body: Any) -> None:
        headers = body.pop("headers", {}) if isinstance(body, dict) else {}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        pass
