# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define the hooks of the sandbox for faults, and simple faults. Faults with a name are listed in ``catalogue``.

A fault is a small object that overrides the hooks that it needs. Several faults can be active: the first one sees a
request first and its answer last. A fault may keep state. Each connection and each session calls it from a thread of
its own.
"""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, Optional

from . import wire
from .wire import Answer, Code, Kind, Request, Status

if TYPE_CHECKING:
    import socket

    from .._engine._paramiko import paramiko
    from .filesystem import Filesystem

#: Serves a request in the end; ``None`` means that it is never answered.
Serve = Callable[[Request], Optional[Answer]]


class Cut(Exception):
    """Raised by a hook to end the connection at once, without a message or an answer."""


@dataclass(frozen=True)
class Call:
    """Hold one request and its context."""

    request: Request
    #: The file or folder, from the client's root; also set if the request contains only a handle.
    path: bytes
    username: str
    #: Distinguishes the sessions of a process.
    session: int
    #: The account's folders, for faults that change them.
    files: Filesystem


@dataclass(frozen=True)
class Command:
    """Hold one command of FTP and its context.

    :param control: the control connection: pyftpdlib's handler, with ``respond``, ``close_when_done`` and ``refuse``.
    """

    name: str
    argument: str
    username: str
    control: Any


@dataclass(frozen=True)
class Reply:
    """Hold an answer of the files API. ``body``: JSON, or bytes as they are."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


#: A file of a request to the files API, as the client sent it.
Sent = Mapping[str, Any]

Take = Callable[[Sequence[Sent]], Reply]


class Fault:
    """One way to misbehave. Every method is a hook. The default methods change nothing."""

    def link(self, link: socket.socket) -> socket.socket:
        """Called for every accepted connection, before SSH begins. Wrap it to count, delay or cut its bytes."""
        return link

    def host_keys(self, keys: Sequence[paramiko.PKey]) -> Sequence[paramiko.PKey]:
        """Return the host keys to present; called once for each connection."""
        return keys

    def authenticate(self, username: str, method: str) -> bool:
        """Called for every login attempt, before it is checked. False refuses it; a hook that sleeps delays it."""
        del username, method
        return True

    def serve(self, call: Call, go: Serve) -> Answer | None:
        """Called for every request, including INIT.

        ``go(call.request)``, or ``go`` with a changed request, serves it. Its result may be changed, replaced or
        withheld.

        :raises Cut: to cut the connection here.
        """
        return go(call.request)

    def command(self, call: Command, go: Callable[[], None]) -> None:
        """Called for every command of FTP. ``go()`` serves it; its reply is sent by ``call.control``.

        :raises Cut: to cut the connection here.
        """
        del call
        go()

    def data(self, username: str) -> str:
        """Called for every data connection of FTP that a client asks for. Return what is wrong with it, or nothing."""
        del username
        return ""

    def upload(self, username: str, files: Sequence[Sent], take: Take) -> Reply:
        """Called for every request with files over the files API. ``take`` takes all of them, or some.

        :raises Cut: to cut the connection here.
        """
        del username
        return take(files)

    def certificate(self, kind: str) -> str:
        """Return the kind of certificate to present; called once for each connection of FTPS."""
        return kind

    def release(self) -> None:
        """End the fault: everything that it delays continues at once."""


@dataclass(eq=False)
class Aim:
    """Define whom a fault hits, and when.

    :param account: the only user to hit; ``None``: all users.
    :param after: number of occasions that go well first. The fault defines what an occasion is: a request of its kind,
        a login, or a connection.
    :param times: number of occasions to hit then; ``None``: all.
    """

    account: str | None = None
    after: int = 0
    times: int | None = None
    _seen: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def hits(self, username: str | None = None) -> bool:
        """Whether to hit this occasion, of a user or before a login. Every call counts as one occasion."""
        if self.account is not None and username != self.account:
            return False
        with self._lock:
            self._seen += 1
            number = self._seen - self.after
        return number > 0 and (self.times is None or number <= self.times)


def chain(faults: Sequence[Fault], call: Call, go: Serve) -> Answer | None:
    """Serve a request through all faults; the first one is the outermost."""
    if not faults:
        return go(call.request)
    first, rest = faults[0], faults[1:]
    return first.serve(call, lambda request: chain(rest, replace(call, request=request), go))


def command_chain(faults: Sequence[Fault], call: Command, go: Callable[[], None]) -> None:
    """Serve a command of FTP through all faults; the first one is the outermost."""
    if faults:
        first, rest = faults[0], faults[1:]
        first.command(call, lambda: command_chain(rest, call, go))
    else:
        go()


def upload_chain(faults: Sequence[Fault], username: str, files: Sequence[Sent], take: Take) -> Reply:
    """Serve a request of the files API through all faults; the first one is the outermost."""
    if not faults:
        return take(files)
    first, rest = faults[0], faults[1:]
    return first.upload(username, files, lambda some: upload_chain(rest, username, some, take))


@dataclass(frozen=True)
class Refuse(Fault):
    """Answer some kinds of requests with a status instead of serving them.

    :param paths: an fnmatch pattern; only requests about paths that it matches are refused.
    """

    kinds: frozenset[Kind]
    code: Code = Code.PERMISSION_DENIED
    paths: str = "*"
    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        concerned = call.request.kind in self.kinds and fnmatch.fnmatchcase(call.path.decode("latin-1"), self.paths)
        if concerned and self.aim.hits(call.username):
            return Status(self.code, "refused by a fault of the sandbox")
        return go(call.request)


@dataclass(frozen=True)
class NoExtensions(Fault):
    """Offer no extensions and serve none."""

    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind not in (Kind.INIT, Kind.EXTENDED) or not self.aim.hits(call.username):
            return go(call.request)
        return wire.Version(extensions=()) if call.request.kind == Kind.INIT else Status(Code.OP_UNSUPPORTED)


@dataclass(frozen=True)
class ExclusiveIgnored(Fault):
    """Ignore exclusive creation: an existing file is opened and emptied."""

    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        if request.kind == Kind.OPEN and request.flags & wire.EXCLUSIVE and self.aim.hits(call.username):
            request = replace(request, flags=(request.flags & ~wire.EXCLUSIVE) | wire.TRUNCATE)
        return go(request)
