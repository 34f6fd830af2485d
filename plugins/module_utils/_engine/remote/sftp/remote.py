# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP as a Remote: each request of the workflows in terms of SFTP packets, over one or a few sessions.

Source: draft-ietf-secsh-filexfer-02; sections in brackets.
"""

from __future__ import annotations

import contextlib
import select
from collections import deque
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import FiledropError, RemoteError
from ...loop.limiter import acquire_any
from ...loop.loop import Future, gather
from ..interface import Entry, Incoming, Outgoing, Received
from ..rate_limiter import RateLimiter
from ..ssh.connect import agreed_algorithms, host_key_of, open_transport
from ..ssh.handshake import banner_of
from . import packets
from .download import Download
from .listing import Listing, entry_of
from .session import Cost, Session

if TYPE_CHECKING:
    from paramiko import Transport

    from ...config.account import Account

SHARED_FROM = 8 * 1024 * 1024
"""Bytes from which on a file goes over all connections at once: four times what a server lets one have under way."""

OPENSSH = "SSH-2.0-OpenSSH_"
"""How OpenSSH's servers call themselves, which write to one file through several handles. Others, such as those that
pass files on to an object store, take bytes in their order only, or the bytes of one handle only."""

WIDE_FROM = 32 * 1024 * 1024
"""Bytes from which on a file is worth the four round trips of opening further channels."""

MORE_CHANNELS = 3

FAR = 0.01
"""Seconds of a round trip; nearer, one channel of OpenSSH's is not the limit."""


class _Handle(NamedTuple):
    """An open file or folder: the server's name for it, on the session that opened it."""

    session: Session
    name: bytes
    path: str


class SftpRemote:
    """A mailbox over SFTP; see `interface.Remote` for what its methods promise."""

    def __init__(self, account: Account) -> None:
        self._transports: list[Transport] = []
        self._sessions: list[Session] = []
        self._may_widen = True
        self._rate_limiter = RateLimiter(account.bandwidth_limit)
        try:
            for _connection in range(account.connections):
                self._transports.append(open_transport(account))
                self._sessions.append(Session(self._transports[-1], timeout=account.timeout))
        except BaseException:
            self.close()
            raise

    @property
    def pending(self) -> int:
        return sum(session.pending for session in self._sessions) + self._rate_limiter.waiting

    def poll(self, timeout: float | None) -> bool:
        patience = self._rate_limiter.patience
        if patience is None:
            return self._poll(timeout)
        heard = self._poll(patience if timeout is None else min(patience, timeout))
        for session in self._sessions:
            if session.error is not None:
                self._rate_limiter.fail(session.error)
        return self._rate_limiter.release() or heard

    def _poll(self, timeout: float | None) -> bool:
        owing = [session for session in self._sessions if session.pending]
        if len(owing) == 1:
            return owing[0].exchange(timeout)
        if self._exchange(owing):
            return True
        _wait_for_one(owing, 1.0 if timeout is None else timeout)
        return self._exchange(owing)

    @staticmethod
    def _exchange(owing: Sequence[Session]) -> bool:
        heard = False
        for session in owing:
            heard |= session.exchange(0)
        return heard

    def close(self) -> None:
        for transport in self._transports:
            transport.close()

    def info(self) -> Mapping[str, Any]:
        session = self._sessions[0]
        key = host_key_of(session.transport)
        return {
            "host_key": {"type": key.type, "fingerprint": key.fingerprint, "line": key.line},
            "server_version": banner_of(session.transport).version,
            "algorithms": agreed_algorithms(session.transport),
            "sftp_version": packets.VERSION,
            "extensions": session.extensions,
            "limits": session.limits._asdict(),
        }

    async def list(self, folder: str) -> Sequence[Entry]:
        doing = f"to list the folder {folder!r}"
        session = self._idlest()
        body = packets.text(_bytes(folder or "."))
        handle = await self._handle(session, packets.OPENDIR, body, path=folder, doing=doing)
        try:
            return await Listing(session, handle.name, folder, doing).entries()
        finally:
            self.finish(handle)  # whether and when that succeeds is nobody's concern

    def stat(self, path: str) -> Future[Entry | None]:
        return self._look(self._idlest(), path)

    def _look(self, session: Session, path: str) -> Future[Entry | None]:
        return session.request(
            packets.LSTAT,
            packets.text(_bytes(path)),
            expected=packets.ATTRS,
            doing=f"to look at {path!r}",
            decode=lambda body: entry_of(path.rpartition("/")[2], path, packets.Reader(body).attributes()),
            missing_ok=True,
        )

    async def download(self, path: str, into: Incoming, *, size: int) -> Received:
        handle = await self._open(path, packets.READ_FLAG)
        session = handle.session
        look_behind = partial(self._look, session, path) if self._is_in_order(session) else None
        try:
            return await Download(*handle, rate_limiter=self._rate_limiter, look_behind=look_behind).into(into, size)
        finally:
            self.finish(handle)  # whether and when that succeeds is nobody's concern

    def _is_in_order(self, session: Session) -> bool:
        """Whether the server does one request after the other, as OpenSSH's own sftp-server does, which is known by its
        limits: behind OpenSSH's sshd there may be another.
        """
        return self._is_openssh and packets.LIMITS in session.extensions

    async def create(self, path: str) -> _Handle:
        return await self._open(path, packets.WRITE_FLAG | packets.CREATE_FLAG | packets.EXCLUSIVE_FLAG)

    async def rewrite(self, path: str) -> _Handle:
        return await self._open(path, packets.WRITE_FLAG | packets.TRUNCATE_FLAG)

    async def write(self, handle: _Handle, source: Outgoing, *, shared: bool) -> Awaitable[None]:
        others: Sequence[_Handle] = ()
        if shared and source.size >= SHARED_FROM and self._is_openssh:
            self._widen(source.size)
            others = await self._open_again(handle)
        try:
            sent = await self._send([handle, *others], source)
            if others:  # none is closed before the server has acknowledged what it was given
                await gather(sent)
        finally:
            closing = [self.finish(other) for other in others]
        return gather([*sent, *closing])

    @cached_property
    def _is_openssh(self) -> bool:
        return banner_of(self._transports[0]).version.startswith(OPENSSH)

    def _widen(self, size: int) -> None:
        """Take further channels of the connection, if the server allows that and is so far away that what it lets one
        have under way is less than the line holds.
        """
        only = self._sessions[0]
        if len(self._sessions) > 1 or size < WIDE_FROM or only.latency < FAR or not self._may_widen:
            return
        self._may_widen = False
        with ThreadPoolExecutor(MORE_CHANNELS) as openers:
            for opener in [
                openers.submit(Session, only.transport, timeout=only.timeout) for _channel in range(MORE_CHANNELS)
            ]:
                with contextlib.suppress(FiledropError):
                    self._sessions.append(opener.result())

    async def _open_again(self, handle: _Handle) -> Sequence[_Handle]:
        """The same file on the other sessions, where the server allows that."""
        doing = f"to open {handle.path!r} again"
        body = packets.text(_bytes(handle.path)) + packets.open_flags(packets.WRITE_FLAG)
        asked, found = [], []
        for session in self._sessions:
            if session is not handle.session:
                await session.handles.acquire(1)
                answer = session.request(
                    packets.OPEN, body, expected=packets.HANDLE, doing=doing, decode=packets.handle
                )
                asked.append((session, answer))
        for session, answer in asked:
            try:
                found.append(_Handle(session, await answer, handle.path))
            except RemoteError:
                session.handles.release(1)
        return found

    async def _send(self, handles: Sequence[_Handle], source: Outgoing) -> Iterable[Future[None]]:
        """WRITE a file from its beginning to its end, each part where there is most room for it [6.4]."""
        doing = f"to write to {handles[0].path!r}"
        sent: deque[Future[None]] = deque()
        offset = 0
        chunk = min(handle.session.write_chunk for handle in handles)
        by_budget = {handle.session.writing: handle for handle in handles}
        while offset < source.size:
            length = self._rate_limiter.portion(min(chunk, source.size - offset))
            await self._rate_limiter.acquire(length)
            writing = await acquire_any(by_budget, length)
            try:
                data = source.read(length)
            except BaseException:
                writing.release(length)
                raise
            session, name, _path = by_budget[writing]
            body = packets.write_body(name, offset, length)
            cost = Cost(writing, length)
            sent.append(
                session.request(packets.WRITE, body, data=data, expected=packets.STATUS, doing=doing, cost=cost)
            )
            offset += length
            while sent and sent[0].done:
                sent.popleft().result()
        return sent

    def size_of(self, handle: _Handle) -> Future[int | None]:
        return handle.session.request(
            packets.FSTAT,
            handle.name,
            expected=packets.ATTRS,
            doing=f"to tell the size of {handle.path!r}",
            decode=lambda body: packets.Reader(body).attributes().size,
        )

    def finish(self, handle: _Handle) -> Future[None]:
        doing = f"to complete {handle.path!r}"
        cost = Cost(handle.session.handles, 1)
        return handle.session.request(packets.CLOSE, handle.name, expected=packets.STATUS, doing=doing, cost=cost)

    def rename(self, old: str, new: str) -> Future[None]:
        body = packets.text(_bytes(old)) + packets.text(_bytes(new))
        return self._do(packets.RENAME, body, f"to rename {old!r} to {new!r}")

    def remove(self, path: str) -> Future[None]:
        return self._do(packets.REMOVE, packets.text(_bytes(path)), f"to delete {path!r}")

    async def _open(self, path: str, flags: int) -> _Handle:
        session = self._idlest()
        doing = f"to open {path!r}"
        body = packets.text(_bytes(path)) + packets.open_flags(flags)
        return await self._handle(session, packets.OPEN, body, path=path, doing=doing)

    async def _handle(self, session: Session, kind: int, body: bytes, *, path: str, doing: str) -> _Handle:
        """Open a file or folder. A server that refuses without a reason while others are open may allow fewer at once:
        it is asked again with half as many, at last with this one alone.
        """
        handles = session.handles
        allowed = handles.total
        while True:
            await handles.acquire(1)
            is_alone = handles.in_use == 1
            try:
                name = await session.request(kind, body, expected=packets.HANDLE, doing=doing, decode=packets.handle)
                return _Handle(session, name, path)
            except BaseException as error:
                handles.release(1)
                if not _may_mean_too_many(error):
                    raise
                if is_alone:
                    handles.resize(allowed)
                    raise
                handles.resize(max(1, handles.in_use // 2))

    def _do(self, kind: int, body: bytes, doing: str) -> Future[None]:
        return self._idlest().request(kind, body, expected=packets.STATUS, doing=doing)

    def _idlest(self) -> Session:
        return min(self._sessions, key=attrgetter("pending"))


def _wait_for_one(sessions: Iterable[Session], seconds: float) -> None:
    """Until an answer may have come; poll(2), for there may be more files open than select(2) can tell apart."""
    poll = select.poll()
    for session in sessions:
        poll.register(session, select.POLLIN)
    poll.poll(seconds * 1000)


def _may_mean_too_many(error: BaseException) -> bool:
    return isinstance(error, RemoteError) and error.reason == packets.UNSTATED


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
