# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a workflow may ask of a server, whatever its protocol, and how a server's files are described."""

from __future__ import annotations

import stat as modes
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

_KINDS = {0: "file", modes.S_IFREG: "file", modes.S_IFDIR: "folder", modes.S_IFLNK: "link"}


class Entry(NamedTuple):
    """One name in a remote folder, as the server describes it.

    Bytes of a name that are no UTF-8 stand as surrogate escapes. ``size`` in bytes, ``mtime`` in whole seconds since
    1970 (UTC); None where the server does not tell.
    """

    name: str
    path: str
    size: int | None
    mtime: int | None
    permissions: int | None

    @property
    def kind(self) -> str:
        """``file``, ``folder``, ``link`` or ``other``. Who does not tell a type is believed to have files."""
        return _KINDS.get(modes.S_IFMT(self.permissions or 0), "other")


class Outgoing(Protocol):
    """A local file on its way to a server."""

    size: int

    def read(self, length: int) -> bytes: ...


class Incoming(Protocol):
    """Where the bytes of a download go, in their order."""

    def write(self, data: bytes | memoryview) -> None: ...


class Received(NamedTuple):
    """A download that has come to its end.

    :ivar size: how many bytes came; one more than was expected if there is more.
    :ivar look: what the server said of the file right behind its last byte, as by `Remote.stat`; None if it is still to
        be asked.
    """

    size: int
    look: Awaitable[Entry | None] | None


class Remote(Protocol):
    """A connected session with a server, whatever its protocol: the requests that workflows are made of.

    A request leaves with the call; awaiting it is only for its answer, so several can be under way before the first is
    awaited. Each request raises RemoteMissing, RemoteDenied, RemoteUnsupported or RemoteError when the server refuses
    it, ConnectionLost when the session ends or stays silent for the account's timeout, and ProtocolError when the
    server breaks the rules.
    """

    @property
    def pending(self) -> int:
        """See `flow.Source`."""

    def poll(self, timeout: float | None) -> bool:
        """See `flow.Source`."""

    def close(self) -> None:
        """End the session. What is still under way fails with ConnectionLost."""

    def info(self) -> Mapping[str, Any]:
        """What is known of the server and the session, for people; its keys depend on the protocol."""

    async def list(self, folder: str) -> Sequence[Entry]:
        """All names in a folder but ``.`` and ``..``."""

    def stat(self, path: str) -> Awaitable[Entry | None]:
        """The file itself (a link is not followed), or None if there is none."""

    async def download(self, path: str, into: Incoming, *, size: int) -> Received:
        """Fetch a file of the expected size to its real end."""

    async def create(self, path: str) -> Any:
        """Make a new file and open it for writing. Never opens a file that exists, as far as the server honours
        that.
        """

    async def rewrite(self, path: str) -> Any:
        """Open our own unfinished part for writing, emptied."""

    async def write(self, handle: Any, source: Outgoing, *, shared: bool) -> Awaitable[None]:
        """Send the source to its end. What it returns waits until the server has acknowledged every byte. What is asked
        meanwhile comes after the bytes, and may be answered before a server has seen to all of them.

        :param shared: it may be opened, and closed, on several connections at once: nobody takes a file of this name.
        """

    def size_of(self, handle: Any) -> Awaitable[int | None]:
        """The size of an open file by the server's word; None where it does not tell."""

    def finish(self, handle: Any) -> Awaitable[None]:
        """Close what was written. An error means that the server did not take it."""

    def rename(self, old: str, new: str) -> Awaitable[None]:
        """Give a file another name; never onto a name that exists, as far as the server honours that."""

    def remove(self, path: str) -> Awaitable[None]:
        """Delete a file."""


def join(folder: str, name: str) -> str:
    """The path of a name in a remote folder; the empty folder is where the server puts us at login."""
    return name if folder in ("", ".") else f"{folder.rstrip('/')}/{name}"
