# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of listings: hostile names, and listings without an end."""

from __future__ import annotations

from dataclasses import dataclass, field

from .faults import Aim, Call, Fault, Serve
from .wire import Answer, Attributes, Code, Data, Handle, Kind, Name, Names, Stats, Status

_FILE, _FOLDER, _LINK = 0o100644, 0o040755, 0o120777

#: The content of a hostile name. It can be read and removed like any file, so that a client that requests it gets it.
LOOT = b"hostile content of the sandbox\n"

#: Kind of hostile name -> the listed name and its file type.
HOSTILE: dict[str, tuple[bytes, int]] = {
    "parent": (b"../filedrop-hostile", _FILE),
    "absolute": (b"/tmp/filedrop-hostile", _FILE),
    "nul": (b"filedrop\0hostile", _FILE),
    "newline": (b"filedrop\nhostile", _FILE),
    "not_utf8": (b"filedrop-\xff-hostile", _FILE),
    "long": (b"h" * 4096, _FILE),
    "link": (b"filedrop-hostile-link", _LINK),
    "folder": (b"filedrop-hostile-folder", _FOLDER),
}

#: The kind that lists every name a second time.
TWICE = "twice"

_HANDLE = b"hostile"
_NAMES_AT_ONCE = 700


@dataclass(eq=False)
class NameHostile(Fault):
    """Add a hostile name to every listing below the root, and serve its content; or list each name twice."""

    kind: str
    aim: Aim = field(default_factory=Aim)
    _told: set[tuple[int, bytes]] = field(default_factory=set, init=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if self.kind != TWICE and self._is_about(call):
            return self._serve(call)
        answer = go(call.request)
        key = (call.session, call.request.handle)
        if not isinstance(answer, Names) or call.request.kind != Kind.READDIR or call.path == b"/":
            return answer
        if key in self._told or not self.aim.hits(call.username):
            return answer
        if self.kind == TWICE:
            return Names([*answer.names, *answer.names])
        self._told.add(key)
        return Names([*answer.names, Name(HOSTILE[self.kind][0], self._attributes())])

    def _is_about(self, call: Call) -> bool:
        request = call.request
        return bool(self._told) and (request.handle == _HANDLE or request.path.endswith(HOSTILE[self.kind][0]))

    def _attributes(self) -> Attributes:
        return Attributes(size=len(LOOT), permissions=HOSTILE[self.kind][1], atime=1, mtime=1)

    def _serve(self, call: Call) -> Answer:
        request = call.request
        if request.kind == Kind.OPEN:
            return Handle(_HANDLE)
        if request.kind == Kind.READ:
            data = LOOT[request.offset : request.offset + request.length]
            return Data(data) if data else Status(Code.EOF)
        if request.kind in (Kind.STAT, Kind.LSTAT, Kind.FSTAT):
            return Stats(self._attributes())
        return Status(Code.OK)


@dataclass(eq=False)
class ListingCut(Fault):
    """Fail where a listing goes on or ends, after its first names."""

    aim: Aim = field(default_factory=Aim)
    _begun: set[tuple[int, bytes]] = field(default_factory=set, init=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        key = (call.session, call.request.handle)
        if call.request.kind != Kind.READDIR or key not in self._begun:
            if call.request.kind == Kind.READDIR:
                self._begun.add(key)
            return go(call.request)
        return Status(Code.FAILURE, "the listing failed") if self.aim.hits(call.username) else go(call.request)


@dataclass(eq=False)
class ListingEndless(Fault):
    """List new names without an end."""

    aim: Aim = field(default_factory=Aim)
    _number: int = field(default=0, init=False)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind != Kind.READDIR or not self.aim.hits(call.username):
            return go(call.request)
        self._number += 1
        known = Attributes(size=1, permissions=_FILE, atime=1, mtime=1)
        return Names([Name(b"%d-%d" % (self._number, one) + b"e" * 200, known) for one in range(_NAMES_AT_ONCE)])
