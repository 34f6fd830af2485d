# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes of one file to a server: many WRITEs at once, over one session or several.

Source: draft-ietf-secsh-filexfer-02; sections in brackets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING

from ...errors import RemoteDenied, RemoteError, RemoteUnsupported
from ...loop.limiter import acquire_any
from ...loop.loop import Future, done_future, gather
from ..interface import Entry, size_or_none, succeeds, try_look
from . import packets, requests
from .looks import Look
from .requests import Handle
from .session import Cost

if TYPE_CHECKING:
    from ..interface import Outgoing
    from .sessions import Sessions

SHARED_FROM = 8 * 1024 * 1024
"""Bytes from which on a file goes over all sessions at once: four times what a server lets one have under way."""


class Upload:
    """One file, open on a session under a handle.

    :param temporary: nobody acts on a file of this name. It may be closed before its size is known, and be open
        several times.
    :param ask_size: whether to ask for the size.
    """

    def __init__(self, sessions: Sessions, handle: Handle, *, temporary: bool, ask_size: bool) -> None:
        self._sessions = sessions
        self._handle = handle
        self._temporary = temporary
        self._ask_size = ask_size
        self._expected = 0
        self._acknowledged: Awaitable[None]
        self._told: Future[int | None] = done_future(None)
        self._closing: Future[None] | None = None
        self._is_completed = False

    async def send(self, source: Outgoing) -> None:
        """Send the source to its end, and the question for its size right behind it."""
        self._expected = source.size
        self._acknowledged = await self._write(source)
        source.check_unchanged()
        if self._ask_size:
            self._told = requests.size_of(self._handle)
        if self._temporary:
            self._closing = requests.close(self._handle)

    async def size(self) -> int | None:
        """See `Uploaded.size`.

        A server that works at several requests at once may not have written every byte when it told the size, or may
        have closed the file by then. It is asked again.
        """
        await self._acknowledged
        refusal = None
        try:
            size = await self._told
        except RemoteError as error:
            size, refusal = None, error
        if size == self._expected or not self._ask_size:
            return size
        if self._closing is None:  # a look at the name fails where files are hidden until they are closed
            return None if size is None else await size_or_none(requests.size_of(self._handle))
        await succeeds(self._closing)
        own = await try_look(Look(self._sessions.idlest(), self._handle.path))
        if isinstance(own, Entry):
            return own.size
        if size is None and refusal and not isinstance(refusal, (RemoteDenied, RemoteUnsupported)):
            raise refusal
        return size

    def close(self) -> Future[None]:
        self._is_completed = True
        if self._closing is None:
            self._closing = requests.close(self._handle)
        return self._closing

    async def discard(self) -> bool:
        """See `Uploaded.discard`. Nothing was left open if the caller has completed the file already."""
        was_completed = self._is_completed
        removed = await self._remove()
        await succeeds(self.close())
        return removed or (not was_completed and await self._remove())

    async def _remove(self) -> bool:
        return await succeeds(requests.remove(self._sessions.idlest(), self._handle.path))

    async def _write(self, source: Outgoing) -> Awaitable[None]:
        """Send every byte; return what waits until the server has acknowledged them all."""
        others: Sequence[Handle] = ()
        if self._temporary and source.size >= SHARED_FROM and self._sessions.writes_at_any_offset:
            self._sessions.widen(source.size)
            others = await self._open_again()
        try:
            sent = await self._write_through([self._handle, *others], source)
            if others:  # none is closed before the server has acknowledged what it was given
                await gather(sent)
        finally:
            closing = [requests.close(other) for other in others]
        return gather([*sent, *closing])

    async def _open_again(self) -> Sequence[Handle]:
        """Open the same file on the other sessions, where the server allows that."""
        path = self._handle.path
        body = requests.told(self._handle.session, path) + packets.open_flags(packets.WRITE_FLAG)
        asked, found = [], []
        for session in self._sessions.all:
            if session is not self._handle.session and session.handles.has(1):
                await session.handles.acquire(1)
                answer = session.request(
                    packets.OPEN,
                    body,
                    expected=packets.HANDLE,
                    doing=f"to open {path!r} again",
                    decode=packets.handle,
                )
                asked.append((session, answer))
        for session, answer in asked:
            try:
                found.append(Handle(session, await answer, path))
            except RemoteError:
                session.handles.release(1)
        return found

    async def _write_through(self, handles: Sequence[Handle], source: Outgoing) -> Iterable[Future[None]]:
        """WRITE a file from its beginning to its end, each part on the session with most room for it [6.4]."""
        doing = f"to write to {self._handle.path!r}"
        rate_limiter = self._sessions.rate_limiter
        sent: deque[Future[None]] = deque()
        offset = 0
        chunk = min(handle.session.write_chunk for handle in handles)
        by_limiter = {handle.session.writing: handle for handle in handles}
        while offset < source.size:
            length = rate_limiter.portion(min(chunk, source.size - offset))
            await rate_limiter.acquire(length)
            writing = await acquire_any(by_limiter, length)
            try:
                data = source.read(length)
            except BaseException:
                writing.release(length)
                raise
            session, name, _path = by_limiter[writing]
            body = packets.write_body(name, offset, length)
            cost = Cost(writing, length)
            sent.append(
                session.request(packets.WRITE, body, data=data, expected=packets.STATUS, doing=doing, cost=cost)
            )
            offset += length
            while sent and sent[0].done:
                sent.popleft().result()
        return sent
