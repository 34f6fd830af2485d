# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rate at which the bytes of files are sent and received, over all connections of an account together."""

from __future__ import annotations

import time
from collections import deque

from ..loop.loop import Future, done_future

PORTIONS = 8
"""In how many portions a second's bytes are sent, so that a shared link does not stall for a second."""

SMALLEST_PORTION = 4096  # bytes; with less, the overhead of packets would outweigh the data

_AT_ONCE = done_future(None)


class RateLimiter:
    """Hands out bytes to send or to request, at a rate, in the order of asking.

    Whoever gets bytes can use them at once. The next one waits for as long as they take at that rate.

    :param rate: bytes a second; None: no limit.
    """

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._queue: deque[tuple[int, Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._queue)

    @property
    def patience(self) -> float | None:
        """Seconds until the first request can be granted; None while none waits."""
        return max(0.0, self._free_at - time.monotonic()) if self._queue else None

    def portion(self, length: int) -> int:
        """How much of a length to acquire at once."""
        if self._rate is None:
            return length
        return min(length, max(SMALLEST_PORTION, self._rate // PORTIONS))

    def acquire(self, amount: int) -> Future[None]:
        """Done when so many bytes may be sent or received."""
        if self._rate is None:
            return _AT_ONCE
        future: Future[None] = Future()
        self._queue.append((amount, future))
        self.release()
        return future

    def release(self) -> bool:
        """Grant the requests whose time has come; return whether there were any."""
        released = False
        while self._queue and self._free_at <= time.monotonic():
            amount, future = self._queue.popleft()
            self._free_at = max(self._free_at, time.monotonic()) + amount / (self._rate or 1)
            future.set_result(None)
            released = True
        return released

    def fail(self, error: Exception) -> None:
        while self._queue:
            self._queue.popleft()[1].set_exception(error)
