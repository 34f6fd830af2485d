# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List one folder of a server with many READDIR requests at once.

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
"""Requests in flight at first. OpenSSH answers each with 100 names; other servers may send more or fewer."""

MOST_READDIRS = 128
"""The maximum of requests in flight, for a large folder. With it, OpenSSH is never idle at a latency of 60 ms."""

LONGEST_LISTING = 1_000_000
"""The maximum of names in one folder. A server that sends more is broken or hostile."""

LARGEST_LISTING = 128 * 1024 * 1024
"""The maximum size of the answers for one folder in bytes, for the same reason."""


class Listing:
    """List one folder that is open on a session.

    :param doing: the action, for error messages.
    """

    def __init__(self, session: Session, handle: bytes, folder: str, doing: str) -> None:
        self._session = session
        self._handle = handle
        self._folder = folder
        self._doing = doing
        self._asked: deque[Future[bytes]] = deque()
        self._at_once = READDIRS
        self._volume = 0

    async def pass_on(self, take: Callable[[Sequence[Entry]], None]) -> None:
        """Pass all entries except ``.`` and ``..`` to ``take``, one answer at a time.

        :raises RemoteError: the server refuses the request.
        :raises ProtocolError: the folder is larger than the limits.
        """
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
            ended |= not found  # OpenSSH's client handles an empty answer in the same way
            count += len(found)
            if count > LONGEST_LISTING:
                raise self._endless(f"{LONGEST_LISTING:,} names")
            self._at_once = min(self._at_once + 1, MOST_READDIRS)
            if not ended and not self._has_enough:
                self._ask_on()
            take([entry for entry in found if entry.name not in (".", "..")])

    @property
    def _has_enough(self) -> bool:
        """Return whether to send no more requests now.

        Requests are sent in groups, because many fit in one network packet. An answer that is already here may be the
        end of the folder.
        """
        return len(self._asked) * 2 > self._at_once or (bool(self._asked) and self._asked[0].done)

    def _ask_on(self) -> None:
        for _request in range(self._at_once - len(self._asked)):
            self._asked.append(
                self._session.request(
                    packets.READDIR, self._handle, expected=packets.NAME, doing=self._doing, decode=self._weighed
                )
            )

    def _weighed(self, body: bytes) -> bytes:
        """Count the size of an answer on arrival, because answers behind a missing one use memory too.

        :raises ProtocolError: the folder is larger than the limit.
        """
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
            f"The folder {self._folder!r} has more than {length}, so the listing was stopped.",
            "Ask the provider to reduce the folder. filedrop does not process a folder of that size.",
        )
