# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP version 3 as bytes: building requests and reading answers, without any I/O.

Source: draft-ietf-secsh-filexfer-02 (sections in brackets), and OpenSSH's PROTOCOL file for the extensions.
"""

from __future__ import annotations

import re
import stat as modes
import struct
from collections.abc import Mapping
from typing import NamedTuple

from ...errors import UNSTATED, ProtocolError, RemoteBusy, RemoteDenied, RemoteError, RemoteMissing, RemoteUnsupported

VERSION = 3

# Packet types [3]
INIT = 1
VERSION_REPLY = 2
OPEN = 3
CLOSE = 4
READ = 5
WRITE = 6
LSTAT = 7
FSTAT = 8
OPENDIR = 11
READDIR = 12
REMOVE = 13
MKDIR = 14
REALPATH = 16
STAT = 17
RENAME = 18
STATUS = 101
HANDLE = 102
DATA = 103
NAME = 104
ATTRS = 105
EXTENDED = 200
EXTENDED_REPLY = 201

# Flags of OPEN [6.3]
READ_FLAG = 0x01
WRITE_FLAG = 0x02
CREATE_FLAG = 0x08
TRUNCATE_FLAG = 0x10
EXCLUSIVE_FLAG = 0x20

# Which attributes follow [5]
HAS_SIZE = 0x01
HAS_OWNER = 0x02
HAS_PERMISSIONS = 0x04
HAS_TIMES = 0x08
HAS_EXTENDED = 0x80000000

# Status codes [7]
OK = 0
END_OF_FILE = 1
NO_SUCH_FILE = 2
NO_SUCH_PATH = 10  # of later versions; some servers use it in version 3
MISSING = (NO_SUCH_FILE, NO_SUCH_PATH)

LIMITS = "limits@openssh.com"
FSYNC = "fsync@openssh.com"
CHECK_FILE = b"check-file-name"

DIGESTS: Mapping[str, int] = {"sha256": 32, "sha1": 20}
"""Algorithms of digests by their names in hashlib and in SFTP, best first, and the bytes of each."""

_UINT32 = struct.Struct(">I")
_UINT64 = struct.Struct(">Q")
HEADER = struct.Struct(">IBI")  # length, kind, number of the request
_USUAL_ATTRIBUTES = struct.Struct(">IQIIIII")  # flags, size, uid, gid, permissions, atime, mtime
_USUAL_FLAGS = HAS_SIZE | HAS_OWNER | HAS_PERMISSIONS | HAS_TIMES
NO_ATTRIBUTES = _UINT32.pack(0)

_LS_LINE = re.compile(rb"[dl](?:[r-][w-][xsStT-]){3}[+.@]?\s")
_KINDS = {b"d": modes.S_IFDIR, b"l": modes.S_IFLNK}

LONGEST_HANDLE = 256  # bytes [6.3]

LONGEST_PACKET = 16 * 1024 * 1024
"""Bytes. OpenSSH sends at most 256 KiB. Servers before object stores list a whole folder in one packet: this has room
for 100,000 names. A longer packet is not SFTP, or an attack on our memory."""


class Attributes(NamedTuple):
    """The attributes of a file; None for what the server does not tell. ``mtime`` in whole seconds since 1970, UTC."""

    size: int | None
    permissions: int | None
    mtime: int | None


class Limits(NamedTuple):
    """The answer to limits@openssh.com, in bytes; 0 means no limit is told."""

    packet: int
    read: int
    write: int
    handles: int


def packet(kind: int, request_id: int, body: bytes, more: int = 0) -> bytes:
    """One request as it goes over the wire [3].

    :param more: bytes of the body that follow.
    """
    return HEADER.pack(len(body) + more + 5, kind, request_id) + body


def hello() -> bytes:
    """The INIT packet; it has a version in place of a request id [4]."""
    return packet(INIT, VERSION, b"")


def text(value: bytes) -> bytes:
    """A string: its length, then its bytes."""
    return _UINT32.pack(len(value)) + value


def open_flags(flags: int) -> bytes:
    """What follows the path in an OPEN: the flags, and no wishes for attributes [6.3]."""
    return _UINT32.pack(flags) + NO_ATTRIBUTES


def read_body(handle: bytes, offset: int, length: int) -> bytes:
    return handle + struct.pack(">QI", offset, length)


def write_body(handle: bytes, offset: int, length: int) -> bytes:
    """All of a WRITE but the data."""
    return handle + struct.pack(">QI", offset, length)


def data(body: memoryview) -> memoryview:
    """The bytes of a DATA packet [7]."""
    length = int.from_bytes(body[:4], "big")
    if len(body) < 4 + length:
        raise _too_short()
    return body[4 : 4 + length]


class Reader:
    """Reads the fields of one packet's body, never beyond its end.

    :raises ProtocolError: from every method, if the body ends too soon.
    """

    __slots__ = ("_body", "_position")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0

    def uint32(self) -> int:
        return self._unpack(_UINT32)[0]

    def uint64(self) -> int:
        return self._unpack(_UINT64)[0]

    def text(self) -> bytes:
        length = self.uint32()
        start = self._position
        end = start + length
        if end > len(self._body):
            raise _too_short()
        self._position = end
        return self._body[start:end]

    def rest(self) -> bytes:
        """All bytes that are left."""
        start, self._position = self._position, len(self._body)
        return bytes(self._body[start:])

    def attributes(self) -> Attributes:
        end = self._position + _USUAL_ATTRIBUTES.size
        if end <= len(self._body):
            flags, size, _uid, _gid, permissions, _atime, mtime = _USUAL_ATTRIBUTES.unpack_from(
                self._body, self._position
            )
            if flags == _USUAL_FLAGS:
                self._position = end
                return Attributes(size, permissions, mtime)
        return self._unusual_attributes()

    def _unusual_attributes(self) -> Attributes:
        flags = self.uint32()
        size = self.uint64() if flags & HAS_SIZE else None
        if flags & HAS_OWNER:
            self.uint64()
        permissions = self.uint32() if flags & HAS_PERMISSIONS else None
        mtime = None
        if flags & HAS_TIMES:
            self.uint32()
            mtime = self.uint32()
        if flags & HAS_EXTENDED:
            for _pair in range(self.uint32()):
                self.text()
                self.text()
        return Attributes(size, permissions, mtime)

    @property
    def at_end(self) -> bool:
        return self._position >= len(self._body)

    def _unpack(self, shape: struct.Struct) -> tuple[int, ...]:
        try:
            values = shape.unpack_from(self._body, self._position)
        except struct.error:
            raise _too_short() from None
        self._position += shape.size
        return values


def names(body: bytes) -> list[tuple[bytes, Attributes]]:
    """The files of a NAME packet [7].

    The ``ls -l`` text of each is passed over, unless the server does not tell what the file is: the first letter does.
    """
    reader = Reader(body)
    found = []
    for _file in range(reader.uint32()):
        name = reader.text()
        line = reader.text()
        attributes = reader.attributes()
        if not modes.S_IFMT(attributes.permissions or 0):
            kind = _KINDS[line[:1]] if _LS_LINE.match(line) else 0
            attributes = attributes._replace(permissions=kind | (attributes.permissions or 0)) if kind else attributes
        found.append((name, attributes))
    return found


def extensions(body: bytes) -> dict[str, str]:
    """The extensions of a VERSION packet, by name [4]."""
    reader = Reader(body)
    found = {}
    while not reader.at_end:
        name = reader.text()
        found[name.decode("utf-8", "replace")] = reader.text().decode("utf-8", "replace")
    return found


def limits(body: bytes) -> Limits:
    reader = Reader(body)
    return Limits(*(reader.uint64() for _limit in Limits._fields))


def check_file(path: bytes) -> bytes:
    """The body of a request for one digest of a whole file; ``path`` is a string already.

    Source: draft-ietf-secsh-filexfer-extensions-00, section 3.
    """
    return text(CHECK_FILE) + path + text(",".join(DIGESTS).encode()) + struct.pack(">QQI", 0, 0, 0)


def digest(body: bytes) -> tuple[str, str]:
    """The algorithm and the hexadecimal digest of an answer to `check_file`.

    The draft begins the answer with the name of the extension. ProFTPD leaves that name out.

    :raises RemoteError: the answer has another algorithm, or another number of bytes.
    """
    reader = Reader(body)
    algorithm = reader.text()
    if algorithm == b"check-file":
        algorithm = reader.text()
    found = reader.rest()
    name = algorithm.decode("ascii", "backslashreplace")
    if DIGESTS.get(name) != len(found):
        raise RemoteError(
            UNSTATED,
            f"The server was asked for the digest {' or '.join(DIGESTS)}. It answered with {len(found)} bytes of "
            f"{name[:40]!r}.",
        )
    return name, found.hex()


def handle(body: bytes) -> bytes:
    """The handle of a HANDLE packet, with its length, as requests repeat it [6.3]."""
    name = Reader(body).text()
    if len(name) > LONGEST_HANDLE:
        raise ProtocolError(
            "protocol_error", f"The server gave a handle of {len(name)} bytes; {LONGEST_HANDLE} are allowed."
        )
    return text(name)


def status_code(body: bytes) -> int:
    return Reader(body).uint32()


_REFUSALS: Mapping[int, tuple[type[RemoteError], str, str]] = {
    END_OF_FILE: (RemoteError, "remote_end_of_file", "the end of the file"),
    NO_SUCH_FILE: (RemoteMissing, "remote_missing", "no such file or folder"),
    3: (RemoteDenied, "remote_denied", "permission denied"),
    5: (RemoteError, "remote_bad_message", "a bad message, as for a name that it cannot store"),  # OpenSSH's EINVAL
    8: (RemoteUnsupported, "remote_unsupported", "the request is not supported"),
    NO_SUCH_PATH: (RemoteMissing, "remote_missing", "no such file or folder"),
}


_BUSY = re.compile(r"too many (?!links|levels|open)|rate limit|throttl|slow down|try again", re.IGNORECASE)
"""What servers say that get too many requests at once."""


def refusal(body: bytes, doing: str) -> RemoteError:
    """The error for a STATUS other than OK [7].

    The message of the server is quoted, without control characters and cut: it is for people, and can be anything.
    Some servers send none, or a part of one.
    """
    reader = Reader(body)
    code = reader.uint32()
    try:
        said = reader.text().decode("utf-8", "backslashreplace")
    except ProtocolError:
        said = ""
    shown = "".join(letter if letter.isprintable() else "?" for letter in said[:200])
    kind, reason, meaning = _REFUSALS.get(code, (RemoteError, UNSTATED, "failure, without a reason"))
    if kind is RemoteError and _BUSY.search(said):
        kind = RemoteBusy
    error = kind(reason, f"The server refused {doing}: {meaning} (SFTP status {code}, {shown!r}).")
    error.said = shown
    return error


def _too_short() -> ProtocolError:
    return ProtocolError(
        "protocol_error",
        "The server sent an SFTP packet that ends before its own fields do.",
        "Nothing it said can be trusted; try `sftp` against it, and report it to the provider.",
    )
