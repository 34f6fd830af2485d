# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve one SFTP session over any channel that can receive and send. Answers have the order of the requests.

The FTP server translates its commands into the same requests, so one session, and one set of faults, serves both.

Every request and every answer passes through ``Session.serve`` and the faults. Each kind of request has one small
function.
"""

from __future__ import annotations

import errno
import itertools
import os
import struct
from collections.abc import Sequence
from typing import Callable, Protocol

from . import faults as hooks
from . import filesystem, wire
from .filesystem import Filesystem, OpenFile, OpenFolder, Refused
from .wire import Answer, BadMessage, Code, Data, Handle, Kind, Name, Names, Request, Stats, Status, Version

#: Open handles per session; ``limits@openssh.com`` reports this to clients.
HANDLES = 512

#: Entries in one answer to READDIR, as in OpenSSH's server.
ENTRIES = 100

# Send answers together when no request is left, or when this many bytes are waiting.
_BATCH = 1024 * 1024

_LENGTH = struct.Struct(">I")

_SESSIONS = itertools.count(1)


class Channel(Protocol):
    """Define what a session needs of an SSH channel."""

    def recv(self, nbytes: int) -> bytes:
        """Receive at least one byte, or none at the end."""

    def send(self, s: bytes) -> int:
        """Send as much as fits into one packet; return the number of bytes."""


class Session:
    """Serve a client in the folders of its account."""

    def __init__(self, files: Filesystem, *, username: str = "", faults: Sequence[hooks.Fault] = ()) -> None:
        self.files = files
        self._username = username
        self._faults = tuple(faults)
        self._handles: dict[bytes, OpenFile | OpenFolder] = {}
        self._number = 0
        self._session = next(_SESSIONS)

    def run(self, channel: Channel, *, packet: int = 32768) -> None:
        """Serve until the client disconnects.

        :param packet: the maximum number of bytes that the channel accepts at once.
        :raises Cut: a fault cuts the connection.
        :raises BadMessage: the data is not SFTP, so the session cannot continue.
        """
        buffer = bytearray()
        try:
            while True:
                chunk = channel.recv(wire.LONGEST_PACKET * 4)
                if not chunk:
                    return
                buffer += chunk
                self._serve_all(buffer, channel, packet)
        finally:
            self.end()

    def end(self) -> None:
        """Close the files that the client has left open. They do not count as complete."""
        for handle in list(self._handles):
            self.abandon(handle)

    def serve(self, request: Request) -> Answer | None:
        """Answer one request, through the faults. ``None``: no answer is sent."""
        if not self._faults:
            return self._serve(request)
        call = hooks.Call(request, self._path_of(request), self._username, self._session, self.files)
        return hooks.chain(self._faults, call, self._serve)

    def _serve_all(self, buffer: bytearray, channel: Channel, packet: int) -> None:
        """Serve every complete packet in the buffer, and remove it from the buffer."""
        position, answers, size = 0, [], 0
        while len(buffer) - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, position)
            if length > wire.LONGEST_PACKET:
                raise BadMessage(f"a packet of {length} bytes was announced")
            end = position + _LENGTH.size + length
            if end > len(buffer):
                break
            answer = self._answer(bytes(memoryview(buffer)[position + _LENGTH.size : end]))
            position = end
            answers.append(answer)
            size += len(answer)
            if size >= _BATCH:
                _send(channel, answers, packet)
                answers, size = [], 0
        del buffer[:position]
        _send(channel, answers, packet)

    def _answer(self, body: bytes) -> bytes:
        request, wrong = wire.decode(body)
        answer = Status(Code.BAD_MESSAGE, str(wrong)) if wrong else self.serve(request)
        return b"" if answer is None else answer.encode(request.number)

    def _serve(self, request: Request) -> Answer:
        try:
            return _SERVE.get(request.kind, _unknown)(self, request)
        except Refused as refused:
            return Status(refused.code, refused.message)
        except OSError as error:
            return Status(_CODES.get(error.errno or 0, Code.FAILURE), os.strerror(error.errno or 0))
        except OverflowError:
            return Status(Code.FAILURE, "a number is larger than any file")

    def _path_of(self, request: Request) -> bytes:
        opened = self._handles.get(request.handle)
        if opened is not None:
            return b"/" + b"/".join(opened.parts)
        try:
            return self.files.real_path(request.path)
        except Refused:
            return request.path

    def remember(self, opened: OpenFile | OpenFolder) -> Answer:
        """Create a handle for an open file or folder."""
        if len(self._handles) >= HANDLES:
            self._close(opened, finished=False)
            raise Refused(Code.FAILURE, f"this session has {HANDLES} open handles already")
        self._number += 1
        handle = b"%d" % self._number
        self._handles[handle] = opened
        return Handle(handle)

    def file(self, handle: bytes) -> OpenFile:
        """Return the file of a handle. :raises Refused: there is none."""
        opened = self._handles.get(handle)
        if not isinstance(opened, OpenFile):
            raise Refused(Code.FAILURE, "unknown file handle")
        return opened

    def folder(self, handle: bytes) -> OpenFolder:
        """Return the listing of a handle. :raises Refused: there is none."""
        opened = self._handles.get(handle)
        if not isinstance(opened, OpenFolder):
            raise Refused(Code.FAILURE, "unknown folder handle")
        return opened

    def forget(self, handle: bytes) -> None:
        """Close a handle at the client's request. :raises Refused: there is none."""
        opened = self._handles.pop(handle, None)
        if opened is None:
            raise Refused(Code.FAILURE, "unknown handle")
        self._close(opened, finished=True)

    def abandon(self, handle: bytes) -> None:
        """Close a handle without a request of the client. Its file does not count as complete."""
        opened = self._handles.pop(handle, None)
        if opened is not None:
            self._close(opened, finished=False)

    def _close(self, opened: OpenFile | OpenFolder, *, finished: bool) -> None:
        if isinstance(opened, OpenFolder):
            opened.close()
        else:
            self.files.close(opened, finished=finished)


def _send(channel: Channel, answers: list[bytes], packet: int) -> None:
    data = b"".join(answers)
    position = 0
    while position < len(data):
        position += channel.send(data[position : position + packet])


_DONE = Status(Code.OK)
_END = Status(Code.EOF, "the end")

# The codes of OpenSSH's server. All other errors are failures.
_CODES = {
    errno.ENOENT: Code.NO_SUCH_FILE,
    errno.ENOTDIR: Code.NO_SUCH_FILE,
    errno.ELOOP: Code.NO_SUCH_FILE,
    errno.EPERM: Code.PERMISSION_DENIED,
    errno.EACCES: Code.PERMISSION_DENIED,
    errno.ENAMETOOLONG: Code.BAD_MESSAGE,
    errno.EINVAL: Code.BAD_MESSAGE,
}


def _init(_session: Session, _request: Request) -> Answer:
    return Version()


def _open(session: Session, request: Request) -> Answer:
    return session.remember(session.files.open(request.path, request.flags, request.attributes))


def _close(session: Session, request: Request) -> Answer:
    session.forget(request.handle)
    return _DONE


def _read(session: Session, request: Request) -> Answer:
    file = session.file(request.handle)
    if not file.readable:
        raise Refused(Code.PERMISSION_DENIED, "this file was not opened for reading")
    data = os.pread(file.descriptor, min(request.length, wire.LONGEST_DATA), request.offset)
    return Data(data) if data or not request.length else _END


def _write(session: Session, request: Request) -> Answer:
    file = session.file(request.handle)
    if not file.writable:
        raise Refused(Code.PERMISSION_DENIED, "this file was not opened for writing")
    data, offset = request.data, request.offset
    while data:
        written = os.pwrite(file.descriptor, data, offset)
        data, offset = data[written:], offset + written
    return _DONE


def _stat(session: Session, request: Request) -> Answer:
    return Stats(session.files.stat(request.path, follow=True))


def _lstat(session: Session, request: Request) -> Answer:
    return Stats(session.files.stat(request.path, follow=False))


def _fstat(session: Session, request: Request) -> Answer:
    return Stats(wire.Attributes.of(os.fstat(session.file(request.handle).descriptor)))


def _setstat(session: Session, request: Request) -> Answer:
    session.files.set_attributes(request.path, request.attributes)
    return _DONE


def _fsetstat(session: Session, request: Request) -> Answer:
    file = session.file(request.handle)
    if not file.writable:
        raise Refused(Code.PERMISSION_DENIED, "this file was not opened for writing")
    filesystem.change(file.descriptor, request.attributes)
    return _DONE


def _opendir(session: Session, request: Request) -> Answer:
    return session.remember(session.files.open_folder(request.path))


def _readdir(session: Session, request: Request) -> Answer:
    names = session.folder(request.handle).next(ENTRIES)
    return Names(names) if names else _END


def _remove(session: Session, request: Request) -> Answer:
    session.files.remove(request.path)
    return _DONE


def _realpath(session: Session, request: Request) -> Answer:
    return Names([Name(session.files.real_path(request.path))])


def _rename(session: Session, request: Request) -> Answer:
    session.files.rename(request.path, request.target, replace=bool(request.flags & wire.OVERWRITE))
    return _DONE


def _mkdir(session: Session, request: Request) -> Answer:
    session.files.make_folder(request.path)
    return _DONE


def _refused(_session: Session, _request: Request) -> Answer:
    return Status(Code.PERMISSION_DENIED, "folders cannot be removed here, nor links be created")


def _unknown(_session: Session, _request: Request) -> Answer:
    return Status(Code.OP_UNSUPPORTED, "this server does not know the request")


def _posix_rename(session: Session, request: Request) -> Answer:
    reader = wire.Reader(request.data)
    session.files.rename(reader.string(), reader.string(), replace=True)
    return _DONE


def _fsync(session: Session, request: Request) -> Answer:
    os.fsync(session.file(wire.Reader(request.data).string()).descriptor)
    return _DONE


def _limits(_session: Session, _request: Request) -> Answer:
    return wire.limits(handles=HANDLES)


def _extended(session: Session, request: Request) -> Answer:
    try:
        return _EXTENDED.get(request.extension, _unknown)(session, request)
    except BadMessage as error:
        return Status(Code.BAD_MESSAGE, str(error))


_Serve = Callable[[Session, Request], Answer]

_EXTENDED: dict[bytes, _Serve] = {
    wire.POSIX_RENAME: _posix_rename,
    wire.FSYNC: _fsync,
    wire.LIMITS: _limits,
}

_SERVE: dict[int, _Serve] = {
    Kind.INIT: _init,
    Kind.OPEN: _open,
    Kind.CLOSE: _close,
    Kind.READ: _read,
    Kind.WRITE: _write,
    Kind.LSTAT: _lstat,
    Kind.FSTAT: _fstat,
    Kind.SETSTAT: _setstat,
    Kind.FSETSTAT: _fsetstat,
    Kind.OPENDIR: _opendir,
    Kind.READDIR: _readdir,
    Kind.REMOVE: _remove,
    Kind.MKDIR: _mkdir,
    Kind.RMDIR: _refused,
    Kind.REALPATH: _realpath,
    Kind.STAT: _stat,
    Kind.RENAME: _rename,
    Kind.READLINK: _refused,
    Kind.SYMLINK: _refused,
    Kind.EXTENDED: _extended,
}
