# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find free places in ``move_dir``, for originals that stay on the server after the pickup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...config.jobs.job import DATE
from ...errors import RemoteError
from ...local import names
from ...loop.limiter import CapacityLimiter
from ...remote.interface import join

if TYPE_CHECKING:
    from ...config.jobs.job import Pickup
    from ...remote.interface import Entry, Remote


class MoveFolder:
    """Manage ``move_dir`` of one job over one connection. A folder with ``{date}`` in its path is made if missing."""

    def __init__(self, job: Pickup, remote: Remote) -> None:
        self._job = job
        self._remote = remote
        self._reserved: set[str] = set()  # because some servers overwrite
        self._made: set[str] = set()
        self._making = CapacityLimiter(1)

    async def place_for(self, entry: Entry) -> str:
        """Return a path for a file that is free on the server, and that no other file of this run gets.

        :raises RemoteError: the folder of today is missing, and the server refuses to make it.
        """
        folder = self._job.move_dir_today
        if DATE in (self._job.move_dir or "") and folder not in self._made:
            await self._ensure(folder)
        name, number = entry.name, 1
        while True:
            place = join(folder, name)
            if place not in self._reserved:
                self._reserved.add(place)
                if await self._remote.stat(place) is None:
                    return place
            number += 1
            name = names.version(entry.name, number)

    async def _ensure(self, folder: str) -> None:
        await self._making.acquire(1)
        try:
            if folder not in self._made:
                await self._make(folder)
                self._made.add(folder)
        finally:
            self._making.release(1)

    async def _make(self, folder: str) -> None:
        """Make a folder, and before it those above it that are missing, too."""
        if not folder or await self._remote.stat(folder) is not None:
            return
        await self._make(folder.rpartition("/")[0])
        try:
            await self._remote.make_folder(folder)
        except RemoteError:
            if await self._remote.stat(folder) is None:  # else another host has made it meanwhile
                raise
