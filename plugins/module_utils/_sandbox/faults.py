# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a fault can take hold of the sandbox, and the simplest of them. What has a name stands in ``catalogue``.

A fault is one small object; it overrides the hooks it needs. Several can be there at once: the first one given sees a
request first and its answer last. A fault may keep state; each connection and each session calls from its own thread.
"""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable, Optional

from . import wire
from .wire import Answer, Code, Kind, Request, Status

if TYPE_CHECKING:
    import socket

    from .._engine._deps import paramiko
    from .filesystem import Filesystem

#: What serves a request in the end; ``None`` means that it is never answered.
Serve = Callable[[Request], Optional[Answer]]


class Cut(Exception):
    """Raised by a hook: the connection ends at once, without a word and without an answer."""


@dataclass(frozen=True)
class Call:
    """One request with what a fault may want to know around it."""

    request: Request
    #: The file or folder meant, from the client's root on; also where the request only names a handle.
    path: bytes
    username: str
    #: Tells the sessions of a process apart.
    session: int
    #: The account's folders as they are, for faults that act on them.
    files: Filesystem


class Fault:
    """One way to misbehave. Every method is a hook; as they stand here they change nothing."""

    def link(self, link: socket.socket) -> socket.socket:
        """Every accepted connection, before SSH begins. Wrap it to count, delay or cut its bytes, either way."""
        return link

    def host_keys(self, keys: Sequence[paramiko.PKey]) -> Sequence[paramiko.PKey]:
        """The host keys that a connection is shown; once for each connection."""
        return keys

    def authenticate(self, username: str, method: str) -> bool:
        """Every attempt to log in, before it is looked at. False refuses it; a hook that sleeps makes it slow."""
        del username, method
        return True

    def serve(self, call: Call, go: Serve) -> Answer | None:
        """Every request, INIT included.

        ``go(call.request)``, or ``go`` of a changed request, serves it; what it returns may be changed, replaced or
        kept back.

        :raises Cut: to cut the connection here.
        """
        return go(call.request)

    def release(self) -> None:
        """The fault is over: what it makes wait goes on at once."""


@dataclass(eq=False)
class Aim:
    """Whom a fault hits, and when.

    :param account: only this user's; ``None``: everybody's.
    :param after: so many occasions go well first. What an occasion is, the fault knows: a request of the kinds that it
        is about, a login, a connection.
    :param times: how many occasions it hits then; ``None``: all.
    """

    account: str | None = None
    after: int = 0
    times: int | None = None
    _seen: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def hits(self, username: str | None = None) -> bool:
        """Whether this occasion, of a user or of nobody yet, is one to strike at. Every call counts as one."""
        if self.account is not None and username != self.account:
            return False
        with self._lock:
            self._seen += 1
            number = self._seen - self.after
        return number > 0 and (self.times is None or number <= self.times)


def chain(faults: Sequence[Fault], call: Call, go: Serve) -> Answer | None:
    """Serve a request through all faults, the first one outermost."""
    if not faults:
        return go(call.request)
    first, rest = faults[0], faults[1:]
    return first.serve(call, lambda request: chain(rest, replace(call, request=request), go))


@dataclass(frozen=True)
class Refuse(Fault):
    """Answers some kinds of requests with a status instead of serving them.

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
    """Offers no extensions and serves none."""

    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind not in (Kind.INIT, Kind.EXTENDED) or not self.aim.hits(call.username):
            return go(call.request)
        return wire.Version(extensions=()) if call.request.kind == Kind.INIT else Status(Code.OP_UNSUPPORTED)


@dataclass(frozen=True)
class ExclusiveIgnored(Fault):
    """Creates exclusively only by word: a file that is there already is opened and emptied."""

    aim: Aim = field(default_factory=Aim)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        if request.kind == Kind.OPEN and request.flags & wire.EXCLUSIVE and self.aim.hits(call.username):
            request = replace(request, flags=(request.flags & ~wire.EXCLUSIVE) | wire.TRUNCATE)
        return go(request)
