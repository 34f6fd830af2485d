# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Give files that root creates beside a user's ledger to that user. Otherwise the user's next run could not use them.

SQLite does the same with the files that it creates beside a database.
"""

from __future__ import annotations

import os
import stat as modes
from contextlib import suppress

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def leave_to_owner(fd: int, of: str) -> None:
    """If we are root, give an open file or folder that root owns to the owner of another path. Otherwise do nothing.

    :param of: a path that has the right owner already.
    """
    found = os.fstat(fd)
    # Never give away a file with a second hard link: an attacker may have created that link to get the file.
    if os.geteuid() != 0 or found.st_uid != 0 or (modes.S_ISREG(found.st_mode) and found.st_nlink > 1):
        return
    owner = os.stat(of)
    if owner.st_uid != 0:
        # Even root may be refused (in a user namespace, on NFS). The run continues without it.
        with suppress(PermissionError):
            os.fchown(fd, owner.st_uid, owner.st_gid)


def make_folder(path: str) -> None:
    """Create a folder and its missing parents, with mode 0700. They get the owner of the first existing parent.

    :raises OSError: it cannot be created, or is not a folder.
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
