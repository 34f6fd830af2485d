# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decode requests and encode answers of SFTP version 3, for a server. Pure; no I/O.

Numbers and layouts: draft-ietf-secsh-filexfer-02. Extensions: OpenSSH's PROTOCOL file. All names are bytes.
This is intentionally not the engine's own encoding: an error in one of them appears when both talk to each other.
"""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Callable, Protocol

VERSION = 3

#: The longest accepted packet, without its length word. OpenSSH has the same limit, so all clients respect it.
LONGEST_PACKET = 256 * 1024
#: The longest data of one READ or WRITE, reported by ``limits@openssh.com``: a packet less a kilobyte for its header.
LONGEST_DATA = LONGEST_PACKET - 1024

READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20

#: In ``flags`` of RENAME: overwrite an existing file. Later versions of SFTP have it; here, FTP's RNTO means it.
OVERWRITE = 0x01

LIMITS = b"limits@openssh.com"
POSIX_RENAME = b"posix-rename@openssh.com"
FSYNC = b"fsync@openssh.com"
#: The offered extensions, with their versions.
EXTENSIONS: tuple[tuple[bytes, bytes], ...] = ((POSIX_RENAME, b"1"), (FSYNC, b"1"), (LIMITS, b"1"))

_HAS_SIZE, _HAS_OWNER, _HAS_PERMISSIONS, _HAS_TIMES, _HAS_EXTENDED = 0x01, 0x02, 0x04, 0x08, 0x80000000

_BYTE = struct.Struct(">B")
_UINT32 = struct.Struct(">I")
_UINT64 = struct.Struct(">Q")
_HEAD = struct.Struct(">IBI")  # length, type, request number


class Kind(IntEnum):
    """Type of a packet (section 3 of the draft)."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Code(IntEnum):
    """Code of a STATUS (section 7 of the draft)."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class BadMessage(Exception):
    """A packet is shorter than its length fields say."""


@dataclass(frozen=True)
class Attributes:
    """Attributes of a file (section 5 of the draft); ``None``: not given. Sizes in bytes, times in whole seconds."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    permissions: int | None = None
    atime: int | None = None
    mtime: int | None = None

    @classmethod
    def of(cls, status: os.stat_result) -> Attributes:
        """Return the attributes of a local file. Version 3 has times from 1970 to 2106; others are clipped."""
        return cls(
            status.st_size,
            status.st_uid,
            status.st_gid,
            status.st_mode,
            min(max(int(status.st_atime), 0), 0xFFFFFFFF),
            min(max(int(status.st_mtime), 0), 0xFFFFFFFF),
        )

    def encode(self) -> bytes:
        flags, body = 0, b""
        if self.size is not None:
            flags |= _HAS_SIZE
            body += _UINT64.pack(self.size)
        if self.uid is not None and self.gid is not None:
            flags |= _HAS_OWNER
            body += struct.pack(">II", self.uid, self.gid)
        if self.permissions is not None:
            flags |= _HAS_PERMISSIONS
            body += _UINT32.pack(self.permissions)
        if self.atime is not None and self.mtime is not None:
            flags |= _HAS_TIMES
            body += struct.pack(">II", self.atime, self.mtime)
        return _UINT32.pack(flags) + body


NOTHING_SAID = Attributes()


class Reader:
    """Read the fields of one packet's body in order. :raises BadMessage: the packet ends too early."""

    def __init__(self, body: bytes, position: int = 0) -> None:
        self._body = body
        self._position = position

    def _number(self, layout: struct.Struct) -> int:
        try:
            (value,) = layout.unpack_from(self._body, self._position)
        except struct.error as error:
            raise BadMessage("the packet ends inside a number") from error
        self._position += layout.size
        return int(value)

    def byte(self) -> int:
        return self._number(_BYTE)

    def uint32(self) -> int:
        return self._number(_UINT32)

    def uint64(self) -> int:
        return self._number(_UINT64)

    def string(self) -> bytes:
        length = self.uint32()
        end = self._position + length
        if end > len(self._body):
            raise BadMessage("the packet ends inside a string")
        value = self._body[self._position : end]
        self._position = end
        return value

    def rest(self) -> bytes:
        value = self._body[self._position :]
        self._position = len(self._body)
        return value

    def attributes(self) -> Attributes:
        flags = self.uint32()
        size = self.uint64() if flags & _HAS_SIZE else None
        uid, gid = (self.uint32(), self.uint32()) if flags & _HAS_OWNER else (None, None)
        permissions = self.uint32() if flags & _HAS_PERMISSIONS else None
        atime, mtime = (self.uint32(), self.uint32()) if flags & _HAS_TIMES else (None, None)
        if flags & _HAS_EXTENDED:
            for _pair in range(self.uint32()):
                self.string()
                self.string()
        return Attributes(size, uid, gid, permissions, atime, mtime)


@dataclass
class Request:
    """Hold one request. Only the fields of its kind are set.

    One flat record serves every kind, so a fault can change a field (``dataclasses.replace``) of any kind.
    """

    kind: int
    #: The request number, which the answer repeats; for INIT, the version.
    number: int
    path: bytes = b""
    #: The new path of RENAME; the second path of SYMLINK.
    target: bytes = b""
    handle: bytes = b""
    offset: int = 0
    length: int = 0
    data: bytes = field(default=b"", repr=False)
    flags: int = 0
    attributes: Attributes = NOTHING_SAID
    #: The name of an EXTENDED request; its body is in ``data``.
    extension: bytes = b""


def _path(request: Request, reader: Reader) -> None:
    request.path = reader.string()


def _two_paths(request: Request, reader: Reader) -> None:
    request.path = reader.string()
    request.target = reader.string()


def _handle(request: Request, reader: Reader) -> None:
    request.handle = reader.string()


def _open(request: Request, reader: Reader) -> None:
    request.path = reader.string()
    request.flags = reader.uint32()
    request.attributes = reader.attributes()


def _read(request: Request, reader: Reader) -> None:
    request.handle = reader.string()
    request.offset = reader.uint64()
    request.length = reader.uint32()


def _write(request: Request, reader: Reader) -> None:
    request.handle = reader.string()
    request.offset = reader.uint64()
    request.data = reader.string()


def _setstat(request: Request, reader: Reader) -> None:
    request.path = reader.string()
    request.attributes = reader.attributes()


def _fsetstat(request: Request, reader: Reader) -> None:
    request.handle = reader.string()
    request.attributes = reader.attributes()


def _extended(request: Request, reader: Reader) -> None:
    request.extension = reader.string()
    request.data = reader.rest()


def _nothing(request: Request, reader: Reader) -> None:
    """Read nothing more: INIT has only its number, and unknown kinds cannot be decoded."""


_FIELDS: dict[int, Callable[[Request, Reader], None]] = {
    Kind.INIT: _nothing,
    Kind.OPEN: _open,
    Kind.CLOSE: _handle,
    Kind.READ: _read,
    Kind.WRITE: _write,
    Kind.LSTAT: _path,
    Kind.FSTAT: _handle,
    Kind.SETSTAT: _setstat,
    Kind.FSETSTAT: _fsetstat,
    Kind.OPENDIR: _path,
    Kind.READDIR: _handle,
    Kind.REMOVE: _path,
    Kind.MKDIR: _setstat,
    Kind.RMDIR: _path,
    Kind.REALPATH: _path,
    Kind.STAT: _path,
    Kind.RENAME: _two_paths,
    Kind.READLINK: _path,
    Kind.SYMLINK: _two_paths,
    Kind.EXTENDED: _extended,
}


def decode(body: bytes) -> tuple[Request, BadMessage | None]:
    """Decode the request in a packet's body. Also return what is wrong with it, or ``None``.

    :param body: a packet without its length word: type, number, fields.
    :raises BadMessage: type or number are missing, so the request cannot be answered.
    """
    reader = Reader(body)
    request = Request(reader.byte(), reader.uint32())
    try:
        _FIELDS.get(request.kind, _nothing)(request, reader)
    except BadMessage as error:
        return request, error
    return request, None


def string(value: bytes) -> bytes:
    """Encode a string with its length before it."""
    return _UINT32.pack(len(value)) + value


def packet(kind: int, number: int, body: bytes) -> bytes:
    """Encode a whole packet with its length word."""
    return _HEAD.pack(len(body) + 5, kind, number) + body


class Answer(Protocol):
    """Answer a request: anything that can be encoded to bytes. Faults may define classes of their own."""

    def encode(self, number: int) -> bytes:
        """Encode the whole answer, usually one packet; ``number`` is the request's number."""


@dataclass(frozen=True)
class Version:
    """Answer INIT; it has no number."""

    version: int = VERSION
    extensions: Sequence[tuple[bytes, bytes]] = EXTENSIONS

    def encode(self, number: int) -> bytes:
        del number
        body = b"".join(string(name) + string(value) for name, value in self.extensions)
        return packet(Kind.VERSION, self.version, body)


@dataclass(frozen=True)
class Status:
    """Report the result of a request."""

    code: int
    message: str = ""

    def encode(self, number: int) -> bytes:
        message = self.message.encode("utf-8", "backslashreplace")
        return packet(Kind.STATUS, number, _UINT32.pack(self.code) + string(message) + string(b"en"))


@dataclass(frozen=True)
class Handle:
    """Identify an open file or folder."""

    handle: bytes

    def encode(self, number: int) -> bytes:
        return packet(Kind.HANDLE, number, string(self.handle))


@dataclass(frozen=True)
class Data:
    """Return data that was read."""

    data: bytes = field(repr=False)

    def encode(self, number: int) -> bytes:
        return packet(Kind.DATA, number, string(self.data))


@dataclass(frozen=True)
class Stats:
    """Return the attributes for STAT, LSTAT and FSTAT."""

    attributes: Attributes

    def encode(self, number: int) -> bytes:
        return packet(Kind.ATTRS, number, self.attributes.encode())


@dataclass(frozen=True)
class Name:
    """Describe one entry of a listing."""

    name: bytes
    attributes: Attributes = NOTHING_SAID

    def encode(self) -> bytes:
        return string(self.name) + string(_long_name(self)) + self.attributes.encode()


@dataclass(frozen=True)
class Names:
    """Return a part of a listing, or the path for REALPATH."""

    names: Sequence[Name]

    def encode(self, number: int) -> bytes:
        body = b"".join(name.encode() for name in self.names)
        return packet(Kind.NAME, number, _UINT32.pack(len(self.names)) + body)


@dataclass(frozen=True)
class Reply:
    """Answer an extension."""

    body: bytes

    def encode(self, number: int) -> bytes:
        return packet(Kind.EXTENDED_REPLY, number, self.body)


def limits(*, handles: int) -> Reply:
    """Answer ``limits@openssh.com``: maximum packet, read and write in bytes, and maximum number of open handles."""
    return Reply(struct.pack(">QQQQ", LONGEST_PACKET, LONGEST_DATA, LONGEST_DATA, handles))


def _long_name(name: Name) -> bytes:
    """Format a line as ``ls -l`` does (section 7 of the draft). Owners are shown as numbers."""
    known = name.attributes
    if known.permissions is None:
        return name.name
    head = f"{stat.filemode(known.permissions)}    1 {known.uid or 0:<8} {known.gid or 0:<8} {known.size or 0:>8} "
    when = time.strftime("%b %d %H:%M", time.gmtime(known.mtime or 0))
    return head.encode("ascii") + when.encode("ascii", "replace") + b" " + name.name
