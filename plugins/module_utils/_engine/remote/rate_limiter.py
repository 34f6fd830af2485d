# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast the bytes of files may go and come, over all connections of an account together."""

from __future__ import annotations

import time
from collections import deque

from ..loop.loop import Future, completed

PORTIONS = 8
"""In how many portions a second's bytes go: a link that is shared should not feel each of ours."""

SMALLEST_PORTION = 4096  # bytes; less would be more packet than file

_AT_ONCE = completed(None)


class RateLimiter:
    """Hands out bytes to send, or to ask for, at so many a second, in the order of asking.

    Who gets some may use them at once, and pays by what the next one waits.

    :param rate: bytes a second; None: as fast as they go.
    """

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._queue: deque[tuple[int, Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    @property
    def patience(self) -> float | None:
        """Seconds until the first of them has his turn; None while nobody waits."""
        return max(0.0, self._free_at - time.monotonic()) if self._queue else None

    def portion(self, length: int) -> int:
        """How much of a length to take at once."""
        if self._rate is None:
            return length
        return min(length, max(SMALLEST_PORTION, self._rate // PORTIONS))

    def acquire(self, amount: int) -> Future[None]:
        """Settled when so many bytes may go or come."""
        if self._rate is None:
            return _AT_ONCE
        answer: Future[None] = Future()
        self._queue.append((amount, answer))
        self.release()
        return answer

    def release(self) -> bool:
        """Settle those whose turn has come; say whether there were any."""
        released = False
        while self._queue and self._free_at <= time.monotonic():
            amount, answer = self._queue.popleft()
            self._free_at = max(self._free_at, time.monotonic()) + amount / (self._rate or 1)
            answer.set_result(None)
            released = True
        return released

    def fail(self, error: Exception) -> None:
        while self._queue:
            self._queue.popleft()[1].set_exception(error)
