# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the files that may still be written, so that no run moves a part of a file."""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import WaitError

if TYPE_CHECKING:
    from ...ledger.ledger import Ledger

LONGEST_WAIT = 60.0
"""Seconds that a run waits for a second look. With a longer `settle`, the second look is left to a later run."""


@dataclass(frozen=True)
class Sight:
    """Hold what decides whether a file is settled. Size in bytes, time in ns since 1970 or None if unknown."""

    name: str
    size: int
    mtime_ns: int | None

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.name, self.size, self.mtime_ns or 0)


class SecondLook:
    """Hold what a second look at a folder shows. Each file needs 8 bytes."""

    def __init__(self) -> None:
        self._seen = array("q")
        self._is_sorted = False

    def add(self, sights: Iterable[Sight]) -> None:
        self._seen.extend(hash(sight.key) for sight in sights)

    def __contains__(self, sight: Sight) -> bool:
        """Return whether a file looked exactly like this. Call this after the last `add`."""
        if not self._is_sorted:
            self._seen, self._is_sorted = array("q", sorted(self._seen)), True
        wanted = hash(sight.key)
        place = bisect_left(self._seen, wanted)
        return place < len(self._seen) and self._seen[place] == wanted


class Settling:
    """Find the files of one folder that may still be written.

    A file is settled in one of these cases:

    - Its mtime is ``settle`` seconds old, by a clock that is known.
    - Two looks in this run, ``settle`` seconds apart, showed the same size and time.
    - Earlier runs saw it unchanged for that long. The ledger records unsettled files for the next run.

    :param note: whether the ledger may be written (not in check mode).
    :ivar clock: seconds by which the clock of the mtimes is ahead of ours; None if it is unknown.
    :ivar second_look: what the second look of this run showed, if there was one.
    """

    def __init__(
        self, ledger: Ledger, key: tuple[str, str, str], settle: float, *, note: bool, clock: float | None = 0.0
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._settle = settle
        self._note = note
        self._found_any = False
        self.clock = clock
        self.second_look: SecondLook | None = None

    def needs_second_look(self, mtime_ns: int | None) -> bool:
        """Return whether the time of a file proves nothing, and two looks in this run are possible."""
        return 0 < self._settle <= LONGEST_WAIT and (self.clock is None or mtime_ns is None)

    def _is_old(self, one: Sight, now: float) -> bool:
        if one.mtime_ns is None or self.clock is None:
            return False
        return now + self.clock - one.mtime_ns / 1e9 >= self._settle

    def unsettled(self, files: Iterable[Sight]) -> set[str]:
        """Return the names of the files that must wait."""
        if not self._settle:
            return set()
        now = time.time()
        twice = self.second_look
        young = [one for one in files if not self._is_old(one, now) and not (twice is not None and one in twice)]
        if not young:
            return set()
        self._found_any = True
        look = self._ledger.seen_since if self._note else self._ledger.sightings
        since = look(*self._key, [one.key for one in young])
        return {one.name for one in young if now - since.get(one.name, now) < self._settle}

    def end(self) -> None:
        """Delete the folder's sightings if no file is unsettled. Call this after the last candidate."""
        if self._settle and self._note and not self._found_any:
            self._ledger.forget_sightings(*self._key)


def unsettled_error(settle: float) -> WaitError:
    return WaitError(
        "unsettled",
        f"The file was changed, or first seen, less than {settle:g} seconds ago, so its writer may not have finished.",
        "A later run transfers it. `settle` sets how long to wait.",
    )
