# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes for which rights count, or the disk is small, even when the tests run as root: the driver's ``prefix``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def mode_bits_count() -> list[str]:
    """A command prefix under which root, too, may only do what the mode of a file allows."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


class SmallDisk:
    """A file system in memory, mounted over a folder in a namespace of its own: it ends with the process that holds it.

    :ivar prefix: the command prefix under which a process sees it.
    :ivar view: its content, seen from here.
    """

    def __init__(self, holder: int, folder: Path) -> None:
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.prefix = ["nsenter", f"--target={holder}", "--mount", *user]
        self.view = Path(f"/proc/{holder}/root{folder}")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """Mount a disk of a size such as ``1m`` over a folder."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    script = 'mount -t tmpfs -o "size=$2" tmpfs "$1" && echo mounted && exec cat'
    command = ["unshare", "--mount", *user, "sh", "-c", script, "sh", str(folder), size]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            if holder.stdout is None or holder.stdout.readline() != b"mounted\n":
                raise RuntimeError(f"no file system could be mounted over {folder}")
            yield SmallDisk(holder.pid, folder)
        finally:
            holder.kill()
