# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What root makes beside somebody's ledger is theirs too, or their own next run could not use it.

SQLite does the same with the files that it makes beside a database.
"""

from __future__ import annotations

import os
import stat as modes
from contextlib import suppress

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def leave_to_owner(fd: int, of: str) -> None:
    """As root: give an open file or folder that is root's to the owner of another; as anybody else: nothing to do.

    :param of: path of what belongs to the right one already.
    """
    found = os.fstat(fd)
    # A file that has another name as well may be one that somebody would like to be given.
    if os.geteuid() != 0 or found.st_uid != 0 or (modes.S_ISREG(found.st_mode) and found.st_nlink > 1):
        return
    owner = os.stat(of)
    if owner.st_uid != 0:
        # Where even root may not (a user namespace, NFS), the run is none the worse for it.
        with suppress(PermissionError):
            os.fchown(fd, owner.st_uid, owner.st_gid)


def make_folder(path: str) -> None:
    """Make a folder, and those above it that are missing, for their owner alone: whom the first one above belongs to.

    :raises OSError: it cannot be made, or is something else.
    """
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    make_folder(above)
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    fd = os.open(path, _FOLDER)
    try:
        leave_to_owner(fd, above)
    finally:
        os.close(fd)
