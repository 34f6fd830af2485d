# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders of one account, as its clients see and use them.

Every path from a client is resolved in this module, folder by folder, from the account's root. Links are never
followed, so no name leads out of the root. Names are bytes. Rights belong to the folders in the root, and apply to
everything below them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Callable

from . import wire
from .wire import Attributes, Code, Name

Parts = tuple[bytes, ...]

# With O_PATH, where the platform has it, a folder is only a starting point for other operations.
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Never block on a named pipe that somebody has put into the folder.
_FILE_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True)
class Rights:
    """Define what clients may do with the files in a folder. A rename between folders requires ``rename`` on both.

    :param make: whether they may create folders in it.
    """

    read: bool = False
    write: bool = False
    remove: bool = False
    rename: bool = False
    make: bool = False


#: A drop box as Amili describes it: dropped off files cannot be read, and files in ``pickup`` can only be read and
#: deleted. Clients that may rename in ``input`` may also remove there, as on any server with POSIX permissions.
DROP_BOX: Mapping[str, Rights] = MappingProxyType(
    {"input": Rights(write=True, rename=True, remove=True), "pickup": Rights(read=True, remove=True)}
)


class Refused(Exception):
    """Report a request that is answered with a STATUS of this code and message."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(eq=False)
class OpenFile:
    """A file that a client holds open. ``parts`` follows its renames, and is empty after its name is gone."""

    descriptor: int
    parts: Parts
    readable: bool
    writable: bool


class OpenFolder:
    """A listing in progress."""

    def __init__(self, descriptor: int, parts: Parts, only: frozenset[bytes] | None) -> None:
        self.parts = parts
        self._descriptor = descriptor
        self._only = only
        self._entries = os.scandir(descriptor)
        self._dots = [b".", b".."]

    def next(self, count: int) -> list[Name]:
        """Return at most ``count`` more entries; none at the end. Entries that disappear meanwhile are left out."""
        names: list[Name] = []
        while self._dots and len(names) < count:
            # Every OpenSSH server lists these two, so clients must be able to handle them.
            names.append(Name(self._dots.pop(0), Attributes.of(os.stat(self._descriptor))))
        while len(names) < count:
            entry = next(self._entries, None)
            if entry is None:
                break
            name = os.fsencode(entry.name)
            if self._only is not None and name not in self._only:
                continue
            with contextlib.suppress(FileNotFoundError):
                names.append(Name(name, Attributes.of(entry.stat(follow_symlinks=False))))
        return names

    def close(self) -> None:
        self._entries.close()
        os.close(self._descriptor)


class Filesystem:
    """Manage one account's root, for all of its sessions.

    Methods take paths of the client. They raise ``Refused``, or the ``OSError`` of the kernel.

    The object also knows which files are complete: closed by their client or renamed, and not open for writing by
    others. A file is not complete if its connection was cut, or if it was opened for writing again. ``on_complete`` is
    called for each complete file, in the thread of its session.
    """

    def __init__(
        self, root: str, folders: Mapping[str, Rights] = DROP_BOX, on_complete: Callable[[Parts], None] | None = None
    ) -> None:
        self.root = os.fsencode(root)
        self._rights = {os.fsencode(name): rights for name, rights in folders.items()}
        self._on_complete = on_complete
        self._writers: dict[Parts, list[OpenFile]] = {}
        self._complete: set[Parts] = set()
        # Held to prevent that others open, rename or take the same file meanwhile.
        self._lock = threading.Lock()

    def create(self) -> None:
        """Create missing folders."""
        for name in (b"", *self._rights):
            os.makedirs(os.path.join(self.root, name), mode=0o700, exist_ok=True)

    def real_path(self, path: bytes) -> bytes:
        """Return the path without dots, from the client's root. The file need not exist."""
        return b"/" + b"/".join(resolve(path))

    def stat(self, path: bytes, *, follow: bool) -> Attributes:
        """Return the attributes of a file or folder. A link itself is shown only if ``follow`` is false."""
        parts = resolve(path)
        if not parts:
            return Attributes.of(os.stat(self.root))
        with self._parent(parts) as (parent, name):
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if follow and stat.S_ISLNK(status.st_mode):
            raise Refused(Code.PERMISSION_DENIED, "links are not followed")
        return Attributes.of(status)

    def open(self, path: bytes, flags: int, attributes: Attributes) -> OpenFile:
        """Open a file for reading, writing or both, according to the flags of OPEN."""
        parts = resolve(path)
        rights = self._file_rights(parts)
        readable, writable = bool(flags & wire.READ), bool(flags & (wire.WRITE | wire.APPEND))
        changes = writable or flags & (wire.CREATE | wire.TRUNCATE)
        if (readable and not rights.read) or (changes and not rights.write):
            raise Refused(Code.PERMISSION_DENIED, "files in this folder cannot be opened in this way")
        # Keep the owner's permissions. Otherwise the import monitor could not read the file.
        mode = 0o600 | ((0o666 if attributes.permissions is None else attributes.permissions) & 0o666)
        with self._parent(parts) as (parent, name), self._lock:
            descriptor = os.open(name, _open_flags(flags) | _FILE_FLAGS, mode, dir_fd=parent)
            file = OpenFile(descriptor, parts, readable, writable)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise Refused(Code.FAILURE, "this is not a file")
            if writable:
                self._writers.setdefault(parts, []).append(file)
                self._complete.discard(parts)
        return file

    def close(self, file: OpenFile, *, finished: bool) -> None:
        """Close a file. ``finished``: the client requested it; otherwise the client has disconnected."""
        with self._lock:
            self._forget_writer(file)
            os.close(file.descriptor)
            complete = finished and file.writable and self._completed(file.parts)
        if complete and self._on_complete is not None:
            self._on_complete(file.parts)

    def open_folder(self, path: bytes) -> OpenFolder:
        """Begin a listing. In the root, only the account's folders are shown."""
        parts = resolve(path)
        if not parts:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            return OpenFolder(descriptor, parts, frozenset(self._rights))
        with self._parent(parts) as (parent, name):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            return OpenFolder(os.open(name, flags, dir_fd=parent), parts, None)

    def make_folder(self, path: bytes) -> None:
        """Create a folder."""
        parts = resolve(path)
        if not self._file_rights(parts).make:
            raise Refused(Code.PERMISSION_DENIED, "folders cannot be created here")
        with self._parent(parts) as (parent, name):
            os.mkdir(name, 0o700, dir_fd=parent)

    def remove(self, path: bytes) -> None:
        """Remove a file, or a link itself, but never a folder."""
        parts = resolve(path)
        if not self._file_rights(parts).remove:
            raise Refused(Code.PERMISSION_DENIED, "files in this folder cannot be removed")
        with self._parent(parts) as (parent, name), self._lock:
            os.unlink(name, dir_fd=parent)
            self._forget(parts)

    def rename(self, path: bytes, target: bytes, *, replace: bool = False) -> None:
        """Rename a file. With ``replace``, overwrite an existing file; otherwise refuse that."""
        old, new = resolve(path), resolve(target)
        if not (self._file_rights(old).rename and self._file_rights(new).rename):
            raise Refused(Code.PERMISSION_DENIED, "files cannot be renamed in this folder, or between these folders")
        with self._parent(old) as (old_parent, old_name), self._parent(new) as (new_parent, new_name), self._lock:
            if not stat.S_ISREG(os.stat(old_name, dir_fd=old_parent, follow_symlinks=False).st_mode):
                raise Refused(Code.FAILURE, "only files can be renamed")
            if replace:
                os.rename(old_name, new_name, src_dir_fd=old_parent, dst_dir_fd=new_parent)
            else:
                # A hard link is the portable move without overwriting. OpenSSH's server does the same.
                os.link(old_name, new_name, src_dir_fd=old_parent, dst_dir_fd=new_parent, follow_symlinks=False)
                os.unlink(old_name, dir_fd=old_parent)
            self._forget(new)
            writers = self._writers.pop(old, [])
            for file in writers:
                file.parts = new
            if writers:
                self._writers[new] = writers
            self._complete.discard(old)
            complete = self._completed(new)
        if complete and self._on_complete is not None:
            self._on_complete(new)

    def set_attributes(self, path: bytes, attributes: Attributes) -> None:
        """Set size, permissions and times of a file in a writable folder."""
        parts = resolve(path)
        if not self._file_rights(parts).write:
            raise Refused(Code.PERMISSION_DENIED, "attributes cannot be set in this folder")
        with self._parent(parts) as (parent, name):
            descriptor = os.open(name, os.O_WRONLY | _FILE_FLAGS, dir_fd=parent)
        try:
            change(descriptor, attributes)
        finally:
            os.close(descriptor)

    def take(self, parts: Parts, destination: str) -> bool:
        """Move a complete file out of the client's folders to a free name. False: gone, or not complete any more.

        :raises FileExistsError: the destination exists.
        """
        with self._lock:
            if parts not in self._complete:
                return False
            try:
                with self._parent(parts) as (parent, name):
                    os.link(name, destination, src_dir_fd=parent, follow_symlinks=False)
                    os.unlink(name, dir_fd=parent)
            except FileNotFoundError:
                self._complete.discard(parts)
                return False
            self._complete.discard(parts)
        return True

    def _completed(self, parts: Parts) -> bool:
        """Record that a file is complete, unless others are still writing to it or its name is gone."""
        if not parts or parts in self._writers:
            return False
        self._complete.add(parts)
        return True

    def _forget(self, parts: Parts) -> None:
        """Forget a name that is gone. Files open under it must not be mistaken for a later file with that name."""
        self._complete.discard(parts)
        for file in self._writers.pop(parts, []):
            file.parts = ()

    def _forget_writer(self, file: OpenFile) -> None:
        writers = self._writers.get(file.parts, [])
        if file in writers:
            writers.remove(file)
            if not writers:
                del self._writers[file.parts]

    def _file_rights(self, parts: Parts) -> Rights:
        """Return the rights on files in a folder. In the root, and on its folders themselves, there are none."""
        if len(parts) < 2:
            return Rights()
        return self._folder_rights(parts)

    def _folder_rights(self, parts: Parts) -> Rights:
        rights = self._rights.get(parts[0])
        if rights is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return rights

    @contextlib.contextmanager
    def _parent(self, parts: Parts) -> Iterator[tuple[int, bytes]]:
        """Yield the open folder of the last part, and that part. Each folder is opened relative to the one before."""
        if not parts:
            raise Refused(Code.FAILURE, "this is the root")
        self._folder_rights(parts)
        descriptor = os.open(self.root, _FOLDER_FLAGS)
        try:
            for part in parts[:-1]:
                above, descriptor = descriptor, os.open(part, _FOLDER_FLAGS, dir_fd=descriptor)
                os.close(above)
            yield descriptor, parts[-1]
        finally:
            os.close(descriptor)


def resolve(path: bytes) -> Parts:
    """Return the names on the way from the client's root; ``..`` ends at the root. Links are not followed."""
    if b"\0" in path:
        raise Refused(Code.FAILURE, "a name cannot contain NUL")
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return tuple(parts)


def change(descriptor: int, attributes: Attributes) -> None:
    """Set size, permissions and times, if given. The owner of a file cannot be changed."""
    if attributes.size is not None:
        os.ftruncate(descriptor, attributes.size)
    if attributes.permissions is not None:
        os.fchmod(descriptor, 0o600 | (attributes.permissions & 0o777))
    if attributes.uid is not None or attributes.gid is not None:
        status = os.fstat(descriptor)
        if (attributes.uid, attributes.gid) != (status.st_uid, status.st_gid):
            raise Refused(Code.PERMISSION_DENIED, "the owner of a file cannot be changed")
    if attributes.atime is not None and attributes.mtime is not None:
        os.utime(descriptor, (attributes.atime, attributes.mtime))


def _open_flags(flags: int) -> int:
    """Convert the flags of OPEN (section 6.3 of the draft) to those of open(2)."""
    writable = flags & (wire.WRITE | wire.APPEND)
    result = (os.O_RDWR if flags & wire.READ else os.O_WRONLY) if writable else os.O_RDONLY
    if flags & wire.APPEND:
        result |= os.O_APPEND
    if flags & wire.CREATE:
        result |= os.O_CREAT
    if flags & wire.TRUNCATE:
        result |= os.O_TRUNC
    if flags & wire.EXCLUSIVE:
        result |= os.O_EXCL
    return result
