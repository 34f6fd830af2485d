# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Move a file that the provider refused for good to `rejected_dir`, with the reason beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ....local.folder import Folder, LocalFile, disk_error
from ....states import REJECTED, State
from ..archive import archive

if TYPE_CHECKING:
    from ....ledger.ledger import Row

SUFFIX = ".reason.txt"
"""What the name of the file with the reason ends with."""


def is_rejected(row: Row | None) -> bool:
    """Return whether a row is held because the provider refused its file."""
    return row is not None and row.state is State.HELD and row.reason == REJECTED


def set_aside(folder: Folder, seen: LocalFile, into: Folder, why: str, *, part_prefix: str) -> str:
    """Move a refused file if it is unchanged; return its name there. A file with the reason is beside it.

    :raises Replaced: the file was changed since it was sent, and stays where it is.
    :raises DiskError: it cannot be moved.
    """
    name = archive(folder, seen, into, part_prefix=part_prefix)
    write_reason(into, name, why)
    return name


def write_reason(into: Folder, name: str, why: str) -> None:
    """Write the reason beside a refused file, durably."""
    beside = into.free_name(f"{name}{SUFFIX}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(beside, flags, 0o640, dir_fd=into.fd), "w", encoding="utf-8") as file:
            file.write(f"{why}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(error, f"write {into.path_of(beside)!r}") from error
