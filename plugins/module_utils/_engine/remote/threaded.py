# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An adapter from blocking code to the Remote interface: one thread for each connection.

- A call of the protocol runs in the thread of its connection. All else, such as reading local files and the ledger,
  stays in the thread of the loop.
- Calls are in lanes. The calls of one lane run on one connection, in the order in which they were asked for. A call
  that names a path joins the lane that has another call for this path waiting.
- An upload, a download or a listing is one lane.
- A protocol may allow only one transfer at a time over a connection (FTP). Then a lane has its connection for itself
  until it ends, and other lanes wait until a connection is free.
- A call that takes longer than the limit (``timeout``) ends the session. Its thread is left behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, Protocol, TypeVar

from ..errors import ProtocolError
from ..loop.loop import Future, done_future
from .interface import Entry, Features, Incoming, Outgoing, Received, Uploaded, size_or_none, succeeds
from .lanes import Lane, Lanes
from .listings import LARGEST_LISTING, LONGEST_LISTING, endless

if TYPE_CHECKING:
    from ..loop.loop import Batch

T = TypeVar("T")

CHUNK = 256 * 1024
"""Bytes of one read or write, unless a remote has a size of its own."""

CHUNKS_AHEAD = 2
"""Reads or writes that wait for one file: the disk on this side works while the thread works."""


class Reader(Protocol):
    """A remote file, open for reading."""

    def read(self, length: int) -> bytes:
        """The next bytes, at most so many; none at the end of the file."""

    def close(self) -> None:
        """Close it."""


class Writer(Protocol):
    """A remote file, open for writing."""

    def write(self, data: bytes) -> None:
        """Write all of it."""

    def size(self, final: str | None) -> int | None:
        """How many bytes the server holds, by its own word; None if it does not tell.

        :param final: the name that a temporary file gets afterwards. The next call looks at it (`stat`), so a protocol
            can ask for both at once.
        """

    def close(self) -> None:
        """Complete the file. An error means that the server did not take it."""

    def abort(self) -> None:
        """Close without completing, for a file that is given up. No error is raised."""


class BlockingConnection(Protocol):
    """One connection of a protocol whose calls block. Errors are those of `interface.Remote`.

    Only one call runs at a time, and all calls run in one thread. The connection may have been made in another one.
    """

    def list(self, folder: str) -> Generator[Sequence[Entry], None, None]:
        """Return the names of a folder, some at a time. Each step of the generator is a blocking call, too."""

    def stat(self, path: str) -> Entry | None:
        """Return what is there; None if there is nothing."""

    def open(self, path: str) -> Reader:
        """Open a file to read it."""

    def create(self, path: str, temporary: bool) -> Writer:
        """Create a file that must not exist yet. After an error nothing of it is left open.

        :param temporary: it is a name of our own, with a random part.
        """

    def rewrite(self, path: str) -> Writer:
        """Open a file that exists, and empty it."""

    def rename(self, old: str, new: str) -> None:
        """Rename a file."""

    def remove(self, path: str) -> None:
        """Delete a file."""

    def digest(self, path: str) -> tuple[str, str]:
        """Return the name of the algorithm and the server's own digest of a file, in hex."""

    def make_folder(self, path: str) -> None:
        """Create a folder."""

    def close(self) -> None:
        """Close it."""


class ThreadedRemote(Lanes):
    """Connections of a blocking protocol as a Remote; see `interface.Remote` for what its methods promise.

    :param identity: see `Remote.identity`, and for ``clock``, ``info``, ``notes``, ``learned`` and
        ``certificate_expires`` the attributes of these names.
    :param chunk: bytes of one read or write.

    The other parameters are those of `Lanes`.
    """

    batches: Sequence[Batch] = ()
    most_open = 0

    def __init__(
        self,
        connections: Sequence[BlockingConnection],
        *,
        features: Features,
        identity: str,
        clock: float | None,
        info: Callable[[], Mapping[str, Any]],
        timeout: float,
        bandwidth_limit: int | None,
        notes: Callable[[], Sequence[str]] = tuple,
        learned: Callable[[], Mapping[str, bool]] = dict,
        certificate_expires: int | None = None,
        exclusive: bool = False,
        more: Sequence[Callable[[], BlockingConnection | None]] = (),
        chunk: int = CHUNK,
    ) -> None:
        super().__init__(connections, timeout=timeout, bandwidth_limit=bandwidth_limit, exclusive=exclusive, more=more)
        self.features = features
        self.identity = identity
        self.clock = clock
        self.certificate_expires = certificate_expires
        self.info = info
        self.chunk = chunk
        self._notes = notes
        self._learned = learned

    @property
    def learned(self) -> Mapping[str, bool]:
        return self._learned()

    @property
    def notes(self) -> Sequence[str]:
        return self._notes()

    async def list(self, folder: str, take: Callable[[Sequence[Entry]], None]) -> None:
        lane = self.lane_for(folder)
        self.hold(lane)
        pages: Generator[Sequence[Entry], None, None] | None = None
        try:
            pages = await self.call(lane, "list", folder)
            count = volume = 0
            while (page := await self.call(lane, next, pages, None)) is not None:
                count += len(page)
                volume += sum(len(entry.name) for entry in page)
                if count > LONGEST_LISTING:
                    raise endless(folder, f"{LONGEST_LISTING:,} names")
                if volume > LARGEST_LISTING:
                    raise endless(folder, f"{LARGEST_LISTING:,} bytes of names")
                take(page)
        finally:
            if pages is not None:
                self.call(lane, pages.close)  # nobody waits for it
            self.release(lane)

    def stat(self, path: str) -> Future[Entry | None]:
        return self.call(self.lane_for(path), "stat", path)

    def rename(self, old: str, new: str) -> Future[None]:
        lane = self.lane_for(old, new)
        renamed: Future[None] = self.call(lane, "rename", old, new, paths=(old, new))
        if lane.idle_since is not None:  # it was kept for this
            self.release(lane)
        return renamed

    def remove(self, path: str) -> Future[None]:
        return self.call(self.lane_for(path), "remove", path, paths=(path,))

    def digest(self, path: str) -> Future[tuple[str, str]]:
        return self.call(self.lane_for(path), "digest", path)

    def make_folder(self, path: str) -> Future[None]:
        return self.call(self.lane_for(path), "make_folder", path, paths=(path,))

    async def download(self, path: str, into: Incoming, *, size: int) -> Received:
        lane = self.lane_for(path)
        self.hold(lane)
        try:
            reader: Reader = await self.call(lane, "open", path)
            try:
                received = await self._read(lane, reader, into, size)
                entry: Future[Entry | None] = self.call(lane, "stat", path)
            finally:
                self.call(lane, reader.close)  # nobody waits for it
        finally:
            self.release(lane)
        return Received(received, entry)

    async def _read(self, lane: Lane, reader: Reader, into: Incoming, size: int) -> int:
        """Read to the expected size, and try one byte beyond it to see that the file ends there; return what came."""
        received = asked = 0
        parts: deque[tuple[int, Future[bytes]]] = deque()
        while received <= size:
            while asked <= size and len(parts) < CHUNKS_AHEAD:
                length = self.rate_limiter.portion(min(self.chunk, size - asked)) or 1
                await self.rate_limiter.acquire(length)
                parts.append((length, self.call(lane, reader.read, length)))
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
        final: str | None = None,
    ) -> ThreadedUpload:
        lane = self.lane_for(path)
        renames = (
            temporary and ask_size and final is not None
        )  # telling the size completes the file; the rename is next
        self.hold(lane, path, *([final] if renames and final else []))
        try:
            writer: Writer = await self.call(lane, *(("rewrite", path) if over else ("create", path, temporary)))
        except BaseException:
            self.release(lane)
            raise
        upload = ThreadedUpload(self, lane, path, writer, final if temporary else None)
        await created(upload)
        await upload.send(source, ask_size=ask_size)
        if renames:
            self.keep(lane)
        elif temporary and ask_size:
            self.release(lane)
        return upload


class ThreadedUpload:
    """One upload; see `interface.Uploaded`."""

    def __init__(self, remote: ThreadedRemote, lane: Lane, path: str, writer: Writer, final: str | None) -> None:
        self._remote = remote
        self._lane = lane
        self._path = path
        self._writer = writer
        self._final = final
        self._sent: deque[Future[None]] = deque()
        self._told: Future[int | None]
        self._closing: Future[None] | None = None

    async def send(self, source: Outgoing, *, ask_size: bool) -> None:
        """Hand over every byte, and the question for the size right behind them."""
        remote, offset = self._remote, 0
        while offset < source.size:
            length = remote.rate_limiter.portion(min(remote.chunk, source.size - offset))
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
        self._told = self._ask_size() if ask_size else done_future(None)

    def _ask_size(self) -> Future[int | None]:
        paths = (self._path,) if self._final is None else (self._path, self._final)
        return self._remote.call(self._lane, self._writer.size, self._final, paths=paths)

    async def size(self) -> int | None:
        for part in self._sent:
            await part
        return await size_or_none(self._told)

    def close(self) -> Future[None]:
        if self._closing is None:
            self._closing = self._call(self._writer.close)
            if self._lane.idle_since is None:  # else the rename releases it
                self._remote.release(self._lane)
        return self._closing

    async def discard(self) -> bool:
        was_closed = self._closing is not None
        removed = await self._remove()
        if self._closing is None:
            self._closing = self._call(self._writer.abort)
        self._remote.release(self._lane)
        await succeeds(self._closing)
        return removed or (not was_closed and await self._remove())

    async def _remove(self) -> bool:
        return await succeeds(self._remote.remove(self._path))

    def _call(self, function: Callable[..., T], *arguments: Any, cost: int = 0) -> Future[T]:
        return self._remote.call(self._lane, function, *arguments, paths=(self._path,), cost=cost)
