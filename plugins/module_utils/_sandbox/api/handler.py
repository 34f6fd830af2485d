# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answer the requests of one connection to the files API."""

from __future__ import annotations

import base64
import itertools
import json
import re
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Callable, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from .. import wire
from ..faults import Cut, Reply, Sent, upload_chain
from ..ftp.files import Files, Nonsense, OpenFile, Silence
from ..importer import free_names, printable
from ..server import HOST
from ..wire import Handle, Kind
from .faults import entry, problem

if TYPE_CHECKING:
    from .server import ApiConnection

VALID = 3600
"""Seconds for which a token is valid."""

LARGEST = 1024**3
"""Bytes of a request. It is held in memory."""

_FILES = re.compile(r"/clients/([^/]*)/files")
_MEMBERS = ("fileId", "type", "name", "content")
_LONGEST_ERROR = 200
_WRITE = 256 * 1024


class Handler(BaseHTTPRequestHandler):
    """Python's own handler, for a connection of the sandbox."""

    protocol_version = "HTTP/1.1"

    def __init__(self, served: Any, connection: ApiConnection) -> None:
        self._connection = connection
        super().__init__(served, (HOST, 0), cast("Any", None))

    def __getattr__(self, name: str) -> Any:
        # Python's handler asks for "do_" and the method. Paths that do not have a method answer with 405.
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, *arguments: Any) -> None:
        """Log nothing: a request may contain a secret."""

    # --- one request

    def _serve(self) -> None:
        self._connection.server.touch()
        body = self._body()
        reply = body if isinstance(body, Reply) else self._reply(body)
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        media = "application/json" if reply.status < 300 else "application/problem+json"
        self.send_response(reply.status)
        for name, value in {"Content-Type": media, "Content-Length": str(len(content)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _body(self) -> bytes | Reply:
        """Read the body. A request whose end cannot be known is answered, and the connection then ends."""
        text = self.headers.get("Content-Length", "0")
        if not re.fullmatch(r"[0-9]{1,18}", text) or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return Reply(411, problem("Length Required", "Send the header Content-Length."))
        length = int(text)
        if length > LARGEST:
            self.close_connection = True
            return Reply(413, problem("Content Too Large", f"A request may have {LARGEST} bytes."))
        body = self.rfile.read(length)
        if len(body) < length:
            raise Cut("a client has gone in the middle of its request")
        return body

    def _reply(self, body: bytes) -> Reply:
        path = urlsplit(self.path).path
        files = _FILES.fullmatch(path)
        routes: dict[str, tuple[str, Callable[[], Reply]]] = {
            "/token": ("POST", lambda: self._token(body)),
            "/verify": ("GET", self._verify),
            "/health": ("GET", lambda: Reply(200, {"status": "ok"})),
        }
        if files is not None:
            routes[path] = ("POST", lambda: self._upload(unquote(files[1]), body))
        if path not in routes:
            return Reply(404, problem("Not Found", "There is no such path."))
        method, answer = routes[path]
        if self.command != method:
            return Reply(405, problem("Method Not Allowed", f"Use {method}."), {"Allow": method})
        return answer()

    @property
    def _media(self) -> str:
        return str(self.headers.get_content_type())

    # --- the token service

    def _token(self, body: bytes) -> Reply:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        names = ("grant_type", "client_id", "client_secret")
        form = {name: value for name, value in pairs if name in names and value}
        is_form = self._media == "application/x-www-form-urlencoded"
        if not is_form or sorted(form) != sorted(name for name, _value in pairs if name in names) or len(form) < 3:
            return Reply(400, {"error": "invalid_request", "error_description": f"Send {', '.join(names)} as a form."})
        if form["grant_type"] != "client_credentials":
            return Reply(400, {"error": "unsupported_grant_type"})
        username = form["client_id"]
        if not self._connection.knows_password(username, form["client_secret"]):
            return Reply(401, {"error": "invalid_client"})
        server, now = self._connection.server, int(time.time())
        return Reply(
            200,
            {
                "access_token": server.new_token(username),
                "token_type": "Bearer",
                "not_before": now,
                "expires_in": VALID,
                "expires_on": now + VALID,
                "resource": "filedrop sandbox",
            },
            {"Cache-Control": "no-store"},
        )

    def _user(self) -> str | None:
        scheme, _space, token = self.headers.get("Authorization", "").partition(" ")
        return self._connection.server.user_of(token.strip()) if scheme.lower() == "bearer" else None

    def _verify(self) -> Reply:
        return _UNAUTHORIZED if self._user() is None else Reply(200, {"status": "ok"})

    # --- the files

    def _upload(self, client_no: str, body: bytes) -> Reply:
        username = self._user()
        if username is None:
            return _UNAUTHORIZED
        if client_no != username:
            return Reply(404, problem("Not Found", "This login has no such client number."))
        files = _files_of(body) if self._media == "application/json" else "Send application/json."
        if isinstance(files, str):
            return Reply(400, problem("Bad Request", files))
        if len({file["fileId"] for file in files}) < len(files):
            return Reply(422, problem("Unprocessable Entity", "Two files have the same fileId."))
        session = self._connection.session(username)
        try:
            return upload_chain(
                self._connection.faults, username, files, lambda taken: _take(Files(session), username, taken)
            )
        except Silence:
            self.rfile.read(1)
            raise Cut("a fault withholds the answer") from None
        except Nonsense as nonsense:
            self.wfile.write(nonsense.data)
            raise Cut("a fault answers with nonsense") from None
        finally:
            session.end()


_UNAUTHORIZED = Reply(
    401, problem("Unauthorized", "Send a token of this service that is valid."), {"WWW-Authenticate": "Bearer"}
)


def _files_of(body: bytes) -> Sequence[Sent] | str:
    """Return the files of a request, or what is wrong with it."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "The body is not JSON."
    metadata, files = (found.get("metadata"), found.get("files")) if isinstance(found, dict) else (None, None)
    if not isinstance(metadata, dict) or not _is_text(metadata.get("userId")):
        return "metadata.userId is missing."
    if not isinstance(files, list) or not files or not all(isinstance(file, dict) for file in files):
        return "files is not a list of files."
    for file, name in itertools.product(files, _MEMBERS):
        if not (isinstance(file.get(name), str) if name == "content" else _is_text(file.get(name))):
            return f"A file has no {name}."
    return files


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _take(files: Files, client_no: str, sent: Sequence[Sent]) -> Reply:
    entries = [entry(file, _stored(files, file)) for file in sent]
    is_whole = all(each["status"] == "PROCESSED" for each in entries)
    is_number = re.fullmatch(r"[1-9][0-9]*", client_no) is not None
    body = {
        "status": "PROCESSED" if is_whole else "PARTIAL",
        "result": "CREATED" if is_whole else "PARTIAL",
        "message": "File(s) uploaded" if is_whole else "Some files were refused",
        "clientNo": int(client_no) if is_number else client_no,
        "files": entries,
    }
    return Reply(200 if is_whole else 207, body)


def _stored(files: Files, file: Sent) -> str:
    """Store a file in ``input`` under its name, or a free one. Return why not, or nothing."""
    try:
        content = base64.b64decode(file["content"], validate=True)
        name = file["name"].encode()
    except ValueError:
        return "content is not base64, or name is not text"
    if b"/" in name or b"\0" in name or name in (b".", b".."):
        return "name is not the name of a file"
    try:
        for candidate in itertools.islice(free_names(name), 1000):
            opened = _opened(files, candidate)
            if opened is not None:
                return _filled(opened, content)
    except OSError as error:
        return printable(str(error.strerror or error).encode())[:_LONGEST_ERROR]
    return "too many files have this name"


def _opened(files: Files, name: bytes) -> OpenFile | None:
    """Create a file; ``None`` if there is one with this name."""
    path = b"/input/" + name
    try:
        files.stat(path.decode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        flags = wire.WRITE | wire.CREATE | wire.EXCLUSIVE
        handle = files.ask(Kind.OPEN, Handle, path=path, flags=flags).handle
        return OpenFile(files, printable(path), handle, "wb")
    return None


def _filled(opened: OpenFile, content: bytes) -> str:
    try:
        for begin in range(0, len(content), _WRITE):
            opened.write(content[begin : begin + _WRITE])
        opened.finished = True
    finally:
        opened.close()
    return ""
