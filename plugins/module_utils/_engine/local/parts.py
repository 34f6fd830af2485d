# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write received files under temporary names (parts) beside their final names, and publish them.

The name of a part says whose it is: see `names.part_prefix`. Its owner locks it while it works on it. A part that is
locked, or that has another owner, is never removed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Container
from contextlib import suppress

from ..errors import DiskError
from .folder import Folder, disk_error, rename_new


class PartMissing(DiskError):
    """Raised when a part that is to be published does not exist. Nothing was published."""


def publish(folder: Folder, part: str, final: str) -> bool:
    """Give a finished part its final name, only if that is free; return whether it was renamed.

    :raises PartMissing: somebody removed the part.
    """
    try:
        return rename_new(folder, part, folder, final)
    except FileNotFoundError as error:
        raise PartMissing(
            "part_removed",
            f"The part {folder.path_of(part)!r} was removed before it could be published.",
            "The next run fetches the file again. Exclude `.filedrop-*` from whatever cleans this folder.",
        ) from error
    except OSError as error:
        raise disk_error(error, f"publish {folder.path_of(final)!r}") from error


def remove_parts(folder: Folder, prefix: str, keep: Container[str] = ()) -> None:
    """Remove the parts that a crashed run of a job left behind. A part that is locked is in use, and stays."""
    for name in folder.names():
        if name.startswith(prefix) and name not in keep and not _is_in_use(folder, name):
            folder.remove(name)


def _lock(fd: int) -> None:
    """Lock a part for as long as it is open. A file system without locks leaves only the name."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_in_use(folder: Folder, name: str) -> bool:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
    except OSError:
        return False  # a link, or nothing that we have written
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EWOULDBLOCK
    finally:
        os.close(fd)
    return False


def digest_of(folder: Folder, name: str, algorithm: str) -> str:
    """Compute a digest other than SHA-256 of a file that was just written."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.fd)
    with os.fdopen(fd, "rb") as content:
        for block in iter(lambda: content.read(1024 * 1024), b""):
            digest.update(block)
    return digest.hexdigest()


WRITE_OUT = 8 * 1024 * 1024
"""Start to write a file to disk after this many bytes. Fewer bytes are then left for the final sync, which delays all
files."""


class Part:
    """Write a received file under a temporary name beside its final one, and compute its hash.

    The part is locked while it is open. So no cleaner of ours removes it.

    :param prefix: the beginning of all part names of one job, so that its next run finds what a crash left behind.
    """

    def __init__(self, folder: Folder, prefix: str) -> None:
        self._folder = folder
        self.name = f"{prefix}{secrets.token_hex(6)}.part"
        self.size = 0
        self._begun = 0  # bytes that the disk has started to write
        self._is_settled = False
        self._hash = hashlib.sha256()
        try:
            self.fd = os.open(self.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder.fd)
        except OSError as error:
            raise disk_error(error, f"create a file in {folder.path!r}") from error
        _lock(self.fd)

    def write(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.fd, view) :]
        except OSError as error:
            raise disk_error(error, f"write to {self._folder.path!r}") from error
        self.size += len(data)
        if self.size - self._begun >= WRITE_OUT:
            self._start_writeback()

    def _start_writeback(self) -> None:
        """Start to write to disk. The request's name says what it does to clean pages; dirty ones are written out."""
        with suppress(OSError, AttributeError):  # not available on macOS
            os.posix_fadvise(self.fd, self._begun, self.size - self._begun, os.POSIX_FADV_DONTNEED)
        self._begun = self.size

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def keep(self) -> None:
        """From now on, never remove the part. It stays open, and locked."""
        self._is_settled = True

    def discard(self) -> None:
        """Close the part, and remove it unless it is kept or removed already."""
        self.close()
        if not self._is_settled:
            self.keep()
            self._folder.remove(self.name)

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_error: object) -> None:
        self.discard()
