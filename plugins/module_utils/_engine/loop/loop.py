# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many coroutines, one thread: each waits for its own answers while the others go on.

The rules:

- A coroutine awaits an `Future`. Whoever owes the answer (a remote, the disk, the ledger) keeps it and settles it
  later.
- Answers from the remote are taken as they come. Work that is cheaper in bulk (syncing files, committing to the
  ledger) is a `Batch`: it collects what waits for it and does it in one go when more wait for it than for answers, or
  when something has waited long enough.
- Nothing here knows what a file is, and no coroutine ever touches a socket.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Coroutine, Generator, Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import (
    Any,
    Callable,
    Generic,
    Protocol,
    TypeVar,
)

T = TypeVar("T")

SLICE = 32  # steps between two looks at the other side, which shall not wait for us
SHORTEST_PATIENCE = 0.005  # seconds that a batch waits for more to join it
LONGEST_PATIENCE = 0.05
PATIENCE = 4  # times what it took the last time
INSISTENCE = 8  # how often a coroutine is told that the run is over


class Future(Generic[T]):
    """A value that somebody owes. Settled once; awaited by one coroutine at most, until then."""

    __slots__ = ("_error", "_task", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T
        self._error: BaseException | None = None
        self._task: _Task | None = None

    def set_result(self, value: T) -> None:
        self._value = value
        self._finish()

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self._finish()

    def _finish(self) -> None:
        self.done = True
        if self._task is not None:
            self._task.wake()

    def result(self) -> T:
        """The value, or the error raised."""
        if self._error is not None:
            raise self._error
        return self._value

    def __await__(self) -> Generator[Future[T], None, T]:
        if not self.done:
            yield self
        return self.result()


class _All:
    """See `gather`."""

    def __init__(self, futures: Sequence[Future[Any]]) -> None:
        self._futures = futures

    def __await__(self) -> Generator[Future[Any], None, None]:
        for future in self._futures:
            if not future.done:
                yield future
        for future in self._futures:
            future.result()


def gather(futures: Iterable[Future[Any]]) -> Awaitable[None]:
    """Wait until every future is done; then raise the first error among them, in their order."""
    return _All(tuple(futures))


def completed(value: T) -> Future[T]:
    """An answer that nobody has to wait for."""
    answer: Future[T] = Future()
    answer.set_result(value)
    return answer


class Source(Protocol):
    """Where answers come from: a remote."""

    @property
    def pending(self) -> int:
        """How many answers are outstanding."""

    def poll(self, timeout: float | None) -> bool:
        """Send what is queued, wait for the first answer, settle all that have come by then, and say whether any has.

        :param timeout: seconds to wait at most; None: as long as it takes.
        """


class Batch(ABC):
    """Work that is done for many at once.

    It waits for more to come, but not long, in proportion to what it costs.

    :ivar joined: how many wait for it.
    """

    def __init__(self) -> None:
        self.joined = 0
        self._since: float | None = None
        self._patience = SHORTEST_PATIENCE

    @property
    def due(self) -> float | None:
        """When to do it at the latest, by the monotonic clock in seconds; None while there is nothing to do."""
        return None if self._since is None else self._since + self._patience

    def run(self) -> None:
        """Do the work, and settle the answer of everybody who waits for it."""
        self.joined, self._since = 0, None
        began = time.monotonic()
        self._run()
        cost = time.monotonic() - began
        self._patience = min(max(SHORTEST_PATIENCE, PATIENCE * cost), LONGEST_PATIENCE)

    def _joined(self) -> None:
        """Somebody has begun to wait."""
        self.joined += 1
        if self._since is None:
            self._since = time.monotonic()

    @abstractmethod
    def _run(self) -> None:
        """The work itself."""


class _Task:
    """One coroutine on its way, and what happens at its end."""

    __slots__ = ("_coroutine", "_ready", "ended")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], ready: deque[_Task]) -> None:
        self._coroutine = coroutine
        self._ready = ready
        self.ended: Future[Any] = Future()

    def wake(self) -> None:
        self._ready.append(self)

    def step(self) -> None:
        self._drive(self._coroutine.send, None)

    def throw(self, error: BaseException) -> None:
        self._drive(self._coroutine.throw, error)

    def _drive(self, advance: Callable[[Any], Any], argument: object) -> None:
        try:
            answer = advance(argument)
        except StopIteration as end:
            self.ended.set_result(end.value)
        except Exception as error:
            self.ended.set_exception(error)
        else:
            answer._task = self
            if answer.done:
                self.wake()


class Loop:
    """Drives coroutines against one source and its batches."""

    def __init__(self, source: Source, batches: Sequence[Batch] = ()) -> None:
        self._source = source
        self._batches = batches
        self._ready: deque[_Task] = deque()
        self._new: deque[_Task] = deque()
        self._tasks: set[_Task] = set()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Drive a coroutine, and all that it spawns, to its end; return its value or raise its error."""
        main = self._spawn(coroutine)
        try:
            self._step()
            while not main.ended.done:
                if self._next:
                    self._send()
                self._wait()
                self._step()
        except BaseException as interruption:
            self._abandon(interruption)
            raise
        result: T = main.ended.result()
        return result

    async def each(self, work: Callable[[T], Awaitable[None]], items: Iterable[T], *, width: int) -> None:
        """Do the work for every item, for ``width`` of them at a time, in their order.

        The first error stops new items from being started; it is raised when those under way have ended.
        """
        queue = iter(items)
        errors: list[Exception] = []

        async def lane(first: T) -> None:
            try:
                for item in _until(chain([first], queue), errors):
                    await work(item)
            except Exception as error:
                errors.append(error)

        lanes = []
        for item in _until(queue, errors):
            lanes.append(self._spawn(lane(item)))
            if len(lanes) == width:
                break
        for task in lanes:
            await task.ended
        if errors:
            raise errors[0]

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> _Task:
        task = _Task(coroutine, self._ready)
        self._tasks.add(task)
        self._new.append(task)
        return task

    @property
    def _next(self) -> deque[_Task]:
        """Who can move: those under way first, so that the other side gets work of all kinds, and not the same step of
        all files at once.
        """
        return self._ready or self._new

    def _step(self) -> None:
        """Let some of those move who can."""
        for _step in range(min(SLICE, len(self._ready) + len(self._new))):
            task = self._next.popleft()
            task.step()
            if task.ended.done:
                self._tasks.discard(task)

    def _wait(self) -> None:
        """Let somebody be able to move."""
        waiting = [(batch.due, batch) for batch in self._batches if batch.due is not None]
        if waiting:
            due, batch = min(waiting, key=itemgetter(0))
            if self._is_time_for(batch, due - time.monotonic()):
                self._send()
                batch.run()
        elif self._next:
            return
        elif self._source.pending:
            self._source.poll(None)
        elif self._tasks:
            raise RuntimeError("every coroutine waits for an answer that nobody owes")

    def _is_time_for(self, batch: Batch, patience: float) -> bool:
        """Whether nobody else is to join, after waiting for that."""
        if patience <= 0:
            return True
        if self._next:
            return False
        return self._source.pending <= batch.joined or not self._source.poll(patience)

    def _send(self) -> None:
        """Let the other side have something to do while we are busy."""
        if self._source.pending:
            self._source.poll(0.0)

    def _abandon(self, interruption: BaseException) -> None:
        """Let every coroutine clean up behind itself.

        Answers come no more: one that waits for one while it cleans up is interrupted again, and, if it insists, left
        where it is.
        """
        for task in list(self._tasks):
            for _attempt in range(INSISTENCE):
                if task.ended.done:
                    break
                try:
                    task.throw(interruption)
                except BaseException as error:
                    if error is not interruption:
                        raise
                    break
        self._tasks.clear()
        self._ready.clear()
        self._new.clear()


def _until(queue: Iterator[T], stop: Sequence[object]) -> Iterator[T]:
    """Items of a shared queue, for as long as ``stop`` is empty."""
    for item in queue:
        if stop:
            return
        yield item
