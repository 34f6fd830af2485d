# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archive or delete a local original after the server has confirmed it, if it is still the file that was sent."""

from __future__ import annotations

import errno
import os
from contextlib import closing

from ...errors import Replaced, TransferError
from ...local import names
from ...local.folder import Folder, LocalFile, SourceFile, disk_error, make_durable, regular, rename_new, sha256_of
from ...local.parts import Part


def archive(folder: Folder, seen: LocalFile, into: Folder, *, part_prefix: str) -> str:
    """Move a file into another folder if it is unchanged since it was seen; return its free name there.

    :param part_prefix: how the name of the temporary copy begins, for a move to another file system.
    :raises Replaced: the file was changed since, and stays where it is.
    :raises DiskError: the file cannot be moved.
    """
    links = _require_unchanged(folder, seen).st_nlink
    second = _second_name(into, seen) if links > 1 else None
    if second is not None:
        make_durable(into, second)
        delete(folder, seen)
        return second
    name = seen.name
    try:
        while not rename_new(folder, seen.name, into, name):
            name = into.free_name(seen.name)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return _archive_by_copy(folder, seen, into, part_prefix)
        raise disk_error(error, f"move {folder.path_of(seen.name)!r} to {into.path!r}") from error
    if into.file(name) != seen._replace(name=name):
        raise _put_back(folder, seen, into, name)
    return name


def _second_name(into: Folder, seen: LocalFile) -> str | None:
    """Return the name of a second hard link to the file in the other folder, or None.

    A run that was killed during the move may have left both links.
    """
    this = (seen.device, seen.inode)
    return next((name for name, found in into.listing() if (found.st_dev, found.st_ino) == this), None)


def _put_back(folder: Folder, seen: LocalFile, into: Folder, name: str) -> TransferError:
    """Undo the move of a file that replaced the sent one at that moment; return the error to raise."""
    try:
        if rename_new(into, name, folder, seen.name):
            return _changed_before(folder, seen)
    except OSError as error:
        raise disk_error(error, f"move {into.path_of(name)!r} back to {folder.path!r}") from error
    return Replaced(
        "changed_before_archive",
        f"{folder.path_of(names.shown(seen.name))!r} was sent, and was replaced twice since. The first replacement was "
        f"not sent; it is now {into.path_of(names.shown(name))!r}.",
        "To send it, move it back under another name.",
    )


def _archive_by_copy(folder: Folder, seen: LocalFile, into: Folder, part_prefix: str) -> str:
    """Archive to another file system. The copy is complete and durable before the original is deleted.

    A run that was killed between the two steps has left a complete copy. That copy is used instead of a new one.
    """
    if _is_copy(folder, seen, into):
        name = seen.name
        make_durable(into, name)
    else:
        name = _copy(folder, seen, into, part_prefix)
    delete(folder, seen)
    return name


def _is_copy(folder: Folder, seen: LocalFile, into: Folder) -> bool:
    copy = into.file(seen.name)
    if copy is None or (copy.size, copy.mtime_ns) != (seen.size, seen.mtime_ns):
        return False
    return sha256_of(into, copy) == sha256_of(folder, seen)


def _copy(folder: Folder, seen: LocalFile, into: Folder, part_prefix: str) -> str:
    part = Part(into, part_prefix)
    try:
        with closing(SourceFile(folder, seen)) as outgoing:
            outgoing.lend_access_to(part.fd)
            while part.size < seen.size:
                part.write(outgoing.read(min(seen.size - part.size, 1024 * 1024)))
            outgoing.check_unchanged()
        os.utime(part.fd, ns=(seen.mtime_ns, seen.mtime_ns))
        os.fsync(part.fd)
        name = into.free_name(seen.name)
        while not rename_new(into, part.name, into, name):
            name = into.free_name(seen.name)
        os.fsync(into.fd)
    except OSError as error:
        part.discard()
        raise disk_error(error, f"copy {folder.path_of(seen.name)!r} to {into.path!r}") from error
    except BaseException:
        part.discard()
        raise
    part.close()
    return name


def delete(folder: Folder, seen: LocalFile) -> None:
    """Delete a file if it is unchanged since it was seen.

    :raises Replaced: the file was changed since, and stays where it is.
    """
    _require_unchanged(folder, seen)
    folder.remove(seen.name)


def _require_unchanged(folder: Folder, seen: LocalFile) -> os.stat_result:
    status = folder.status(seen.name)
    if status is None or regular(seen.name, status) != seen:
        raise _changed_before(folder, seen)
    return status


def _changed_before(folder: Folder, seen: LocalFile) -> Replaced:
    return Replaced(
        "changed_before_archive",
        f"{names.quoted(folder.path_of(seen.name))} was sent, but was changed or removed after it was read, so it is "
        "neither archived nor deleted.",
        "If a file is still there, the next run sends it as a new file.",
    )
