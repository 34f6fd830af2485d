# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of single answers and of files."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from dataclasses import dataclass, field, replace

from . import wire
from .faults import Aim, Call, Cut, Fault, Serve
from .wire import Answer, Attributes, Code, Handle, Kind, Name, Names, Stats, Status

ANY = "any"

_LOOKS = frozenset({Kind.STAT, Kind.LSTAT})

#: Appended to the old content of a file by the fault ``file_replaced``.
REPLACED = b"replaced by the sandbox\n"

#: The folder beside ``input``, invisible to clients, for the files that ``file_gone_at_close`` moves.
TAKEN = "taken"


def is_meant(request: str, call: Call) -> bool:
    """Whether the request is of the kind in a fault's parameter ``request``."""
    return request == ANY or call.request.kind == Kind[request.upper()]


def local_path(call: Call) -> bytes:
    """Return the local path of the file in a request."""
    return os.path.join(call.files.root, call.path.lstrip(b"/"))


@dataclass(eq=False)
class AnswerDelayed(Fault):
    """Delay answers. Later requests of the session wait too, as in any session."""

    seconds: float
    request: str
    aim: Aim = field(default_factory=Aim)
    _over: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        if is_meant(self.request, call) and self.aim.hits(call.username):
            self._over.wait(self.seconds)
        return answer

    def release(self) -> None:
        self._over.set()


@dataclass(eq=False)
class AnswerMissing(Fault):
    """Serve a request, but never answer it."""

    request: str
    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return None if is_meant(self.request, call) and self.aim.hits(call.username) else answer


@dataclass(eq=False)
class RequestCuts(Fault):
    """Cut the connection at a request, before or after it was served."""

    request: str
    moment: str
    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if not is_meant(self.request, call) or not self.aim.hits(call.username):
            return go(call.request)
        if self.moment == "after":
            go(call.request)
        raise Cut


@dataclass(frozen=True)
class _Raw:
    """Send bytes instead of a packet."""

    data: bytes = field(repr=False)

    def encode(self, number: int) -> bytes:
        del number
        return self.data


@dataclass(frozen=True)
class _Nonsense:
    """Answer the right request with a packet of a random kind and a random body."""

    kind: int
    body: bytes = field(repr=False)

    def encode(self, number: int) -> bytes:
        return wire.packet(self.kind, number, self.body)


@dataclass(eq=False)
class Garbage(Fault):
    """Answer with random bytes: unframed (``bytes``) or as a packet (``packet``). They are the same in every run."""

    request: str
    kind: str
    amount: int
    aim: Aim = field(default_factory=Aim)
    _random: random.Random = field(default_factory=lambda: random.Random(1), init=False, repr=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        if not is_meant(self.request, call) or not self.aim.hits(call.username):
            return answer
        body = bytes(self._random.getrandbits(8) for _byte in range(self.amount))
        return _Raw(body) if self.kind == "bytes" else _Nonsense(self._random.randrange(101, 106), body)


@dataclass(eq=False)
class ReadShort(Fault):
    """Return fewer bytes than requested. Every server is allowed to do so."""

    amount: int
    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        if request.kind == Kind.READ and request.length > self.amount and self.aim.hits(call.username):
            request = replace(request, length=self.amount)
        return go(request)


@dataclass(eq=False)
class FileShort(Fault):
    """End every file after a number of bytes, before its reported size."""

    amount: int
    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        beyond = request.kind == Kind.READ and request.offset + request.length > self.amount
        if not beyond or not self.aim.hits(call.username):
            return go(request)
        left = self.amount - request.offset
        return go(replace(request, length=left)) if left > 0 else Status(Code.EOF, "the end")


@dataclass(eq=False)
class SizeWrong(Fault):
    """Report a wrong size for every file.

    :param difference: bytes to add to the real size; may be negative.
    :param absolute: the size to report, instead of a difference.
    """

    difference: int = 0
    absolute: int | None = None
    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        if not isinstance(answer, (Stats, Names)) or not self.aim.hits(call.username):
            return answer
        if isinstance(answer, Stats):
            return Stats(self._told(answer.attributes))
        return Names([Name(one.name, self._told(one.attributes)) for one in answer.names])

    def _told(self, known: Attributes) -> Attributes:
        if known.size is None or (known.permissions or 0) & 0o170000 != 0o100000:
            return known
        size = known.size + self.difference if self.absolute is None else self.absolute
        return replace(known, size=max(0, size))


@dataclass(eq=False)
class FileReplaced(Fault):
    """Replace a fetched file by another one: once for each name.

    :param moment: ``closed``: after it was read and closed; ``looked``: after the next STAT; ``removed``: when its
        deletion is requested, so that the new file is deleted before anybody can have seen it.
    """

    moment: str
    aim: Aim = field(default_factory=Aim)
    _read: set[bytes] = field(default_factory=set, init=False)
    _closed: set[bytes] = field(default_factory=set, init=False)
    _done: set[bytes] = field(default_factory=set, init=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        kind, path = call.request.kind, call.path
        if self.moment == "removed" and kind == Kind.REMOVE and path in self._closed:
            self._replace(call)
        answer = go(call.request)
        if kind == Kind.READ:
            self._read.add(path)
        elif kind == Kind.CLOSE and path in self._read:
            self._closed.add(path)
        kinds = {"closed": {Kind.CLOSE}, "looked": _LOOKS}.get(self.moment, set())
        if kind in kinds and path in self._closed:
            self._replace(call)
        return answer

    def _replace(self, call: Call) -> None:
        if call.path not in self._done and self.aim.hits(call.username):
            self._done.add(call.path)
            with contextlib.suppress(FileNotFoundError):
                _put(local_path(call), _content(local_path(call)) + REPLACED)


@dataclass(eq=False)
class FileGrows(Fault):
    """Let a file grow with each read."""

    amount: int
    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind == Kind.READ and self.aim.hits(call.username):
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(local_path(call), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(b"+" * self.amount)
        return go(call.request)


@dataclass(eq=False)
class FileGoneAtClose(Fault):
    """Move an uploaded file away when it is closed, before the answer, whatever its name is."""

    aim: Aim = field(default_factory=Aim)
    _written: set[tuple[int, bytes]] = field(default_factory=set, init=False)
    _number: int = field(default=0, init=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        key = (call.session, call.request.handle)
        if call.request.kind == Kind.WRITE:
            self._written.add(key)
        elif call.request.kind == Kind.CLOSE and key in self._written and self.aim.hits(call.username):
            self._take(call)
        return go(call.request)

    def _take(self, call: Call) -> None:
        folder = os.path.join(call.files.root, os.fsencode(TAKEN))
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._number += 1
        name = b"%d-%s" % (self._number, os.path.basename(call.path))
        with contextlib.suppress(FileNotFoundError):
            os.rename(local_path(call), os.path.join(folder, name))


@dataclass(eq=False)
class DeletedComesBack(Fault):
    """Confirm a deletion, but restore the file with the same content and time. Once for each name."""

    aim: Aim = field(default_factory=Aim)
    _done: set[bytes] = field(default_factory=set, init=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind != Kind.REMOVE or call.path in self._done or not self.aim.hits(call.username):
            return go(call.request)
        path = local_path(call)
        try:
            content, status = _content(path), os.lstat(path)
        except OSError:
            return go(call.request)
        answer = go(call.request)
        if isinstance(answer, Status) and answer.code == Code.OK:
            self._done.add(call.path)
            _put(path, content, status)
        return answer


@dataclass(eq=False)
class WriteFails(Fault):
    """Accept only a number of bytes of each file, like a server with a quota."""

    amount: int
    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        end = request.offset + len(request.data)
        if request.kind != Kind.WRITE or end <= self.amount or not self.aim.hits(call.username):
            return go(request)
        stored: Answer | None = Status(Code.OK)
        if request.offset < self.amount:
            stored = go(replace(request, data=request.data[: self.amount - request.offset]))
        return self._tell(stored)

    def _tell(self, stored: Answer | None) -> Answer | None:
        del stored
        return Status(Code.FAILURE, "the quota is used up")


class UploadShort(WriteFails):
    """Store only a number of bytes of each file, and confirm all of them, like FTP servers after a cut upload."""

    def _tell(self, stored: Answer | None) -> Answer | None:
        return stored


@dataclass(eq=False)
class RenameOverwrites(Fault):
    """Overwrite an existing file when renaming, as many servers do."""

    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        if request.kind == Kind.RENAME and self.aim.hits(call.username):
            paths = wire.string(request.path) + wire.string(request.target)
            request = replace(request, kind=Kind.EXTENDED, extension=wire.POSIX_RENAME, data=paths)
        return go(request)


@dataclass(eq=False)
class RenameFreeOnly(Fault):
    """Rename only to a free name, whatever kind of rename was requested."""

    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        posix = request.kind == Kind.EXTENDED and request.extension == wire.POSIX_RENAME
        overwrites = request.kind == Kind.RENAME and request.flags & wire.OVERWRITE
        if overwrites and self.aim.hits(call.username):
            request = replace(request, flags=0)
        elif posix and self.aim.hits(call.username):
            reader = wire.Reader(request.data)
            request = replace(request, kind=Kind.RENAME, path=reader.string(), target=reader.string())
        return go(request)


@dataclass(eq=False)
class OneFileOpen(Fault):
    """Refuse to open a file while the same session has another one open."""

    aim: Aim = field(default_factory=Aim)
    _open: dict[int, bytes] = field(default_factory=dict, init=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        if request.kind == Kind.OPEN and call.session in self._open and self.aim.hits(call.username):
            return Status(Code.FAILURE, "only one file may be open")
        answer = go(request)
        if request.kind == Kind.OPEN and isinstance(answer, Handle):
            self._open[call.session] = answer.handle
        elif request.kind == Kind.CLOSE and self._open.get(call.session) == request.handle:
            del self._open[call.session]
        return answer


def _content(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _put(path: bytes, content: bytes, like: os.stat_result | None = None) -> None:
    """Write a file atomically, also over an existing one."""
    draft = os.path.join(os.path.dirname(os.path.dirname(path)), b".fault-%d" % threading.get_ident())
    with open(draft, "wb") as file:
        file.write(content)
    if like is not None:
        os.utime(draft, ns=(like.st_atime_ns, like.st_mtime_ns))
    os.replace(draft, path)
