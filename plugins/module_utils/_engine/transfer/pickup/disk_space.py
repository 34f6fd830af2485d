# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Space on the disk: what is free, less what is reserved for files under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...errors import TransferError

if TYPE_CHECKING:
    from ...local.folder import Folder, Part


class SpaceReservation:
    """The space in one folder.

    :param min_free: bytes that must stay free.
    """

    def __init__(self, folder: Folder, min_free: int) -> None:
        self._folder = folder
        self._min_free = min_free
        self._coming: dict[Part, int] = {}
        self._whole = 0  # bytes of all parts, whether they have come or not

    @contextmanager
    def reserve(self, part: Part, size: int) -> Iterator[None]:
        """Reserve space for a part of so many bytes, for as long as the block runs.

        :raises TransferError: ``min_free``.
        """
        self._require(size)
        self._coming[part] = size
        self._whole += size
        try:
            yield
        finally:
            del self._coming[part]
            self._whole -= size

    def _require(self, size: int) -> None:
        free = self._folder.free_bytes()
        if free - self._whole - size >= self._min_free:
            return
        free -= sum(whole - part.size for part, whole in self._coming.items())
        if free - size < self._min_free:
            raise TransferError(
                "min_free",
                f"The file has {size} bytes, {free} are free under {self._folder.path!r} beside what is coming "
                f"already, and `min_free` keeps {self._min_free} of them.",
                "It stays on the server. Make room, or lower `min_free`.",
            )
