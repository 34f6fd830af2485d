# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An adapter from blocking code to the Remote interface: one thread for each connection.

- A call of the protocol runs in the thread of its connection. All else, such as reading local files and the ledger,
  stays in the thread of the loop.
- Calls of one connection run in the order in which they were asked for. A call that names a path runs on the
  connection that has another call for this path waiting.
- An upload or a download stays on the connection that opened the file.
- A call that takes longer than the account's timeout ends the session. Its thread is left behind.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Protocol, TypeVar

from ..errors import ConnectionLost, ProtocolError
from ..loop.limiter import CapacityLimiter
from ..loop.loop import Future, done_future
from .channel import ended, silent
from .interface import Entry, Features, Incoming, Outgoing, Received, Uploaded, size_or_none, succeeds
from .rate_limiter import RateLimiter

if TYPE_CHECKING:
    from ..loop.loop import Batch

T = TypeVar("T")

CHUNK = 256 * 1024
"""Bytes of one read or write."""

CHUNKS_AHEAD = 2
"""Reads or writes that wait for one file: the disk on this side works while the thread works."""

BYTES_AHEAD = 16 * 1024 * 1024
"""Bytes that may wait to be written, for all files together."""

FAREWELL = 1.0  # seconds that closing waits for calls under way


class Reader(Protocol):
    """A remote file, open for reading."""

    def read(self, length: int) -> bytes:
        """The next bytes, at most so many; none at the end of the file."""

    def close(self) -> None: ...


class Writer(Protocol):
    """A remote file, open for writing."""

    def write(self, data: bytes) -> None:
        """Write all of it."""

    def size(self) -> int | None:
        """How many bytes the server holds, by its own word; None if it does not tell."""

    def close(self) -> None:
        """Complete the file. An error means that the server did not take it."""

    def abort(self) -> None:
        """Close without completing, for a file that is given up. No error is raised."""


class BlockingConnection(Protocol):
    """One connection of a protocol whose calls block. Errors are those of `interface.Remote`.

    Only one call runs at a time, and all calls run in one thread. The connection may have been made in another one.
    """

    def list(self, folder: str) -> Iterator[Sequence[Entry]]:
        """Return the names of a folder, some at a time. Each step of the iterator is a blocking call, too."""

    def stat(self, path: str) -> Entry | None: ...

    def open(self, path: str) -> Reader: ...

    def create(self, path: str) -> Writer:
        """Create a file that must not exist yet. After an error nothing of it is left open."""

    def rewrite(self, path: str) -> Writer:
        """Open a file that exists, and empty it."""

    def rename(self, old: str, new: str) -> None: ...

    def remove(self, path: str) -> None: ...

    def make_folder(self, path: str) -> None: ...

    def close(self) -> None: ...


class _Call(NamedTuple):
    """A call that waits for its thread, or for its future to be set."""

    future: Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    paths: Sequence[str]
    cost: int


class _Done(NamedTuple):
    call: _Call
    result: Any
    error: Exception | None


class _Worker:
    """The thread of one connection.

    :ivar pending: calls that were asked for and whose futures are not set.
    :ivar began: when the call under way began, by the monotonic clock in seconds; None while there is none.
    """

    def __init__(self, connection: BlockingConnection, tell: Callable[[_Done], None]) -> None:
        self.connection = connection
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
                done = _Done(call, call.function(*call.arguments), None)
            except Exception as error:
                done = _Done(call, None, error)
            self.began = None
            self._tell(done)
        self.connection.close()


class ThreadedRemote:
    """Connections of a blocking protocol as a Remote; see `interface.Remote` for what its methods promise.

    :param connections: they are closed with the remote, each by its own thread.
    :param identity: see `Remote.identity`, and for ``clock`` and ``info`` the attributes of these names.
    :param timeout: seconds that one call may take.
    :param bandwidth_limit: bytes of files a second; None for no limit.
    """

    batches: Sequence[Batch] = ()

    def __init__(
        self,
        connections: Sequence[BlockingConnection],
        *,
        features: Features,
        identity: str,
        clock: float | None,
        info: Mapping[str, Any],
        timeout: float,
        bandwidth_limit: int | None,
    ) -> None:
        self.features = features
        self.identity = identity
        self.clock = clock
        self.most_open = 0
        self.rate_limiter = RateLimiter(bandwidth_limit)
        self.writing = CapacityLimiter(BYTES_AHEAD)
        self._info = info
        self._timeout = timeout
        self._error: Exception | None = None
        self._pending: dict[Future[Any], _Worker] = {}
        self._paths: dict[str, tuple[_Worker, Future[Any]]] = {}
        self._done: deque[_Done] = deque()
        self._wake = threading.Event()
        self._workers = [_Worker(connection, self._tell) for connection in connections]

    def info(self) -> Mapping[str, Any]:
        return self._info

    def close(self) -> None:
        if self._error is None:
            self._fail(ended("it was closed here"))
        end = time.monotonic() + FAREWELL
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))

    # --- calls and their ends

    def call(
        self,
        worker: _Worker,
        function: Callable[..., T],
        *arguments: Any,
        paths: Sequence[str] = (),
        cost: int = 0,
    ) -> Future[T]:
        """Run a function in the thread of a connection, after all that were asked of it before.

        :param paths: what the function is about.
        :param cost: what was taken of ``writing`` for it.
        """
        future: Future[T] = Future()
        if self._error is not None:
            future.set_exception(self._error)
            return future
        self._pending[future] = worker
        for path in paths:
            self._paths[path] = worker, future
        worker.put(_Call(future, function, arguments, paths, cost))
        return future

    def worker_for(self, *paths: str) -> _Worker:
        """The connection that is at work on one of the paths; else the one with the fewest calls."""
        at_work = [self._paths[path][0] for path in paths if path in self._paths]
        return at_work[0] if at_work else min(self._workers, key=attrgetter("pending"))

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
            waits = (timeout, self.rate_limiter.patience, max(0.0, self._left()))
            self._wake.wait(min(wait for wait in waits if wait is not None))
        self._wake.clear()
        heard = self._settle()
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
            if isinstance(error, (ConnectionLost, ProtocolError)):
                self._fail(error)
        return heard

    def _forget(self, call: _Call) -> None:
        self._pending.pop(call.future).pending -= 1
        self.writing.release(call.cost)
        for path in call.paths:
            if self._paths[path][1] is call.future:
                del self._paths[path]

    def _fail(self, error: Exception) -> None:
        """End the session; every call that has not ended gets this error."""
        self._error = error
        for worker in self._workers:
            worker.stop()
        pending, self._pending = self._pending, {}
        for future in pending:
            future.set_exception(error)
        self.writing.fail(error)
        self.rate_limiter.fail(error)
        self._paths.clear()

    # --- requests

    async def list(self, folder: str, take: Callable[[Sequence[Entry]], None]) -> None:
        worker = self.worker_for(folder)
        pages = await self.call(worker, worker.connection.list, folder)
        while (page := await self.call(worker, next, pages, None)) is not None:
            take(page)

    def stat(self, path: str) -> Future[Entry | None]:
        worker = self.worker_for(path)
        return self.call(worker, worker.connection.stat, path)

    def rename(self, old: str, new: str) -> Future[None]:
        worker = self.worker_for(old, new)
        return self.call(worker, worker.connection.rename, old, new, paths=(old, new))

    def remove(self, path: str) -> Future[None]:
        worker = self.worker_for(path)
        return self.call(worker, worker.connection.remove, path, paths=(path,))

    def make_folder(self, path: str) -> Future[None]:
        worker = self.worker_for(path)
        return self.call(worker, worker.connection.make_folder, path, paths=(path,))

    async def download(self, path: str, into: Incoming, *, size: int) -> Received:
        worker = self.worker_for(path)
        reader = await self.call(worker, worker.connection.open, path)
        try:
            received = await self._read(worker, reader, into, size)
            entry = self.call(worker, worker.connection.stat, path)
        finally:
            self.call(worker, reader.close)  # nobody waits for it
        return Received(received, entry)

    async def _read(self, worker: _Worker, reader: Reader, into: Incoming, size: int) -> int:
        """Read to the expected size, and try one byte beyond it to see that the file ends there; return what came."""
        received = asked = 0
        parts: deque[tuple[int, Future[bytes]]] = deque()
        while received <= size:
            while asked <= size and len(parts) < CHUNKS_AHEAD:
                length = self.rate_limiter.portion(min(CHUNK, size - asked)) or 1
                await self.rate_limiter.acquire(length)
                parts.append((length, self.call(worker, reader.read, length)))
                asked += length
            length, part = parts.popleft()
            data = await part
            if not data:
                break
            if len(data) > length:
                raise ProtocolError("protocol_error", f"A read of {length} bytes gave {len(data)}.")
            asked -= length - len(data)
            received += len(data)
            if received <= size:
                into.write(data)
            elif received - len(data) < size:
                into.write(data[: size - received])
        return min(received, size + 1)

    async def upload(
        self,
        path: str,
        source: Outgoing,
        *,
        over: bool,
        temporary: bool,
        created: Callable[[Uploaded], Awaitable[None]],
        ask_size: bool = True,
    ) -> ThreadedUpload:
        del temporary  # a blocking protocol neither closes early nor writes over several connections
        worker = self.worker_for(path)
        open_file = worker.connection.rewrite if over else worker.connection.create
        upload = ThreadedUpload(self, worker, path, await self.call(worker, open_file, path, paths=(path,)))
        await created(upload)
        await upload.send(source, ask_size=ask_size)
        return upload


class ThreadedUpload:
    """One upload; see `interface.Uploaded`."""

    def __init__(self, remote: ThreadedRemote, worker: _Worker, path: str, writer: Writer) -> None:
        self._remote = remote
        self._worker = worker
        self._path = path
        self._writer = writer
        self._sent: deque[Future[None]] = deque()
        self._told: Future[int | None]
        self._closing: Future[None] | None = None

    async def send(self, source: Outgoing, *, ask_size: bool) -> None:
        """Hand over every byte, and the question for the size right behind them."""
        remote, offset = self._remote, 0
        while offset < source.size:
            length = remote.rate_limiter.portion(min(CHUNK, source.size - offset))
            await remote.rate_limiter.acquire(length)
            await remote.writing.acquire(length)
            try:
                data = source.read(length)
            except BaseException:
                remote.writing.release(length)
                raise
            self._sent.append(self._call(self._writer.write, data, cost=length))
            offset += length
            while len(self._sent) >= CHUNKS_AHEAD:
                await self._sent[0]
                self._sent.popleft()
        source.check_unchanged()
        self._told = self._call(self._writer.size) if ask_size else done_future(None)

    async def size(self) -> int | None:
        for part in self._sent:
            await part
        return await size_or_none(self._told)

    def close(self) -> Future[None]:
        if self._closing is None:
            self._closing = self._call(self._writer.close)
        return self._closing

    async def discard(self) -> bool:
        was_closed = self._closing is not None
        removed = await self._remove()
        if self._closing is None:
            self._closing = self._call(self._writer.abort)
        await succeeds(self._closing)
        return removed or (not was_closed and await self._remove())

    async def _remove(self) -> bool:
        return await succeeds(self._remote.remove(self._path))

    def _call(self, function: Callable[..., T], *arguments: Any, cost: int = 0) -> Future[T]:
        return self._remote.call(self._worker, function, *arguments, paths=(self._path,), cost=cost)
