# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the candidates of a plan, oldest first, in little memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from ...local.folder import bounded_time

LOOKED_UP_AT_ONCE = 500
"""The number of files in one lookup in the ledger."""

MOST_NAMES = 200_000
"""The maximum number of files of a folder that one run takes."""


_BITS = 2**23  # of the marks for names, which need 1 MiB


class NameMarks:
    """Find the names that may have come twice. It keeps a bit for each: a million names themselves need 60 MiB."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)
        self._perhaps_twice: set[int] = set()

    def add(self, name: str) -> None:
        number = hash(name)
        byte, bit = divmod(number % _BITS, 8)
        if self._bits[byte] & 1 << bit:
            self._perhaps_twice.add(number)
        self._bits[byte] |= 1 << bit

    def is_perhaps_twice(self, name: str) -> bool:
        """Return whether a name may have come twice. Of names that share a bit, few have: the caller looks closer."""
        return hash(name) in self._perhaps_twice


class Candidate(NamedTuple):
    """A file that may be transferred.

    The unit of ``time`` depends on the direction: ns for a drop-off, seconds for a pickup. Only the plan of the
    direction reads ``rest``.
    """

    time: int
    name: str
    rest: str


class Oldest:
    """Keep the oldest of any number of candidates. Each is one byte string, a third of the size of a tuple.

    :ivar left_out: how many younger candidates were dropped. Later runs take them.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = MOST_NAMES if most is None else most
        self._kept: list[bytes] = []
        self.left_out = 0

    def add(self, candidate: Candidate) -> None:
        """Add a candidate. Its name must not contain a NUL byte."""
        text = f"{candidate.name}\0{candidate.rest}".encode("utf-8", "surrogateescape")
        self._kept.append((bounded_time(candidate.time) + _BEFORE_ALL).to_bytes(8, "big") + text)
        if len(self._kept) >= 2 * self._most:
            self._trim()

    def discard(self, names: Collection[str]) -> set[str]:
        """Remove the candidates with these names; return the names that were found."""
        found = {name for name in map(_name_of, self._kept) if name in names}
        self._kept = [kept for kept in self._kept if _name_of(kept) not in found]
        return found

    def take(self) -> Iterator[Candidate]:
        """Yield all kept candidates, oldest first. Each is removed when it is yielded."""
        self._trim()
        self._kept.reverse()
        while self._kept:
            kept = self._kept.pop()
            name, rest = kept[8:].decode("utf-8", "surrogateescape").split("\0")
            yield Candidate(int.from_bytes(kept[:8], "big") - _BEFORE_ALL, name, rest)

    def _trim(self) -> None:
        self._kept.sort()
        self.left_out += max(0, len(self._kept) - self._most)
        del self._kept[self._most :]


_BEFORE_ALL = 2**63  # no bounded time is farther before 1970, so the sum is not negative and sorts as bytes


def _name_of(kept: bytes) -> str:
    return kept[8:].decode("utf-8", "surrogateescape").split("\0")[0]


def left_for_later(files: int) -> str:
    """Return the note of a run that does not take all files of a folder."""
    return f"{files} files are left for later runs: a run takes at most {MOST_NAMES} files of a folder, oldest first."
