# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mailbox in memory: a Remote without a network, for unit tests of the workflows.

Requests wait in a queue until the loop polls, and are served in their order, so pipelining is as with a real server.
A test looks at ``served``, and changes what a request does with a hook.
"""

from __future__ import annotations

import hashlib
import stat as modes
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Batch, Future, done_future
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import (
    Entry,
    Features,
    Incoming,
    Outgoing,
    Received,
    Uploaded,
    join,
    succeeds,
)

T = TypeVar("T")

CHUNK = 64 * 1024  # bytes of one read or write
TIME = 1_700_000_000  # seconds since 1970: when every file was written

Hook = Callable[[str], object]
"""Called with the path before a request is served; what it raises is the answer."""


@dataclass
class MemoryFile:
    content: bytearray = field(default_factory=bytearray)
    mtime: int = TIME


class MemoryServer:
    """The server's side, which outlives its sessions.

    :ivar files: by path, without a slash at the beginning.
    :ivar denied: folders in which nothing is allowed.
    :ivar hooks: by the name of a request: ``list``, ``stat``, ``open``, ``read``, ``create``, ``rewrite``, ``write``,
        ``size``, ``close``, ``rename``, ``remove``, ``make_folder``.
    :ivar served: every request so far, as ``stat input/a.xml``.
    """

    def __init__(self, *folders: str) -> None:
        self.files: dict[str, MemoryFile] = {}
        self.folders = {"", *folders}
        self.denied: set[str] = set()
        self.hooks: dict[str, Hook] = {}
        self.served: list[str] = []

    def put(self, path: str, content: bytes, *, mtime: int = TIME) -> None:
        self.files[path] = MemoryFile(bytearray(content), mtime)

    def content(self, path: str) -> bytes | None:
        found = self.files.get(path)
        return None if found is None else bytes(found.content)

    def names(self, folder: str) -> list[str]:
        return sorted(path.rpartition("/")[2] for path in self.files if path.rpartition("/")[0] == folder)

    def place(self, path: str) -> str:
        """A path as the server has it, in a folder that exists and is allowed.

        :raises RemoteMissing, RemoteDenied: it is not.
        """
        place = "/".join(part for part in path.split("/") if part not in ("", "."))
        folder = place if place in self.folders else place.rpartition("/")[0]
        if folder in self.denied:
            raise RemoteDenied("remote_denied", f"{folder!r} is denied.")
        if folder not in self.folders:
            raise RemoteMissing("remote_missing", f"There is no {folder!r}.")
        return place

    def file(self, path: str) -> MemoryFile:
        found = self.files.get(self.place(path))
        if found is None:
            raise RemoteMissing("remote_missing", f"There is no {path!r}.")
        return found


class MemoryRemote:
    """A session with a `MemoryServer`; see `interface.Remote`."""

    features = Features(stat=True, rename=True, exclusive_create=True, partial_uploads=True, max_in_flight=64)
    batches: Sequence[Batch] = ()
    identity = "memory"
    clock = 0.0
    most_open = 0
    notes: Sequence[str] = ()
    learned: Mapping[str, bool] = {}
    certificate_expires = None

    def __init__(self, server: MemoryServer) -> None:
        self.server = server
        self._queue: deque[tuple[Future[Any], str, Callable[[], Any], str]] = deque()
        self._error: ConnectionLost | None = None

    @property
    def pending(self) -> int:
        return len(self._queue)

    def poll(self, timeout: float | None) -> bool:
        """Serve all that was asked."""
        waiting, self._queue = self._queue, deque()
        while waiting:
            future, name, serve, path = waiting.popleft()
            if self._error is not None:
                future.set_exception(self._error)
                continue
            self.server.served.append(f"{name} {path}")
            try:
                if name in self.server.hooks:
                    self.server.hooks[name](path)
                future.set_result(serve())
            except ConnectionLost as error:
                self._error = error
                future.set_exception(error)
            except Exception as error:
                future.set_exception(error)
        return True

    def close(self) -> None:
        self._error = self._error or ConnectionLost("connection_lost", "It was closed here.")

    def info(self) -> Mapping[str, Any]:
        return {}

    def ask(self, name: str, path: str, serve: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        if self._error is not None:
            future.set_exception(self._error)
        else:
            self._queue.append((future, name, serve, path))
        return future

    async def list(self, folder: str, take: Callable[[Sequence[Entry]], None]) -> None:
        def serve() -> Sequence[Entry]:
            place = self.server.place(folder)
            if place not in self.server.folders:
                raise RemoteMissing("remote_missing", f"{folder!r} is not a folder.")
            return [self._entry(join(folder, name), self.server.files[join(place, name)]) for name in
                    self.server.names(place)]  # fmt: skip

        take(await self.ask("list", folder, serve))

    def stat(self, path: str) -> Future[Entry | None]:
        def serve() -> Entry | None:
            with suppress(RemoteMissing):
                if self.server.place(path) in self.server.folders:
                    return Entry(path.rpartition("/")[2], path, 0, TIME, modes.S_IFDIR | 0o755)
                return self._entry(path, self.server.file(path))
            return None

        return self.ask("stat", path, serve)

    @staticmethod
    def _entry(path: str, file: MemoryFile) -> Entry:
        return Entry(path.rpartition("/")[2], path, len(file.content), file.mtime, modes.S_IFREG | 0o644)

    async def download(self, path: str, into: Incoming, *, size: int) -> Received:
        file = await self.ask("open", path, lambda: self.server.file(path))
        received = 0
        while received <= size:
            part = slice(received, received + (min(CHUNK, size - received) or 1))
            data = await self.ask("read", path, partial(_part_of, file, part))
            received += len(data)
            if not data:
                break
            if received <= size:
                into.write(data)
        return Received(received, self.stat(path))

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
    ) -> MemoryUpload:
        def rewrite() -> MemoryFile:
            file = self.server.file(path)
            file.content.clear()
            return file

        def create() -> MemoryFile:
            place = self.server.place(path)
            if place in self.server.files or place in self.server.folders:
                raise RemoteError("remote_exists", f"There is a {path!r}.")
            return self.server.files.setdefault(place, MemoryFile())

        file = await (self.ask("rewrite", path, rewrite) if over else self.ask("create", path, create))
        upload = MemoryUpload(self, path, file)
        await created(upload)
        await upload.send(source, ask_size=ask_size, close=temporary)
        return upload

    def rename(self, old: str, new: str) -> Future[None]:
        def serve() -> None:
            file, place = self.server.file(old), self.server.place(new)
            if place in self.server.files:
                raise RemoteError("remote_exists", f"There is a {new!r}.")
            del self.server.files[self.server.place(old)]
            self.server.files[place] = file

        return self.ask("rename", old, serve)

    def remove(self, path: str) -> Future[None]:
        def serve() -> None:
            self.server.file(path)
            del self.server.files[self.server.place(path)]

        return self.ask("remove", path, serve)

    def digest(self, path: str) -> Future[tuple[str, str]]:
        def serve() -> tuple[str, str]:
            return "sha256", hashlib.sha256(self.server.file(path).content).hexdigest()

        return self.ask("digest", path, serve)

    def make_folder(self, path: str) -> Future[None]:
        def serve() -> None:
            place = self.server.place(path)
            if place in self.server.files or place in self.server.folders:
                raise RemoteError("remote_exists", f"There is a {path!r}.")
            self.server.folders.add(place)

        return self.ask("make_folder", path, serve)


def _part_of(file: MemoryFile, part: slice) -> bytes:
    return bytes(file.content[part])


class MemoryUpload:
    """One upload; see `interface.Uploaded`. It goes on in a file that is removed, as on Unix."""

    def __init__(self, remote: MemoryRemote, path: str, file: MemoryFile) -> None:
        self._remote = remote
        self._path = path
        self._file = file
        self._written: list[Future[None]] = []
        self._told: Future[int | None] = done_future(None)
        self._closing: Future[None] | None = None
        self._is_completed = False

    async def send(self, source: Outgoing, *, ask_size: bool, close: bool) -> None:
        for start in range(0, source.size, CHUNK):
            write = partial(self._file.content.extend, source.read(min(CHUNK, source.size - start)))
            self._written.append(self._remote.ask("write", self._path, write))
        source.check_unchanged()
        if ask_size:
            self._told = self._remote.ask("size", self._path, lambda: len(self._file.content))
        if close:
            self._closing = self._ask_to_close()

    async def size(self) -> int | None:
        for written in self._written:
            await written
        return await self._told

    def close(self) -> Future[None]:
        self._is_completed = True
        if self._closing is None:
            self._closing = self._ask_to_close()
        return self._closing

    def _ask_to_close(self) -> Future[None]:
        return self._remote.ask("close", self._path, lambda: None)

    async def discard(self) -> bool:
        was_completed = self._is_completed
        removed = await self._remove()
        await succeeds(self.close())
        return removed or (not was_completed and await self._remove())

    async def _remove(self) -> bool:
        return await succeeds(self._remote.remove(self._path))
