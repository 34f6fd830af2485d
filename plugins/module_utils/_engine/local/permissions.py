# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Group and permission bits that a file gets when it is delivered."""

from __future__ import annotations

import grp
import os
from dataclasses import dataclass

from ..errors import DiskError
from .folder import disk_error


@dataclass(frozen=True)
class Permissions:
    """A group's number and permission bits; None leaves either as the system made it."""

    gid: int | None = None
    mode: int | None = None

    def give(self, fd: int) -> None:
        """Give them to an open file of ours.

        :raises DiskError: the system does not allow it.
        """
        try:
            if self.gid is not None:
                os.fchown(fd, -1, self.gid)
            if self.mode is not None:
                os.fchmod(fd, self.mode)
        except OSError as error:
            raise disk_error(error, "give a delivered file its group and permissions") from error


def permissions_for(group: str | None, mode: int | None) -> Permissions:
    """What a job's ``group`` and ``file_mode`` mean on this host.

    :raises DiskError: there is no such group, or we may not give files to it. Raised before anything is transferred.
    """
    if group is None:
        return Permissions(mode=mode)
    gid = _number_of(group)
    if os.geteuid() != 0 and gid not in {os.getegid(), *os.getgroups()}:
        raise DiskError(
            "group_denied",
            f"The user that runs this is not in the group {group!r} (`group`), and so may not give files to it.",
            "Add the user to the group, or name one that it is in.",
        )
    return Permissions(gid, mode)


def _number_of(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        if group.isdigit():
            return int(group)
    raise DiskError(
        "group_unknown", f"There is no group {group!r} on this host (`group`).", "Create it, or name another."
    )
