# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import dataclass

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import TransferError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.disk_space import (
    SpaceReservation,
)


@dataclass
class Disk:
    """A folder on a disk with so many free bytes."""

    free: int
    path: str = "/srv/inbox"

    def free_bytes(self) -> int:
        return self.free


@dataclass(eq=False)
class Coming:
    """A part of which so much is here."""

    size: int = 0


def test_what_is_coming_counts_before_it_is_here() -> None:
    room = SpaceReservation(Disk(1000), min_free=100)  # type: ignore[arg-type]
    with room.reserve(Coming(), 600):  # type: ignore[arg-type]
        with room.reserve(Coming(), 300):  # type: ignore[arg-type]
            pass
        with pytest.raises(TransferError) as caught, room.reserve(Coming(), 301):  # type: ignore[arg-type]
            pass
    assert caught.value.reason == "min_free"
    assert "400 bytes are free after the downloads in progress" in caught.value.finding


def test_what_is_here_of_it_already_does_not_count_twice() -> None:
    disk, part = Disk(1000), Coming()
    room = SpaceReservation(disk, min_free=0)  # type: ignore[arg-type]
    with room.reserve(part, 800):  # type: ignore[arg-type]
        part.size = 700
        disk.free = 300
        with room.reserve(Coming(), 200):  # type: ignore[arg-type]
            pass
        with pytest.raises(TransferError), room.reserve(Coming(), 201):  # type: ignore[arg-type]
            pass


def test_what_has_come_or_failed_makes_room() -> None:
    room = SpaceReservation(Disk(1000), min_free=0)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="lost"), room.reserve(Coming(), 1000):  # type: ignore[arg-type]
        raise OSError("lost")
    with room.reserve(Coming(), 1000):  # type: ignore[arg-type]
        pass
