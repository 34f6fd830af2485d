# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many coroutines in one thread. Each waits for its own futures while the others run.

- A coroutine awaits a `Future`. The remote, the disk or the ledger keeps the future, and sets its result later.
- Results of the remote are set as its answers come.
- Work that is cheaper in bulk, such as syncing files or committing to the ledger, is a `Batch`. A batch collects
  requests. It runs when nothing else can join it, or when one of them has waited long enough.
- This module knows nothing of files. No coroutine touches a socket.
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

SLICE = 32  # steps of coroutines between two polls, so that the server does not wait for us
SHORTEST_PATIENCE = 0.005  # seconds that a batch waits for more requests
LONGEST_PATIENCE = 0.05
PATIENCE = 4  # the wait of a batch, as a multiple of the duration of its last run
INSISTENCE = 8  # how often an interruption is thrown into a coroutine that does not end


class Future(Generic[T]):
    """A value that comes later. Its result is set once. At most one coroutine waits for it until then."""

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
        """Return the value, or raise the error."""
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


def done_future(value: T) -> Future[T]:
    """A future with its result."""
    future: Future[T] = Future()
    future.set_result(value)
    return future


class Source(Protocol):
    """What sets the results of futures: a remote."""

    @property
    def pending(self) -> int:
        """The number of futures without a result."""

    def poll(self, timeout: float | None) -> bool:
        """Send what is queued, and wait for the first answer. Set the results of all answers that have come.

        Return whether any has come.

        :param timeout: seconds to wait at most; None: as long as it takes.
        """


class Batch(ABC):
    """Work that is done for many requests at once.

    It waits a short time for more requests, in proportion to the duration of its last run.

    :ivar joined: how many requests wait for the next run.
    """

    def __init__(self) -> None:
        self.joined = 0
        self._since: float | None = None
        self._patience = SHORTEST_PATIENCE

    @property
    def due(self) -> float | None:
        """When to run at the latest, by the monotonic clock in seconds; None while there is no request."""
        return None if self._since is None else self._since + self._patience

    def run(self) -> None:
        """Do the work, and set the result of every request."""
        self.joined, self._since = 0, None
        began = time.monotonic()
        self._run()
        cost = time.monotonic() - began
        self._patience = min(max(SHORTEST_PATIENCE, PATIENCE * cost), LONGEST_PATIENCE)

    def _joined(self) -> None:
        """Count a new request."""
        self.joined += 1
        if self._since is None:
            self._since = time.monotonic()

    @abstractmethod
    def _run(self) -> None:
        """The work itself."""


class _Task:
    """A coroutine that has been started, and a future for its end."""

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
            future = advance(argument)
        except StopIteration as end:
            self.ended.set_result(end.value)
        except Exception as error:
            self.ended.set_exception(error)
        else:
            future._task = self
            if future.done:
                self.wake()


class Loop:
    """Runs coroutines that wait for one source and for batches.

    :param patient: let a batch wait for more requests. False where few files are under way: they would only wait.
    """

    def __init__(self, source: Source, batches: Sequence[Batch] = (), *, patient: bool = True) -> None:
        self._source = source
        self._patient = patient
        self._batches = batches
        self._ready: deque[_Task] = deque()
        self._new: deque[_Task] = deque()
        self._tasks: set[_Task] = set()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine, and all that it starts, to its end; return its value or raise its error."""
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
        """Do the work for every item, in their order, for at most ``width`` of them at the same time.

        After the first error no new item is started. The error is raised when the items under way have ended.
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
        """The queue of tasks to step next.

        Tasks under way come before new ones. So the server gets requests of all kinds, and not the same step of all
        files at once.
        """
        return self._ready or self._new

    def _step(self) -> None:
        """Step some of the tasks that can run."""
        for _step in range(min(SLICE, len(self._ready) + len(self._new))):
            task = self._next.popleft()
            task.step()
            if task.ended.done:
                self._tasks.discard(task)

    def _wait(self) -> None:
        """Wait until a task can run."""
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
            raise RuntimeError("every coroutine waits for a future that nothing will set")

    def _is_time_for(self, batch: Batch, patience: float) -> bool:
        """Wait for more requests to join the batch; return whether it shall run now."""
        if patience <= 0:
            return True
        if self._next:
            return False
        if not self._patient:
            return True
        return self._source.pending <= batch.joined or not self._source.poll(patience)

    def _send(self) -> None:
        """Send what is queued, so that the server works while we are busy."""
        if self._source.pending:
            self._source.poll(0.0)

    def _abandon(self, interruption: BaseException) -> None:
        """Throw the interruption into every coroutine, so that it cleans up.

        No more results are set. A coroutine that waits for one while it cleans up is interrupted again. After
        `INSISTENCE` times it is left as it is.
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
    """The items of a shared queue, as long as ``stop`` is empty."""
    for item in queue:
        if stop:
            return
        yield item
