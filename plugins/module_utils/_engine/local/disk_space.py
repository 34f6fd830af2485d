# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reserve disk space for downloads in progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import TransferError

if TYPE_CHECKING:
    from .folder import Folder
    from .parts import Part


class SpaceReservation:
    """Reserve space in one folder.

    :param min_free: bytes that must stay free.
    """

    def __init__(self, folder: Folder, min_free: int) -> None:
        self._folder = folder
        self._min_free = min_free
        self._coming: dict[Part, int] = {}
        self._whole = 0  # final size in bytes of all parts in progress

    @contextmanager
    def reserve(self, part: Part, size: int) -> Iterator[None]:
        """Reserve ``size`` bytes for a part while the block runs.

        :raises TransferError: ``min_free``: the file would leave too little free space.
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
                f"The file has {size} bytes. Under {self._folder.path!r}, {free} bytes are free after the downloads in "
                f"progress, and `min_free` reserves {self._min_free} of them.",
                "The file stays on the server. Free some space, or reduce `min_free`.",
            )
