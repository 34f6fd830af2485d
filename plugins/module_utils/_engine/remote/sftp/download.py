# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes of one file from a server: many READs at once, put together in their order.

Source: draft-ietf-secsh-filexfer-02, 6.4.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Callable, NamedTuple

from ...errors import ProtocolError, RemoteError
from ..interface import Received
from . import packets
from .session import Cost, Session

if TYPE_CHECKING:
    from ...loop.loop import Future
    from ..interface import Entry, Incoming
    from ..rate_limiter import RateLimiter


class _Part(NamedTuple):
    """A part of a file that has been asked for."""

    length: int
    answer: Future[memoryview]


Look = Callable[[], "Future[Entry | None]"]


class Download:
    """One file, open on a session under a handle.

    :param look_behind: asks for a look at the file; None where only an answered READ is known to have been done.
    """

    def __init__(
        self, session: Session, handle: bytes, path: str, *, rate_limiter: RateLimiter, look_behind: Look | None
    ) -> None:
        self._session = session
        self._handle = handle
        self._doing = f"to read {path!r}"
        self._rate_limiter = rate_limiter
        self._look_behind = look_behind
        self._look: Future[Entry | None] | None = None
        self._parts: deque[_Part] = deque()
        self._asked = 0

    async def into(self, incoming: Incoming, size: int) -> Received:
        """Take the expected size, and try one byte beyond to see that it ends there.

        A server may answer with less than was asked for;
        the rest of that part is then asked for again.
        """
        received = 0
        holding = self._session.holding
        try:
            while received <= size:
                await self._ask_on(size)
                if self._asked > size and self._look_behind and not self._look:
                    self._look = self._look_behind()
                part = self._parts[0]
                data = await part.answer
                received += len(data)
                if received <= size:
                    incoming.write(data)
                self._parts.popleft()
                holding.release(len(data))
                if len(data) < part.length:
                    await self._look_later()
                    self._parts.appendleft(await self._ask(received, part.length - len(data)))
        except RemoteError as error:
            if error.reason != "remote_end_of_file":
                raise
        finally:
            for part in self._parts:
                holding.release(part.length)
        if self._look:
            await self._look  # it comes with the last byte
        return Received(received, self._look)

    async def _look_later(self) -> None:
        """There are bytes to come behind those that the look is behind."""
        if self._look:
            await self._look  # nothing is left owed
        self._look = self._look_behind = None

    async def _ask_on(self, size: int) -> None:
        """Ask for what follows, until the first part has come or there is no room for more."""
        while self._asked <= size and not (self._parts and self._parts[0].answer.done):
            length = self._rate_limiter.portion(min(self._session.read_chunk, size - self._asked)) or 1
            if self._parts and not self._session.holding.has(length):
                return  # whoever holds something does not wait for room: it may be all that is held
            await self._session.holding.acquire(length)
            self._parts.append(await self._ask(self._asked, length))
            self._asked += length

    async def _ask(self, offset: int, length: int) -> _Part:
        session = self._session
        await self._rate_limiter.acquire(length)
        await session.reading.acquire(length)
        body = packets.read_body(self._handle, offset, length)
        answer = session.request(
            packets.READ,
            body,
            expected=packets.DATA,
            doing=self._doing,
            decode=lambda answer: _data(answer, length),
            cost=Cost(session.reading, length),
        )
        return _Part(length, answer)


def _data(body: memoryview, length: int) -> memoryview:
    """The bytes of a DATA packet. One that was not asked for ends the session, before more of the kind comes.

    What is less than was asked for, or has more around it, is copied: a view would keep all that came with it.
    """
    data = packets.data(body)
    if not 0 < len(data) <= length:
        raise ProtocolError("protocol_error", f"The server answered a READ of {length} bytes with {len(data)}.")
    return data if len(body) == 4 + length else memoryview(bytes(data))
