# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Download one file: many READs at once, whose data is written in the order of the file.

Source: draft-ietf-secsh-filexfer-02, 6.4.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ...errors import ProtocolError, RemoteError
from . import packets
from .looks import Look
from .session import Cost

if TYPE_CHECKING:
    from ...loop.loop import Future
    from ..interface import Incoming
    from ..rate_limiter import RateLimiter
    from .requests import Handle


class _Part(NamedTuple):
    """A part of a file that has been requested."""

    length: int
    data: Future[memoryview]


class Download:
    """One file, open on a session under a handle.

    :param is_in_order: whether the server does one request after the other. Then it is asked for the entry of the
        file right behind the last READ; else only an answered READ is known to have been done.
    :ivar entry: what the server says of the file after its last byte, if it was asked behind the last READ.
    """

    def __init__(self, handle: Handle, *, rate_limiter: RateLimiter, is_in_order: bool) -> None:
        self._session = handle.session
        self._handle = handle
        self._doing = f"to read {handle.path!r}"
        self._rate_limiter = rate_limiter
        self._may_ask_behind = is_in_order
        self.entry: Look | None = None
        self._parts: deque[_Part] = deque()
        self._asked = 0

    async def into(self, incoming: Incoming, size: int) -> int:
        """Read the expected size, and try one byte beyond it to see that the file ends there; return what came.

        - A server may answer with less than was asked for. The rest of that part is then asked for again.
        - An answer without a byte is the end of the file, as END_OF_FILE is.
        - Once the expected size has come, any refusal is the end of the file: servers answer a READ behind the end
          with errors of many kinds.
        """
        received = 0
        holding = self._session.holding
        try:
            while received <= size:
                await self._ask_on(size)
                if self._asked > size and self._may_ask_behind and not self.entry:
                    self.entry = Look(self._session, self._handle.path)
                part = self._parts[0]
                data = await part.data
                if not data:
                    break
                received += len(data)
                if received <= size:
                    incoming.write(data)
                self._parts.popleft()
                holding.release(len(data))
                if len(data) < part.length:
                    await self._forget_entry()
                    self._parts.appendleft(await self._ask(received, part.length - len(data)))
        except RemoteError as error:
            if received < size and error.reason != "remote_end_of_file":
                raise
            error.__traceback__ = None  # its frames hold the future, which holds the error: a circle for every file
        finally:
            for part in self._parts:
                holding.release(part.length)
        if self.entry:
            await self.entry  # it comes with the last byte
        return received

    async def _forget_entry(self) -> None:
        """More bytes will come than those that the entry was asked behind."""
        if self.entry:
            await self.entry  # so that unanswered requests cannot pile up
        self.entry = None
        self._may_ask_behind = False

    async def _ask_on(self, size: int) -> None:
        """Request the parts that follow, until the first one has come or there is no room for more."""
        while self._asked <= size and not (self._parts and self._parts[0].data.done):
            length = self._rate_limiter.portion(min(self._session.read_chunk, size - self._asked)) or 1
            if self._parts and not self._session.holding.has(length):
                return  # a file that holds some room does not wait for more: it may hold all that is taken
            await self._session.holding.acquire(length)
            self._parts.append(await self._ask(self._asked, length))
            self._asked += length

    async def _ask(self, offset: int, length: int) -> _Part:
        session = self._session
        await self._rate_limiter.acquire(length)
        await session.reading.acquire(length)
        request = packets.read_body(self._handle.name, offset, length)
        data = session.request(
            packets.READ,
            request,
            expected=packets.DATA,
            doing=self._doing,
            decode=lambda body: _data(body, length),
            cost=Cost(session.reading, length),
        )
        return _Part(length, data)


def _data(body: memoryview, length: int) -> memoryview:
    """The data of a DATA packet. One with more than was requested ends the session, before more of the kind comes.

    Data that does not fill its packet is copied, because a view would keep the whole buffer in memory.
    """
    data = packets.data(body)
    if len(data) > length:
        raise ProtocolError("protocol_error", f"The server answered a READ of {length} bytes with {len(data)}.")
    return data if len(body) == 4 + length else memoryview(bytes(data))
