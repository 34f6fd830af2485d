# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a fault can take hold of the sandbox, and the simplest of them.

A fault is one small object; it overrides the hooks it needs. Several can be there at once: the first one given sees a
request first and its answer last. A fault may keep state; each connection and each session calls from its own thread.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Optional

from . import wire
from .wire import Answer, Code, Kind, Request, Status

if TYPE_CHECKING:
    import socket

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

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind in self.kinds and fnmatch.fnmatchcase(call.path.decode("latin-1"), self.paths):
            return Status(self.code, "refused by a fault of the sandbox")
        return go(call.request)


class NoExtensions(Fault):
    """Offers no extensions and serves none."""

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind == Kind.INIT:
            return wire.Version(extensions=())
        if call.request.kind == Kind.EXTENDED:
            return Status(Code.OP_UNSUPPORTED)
        return go(call.request)


class ExclusiveIgnored(Fault):
    """Creates exclusively only by word: a file that is there already is opened and emptied."""

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        if request.kind == Kind.OPEN and request.flags & wire.EXCLUSIVE:
            request = replace(request, flags=(request.flags & ~wire.EXCLUSIVE) | wire.TRUNCATE)
        return go(request)


#: The faults that have a name so far, each made anew for the sandbox that gets it.
NAMED: dict[str, Callable[[], Fault]] = {
    "close_fails": lambda: Refuse(frozenset({Kind.CLOSE}), Code.FAILURE, "/input/*"),
    "exclusive_ignored": ExclusiveIgnored,
    "listing_refused": lambda: Refuse(frozenset({Kind.OPENDIR})),
    "no_extensions": NoExtensions,
    "rename_refused": lambda: Refuse(frozenset({Kind.RENAME})),
    "setstat_refused": lambda: Refuse(frozenset({Kind.SETSTAT, Kind.FSETSTAT})),
    "stat_refused": lambda: Refuse(frozenset({Kind.STAT, Kind.LSTAT, Kind.FSTAT})),
}
