# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests of SFTP on one session, each as a function.

Source: draft-ietf-secsh-filexfer-02; sections in brackets.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import UNSTATED, RemoteError
from ..interface import Entry, join
from . import packets
from .session import Cost, Session

if TYPE_CHECKING:
    from ...loop.loop import Future

LARGEST_SIZE = 2**63 - 1
"""Bytes. No file is larger, and the ledger has no room for a larger number; such a size counts as not told."""


class Handle(NamedTuple):
    """An open file or folder: the server's name for it, on the session that opened it."""

    session: Session
    name: bytes
    path: str


async def open_for_reading(session: Session, path: str) -> Handle:
    return await _open_file(session, path, packets.READ_FLAG)


async def create(session: Session, path: str) -> Handle:
    """Create a file and open it for writing. It must not exist yet, as far as the server honours that [6.3]."""
    return await _open_file(session, path, packets.WRITE_FLAG | packets.CREATE_FLAG | packets.EXCLUSIVE_FLAG)


async def rewrite(session: Session, path: str) -> Handle:
    """Open a file that exists for writing, and empty it."""
    return await _open_file(session, path, packets.WRITE_FLAG | packets.TRUNCATE_FLAG)


async def open_folder(session: Session, path: str, doing: str) -> Handle:
    """Open a folder. Where a relative path is refused, try the absolute one: some servers take no other."""
    try:
        return await _open(session, packets.OPENDIR, told(session, path), path=path, doing=doing)
    except RemoteError:
        if path.startswith("/") or session.habits.home:
            raise
        with suppress(RemoteError):
            home = await real_path(session, ".")
            if home.startswith("/"):
                body = packets.text(encoded(_below(home, path)))
                handle = await _open(session, packets.OPENDIR, body, path=path, doing=doing)
                session.habits.home = home
                return handle
        raise


async def _open_file(session: Session, path: str, flags: int) -> Handle:
    body = told(session, path) + packets.open_flags(flags)
    return await _open(session, packets.OPEN, body, path=path, doing=f"to open {path!r}")


async def _open(session: Session, kind: int, body: bytes, *, path: str, doing: str) -> Handle:
    """Open a file or folder.

    A server that refuses without a reason, or says so, while others are open may allow fewer at once. It is asked again
    with half as many open, at last with this one alone.
    """
    handles = session.handles
    allowed = handles.total
    while True:
        await handles.acquire(1)
        is_alone = handles.in_use == 1
        try:
            name = await session.request(kind, body, expected=packets.HANDLE, doing=doing, decode=packets.handle)
            if handles.total < allowed:  # it was refused before, when more were open
                session.habits.most_open = handles.total
            return Handle(session, name, path)
        except BaseException as error:
            handles.release(1)
            if not _may_mean_too_many(error):
                raise
            if is_alone:
                handles.resize(allowed)
                raise
            handles.resize(max(1, handles.in_use // 2))


def _may_mean_too_many(error: BaseException) -> bool:
    if not isinstance(error, RemoteError):
        return False
    said = error.finding.rpartition("(SFTP status")[2]
    return error.reason == UNSTATED or _TOO_MANY.search(said) is not None


_TOO_MANY = re.compile(r"too many|quota|limit|resource|busy|try again", re.IGNORECASE)


def close(handle: Handle) -> Future[None]:
    """Close a file or folder [6.3]. For a file that was written, a refusal means that the server did not take it."""
    doing = f"to complete {handle.path!r}"
    cost = Cost(handle.session.handles, 1)
    return handle.session.request(packets.CLOSE, handle.name, expected=packets.STATUS, doing=doing, cost=cost)


def stat(session: Session, path: str, kind: int) -> Future[Entry | None]:
    """Ask once what a path is, or None if the server says that there is nothing [6.8]. See `looks` for more.

    :param kind: LSTAT (a link is not followed) or STAT.
    """
    return session.request(
        kind,
        told(session, path),
        expected=packets.ATTRS,
        doing=f"to look at {path!r}",
        decode=lambda body: entry_of(path.rpartition("/")[2], path, packets.Reader(body).attributes()),
        missing_ok=True,
    )


def real_path(session: Session, path: str) -> Future[str]:
    """The absolute path that the server makes of a path; empty if its answer holds none [6.11]."""
    return session.request(
        packets.REALPATH,
        told(session, path),
        expected=packets.NAME,
        doing=f"to tell the absolute path of {path!r}",
        decode=lambda body: "".join(decoded(name) for name, _attributes in packets.names(body)[:1]),
    )


def size_of(handle: Handle) -> Future[int | None]:
    """The size of an open file; None where the server does not tell [6.8].

    We have just written the file, so its time shows the server's clock.
    """

    def decode(body: Any) -> int | None:
        attributes = packets.Reader(body).attributes()
        if attributes.mtime:
            handle.session.habits.clock = attributes.mtime - time.time()
        return attributes.size

    return handle.session.request(
        packets.FSTAT,
        handle.name,
        expected=packets.ATTRS,
        doing=f"to tell the size of {handle.path!r}",
        decode=decode,
    )


def rename(session: Session, old: str, new: str) -> Future[None]:
    body = told(session, old) + told(session, new)
    doing = f"to rename {old!r} to {new!r}"
    return session.request(packets.RENAME, body, expected=packets.STATUS, doing=doing)


def remove(session: Session, path: str) -> Future[None]:
    return session.request(packets.REMOVE, told(session, path), expected=packets.STATUS, doing=f"to delete {path!r}")


def digest(session: Session, path: str) -> Future[tuple[str, str]]:
    """See `Remote.digest`. The server follows a link."""
    return session.request(
        packets.EXTENDED,
        packets.check_file(told(session, path)),
        expected=packets.EXTENDED_REPLY,
        doing=f"to compute the digest of {path!r}",
        decode=packets.digest,
    )


def make_folder(session: Session, path: str) -> Future[None]:
    """Make a folder with the permissions that the server gives it [6.6]."""
    body = told(session, path) + packets.NO_ATTRIBUTES
    return session.request(packets.MKDIR, body, expected=packets.STATUS, doing=f"to make the folder {path!r}")


def entry_of(name: str, path: str, attributes: packets.Attributes) -> Entry:
    """An entry from what a server tells of a file."""
    size = attributes.size
    if size is not None and size > LARGEST_SIZE:
        size = None
    return Entry(name, path, size, attributes.mtime, attributes.permissions)


def told(session: Session, path: str) -> bytes:
    """A path as a request has it; see `Habits.home`."""
    return packets.text(encoded(_below(session.habits.home, path) or "."))


def _below(home: str, path: str) -> str:
    """The absolute path of a relative one; the path itself if it is absolute, or if no login folder is given."""
    if not home or path.startswith("/"):
        return path
    return home if path in ("", ".") else join(home, path)


def encoded(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
