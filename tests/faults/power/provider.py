# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's folder at any moment, from what was asked and what was answered on the way there.

Only our requests change that folder, and a server does them in their order. So at a cut it has done all that it had
answered, none that had not left, and of those in between the first few.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Code, Kind

from ..world import File, Picture
from .disk import SOME_DAY

_CHANGES = (Kind.OPEN, Kind.CLOSE, Kind.WRITE, Kind.REMOVE, Kind.RENAME)
_CHANGE_NOTHING = (
    Kind.INIT, Kind.READ, Kind.LSTAT, Kind.FSTAT, Kind.STAT, Kind.OPENDIR, Kind.READDIR, Kind.REALPATH,
)  # fmt: skip
_EXTENSIONS_THAT_CHANGE_NOTHING = (wire.LIMITS, wire.FSYNC)


@dataclass
class _Asked:
    """A request, when it had left, and how it was answered when."""

    request: wire.Request
    left: int
    answered: int | None = None
    done: bool = False
    handle: bytes = b""


@dataclass
class _Stream:
    """One direction of a connection, taken apart into packets."""

    rest: bytes = b""

    def packets(self, data: bytes) -> Iterator[bytes]:
        self.rest += data
        while len(self.rest) >= 4:
            end = 4 + int.from_bytes(self.rest[:4], "big")
            if len(self.rest) < end:
                return
            yield self.rest[4:end]
            self.rest = self.rest[end:]


@dataclass
class _Connection:
    number: int
    leaving: _Stream = field(default_factory=_Stream)
    coming: _Stream = field(default_factory=_Stream)
    asked: dict[int, _Asked] = field(default_factory=dict)


@dataclass
class _RemoteFile:
    mode: int
    mtime_ns: int
    content: bytearray


class Provider:
    """Follows the requests of a client, and knows the server's folder after each of them.

    :param root: the path of the folder in which the server starts; :param picture: what is in it in the beginning.
    """

    def __init__(self, root: str, picture: Picture) -> None:
        self._root = root
        self._first = {path: file for path, file in picture.items() if path.startswith(f"{root}/")}
        self._connections: dict[str, _Connection] = {}
        self._asked: list[tuple[int, _Asked]] = []
        self._pictures: list[Picture] = []

    def heard(self, connection: str, data: bytes, event: int) -> None:
        """Bytes left for the server."""
        found = self._connections.setdefault(connection, _Connection(len(self._connections)))
        for packet in found.leaving.packets(data):
            request, wrong = wire.decode(packet)
            if wrong is not None:
                raise ValueError(f"a request that cannot be understood: {wrong}")
            _require_known(request)
            asked = _Asked(request, event)
            self._asked.append((found.number, asked))
            found.asked[-1 if request.kind == Kind.INIT else request.number] = asked

    def said(self, connection: str, data: bytes, event: int) -> None:
        """Bytes came from the server."""
        found = self._connections[connection]
        for packet in found.coming.packets(data):
            kind, reader = packet[0], wire.Reader(packet, 1)
            asked = found.asked.pop(-1 if kind == Kind.VERSION else reader.uint32())
            asked.answered = event
            asked.done = kind not in (Kind.STATUS,) or reader.uint32() == Code.OK
            asked.handle = reader.string() if kind == Kind.HANDLE else b""

    def moments(self, event: int) -> list[int]:
        """How many requests the server may have done at an event: the different folders that this may have led to."""
        least = sum(asked.answered is not None and asked.answered <= event for _number, asked in self._asked)
        most = sum(asked.left <= event for _number, asked in self._asked)
        found = [least]
        for number in range(least + 1, most + 1):
            if self.picture(number) is not self.picture(found[-1]):
                found.append(number)
        return found

    def picture(self, number: int) -> Picture:
        """The server's folder after so many requests."""
        if not self._pictures:
            self._pictures = list(self._replayed())
        return self._pictures[number]

    def __len__(self) -> int:
        return len(self._asked)

    def _replayed(self) -> Iterator[Picture]:
        folder = _Folder(self._root, self._first)
        picture = folder.picture()
        yield picture
        for connection, asked in self._asked:
            # What was not answered any more was not done, as far as anybody knows.
            if asked.done and asked.request.kind in _CHANGES and folder.do(connection, asked):
                picture = folder.picture()
            yield picture


class _Folder:
    """The server's folder, changed by one request after the other."""

    def __init__(self, root: str, first: Picture) -> None:
        self._root = root
        self._folders = [path for path, file in first.items() if file is None]
        self._files = {
            path: _RemoteFile(file.mode, file.mtime_ns, bytearray(file.content))
            for path, file in first.items()
            if file is not None
        }
        self._open: dict[tuple[int, bytes], _RemoteFile] = {}

    def picture(self) -> Picture:
        files = {path: File(file.mode, file.mtime_ns, bytes(file.content)) for path, file in self._files.items()}
        return {**dict.fromkeys(self._folders), **files}

    def do(self, connection: int, asked: _Asked) -> bool:
        """Do what was asked; say whether that has changed anything."""
        request = asked.request
        path = self._path(request.path)
        if request.kind == Kind.OPEN:
            return self._do_open(connection, asked, path)
        if request.kind == Kind.WRITE:
            file = self._open[connection, request.handle]
            end = request.offset + len(request.data)
            file.content.extend(bytes(max(0, end - len(file.content))))
            file.content[request.offset : end] = request.data
            file.mtime_ns = SOME_DAY
        elif request.kind == Kind.CLOSE:
            self._open.pop((connection, request.handle), None)
            return False
        elif request.kind == Kind.REMOVE:
            del self._files[path]
        elif request.kind == Kind.RENAME:
            self._files[self._path(request.target)] = self._files.pop(path)
        return True

    def _do_open(self, connection: int, asked: _Asked, path: str) -> bool:
        flags = asked.request.flags
        is_new = path not in self._files
        if is_new and flags & wire.CREATE:
            self._files[path] = _RemoteFile(0o644, SOME_DAY, bytearray())
        self._open[connection, asked.handle] = self._files[path]
        if flags & wire.TRUNCATE and not is_new:
            self._files[path].content.clear()
        return is_new or bool(flags & wire.TRUNCATE)

    def _path(self, path: bytes) -> str:
        return os.path.join(self._root, os.fsdecode(path))


def _require_known(request: wire.Request) -> None:
    """:raises ValueError: nobody has thought of what this request does to the folder."""
    if request.kind in _CHANGES or request.kind in _CHANGE_NOTHING:
        return
    if request.kind == Kind.EXTENDED and request.extension in _EXTENSIONS_THAT_CHANGE_NOTHING:
        return
    raise ValueError(f"a request that this model does not know: {request.kind} {request.extension!r}")
