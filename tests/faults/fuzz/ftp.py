# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FTP fuzzed: the lines of listings, and whole sessions with a server made of arbitrary bytes."""

from __future__ import annotations

import contextlib
import socket
from typing import Any, Callable
from unittest.mock import patch

from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ftp import connection, control, data

from .hostile import Endless, Input

MOST_COMMANDS = 5000
_ACCOUNT = Account("fuzz", "ftp", "nowhere", 21, "nobody", password="secret", timeout=5.0)
_LOGIN = b"220 vsFTPd\r\n331 go\r\n230 in\r\n"
_FEATURES = (
    b"211-Features:\r\n SIZE\r\n MDTM\r\n MLST size*;\r\n HASH SHA-256*;SHA-1\r\n UTF8\r\n211 End\r\n200 ok\r\n",
    b"211-Features:\r\n SIZE\r\n MDTM\r\n211 End\r\n",
    b"500 what\r\n",
)


class Broken(AssertionError):
    """What the engine promises does not hold."""


def listings(body: bytes) -> None:
    """The lines of listings, by every reader that there is."""
    text = body.decode("utf-8", "surrogateescape")
    for line in text.split("\n"):
        for read in (data.machine_entry, data.text_entry):
            entry = read("pickup", line)
            if entry is None:
                continue
            if entry.name in (".", "..") or not entry.name or len(entry.name) > len(line):
                raise Broken(f"{entry!r} out of {line!r}")
            if entry.size is not None and not 0 <= entry.size < 10**20:
                raise Broken(f"a size of {entry.size}")
    data.looked_entry("pickup/a.xml", text)
    for algorithm in ("sha1", "sha256"):
        data.digest_in(text, algorithm)


class _Bytes:
    """A socket that receives arbitrary bytes, and then the end."""

    family = socket.AF_INET

    def __init__(self, source: Input, first: bytes = b"") -> None:
        self.sent = 0
        self._source = source
        self._first = first

    def recv(self, length: int) -> bytes:
        if self._first:
            found, self._first = self._first[:length], self._first[length:]
            return found
        return self._source.take(min(length, 1 + self._source.number())) if self._source.left else b""

    def sendall(self, block: bytes) -> None:
        for line in block.split(b"\r\n")[:-1]:
            if b"\r" in line or b"\n" in line or b"\0" in line:
                raise Broken(f"a command with a line break: {line!r}")
        self.sent += 1
        if self.sent > MOST_COMMANDS:
            raise Endless(f"{self.sent} commands")

    def getpeername(self) -> tuple[str, int]:
        return "127.0.0.1", 21

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_arguments: None


def sessions(body: bytes) -> None:
    """A session of every request, with a server that answers arbitrary bytes to all that follows the login."""
    source = Input(body)
    opening = _LOGIN + _FEATURES[source.number() % len(_FEATURES)] + b'200 ok\r\n257 "/"\r\n'
    content = Input(source.take(source.number()))

    def dial(*_arguments: Any, **_options: Any) -> Any:
        return _Bytes(content)

    with (
        patch.object(control, "open_connection", lambda *_arguments: _Bytes(source, opening)),
        patch.object(data.socket, "create_connection", dial),
        patch.object(data.select, "select", lambda reading, *_others: (reading, [], [])),
    ):
        _use(_ACCOUNT)


def _use(account: Account) -> None:
    session: Any = None
    with contextlib.suppress(FiledropError):
        session = connection._FtpConnection(connection._Session(account), control.Control(account))
    if session is None:
        return
    works: tuple[Callable[[], object], ...] = (
        lambda: [entry for page in session.list("pickup") for entry in page],
        lambda: session.stat("pickup/a.xml"),
        lambda: _read(session),
        lambda: _write(session),
        lambda: session.rename("input/.a.part", "input/a.xml"),
        lambda: session.digest("input/a.xml"),
        lambda: session.remove("pickup/a.xml"),
    )
    for work in works:
        with contextlib.suppress(FiledropError):
            work()
    session.close()


def _read(session: Any) -> None:
    reader = session.open("pickup/a.xml")
    try:
        while reader.read(100):
            pass
    finally:
        reader.close()


def _write(session: Any) -> None:
    writer = session.create("input/.a.part", True)
    writer.write(b"content")
    writer.size("input/a.xml")
    writer.close()
