# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Threads for blocking connections, and the order in which calls run on them. See `threaded`."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any, Callable, NamedTuple, Protocol, TypeVar

from ..errors import ConnectionLost, ProtocolError, TrustError
from ..loop.limiter import CapacityLimiter
from ..loop.loop import Future
from .channel import ended, silent
from .rate_limiter import RateLimiter

T = TypeVar("T")

BYTES_AHEAD = 16 * 1024 * 1024
"""Bytes that may wait to be written, for all files together."""

LONGEST_IDLE = 0.5
"""Seconds for which a connection is kept for the last call of a lane, such as the rename of an upload."""

FAREWELL = 1.0  # seconds that closing waits for calls under way


class Closable(Protocol):
    def close(self) -> None:
        """Close it; it may be closed already."""


class Lane:
    """Calls that run on one connection, in their order.

    :ivar worker: None while the lane waits for a connection; then ``waiting`` has its calls.
    :ivar pending: calls that were asked for and whose futures are not set.
    :ivar latest: the future of the latest call.
    :ivar held: more calls will come, and no other lane may use the connection before them.
    :ivar idle_since: since when a held lane has nothing to do though it waits for no more than one call, by the
        monotonic clock in seconds; None while it has, or while it waits for more.
    """

    def __init__(self) -> None:
        self.worker: _Worker | None = None
        self.waiting: list[_Call] = []
        self.pending = 0
        self.held = False
        self.idle_since: float | None = None
        self.latest: Future[Any] | None = None


class _Call(NamedTuple):
    """A call that waits for its thread, or for its future to be set.

    :ivar function: a function, or the name of a method of the connection.
    """

    future: Future[Any]
    function: Callable[..., Any] | str
    arguments: tuple[Any, ...]
    lane: Lane
    paths: Sequence[str]
    cost: int


class _Done(NamedTuple):
    call: _Call
    result: Any
    error: Exception | None


class _Worker:
    """The thread of one connection.

    :ivar lane: the lane that has the connection for itself; None if there is none.
    :ivar pending: calls that were asked for and whose futures are not set.
    :ivar began: when the call under way began, by the monotonic clock in seconds; None while there is none.
    """

    def __init__(self, connection: Closable, tell: Callable[[_Done], None]) -> None:
        self.connection = connection
        self.lane: Lane | None = None
        self.pending = 0
        self.began: float | None = None
        self._tell = tell
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="filedrop-remote", daemon=True)
        self._thread.start()

    def put(self, call: _Call) -> None:
        self.pending += 1
        self._calls.put(call)

    def stop(self) -> None:
        """Let the thread end after the call under way."""
        with suppress(queue.Empty):
            while True:
                self._calls.get_nowait()
        self._calls.put(None)

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            call = self._calls.get()
            if call is None:
                break
            self.began = time.monotonic()
            try:
                function = call.function
                if isinstance(function, str):
                    function = getattr(self.connection, function)
                done = _Done(call, function(*call.arguments), None)
            except Exception as error:
                done = _Done(call, None, error)
            self.began = None
            self._tell(done)
        self.connection.close()


class Lanes:
    """The connections of a session, and what waits for them.

    :param connections: they are closed with the session, each by its own thread.
    :param timeout: seconds that one call may take.
    :param bandwidth_limit: bytes of files a second; None for no limit.
    :param exclusive: a connection can do only one transfer at a time, and nothing else meanwhile.
    :param more: make one further connection each, or return None where the server allows no more. They are called in
        threads of their own, once a lane has to wait.
    """

    def __init__(
        self,
        connections: Sequence[Closable],
        *,
        timeout: float,
        bandwidth_limit: int | None,
        exclusive: bool,
        more: Sequence[Callable[[], Closable | None]],
    ) -> None:
        self.rate_limiter = RateLimiter(bandwidth_limit)
        self.writing = CapacityLimiter(BYTES_AHEAD)
        self._timeout = timeout
        self._exclusive = exclusive
        self._more = more
        self._error: Exception | None = None
        self._pending: set[Future[Any]] = set()
        self._paths: dict[str, tuple[Lane, Future[Any] | None]] = {}
        self._waiting: deque[Lane] = deque()
        self._waiting_short: deque[Lane] = deque()  # they go first: what they finish was begun before
        self._done: deque[_Done] = deque()
        self._made: deque[Closable] = deque()
        self._untrusted: TrustError | None = None
        self._wake = threading.Event()
        self._workers = [_Worker(connection, self._tell) for connection in connections]

    def close(self) -> None:
        if self._error is None:
            self._fail(ended("it was closed here"))
        end = time.monotonic() + FAREWELL
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))

    def call(
        self,
        lane: Lane,
        function: Callable[..., T] | str,
        *arguments: Any,
        paths: Sequence[str] = (),
        cost: int = 0,
    ) -> Future[T]:
        """Run a function in the thread of a connection, after all that were asked of this lane before.

        :param function: see `_Call.function`.
        :param paths: what the function is about.
        :param cost: what was taken of ``writing`` for it.
        """
        future: Future[T] = Future()
        if self._error is not None:
            future.set_exception(self._error)
            return future
        self._pending.add(future)
        for path in paths:
            if not self._is_held(path):
                self._paths[path] = lane, future
        call = _Call(future, function, arguments, lane, paths, cost)
        lane.pending += 1
        lane.latest = future
        if lane.worker is None and not lane.waiting:
            self._place(lane)
        if lane.worker is None:
            lane.waiting.append(call)
        else:
            lane.worker.put(call)
        return future

    def lane_for(self, *paths: str) -> Lane:
        """Return the lane that is at work on one of the paths; else a new one."""
        at_work = [self._paths[path][0] for path in paths if path in self._paths]
        return at_work[0] if at_work else Lane()

    def hold(self, lane: Lane, *paths: str) -> None:
        """Keep the connection of a lane until `release`; calls for these paths join it until then."""
        if self._exclusive:
            lane.held = True
            for path in paths:
                self._paths[path] = lane, None

    def keep(self, lane: Lane) -> None:
        """Keep the connection of a held lane for its last call, but not for long: the call may never come."""
        if lane.held:
            lane.idle_since = time.monotonic()

    def _release_idle(self) -> None:
        """Release the lanes that were kept in vain while others wait."""
        if not (self._waiting or self._waiting_short):
            return
        before = time.monotonic() - LONGEST_IDLE
        for worker in self._workers:
            lane = worker.lane
            if lane is not None and not lane.pending and lane.idle_since is not None and lane.idle_since < before:
                self.release(lane)

    def release(self, lane: Lane) -> None:
        """Let the lane end after the calls that were asked for."""
        lane.idle_since = None
        if lane.held:
            lane.held = False
            for path in [path for path, (holder, future) in self._paths.items() if holder is lane and future is None]:
                if lane.pending:
                    self._paths[path] = lane, lane.latest
                else:
                    del self._paths[path]
            self._end(lane)

    def _is_held(self, path: str) -> bool:
        return path in self._paths and self._paths[path][1] is None

    def _place(self, lane: Lane) -> None:
        """Give a lane its connection, or let it wait for one."""
        if not self._exclusive:
            lane.worker = min(self._workers, key=attrgetter("pending"))
            return
        free = [worker for worker in self._workers if worker.lane is None]
        if free:
            lane.worker, free[0].lane = free[0], lane
            return
        (self._waiting if lane.held else self._waiting_short).append(lane)
        more, self._more = self._more, ()
        for make in more:
            threading.Thread(target=self._make, args=(make,), name="filedrop-connect", daemon=True).start()

    def _end(self, lane: Lane) -> None:
        """Give the connection of a lane that has ended to the next one that waits."""
        if lane.held or lane.pending or lane.worker is None or lane.worker.lane is not lane:
            return
        lane.worker.lane, lane.worker = None, None
        self._serve()

    def _serve(self) -> None:
        for worker in self._workers:
            waiting = self._waiting_short or self._waiting
            if waiting and worker.lane is None and self._error is None:
                lane = waiting.popleft()
                lane.worker, worker.lane = worker, lane
                calls, lane.waiting = lane.waiting, []
                for call in calls:
                    worker.put(call)
                self._end(lane)

    def _make(self, make: Callable[[], Closable | None]) -> None:
        """Called in a thread: make a further connection. One that is not trusted ends the session."""
        try:
            made = make()
        except TrustError as error:
            self._untrusted = error
            self._wake.set()
            return
        if made is not None:
            self._made.append(made)
            self._wake.set()
            if self._error is not None:
                self._close_late()

    def _close_late(self) -> None:
        with suppress(IndexError):
            while True:
                self._made.popleft().close()

    def _tell(self, done: _Done) -> None:
        """Called in the threads."""
        self._done.append(done)
        self._wake.set()

    @property
    def pending(self) -> int:
        return len(self._pending) + self.rate_limiter.waiting

    def poll(self, timeout: float | None) -> bool:
        """See `loop.Source`."""
        if not self._done and timeout != 0:
            idle = LONGEST_IDLE if self._waiting or self._waiting_short else None
            waits = (timeout, idle, self.rate_limiter.patience, max(0.0, self._left()))
            self._wake.wait(min(wait for wait in waits if wait is not None))
        self._wake.clear()
        while self._made and self._error is None:
            self._workers.append(_Worker(self._made.popleft(), self._tell))
            self._serve()
        heard = self._settle()
        self._release_idle()
        if self._untrusted is not None and self._error is None:
            self._fail(self._untrusted)
            return True
        if self._left() < 0 and self._error is None:
            self._fail(silent(self._timeout))
            return True
        return self.rate_limiter.release() or heard

    def _left(self) -> float:
        """Seconds that the call which has been under way for longest still has."""
        now = time.monotonic()
        began = [worker.began for worker in self._workers]
        return min(now if start is None else start for start in began) + self._timeout - now

    def _settle(self) -> bool:
        """Set the futures of the calls that have ended; return whether there were any."""
        heard = False
        while self._done and self._error is None:
            call, result, error = self._done.popleft()
            self._forget(call)
            heard = True
            if error is None:
                call.future.set_result(result)
            else:
                call.future.set_exception(error)
            if isinstance(error, (ConnectionLost, ProtocolError, TrustError)):
                self._fail(error)
            else:
                self._end(call.lane)
        return heard

    def _forget(self, call: _Call) -> None:
        self._pending.remove(call.future)
        call.lane.pending -= 1
        if call.lane.idle_since is not None:
            call.lane.idle_since = time.monotonic()
        if call.lane.worker is not None:
            call.lane.worker.pending -= 1
        self.writing.release(call.cost)
        for path in call.paths:
            if path in self._paths and self._paths[path][1] is call.future:
                del self._paths[path]

    def _fail(self, error: Exception) -> None:
        """End the session; every call that has not ended gets this error."""
        self._error = error
        for worker in self._workers:
            worker.stop()
        self._close_late()
        pending, self._pending = self._pending, set()
        for future in pending:
            future.set_exception(error)
        self.writing.fail(error)
        self.rate_limiter.fail(error)
        self._paths.clear()
        self._waiting.clear()
        self._waiting_short.clear()
