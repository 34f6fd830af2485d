# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work as another user for a while, if we are root. The whole process changes, with all its threads."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


@contextmanager
def as_user(uid: int) -> Iterator[bool]:
    """Be a user, with the user's groups, while the block runs. Yield whether the system lets us.

    It may not: in a container without that permission, or in a user namespace that does not have this user.
    """
    groups, gid = os.getgroups(), os.getegid()
    try:
        yield _become(uid)
    finally:
        with suppress(PermissionError):
            os.seteuid(0)
            os.setegid(gid)
            os.setgroups(groups)


def _become(uid: int) -> bool:
    try:
        entry = pwd.getpwuid(uid)
        gid, groups = entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)
    except KeyError:  # a user without an entry has no other group than one of the same number
        gid, groups = uid, [uid]
    try:
        os.setgroups(groups)
        os.setegid(gid)
        os.seteuid(uid)
    except OSError:
        return False
    return True


@contextmanager
def as_started() -> Iterator[None]:
    """Be the user that has started this process again while the block runs: within `as_user`, root.

    For what the task or the command names itself and that user alone may read, such as a private key.
    """
    user = os.geteuid()
    if os.getuid() != 0 or user == 0:
        yield
        return
    os.seteuid(0)
    try:
        yield
    finally:
        os.seteuid(user)


def for_good() -> dict[str, Any]:
    """Return how a child process gets our effective user for good (subprocess.Popen).

    Without that, it could become root again.
    """
    if os.getuid() == os.geteuid():
        return {}
    return {"user": os.geteuid(), "group": os.getegid()}
