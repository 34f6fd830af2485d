# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translate what FTP asks of files into requests of SFTP. One session serves both, with its rights and its faults.

Paths are those of pyftpdlib: text, absolute from the account's root, with surrogates for bytes that are not UTF-8.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .. import wire
from ..sftp_server import Session
from ..wire import Answer, Attributes, Code, Data, Handle, Kind, Names, Request, Stats, Status

# pyftpdlib's modes for RETR, STOR, STOR after REST, and APPE, as flags of OPEN.
_MODES = {
    "rb": wire.READ,
    "wb": wire.WRITE | wire.CREATE | wire.TRUNCATE,
    "r+b": wire.WRITE,
    "ab": wire.WRITE | wire.CREATE,
}
_ERRORS = {Code.NO_SUCH_FILE: errno.ENOENT, Code.PERMISSION_DENIED: errno.EACCES}


def encode(path: str) -> bytes:
    """Return a path as the client sent it."""
    return path.encode("utf-8", "surrogateescape")


def decode(name: bytes) -> str:
    """Return a name as pyftpdlib has it."""
    return name.decode("utf-8", "surrogateescape")


class Silence(Exception):
    """A fault withholds the answer."""


class Nonsense(Exception):
    """A fault answers with these bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data


@dataclass(frozen=True)
class Entry:
    """What pyftpdlib reads of an ``os.stat_result``."""

    st_mode: int
    st_size: int
    st_mtime: int
    st_uid: int
    st_gid: int
    st_nlink: int = 1

    @classmethod
    def of(cls, known: Attributes) -> Entry:
        numbers = (known.permissions, known.size, known.mtime, known.uid, known.gid)
        return cls(*(number or 0 for number in numbers))


class Files:
    """The files of one login. Errors of the session are raised as ``OSError``.

    :raises Cut: a fault cuts the connection. :raises Silence, Nonsense: a fault answers in this way.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._number = 0
        # The entry of a listing that is sent at the moment: its server knows its attributes already.
        self._listed: tuple[str, Entry] | None = None

    def ask(self, kind: Kind, *also: type[Answer], **fields: Any) -> Any:
        """Serve a request. Return the answer, which is one of the classes in ``also``, or a STATUS that is OK."""
        self._number += 1
        answer = self.session.serve(Request(kind, self._number, **fields))
        if answer is None:
            raise Silence
        if isinstance(answer, also):
            return answer
        if not isinstance(answer, Status):
            raise Nonsense(answer.encode(self._number))
        if answer.code == Code.EOF and also:
            return None
        if answer.code != Code.OK:
            number = _ERRORS.get(Code(answer.code), errno.EIO)
            raise OSError(number, answer.message if number == errno.EIO else os.strerror(number))
        return answer

    def stat(self, path: str) -> Entry:
        if self._listed is not None and self._listed[0] == path:
            return self._listed[1]
        return Entry.of(self.ask(Kind.LSTAT, Stats, path=encode(path)).attributes)

    def has(self, path: str, kind: int) -> bool:
        """Whether there is something of a kind, such as ``stat.S_IFREG``."""
        try:
            return stat.S_IFMT(self.stat(path).st_mode) == kind
        except OSError:
            return False

    def names(self, path: str) -> Iterator[str]:
        """Yield the names in a folder. While a name is in use, ``stat`` tells what the listing says of it."""
        handle = self.ask(Kind.OPENDIR, Handle, path=encode(path)).handle
        try:
            while (answer := self.ask(Kind.READDIR, Names, handle=handle)) is not None:
                for one in answer.names:
                    if one.name not in (b".", b".."):
                        name = decode(one.name)
                        self._listed = (os.path.join(path, name), Entry.of(one.attributes))
                        yield name
        finally:
            self._listed = None
            self.session.abandon(handle)

    def open(self, path: str, mode: str) -> OpenFile:
        flags = _MODES[mode]
        return OpenFile(self, path, self.ask(Kind.OPEN, Handle, path=encode(path), flags=flags).handle, mode)

    def remove(self, path: str) -> None:
        self.ask(Kind.REMOVE, path=encode(path))

    def rename(self, source: str, target: str) -> None:
        """Rename, and overwrite an existing file, as RNTO does on most servers."""
        self.ask(Kind.RENAME, path=encode(source), target=encode(target), flags=wire.OVERWRITE)

    def make_folder(self, path: str) -> None:
        self.ask(Kind.MKDIR, path=encode(path))

    def remove_folder(self, path: str) -> None:
        self.ask(Kind.RMDIR, path=encode(path))

    def set_attributes(self, path: str, attributes: Attributes) -> None:
        self.ask(Kind.SETSTAT, path=encode(path), attributes=attributes)


class OpenFile:
    """A file in transfer, with what pyftpdlib uses of a file object.

    :ivar finished: whether the transfer came to its end. Otherwise the file is not complete when it is closed.
    """

    def __init__(self, files: Files, path: str, handle: bytes, mode: str) -> None:
        self.name = path
        self.closed = False
        self.finished = False
        self._files = files
        self._handle = handle
        self._position = self._size() if mode == "ab" else 0

    def _size(self) -> int:
        return self._files.ask(Kind.FSTAT, Stats, handle=self._handle).attributes.size or 0

    def read(self, size: int) -> bytes:
        answer = self._files.ask(Kind.READ, Data, handle=self._handle, offset=self._position, length=size)
        data: bytes = b"" if answer is None else answer.data
        self._position += len(data)
        return data

    def write(self, data: bytes) -> None:
        self._files.ask(Kind.WRITE, handle=self._handle, offset=self._position, data=bytes(data))
        self._position += len(data)

    def seek(self, position: int) -> None:
        self._position = position

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self.finished:
            self._files.ask(Kind.CLOSE, handle=self._handle)
        else:
            self._files.session.abandon(self._handle)
