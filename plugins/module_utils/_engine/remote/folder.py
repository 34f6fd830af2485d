# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder of this host, or of a network mount, as a mailbox.

- Remote paths are inside the account's ``root``, whether or not they begin with a slash.
- Every component of a path is opened by descriptor, and no link below ``root`` is followed.
- What is acknowledged is durable: a closed file, a rename and a removal survive a power cut.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..errors import (
    UNSTATED,
    ConnectionLost,
    FiledropError,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
    RemoteUnsupported,
    UnreachableError,
)
from ..local.folder import rename_new
from ..local.permissions import Permissions
from ..local.walk import FOLDER, open_folder
from .interface import Entry, Features, join
from .threaded import ThreadedRemote

if TYPE_CHECKING:
    from ..config.accounts.account import Account

FEATURES = Features(stat=True, rename=True, exclusive_create=True, partial_uploads=True, max_in_flight=64)
THREADS = 8  # a disk takes several syncs at once, and does them together
PAGE = 1000  # names that are listed at a time
WRITE_OUT = 8 * 1024 * 1024  # bytes after which the disk is told to begin, so that the sync at the end is quicker

_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_KINDS: dict[int, tuple[type[FiledropError], str]] = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), (RemoteMissing, "remote_missing")),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP), (RemoteDenied, "remote_denied")),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), (RemoteError, "remote_full")),
    errno.EEXIST: (RemoteError, "remote_exists"),
    **dict.fromkeys((errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT), (ConnectionLost, "connection_lost")),
}


def folder_remote(account: Account, permissions: Permissions) -> ThreadedRemote:
    """The folder ``account.root`` as a Remote.

    :param permissions: for the files that are put there.
    :raises UnreachableError: ``root_unusable``.
    """
    root = account.root or ""
    connections: list[_FolderConnection] = []
    try:
        connections.extend(_FolderConnection(root, permissions) for _thread in range(THREADS))
    except OSError as error:
        for connection in connections:
            connection.close()
        raise UnreachableError(
            "root_unusable",
            f"The folder {root!r} (`root`) cannot be opened: {(error.strerror or str(error)).lower()}.",
            "Create it, mount it, or give the user that runs this the right to it.",
        ) from error
    return ThreadedRemote(
        connections,
        features=FEATURES,
        clock=0.0,
        identity=f"folder {os.path.realpath(root)}",
        info=lambda: {"root": root},
        timeout=account.timeout,
        bandwidth_limit=account.bandwidth_limit,
    )


class _FolderConnection:
    """The calls of one thread; see `threaded.BlockingConnection`."""

    def __init__(self, root: str, permissions: Permissions) -> None:
        self._root = open_folder(root)
        self._permissions = permissions
        self._open: set[_File] = set()

    def list(self, folder: str) -> Generator[Sequence[Entry], None, None]:
        with _errors(f"to list the folder {folder!r}"), self._folder(folder) as opened, os.scandir(opened.fd) as names:
            while some := list(islice(names, PAGE)):
                found = []
                for item in some:
                    with suppress(FileNotFoundError):
                        found.append(_entry(item.name, join(folder, item.name), item.stat(follow_symlinks=False)))
                if found:
                    yield found

    def stat(self, path: str) -> Entry | None:
        with suppress(RemoteMissing), _errors(f"to look at {path!r}"), self._parent(path) as (folder, name):
            return _entry(os.path.basename(path), path, os.stat(name, dir_fd=folder.fd, follow_symlinks=False))
        return None

    def open(self, path: str) -> _File:
        return self._opened(path, os.O_RDONLY)

    def create(self, path: str, temporary: bool) -> _File:
        del temporary
        file = self._opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            self._give_permissions(file)
        except BaseException:
            file.abort()
            with suppress(FiledropError):
                self.remove(path)
            raise
        return file

    def rewrite(self, path: str) -> _File:
        file = self._opened(path, os.O_WRONLY)
        try:
            with _errors(f"to empty {path!r}"):
                os.truncate(file.fd, 0)
            self._give_permissions(file)
        except BaseException:
            file.abort()
            raise
        return file

    def _give_permissions(self, file: _File) -> None:
        try:
            self._permissions.give(file.fd)
        except FiledropError as error:
            raise RemoteDenied("remote_denied", error.finding, error.way_out) from error

    def rename(self, old: str, new: str) -> None:
        doing = f"to rename {old!r} to {new!r}"
        with _errors(doing), self._parent(old) as (old_folder, old_name), self._parent(new) as (new_folder, new_name):
            if not rename_new(old_folder, old_name, new_folder, new_name):
                raise FileExistsError(errno.EEXIST, "there is a file of that name")
            os.fsync(new_folder.fd)
            if not os.path.samestat(os.fstat(old_folder.fd), os.fstat(new_folder.fd)):
                os.fsync(old_folder.fd)  # last, so that a power cut leaves one of the names at least

    def remove(self, path: str) -> None:
        with _errors(f"to delete {path!r}"), self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder.fd)
            os.fsync(folder.fd)

    def digest(self, path: str) -> tuple[str, str]:
        raise RemoteUnsupported("remote_unsupported", f"A folder computes no digest of {path!r}.")

    def make_folder(self, path: str) -> None:
        with _errors(f"to make the folder {path!r}"), self._parent(path) as (folder, name):
            os.mkdir(name, dir_fd=folder.fd)
            os.fsync(folder.fd)

    def close(self) -> None:
        for file in list(self._open):
            file.abort()
        os.close(self._root)

    def _opened(self, path: str, flags: int) -> _File:
        with _errors(f"to open {path!r}"), self._parent(path) as (folder, name):
            fd = os.open(name, flags | _FLAGS, 0o666, dir_fd=folder.fd)
            file = _File(fd, os.dup(folder.fd), path, self._open, is_written=flags != os.O_RDONLY)
        if not modes.S_ISREG(os.fstat(fd).st_mode):
            file.abort()
            raise RemoteDenied("remote_denied", f"{path!r} is not an ordinary file, so it is not opened.")
        return file

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[_Opened, str]]:
        """The open folder that a path is in, and the name there; of the root itself, the root and ``.``."""
        folder, _slash, name = path.rstrip("/").rpartition("/")
        if name == "..":
            folder, name = path, "."
        with self._folder(folder) as opened:
            yield opened, name or "."

    @contextmanager
    def _folder(self, path: str) -> Iterator[_Opened]:
        """Open a folder, component by component."""
        fd = os.dup(self._root)
        try:
            for part in path.split("/"):
                if part == "..":
                    raise RemoteDenied("remote_denied", f"The path {path!r} has '..' in it, and could leave `root`.")
                if part not in ("", "."):
                    above, fd = fd, os.open(part, FOLDER, dir_fd=fd)
                    os.close(above)
            yield _Opened(fd)
        finally:
            os.close(fd)


class _Opened(NamedTuple):
    """An open folder."""

    fd: int


class _File:
    """An open file, as `threaded.Reader` and `threaded.Writer`.

    :param folder: a descriptor of the folder that it is in.
    :param register: the set of the files that are open.
    """

    def __init__(self, fd: int, folder: int, path: str, register: set[_File], *, is_written: bool) -> None:
        self.fd = fd
        self._folder = folder
        self._path = path
        self._is_written = is_written
        self._written = self._begun = 0
        self._register = register
        register.add(self)

    def read(self, length: int) -> bytes:
        with _errors(f"to read {self._path!r}"):
            return os.read(self.fd, length)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        with _errors(f"to write to {self._path!r}"):
            while view:
                view = view[os.write(self.fd, view) :]
        self._written += len(data)
        if self._written - self._begun >= WRITE_OUT:
            with suppress(OSError, AttributeError):  # macOS has none; it begins to write what is not written
                os.posix_fadvise(self.fd, self._begun, self._written - self._begun, os.POSIX_FADV_DONTNEED)
            self._begun = self._written

    def size(self, final: str | None) -> int:
        del final
        with _errors(f"to tell the size of {self._path!r}"):
            return os.fstat(self.fd).st_size

    def close(self) -> None:
        """Complete the file; a file that was only read has nothing to complete."""
        try:
            if self._is_written:
                with _errors(f"to complete {self._path!r}"):
                    os.fsync(self.fd)
                    os.fsync(self._folder)
        finally:
            self.abort()

    def abort(self) -> None:
        self._register.discard(self)
        os.close(self.fd)
        os.close(self._folder)


def _entry(name: str, path: str, status: os.stat_result) -> Entry:
    return Entry(name, path, status.st_size, status.st_mtime_ns // 10**9, status.st_mode)


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    """Turn an error of the operating system into one of a remote."""
    try:
        yield
    except OSError as error:
        kind, reason = _KINDS.get(error.errno or 0, (RemoteError, UNSTATED))
        raise kind(reason, f"The server refused {doing}: {(error.strerror or str(error)).lower()}.") from error
