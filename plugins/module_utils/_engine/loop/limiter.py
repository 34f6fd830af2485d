# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Something that there is only so much of, for coroutines."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from operator import attrgetter

from .loop import Future, completed


class CapacityLimiter:
    """Something of which only so much may be in use at once, handed out in the order of asking."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self._given = completed(self)
        self._queue: deque[tuple[int, Future[CapacityLimiter]]] = deque()
        self._error: Exception | None = None

    @property
    def in_use(self) -> int:
        return self.total - self.free

    def resize(self, total: int) -> None:
        """Hand out more or less from now on; what is in use stays so until it is given back."""
        grown, self.total = total - self.total, total
        self.release(grown)

    def has(self, amount: int) -> bool:
        """Whether nobody needs to wait for so much."""
        while self._queue and self._queue[0][1].done:  # by another budget
            self._queue.popleft()
        return not self._queue and self.free >= amount

    def acquire(self, amount: int) -> Future[CapacityLimiter]:
        if self.has(amount):
            self.free -= amount
            return self._given
        answer: Future[CapacityLimiter] = Future()
        self.wait(amount, answer)
        return answer

    def wait(self, amount: int, answer: Future[CapacityLimiter]) -> None:
        """Settle an answer once there is so much, and take it, unless somebody else has settled it by then."""
        if self._error is None:
            self._queue.append((amount, answer))
        elif not answer.done:
            answer.set_exception(self._error)

    def release(self, amount: int) -> None:
        self.free += amount
        while self._queue and self.free >= self._queue[0][0]:
            needed, answer = self._queue.popleft()
            if not answer.done:  # by another budget
                self.free -= needed
                answer.set_result(self)

    def fail(self, error: Exception) -> None:
        """What is in use does not come back any more: whoever would have to wait for it gets this error."""
        self._error = error
        for _amount, answer in self._queue:
            if not answer.done:
                answer.set_exception(error)
        self._queue.clear()


def acquire_any(limiters: Collection[CapacityLimiter], amount: int) -> Future[CapacityLimiter]:
    """Take so much of the one that has most left, as soon as any of them has enough; the answer is which."""
    able = [limiter for limiter in limiters if limiter.has(amount)]
    if able:
        return max(able, key=attrgetter("free")).acquire(amount)
    answer: Future[CapacityLimiter] = Future()
    for limiter in limiters:
        limiter.wait(amount, answer)
    return answer
