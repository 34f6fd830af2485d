# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List one folder: many READDIRs at once.

Source: draft-ietf-secsh-filexfer-02, 6.7.
"""

from __future__ import annotations

import stat as modes
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Callable

from ...errors import RemoteError
from ..interface import Entry, join
from ..listings import LARGEST_LISTING, LONGEST_LISTING, endless
from . import packets, requests

if TYPE_CHECKING:
    from ...loop.loop import Future
    from .session import Session

READDIRS = 16
"""Requests under way at first. OpenSSH answers each with up to 100 names; other servers differ."""

MOST_READDIRS = 128
"""The most requests under way, for a large folder: enough to hide a round trip of 60 ms to OpenSSH."""

MOST_AGAIN = 100_000
"""Names that were passed on of a folder that may be listed again. Each takes about 100 bytes."""


async def list_folder(session: Session, folder: str, take: Callable[[Sequence[Entry]], None]) -> None:
    """List a folder: pass on all names but ``.`` and ``..``, some at a time; see `Remote.list`.

    Some servers refuse a READDIR that comes before they have answered the one ahead of it. So a folder whose listing is
    refused before its end is listed again, with one request at a time. What was passed on is not passed on again.
    """
    passed: set[int] = set()

    def take_and_note(entries: Sequence[Entry]) -> None:
        if len(passed) <= MOST_AGAIN:
            passed.update(hash(entry.name) for entry in entries)
        take(entries)

    if not session.habits.lists_one_by_one:
        async with _open(session, folder, most_at_once=MOST_READDIRS) as listing:
            try:
                await listing.pass_on(take_and_note)
            except RemoteError:
                if len(passed) > MOST_AGAIN:
                    raise
            else:
                return
    async with _open(session, folder, most_at_once=1) as listing:
        await listing.pass_on(lambda entries: take([one for one in entries if hash(one.name) not in passed]))
    session.habits.lists_one_by_one = True


@asynccontextmanager
async def _open(session: Session, folder: str, *, most_at_once: int) -> AsyncIterator[Listing]:
    doing = f"to list the folder {folder!r}"
    handle = await requests.open_folder(session, folder, doing)
    try:
        yield Listing(session, handle.name, folder, doing, most_at_once=most_at_once)
    finally:
        requests.close(handle)  # nobody waits for the answer


class Listing:
    """One folder, open on a session under a handle.

    :param most_at_once: how many requests may be under way.
    """

    def __init__(self, session: Session, handle: bytes, folder: str, doing: str, *, most_at_once: int) -> None:
        self._session = session
        self._handle = handle
        self._folder = folder
        self._doing = doing
        self._asked: deque[Future[bytes]] = deque()
        self._most_at_once = most_at_once
        self._at_once = min(READDIRS, most_at_once)
        self._volume = 0
        self._own_name = folder.rstrip("/").rpartition("/")[2]
        self._real_path: str | None = None

    async def pass_on(self, take: Callable[[Sequence[Entry]], None]) -> None:
        """Pass on all names but ``.`` and ``..``.

        Once the server has named the end, what it answers to requests that were asked ahead does not matter. Some
        servers refuse them, because they have closed the folder by then.
        """
        count = 0
        ended = False
        self._ask_on()
        while self._asked:
            try:
                body = await self._asked.popleft()
            except RemoteError as error:
                if not ended and error.reason != "remote_end_of_file":
                    raise
                ended = True
                continue
            listed = packets.names(body)
            ended |= not listed  # as OpenSSH's client takes it
            count += len(listed)
            if count > LONGEST_LISTING:
                raise endless(self._folder, f"{LONGEST_LISTING:,} names")
            self._at_once = min(self._at_once + 1, self._most_at_once)
            if not ended and not self._has_enough:
                self._ask_on()
            take(await self._entries(listed))

    @property
    def _has_enough(self) -> bool:
        """Whether to wait before sending more requests: an answer that has come may say that the list has ended."""
        return len(self._asked) * 2 > self._at_once or (bool(self._asked) and self._asked[0].done)

    def _ask_on(self) -> None:
        for _request in range(self._at_once - len(self._asked)):
            self._asked.append(
                self._session.request(
                    packets.READDIR, self._handle, expected=packets.NAME, doing=self._doing, decode=self._weighed
                )
            )

    def _weighed(self, body: bytes) -> bytes:
        """Count the size of an answer as soon as it comes, since answers wait for those before them."""
        self._volume += len(body)
        if self._volume > LARGEST_LISTING:
            raise endless(self._folder, f"{LARGEST_LISTING:,} bytes of names")
        return body

    async def _entries(self, listed: Sequence[tuple[bytes, packets.Attributes]]) -> Sequence[Entry]:
        entries = []
        for raw, attributes in listed:
            name, found = requests.decoded(raw), attributes
            if not name or "/" in name or name == self._own_name:
                name, found = await self._understood(name, attributes)
            if name not in (".", ".."):
                entries.append(requests.entry_of(name, join(self._folder, name), found))
        return entries

    async def _understood(self, listed: str, attributes: packets.Attributes) -> tuple[str, packets.Attributes]:
        """Return the name and the attributes that a server means by an unusual name.

        - The path of the listed folder, a slash and a name is that name.
        - What is empty, and has no name or that of the folder, is the folder itself (``.``). What is empty, and has a
          slash at its end, is a folder. Object stores keep such markers. A file that exists under its name is a file.
        - Any other path is returned as it is. The caller refuses it.
        """
        path = listed.rstrip("/")
        may_be_folder = not attributes.size or modes.S_ISDIR(attributes.permissions or 0)
        if may_be_folder and (not path or ("/" in listed and await self._is_own(path))):
            return ".", attributes
        head, slash, name = path.rpartition("/")
        if slash and not await self._is_own(head or "/"):
            return listed, attributes
        self._session.habits.lists_paths |= bool(slash)
        if path != listed:
            if not may_be_folder:
                return listed, attributes
            attributes = attributes._replace(permissions=modes.S_IFDIR)
        elif name == self._own_name and not attributes.size and await self._is_missing(name):
            return ".", attributes
        return name, attributes

    async def _is_own(self, path: str) -> bool:
        """Return whether a path is that of the listed folder."""
        plain = _plain(path)
        if plain in (".", _plain(self._folder)):
            return plain is not None
        if self._real_path is None:
            try:
                self._real_path = _plain(await requests.real_path(self._session, self._folder))
            except RemoteError:
                self._real_path = _plain(f"/{self._folder}")
        return plain is not None and plain == self._real_path

    async def _is_missing(self, name: str) -> bool:
        try:
            return await requests.stat(self._session, join(self._folder, name), packets.STAT) is None
        except RemoteError:
            return True


def _plain(path: str) -> str | None:
    """Return a path without empty and ``.`` parts; None if it has ``..``, because a link may be on the way."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        return None
    return ("/" if path.startswith("/") else "") + "/".join(parts) or "."
