# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open folders by path, without following a link that a less privileged user can set.

A path is opened component by component, each relative to the descriptor of the one above. A link is followed only if
root or the user of this run owns it, and if nobody else can replace it. So ``/var/run`` works, and a link that the
owner of a source folder has put into it does not.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from contextlib import suppress
from typing import NamedTuple

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC  # macOS has no O_PATH
NO_FOLDER = "where a folder is needed, so it is not followed"
_MOST_LINKS = 40  # as in the kernel
_OTHERS_WRITE = modes.S_IWGRP | modes.S_IWOTH


class LinkRefused(OSError):
    """A link is in the way that must not be followed. ``strerror`` names it."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(errno.ELOOP, f"{path!r} is a link {why}")


class Way(NamedTuple):
    """Describe the way to a file or folder.

    :ivar path: its path without links.
    :ivar folders: the status of each folder above it, from the root on.
    :ivar status: its own status, or None if it does not exist.
    """

    path: str
    folders: list[os.stat_result]
    status: os.stat_result | None


class _Steps:
    """Hold the open folders from the root to the current one."""

    def __init__(self) -> None:
        self._fds = [os.open(os.sep, _STEP)]
        self._names: list[str] = []

    def __enter__(self) -> _Steps:
        return self

    def __exit__(self, *_error: object) -> None:
        while self._fds:
            os.close(self._fds.pop())

    @property
    def fd(self) -> int:
        return self._fds[-1]

    def path_of(self, name: str) -> str:
        return os.sep + os.sep.join([*self._names, *([] if name == "." else [name])])

    def statuses(self) -> list[os.stat_result]:
        return [os.fstat(fd) for fd in self._fds]

    def enter(self, name: str, *, make: bool) -> None:
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=self.fd)
        self._fds.append(os.open(name, _STEP, dir_fd=self.fd))
        self._names.append(name)

    def leave(self) -> None:
        """Go back to the folder through which this one was entered. A folder that was moved meanwhile is no matter."""
        if self._names:
            self._names.pop()
            os.close(self._fds.pop())

    def leave_all(self) -> None:
        while self._names:
            self.leave()

    def target(self, name: str) -> str | None:
        """Return where a link leads, or None if the name is no link.

        :raises LinkRefused: others can set the link.
        """
        status = self.status(name)
        if status is None or not modes.S_ISLNK(status.st_mode):
            return None
        folder = os.fstat(self.fd)
        if not _is_safe(status, folder):
            raise LinkRefused(self.path_of(name), "that other users can set, so it is not followed")
        return os.readlink(name, dir_fd=self.fd)

    def status(self, name: str) -> os.stat_result | None:
        with suppress(FileNotFoundError):
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        return None


def _is_safe(link: os.stat_result, folder: os.stat_result) -> bool:
    """Return whether only root and the user of this run can set a link, given its status and that of its folder."""
    ours = (0, os.geteuid())
    if link.st_uid not in ours or folder.st_uid not in ours:
        return False
    # In a sticky folder such as /tmp, others cannot replace it. A second hard link may have been made by anybody.
    return not folder.st_mode & _OTHERS_WRITE or bool(folder.st_mode & modes.S_ISVTX and link.st_nlink == 1)


def _walk(steps: _Steps, path: str, *, make: bool = False) -> str:
    """Enter every folder of an absolute path but the last one; return the last name, ``.`` for the current folder."""
    rest = _parts(path)
    links = 0
    while rest:
        name = rest.pop()
        if name == "..":
            steps.leave()
            continue
        target = steps.target(name)
        if target is not None:
            links += 1
            if links > _MOST_LINKS:
                raise LinkRefused(path, "in a circle")
            if target.startswith(os.sep):
                steps.leave_all()
            rest += _parts(target)
        elif rest:
            steps.enter(name, make=make)
        else:
            return name
    return "."


def _parts(path: str) -> list[str]:
    """Return the components of a path, the last one first."""
    return [part for part in reversed(path.split(os.sep)) if part not in ("", ".")]


def open_folder(path: str, *, make: bool = False) -> int:
    """Open a folder for reading; return its descriptor.

    :param make: create it and its missing parents, with mode 0700.
    :raises OSError: LinkRefused, or what the system says.
    """
    with _Steps() as steps:
        name = _walk(steps, os.path.abspath(path), make=make)
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=steps.fd)
        return os.open(name, FOLDER, dir_fd=steps.fd)


def open_inside(fd: int, name: str, path: str) -> int:
    """Open a folder inside of an open one. No link is followed, whoever owns it.

    :param path: its path, for errors.
    :raises OSError: LinkRefused, or what the system says.
    """
    try:
        return os.open(name, FOLDER, dir_fd=fd)
    except NotADirectoryError:
        if modes.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            raise LinkRefused(path, NO_FOLDER) from None
        raise


def way_to(path: str) -> Way:
    """Return the way to a file or folder that may be missing; its folder must exist.

    :raises OSError: LinkRefused, or what the system says.
    """
    with _Steps() as steps:
        name = _walk(steps, os.path.abspath(path))
        return Way(steps.path_of(name), steps.statuses(), steps.status(name))
