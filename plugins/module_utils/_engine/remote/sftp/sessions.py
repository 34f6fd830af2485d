# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All SFTP sessions of one remote: one for each connection of the account, and more where a large file needs them."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ...errors import FiledropError
from ...loop.limiter import CapacityLimiter
from ..rate_limiter import RateLimiter
from ..ssh.transports import open_connection, security_of
from . import packets
from .session import Habits, Session

if TYPE_CHECKING:
    from ...config.accounts.account import Account
    from ..channel import Connection

WIDE_FROM = 32 * 1024 * 1024
"""Bytes from which on a file is worth the four round trips of opening further channels."""

MORE_CHANNELS = 3

FAR = 0.01
"""Seconds of a round trip. To a nearer server, one channel of OpenSSH's is not the limit."""


class Sessions:
    """The sessions of one remote, and its rate limit.

    :raises FiledropError: see `ssh.connect.open_transport`, `Connection.open_channel` and `Session`.
    """

    def __init__(self, account: Account) -> None:
        self.rate_limiter = RateLimiter(account.bandwidth_limit)
        self.all: list[Session] = []
        self._habits = Habits()
        self._connections: list[Connection] = []
        self._account = account
        self._timeout = account.timeout
        self._may_widen = True
        self._handles = CapacityLimiter(account.max_open) if account.max_open else None
        try:
            for _connection in range(account.connections):
                self._connections.append(open_connection(account))
                self.all.append(self._session(self._connections[-1]))
        except BaseException:
            self.close()
            raise
        self._share_memory()

    def _share_memory(self) -> None:
        for session in self.all:
            session.share_memory(len(self.all))

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _session(self, connection: Connection) -> Session:
        return Session(connection.open_channel(), timeout=self._timeout, habits=self._habits, handles=self._handles)

    @property
    def clock(self) -> float | None:
        """See `Remote.clock`."""
        return self._habits.clock

    @property
    def most_open(self) -> int:
        """See `Remote.most_open`."""
        return self._habits.most_open

    def info(self) -> Mapping[str, Any]:
        """What is known of the server and the first session, for people."""
        session = self.all[0]
        found = self._connections[0].info()
        return {
            **found,
            **security_of(self._account, found.get("algorithms", {})),
            "sftp_version": packets.VERSION,
            "extensions": session.extensions,
            "limits": session.limits._asdict(),
            "notes": self._habits.notes(),
        }

    def idlest(self) -> Session:
        """The session with the fewest requests under way."""
        return min(self.all, key=attrgetter("pending"))

    @cached_property
    def writes_at_any_offset(self) -> bool:
        """Whether the server writes to one file through several handles.

        OpenSSH does. Others, such as those that pass files on to an object store, take bytes in their order only, or
        the bytes of one handle only.
        """
        return self._connections[0].is_openssh

    @cached_property
    def is_openssh_sftp(self) -> bool:
        """Whether files are served by OpenSSH's own sftp-server, of any release since 6.5.

        It is known by an extension: OpenSSH's sshd can run another one.
        """
        return self._connections[0].is_openssh and packets.FSYNC in self.all[0].extensions

    def is_in_order(self, session: Session) -> bool:
        """Whether the server does one request after the other.

        OpenSSH's own sftp-server does, and is known by its limits: OpenSSH's sshd can run another one.
        """
        return self._connections[0].is_openssh and packets.LIMITS in session.extensions

    def widen(self, size: int) -> None:
        """Open further channels on the connection for a file of this size.

        Only if the server allows that, and is so far away that the line holds more than one channel lets through.
        """
        only = self.all[0]
        if len(self.all) > 1 or size < WIDE_FROM or only.latency < FAR or not self._may_widen:
            return
        self._may_widen = False
        with ThreadPoolExecutor(MORE_CHANNELS) as openers:
            opening = [openers.submit(self._session, self._connections[0]) for _channel in range(MORE_CHANNELS)]
            for session in opening:
                with contextlib.suppress(FiledropError):
                    self.all.append(session.result())
        self._share_memory()

    @property
    def pending(self) -> int:
        return sum(session.pending for session in self.all) + self.rate_limiter.waiting

    def poll(self, timeout: float | None) -> bool:
        """See `loop.Source`."""
        patience = self.rate_limiter.patience
        if patience is None:
            return self._poll(timeout)
        heard = self._poll(patience if timeout is None else min(patience, timeout))
        for session in self.all:
            if session.error is not None:
                self.rate_limiter.fail(session.error)
        return self.rate_limiter.release() or heard

    def _poll(self, timeout: float | None) -> bool:
        busy = [session for session in self.all if session.pending]
        if len(busy) == 1:
            return busy[0].exchange(timeout)
        if _exchange(busy):
            return True
        _wait_for_one(busy, 1.0 if timeout is None else timeout)
        return _exchange(busy)


def _exchange(sessions: Sequence[Session]) -> bool:
    heard = False
    for session in sessions:
        heard |= session.exchange(0)
    return heard


def _wait_for_one(sessions: Iterable[Session], seconds: float) -> None:
    """Wait until an answer may have come. select(2) cannot be used: more files may be open than it can handle."""
    poll = select.poll()
    for session in sessions:
        poll.register(session, select.POLLIN)
    poll.poll(seconds * 1000)
