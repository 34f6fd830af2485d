# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List one folder: many READDIRs at once.

Source: draft-ietf-secsh-filexfer-02, 6.7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

from ...errors import ProtocolError, RemoteError
from ..interface import Entry, join
from . import packets
from .requests import entry_of

if TYPE_CHECKING:
    from ...loop.loop import Future
    from .session import Session

READDIRS = 16
"""Requests under way at first. OpenSSH answers each with up to 100 names; other servers differ."""

MOST_READDIRS = 128
"""The most requests under way, for a large folder: enough to hide a round trip of 60 ms to OpenSSH."""

LONGEST_LISTING = 1_000_000
"""Names in one folder. A server that sends more is broken or hostile."""

LARGEST_LISTING = 128 * 1024 * 1024
"""Bytes of names in one folder. A server that sends more is broken or hostile."""


class Listing:
    """One folder, open on a session under a handle."""

    def __init__(self, session: Session, handle: bytes, folder: str, doing: str) -> None:
        self._session = session
        self._handle = handle
        self._folder = folder
        self._doing = doing
        self._asked: deque[Future[bytes]] = deque()
        self._at_once = READDIRS
        self._volume = 0

    async def pass_on(self, take: Callable[[Sequence[Entry]], None]) -> None:
        """Pass on all names but ``.`` and ``..``."""
        count = 0
        ended = False
        self._ask_on()
        while self._asked:
            try:
                body = await self._asked.popleft()
            except RemoteError as error:
                if error.reason != "remote_end_of_file":
                    raise
                ended = True
                continue
            found = self._found(body)
            ended |= not found  # as OpenSSH's client takes it
            count += len(found)
            if count > LONGEST_LISTING:
                raise self._endless(f"{LONGEST_LISTING:,} names")
            self._at_once = min(self._at_once + 1, MOST_READDIRS)
            if not ended and not self._has_enough:
                self._ask_on()
            take([entry for entry in found if entry.name not in (".", "..")])

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
            raise self._endless(f"{LARGEST_LISTING:,} bytes of names")
        return body

    def _found(self, body: bytes) -> Sequence[Entry]:
        entries = []
        for raw, attributes in packets.names(body):
            name = raw.decode("utf-8", "surrogateescape")
            entries.append(entry_of(name, join(self._folder, name), attributes))
        return entries

    def _endless(self, length: str) -> ProtocolError:
        return ProtocolError(
            "listing_endless",
            f"The folder {self._folder!r} has more than {length}, and the server goes on.",
            "Ask the provider to clear it up; filedrop does not work through a folder of that size.",
        )
