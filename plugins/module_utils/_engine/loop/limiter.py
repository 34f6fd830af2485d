# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A limit on how much of something coroutines use at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from operator import attrgetter

from .loop import Future, done_future


class CapacityLimiter:
    """Hands out a limited amount, in the order of asking."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self._given = done_future(self)
        self._queue: deque[tuple[int, Future[CapacityLimiter]]] = deque()
        self._error: Exception | None = None

    @property
    def in_use(self) -> int:
        return self.total - self.free

    def resize(self, total: int) -> None:
        """Change the total. What is in use stays in use until it is released."""
        grown, self.total = total - self.total, total
        self.release(grown)

    def has(self, amount: int) -> bool:
        """Whether so much can be acquired without waiting."""
        while self._queue and self._queue[0][1].done:  # by another limiter
            self._queue.popleft()
        return not self._queue and self.free >= amount

    def acquire(self, amount: int) -> Future[CapacityLimiter]:
        if self.has(amount):
            self.free -= amount
            return self._given
        future: Future[CapacityLimiter] = Future()
        self.wait(amount, future)
        return future

    def wait(self, amount: int, future: Future[CapacityLimiter]) -> None:
        """Acquire so much for a future once it is free, unless the future is done by then."""
        if self._error is None:
            self._queue.append((amount, future))
        elif not future.done:
            future.set_exception(self._error)

    def release(self, amount: int) -> None:
        self.free += amount
        while self._queue and self.free >= self._queue[0][0]:
            needed, future = self._queue.popleft()
            if not future.done:  # by another limiter
                self.free -= needed
                future.set_result(self)

    def fail(self, error: Exception) -> None:
        """Raise this error for everybody who waits, or would have to wait: what is in use will not be released."""
        self._error = error
        for _amount, future in self._queue:
            if not future.done:
                future.set_exception(error)
        self._queue.clear()


def acquire_any(limiters: Collection[CapacityLimiter], amount: int) -> Future[CapacityLimiter]:
    """Acquire so much from the limiter that has most left, as soon as one has enough; the result is that limiter."""
    able = [limiter for limiter in limiters if limiter.has(amount)]
    if able:
        return max(able, key=attrgetter("free")).acquire(amount)
    future: Future[CapacityLimiter] = Future()
    for limiter in limiters:
        limiter.wait(amount, future)
    return future
