# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Something that there is only so much of, for coroutines."""

from __future__ import annotations

from collections import deque

from .flow import Answer, settled


class Budget:
    """Something of which only so much may be in use at once, handed out in the order of asking."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self._queue: deque[tuple[int, Answer[None]]] = deque()
        self._error: Exception | None = None

    @property
    def in_use(self) -> int:
        return self.total - self.free

    def resize(self, total: int) -> None:
        """Hand out more or less from now on; what is in use stays so until it is given back."""
        grown, self.total = total - self.total, total
        self.give_back(grown)

    def has(self, amount: int) -> bool:
        """Whether nobody needs to wait for so much."""
        return not self._queue and self.free >= amount

    def take(self, amount: int) -> Answer[None]:
        if self.has(amount):
            self.free -= amount
            return settled(None)
        answer: Answer[None] = Answer()
        if self._error is None:
            self._queue.append((amount, answer))
        else:
            answer.fail(self._error)
        return answer

    def give_back(self, amount: int) -> None:
        self.free += amount
        while self._queue and self.free >= self._queue[0][0]:
            needed, answer = self._queue.popleft()
            self.free -= needed
            answer.settle(None)

    def fail(self, error: Exception) -> None:
        """What is in use does not come back any more: whoever would have to wait for it gets this error."""
        self._error = error
        while self._queue:
            self._queue.popleft()[1].fail(error)
