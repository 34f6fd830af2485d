# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open folders and read local files so that changes are noticed, and move files without overwriting.

A folder is opened once, and everything in it is addressed relative to its descriptor. So replacing the folder by a link
has no effect on a run. Links in it are never followed; see `walk` for those on the way to it.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import secrets
import stat as modes
from collections.abc import Iterator
from contextlib import suppress
from typing import Callable, NamedTuple, Protocol

from ..errors import DiskError, TransferError
from . import names
from .walk import NO_FOLDER, LinkRefused, open_folder, open_inside

_RENAME_NOREPLACE = 1
_SET_ID = modes.S_ISUID | modes.S_ISGID

_OTHER_NAME = "Rename the file at its source, exclude it, or use a folder on another file system."
_REASONS = {
    errno.ENOENT: ("local_missing", "it does not exist", "Create it, or correct the path."),
    errno.ENOTDIR: ("local_missing", "it is not a folder", "Set it to a folder."),
    errno.EACCES: ("local_denied", "permission denied", "Give the user of this run the permission."),
    errno.EPERM: ("local_denied", "permission denied", "Give the user of this run the permission."),
    errno.EROFS: ("local_denied", "the file system is read-only", "Make it writable."),
    errno.ENOSPC: ("disk_full", "the disk is full", "Free some space; the next run continues from there."),
    errno.EDQUOT: ("disk_full", "the quota is used up", "Free some space; the next run continues from there."),
    errno.EINVAL: ("local_name_refused", "its file system does not accept this name", _OTHER_NAME),
    errno.EILSEQ: ("local_name_refused", "its file system does not accept a character of this name", _OTHER_NAME),
    errno.ENAMETOOLONG: ("local_name_refused", "this name is too long for its file system", _OTHER_NAME),
    errno.EOPNOTSUPP: (
        "file_system_unsuitable",
        "its file system knows neither a rename that spares existing files nor hard links",
        "Use a folder on another file system. Without one of them, an existing file could be overwritten.",
    ),
}


def disk_error(error: OSError, doing: str) -> DiskError:
    """Convert an error of the operating system to a DiskError that says what could not be done."""
    said = str(error.strerror or error)
    if isinstance(error, LinkRefused):
        reason, meaning, way_out = "link_refused", said, "Set the path of the folder itself, or remove the link."
    else:
        reason, meaning, way_out = _REASONS.get(error.errno or 0, ("disk_failed", said, ""))
    return DiskError(reason, f"Cannot {doing}: {meaning}.", way_out)


class LocalFile(NamedTuple):
    """Record a file as it was seen. It equals a later record if, and only if, the file is unchanged.

    Size in bytes, time in ns (see `bounded_time`).
    """

    name: str
    size: int
    mtime_ns: int
    device: int
    inode: int


def bounded_time(ns: int) -> int:
    """Return a time as the ledger can hold it: in 64 bits, which is from 1677 to 2262."""
    return min(max(ns, -(2**63)), 2**63 - 1)


def _record_of(name: str, status: os.stat_result) -> LocalFile:
    return LocalFile(name, status.st_size, bounded_time(status.st_mtime_ns), status.st_dev, status.st_ino)


def regular(name: str, status: os.stat_result) -> LocalFile | None:
    """Return the file's record if it is a regular file, else None."""
    return _record_of(name, status) if modes.S_ISREG(status.st_mode) else None


class Folder:
    """Hold an open folder. ``path`` is for messages; all work uses the descriptor.

    :param option: the option that names the folder, for errors.
    :param inside: the open folder that it is in. Then no link is followed.
    :raises DiskError: from every method, if the operating system refuses the operation.
    """

    def __init__(self, path: str, *, option: str = "", inside: Folder | None = None) -> None:
        self.fd = -1
        self.path = path
        self._prefix = os.path.join(path, "")
        self._called = f"the folder {path!r}" + (f" (`{option}`)" if option else "")
        try:
            self.fd = open_inside(inside.fd, os.path.basename(path), path) if inside else open_folder(path)
        except OSError as error:
            raise disk_error(error, f"open {self._called}") from error

    def close(self) -> None:
        """Close the folder. A folder without references is closed as well, like a file object."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def path_of(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def names(self) -> list[str]:
        """Return every name, without its type."""
        try:
            return os.listdir(self.fd)
        except OSError as error:
            raise disk_error(error, f"list {self._called}") from error

    def listing(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield every name with its status. Files that disappear meanwhile are left out."""
        try:
            with os.scandir(self.fd) as found:
                for item in found:
                    try:
                        yield item.name, item.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
        except OSError as error:
            raise disk_error(error, f"list {self._called}") from error

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of a name (of a link itself, not of its target), or None if it does not exist."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error(error, f"look at {self.path_of(name)!r}") from error

    def file(self, name: str) -> LocalFile | None:
        """Return the regular file with that name, or None."""
        status = self.status(name)
        return regular(name, status) if status else None

    def free_name(self, name: str) -> str:
        """Return the name itself, or its first version that does not exist here."""
        candidate, number = name, 1
        while self.status(candidate) is not None:
            number += 1
            candidate = names.version(name, number)
        return candidate

    def free_bytes(self) -> int:
        """Return the bytes that an ordinary user can still write on this file system."""
        status = os.statvfs(self.fd)
        return status.f_bavail * status.f_frsize

    def require_writable(self) -> None:
        """Raise DiskError if the folder is not writable: before a transfer, rather than after it."""
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=self.fd):
            raise disk_error(OSError(errno.EACCES, ""), f"write to {self._called}")

    def require_safe_rename(self, prefix: str) -> None:
        """Raise DiskError if a file cannot be published here without a risk for existing files.

        :param prefix: the beginning of the part names of the job.
        """
        try:
            if not can_rename_new(self, prefix):
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        except OSError as error:
            raise disk_error(error, f"publish files in {self._called}") from error

    def require_no_link(self, name: str) -> None:
        """Raise DiskError if a subfolder that `make` would open is a link: before a transfer, rather than after it."""
        status = self.status(name)
        if status is not None and modes.S_ISLNK(status.st_mode):
            error = LinkRefused(self.path_of(name), NO_FOLDER)
            raise disk_error(error, f"use the folder {self.path_of(name)!r}")

    def remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise disk_error(error, f"delete {self.path_of(name)!r}") from error

    def make(self, name: str) -> Folder:
        """Return the subfolder with that name. If it is missing, create it with this folder's permissions."""
        try:
            with suppress(FileExistsError):
                # The system passes on the set-group-ID bit itself, and a sandboxed service may not set it.
                os.mkdir(name, modes.S_IMODE(os.fstat(self.fd).st_mode) & ~_SET_ID, dir_fd=self.fd)
            made = Folder(self.path_of(name), inside=self)
            # An earlier run may have been killed after mkdir and before this sync: see Syncer.sync_move.
            os.fsync(made.fd)
            os.fsync(self.fd)
        except OSError as error:
            raise disk_error(error, f"make the folder {self.path_of(name)!r}") from error
        return made


class OpenFolder(Protocol):
    """Anything that has a folder's descriptor."""

    @property
    def fd(self) -> int:
        """The folder's descriptor."""


def rename_new(old_folder: OpenFolder, old: str, new_folder: OpenFolder, new: str) -> bool:
    """Rename a file atomically, only if the new name is free; return whether it was renamed.

    :raises OSError: EOPNOTSUPP: the file system cannot do that. EINVAL: it does not accept the name.
    """
    try:
        if _renameat2 is None or not _renameat2(old_folder.fd, os.fsencode(old), new_folder.fd, os.fsencode(new)):
            _rename_by_link(old_folder, old, new_folder, new)
    except FileExistsError:
        return False
    return True


def _rename_by_link(old_folder: OpenFolder, old: str, new_folder: OpenFolder, new: str) -> None:
    try:
        os.link(old, new, src_dir_fd=old_folder.fd, dst_dir_fd=new_folder.fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # The refusal of the rename may have been about the name. Another name shows that.
        number = errno.EINVAL if can_rename_new(new_folder) else errno.EOPNOTSUPP
        raise OSError(number, os.strerror(number)) from error
    os.fsync(new_folder.fd)  # otherwise a power cut could leave neither name
    os.unlink(old, dir_fd=old_folder.fd)


def can_rename_new(folder: OpenFolder, prefix: str = f"{names.OWN}probe-") -> bool:
    """Return whether `rename_new` works in a folder. A file of ours is created for that, and removed.

    :param prefix: the beginning of its name, so that a later run can remove what a crash leaves.
    :raises OSError: no file can be created there.
    """
    names_tried = [f"{prefix}{secrets.token_hex(6)}.part" for _name in range(2)]
    old, new = map(os.fsencode, names_tried)
    os.close(os.open(old, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder.fd))
    try:
        if _renameat2 is not None and _renameat2(folder.fd, old, folder.fd, new):
            return True
        os.link(old, new, src_dir_fd=folder.fd, dst_dir_fd=folder.fd, follow_symlinks=False)
    except OSError:
        return False
    finally:
        for name in (old, new):
            with suppress(OSError):
                os.unlink(name, dir_fd=folder.fd)
    return True


_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def _find_renameat2() -> Callable[[int, bytes, int, bytes], bool] | None:
    """Return renameat2(2) of Linux, from glibc 2.28 or musl 1.2.6 and newer; None if the C library does not have it.

    The returned function is False if the kernel or the file system (such as NFS) does not know RENAME_NOREPLACE.
    """
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def call(old_fd: int, old: bytes, new_fd: int, new: bytes) -> bool:
        if function(old_fd, old, new_fd, new, _RENAME_NOREPLACE) == 0:
            return True
        number = ctypes.get_errno()
        if number in (errno.EINVAL, errno.ENOSYS):
            return False
        raise OSError(number, os.strerror(number))

    return call


_renameat2 = _find_renameat2()


class SourceFile:
    """Read a local file to send it: compute its hash, and make sure that it does not change while it is read.

    :raises TransferError: ``changed_while_read``, from every method, if the file has changed.
    """

    def __init__(self, folder: Folder, seen: LocalFile) -> None:
        self._folder = folder
        self._seen = seen
        self.size = seen.size
        self._hash = hashlib.sha256()
        try:
            self._fd = os.open(seen.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
        except FileNotFoundError:
            raise self._changed("it is gone") from None
        except OSError as error:
            raise disk_error(error, f"read {folder.path_of(seen.name)!r}") from error
        try:
            self.check_unchanged()
        except BaseException:
            self.close()
            raise

    def read(self, length: int) -> bytes:
        """Read exactly the next ``length`` bytes."""
        try:
            data = os.read(self._fd, length)
        except OSError as error:
            raise disk_error(error, f"read {self._folder.path_of(self._seen.name)!r}") from error
        if len(data) != length:
            raise self._changed("it has become shorter")
        self._hash.update(data)
        return data

    def check_unchanged(self) -> None:
        if _record_of(self._seen.name, os.fstat(self._fd)) != self._seen:
            raise self._changed("its size, its time or the file itself is different")

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def lend_access_to(self, fd: int) -> None:
        """Give a copy the owner of this file, as far as permitted, and then its mode."""
        status = os.fstat(self._fd)
        with suppress(PermissionError):
            os.fchown(fd, status.st_uid, status.st_gid)
        os.fchmod(fd, modes.S_IMODE(status.st_mode) & ~_SET_ID)

    def close(self) -> None:
        os.close(self._fd)

    def _changed(self, how: str) -> TransferError:
        return TransferError(
            "changed_while_read",
            f"{names.quoted(self._folder.path_of(self._seen.name))} was changed while it was read: {how}.",
            "The next run tries again; raise `settle` if its writer needs longer.",
        )


def sha256_of(folder: Folder, seen: LocalFile) -> str:
    """Compute the SHA-256 of a file; raise TransferError if it has changed since it was seen."""
    outgoing = SourceFile(folder, seen)
    try:
        rest = seen.size
        while rest:
            rest -= len(outgoing.read(min(rest, 1024 * 1024)))
        outgoing.check_unchanged()
        return outgoing.sha256
    finally:
        outgoing.close()


def make_durable(folder: Folder, name: str) -> None:
    """Sync a file and its folder, because an earlier run may have been killed before it did so."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.fd)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.fsync(folder.fd)
    except OSError as error:
        raise disk_error(error, f"make {folder.path_of(name)!r} durable") from error
