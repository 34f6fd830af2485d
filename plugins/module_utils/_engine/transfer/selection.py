# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files a job takes, in which order, and when they are settled."""

from __future__ import annotations

import fnmatch
import hashlib
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..errors import TransferError

if TYPE_CHECKING:
    from ..config.job import Share
    from ..ledger.ledger import Ledger

DIGESTS = ("sha256", "sha512", "md5")
"""The hashes whose sidecars are known, by their suffixes, the best first."""


class Patterns(Protocol):
    """What has the options `include` and `exclude`."""

    @property
    def include(self) -> tuple[str, ...]: ...

    @property
    def exclude(self) -> tuple[str, ...]: ...


def is_wanted(name: str, job: Patterns) -> bool:
    """Whether a job's patterns ask for a name; the patterns of ``fnmatch``, minding the case."""
    included = not job.include or _fits(name, job.include)
    return included and not (job.exclude and _fits(name, job.exclude))


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def vouched_by(name: str) -> str:
    """The name of the file that a checksum of this name vouches for; empty if it is no checksum's."""
    stem, _dot, suffix = name.rpartition(".")
    return stem if suffix in DIGESTS else ""


def is_in_share(name: str, share: Share | None) -> bool:
    """Whether a file belongs to this host's share of the files. By its name alone, so that every host of a mailbox
    comes to the same answer, today and tomorrow; a checksum goes with the file that it stands beside.
    """
    if share is None:
        return True
    digest = hashlib.sha256((vouched_by(name) or name).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % share.count == share.index


@dataclass(frozen=True)
class Sight:
    """What decides whether a file is taken now. Size in bytes, time in ns since 1970; None where nobody tells."""

    name: str
    size: int
    mtime_ns: int | None

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.name, self.size, self.mtime_ns or 0)


class Settling:
    """Finds the files of one folder that somebody may still be writing.

    A file is settled when its time is ``settle`` seconds old by our clock, or when it was seen unchanged for that long:
    the second is for servers whose clock is ahead of ours. What is not settled is noted in the ledger for the next run.

    :param note: whether the ledger may be written (not in check mode).
    """

    def __init__(self, ledger: Ledger, key: tuple[str, str, str], settle: float, *, note: bool) -> None:
        self._ledger = ledger
        self._key = key
        self._settle = settle
        self._note = note
        self._found_any = False

    def unsettled(self, files: Iterable[Sight]) -> set[str]:
        """The names of those that have to wait."""
        if not self._settle:
            return set()
        now = time.time()
        young = [one for one in files if one.mtime_ns is None or now - one.mtime_ns / 1e9 < self._settle]
        if not young:
            return set()
        self._found_any = True
        look = self._ledger.seen_since if self._note else self._ledger.sightings
        since = look(*self._key, [one.key for one in young])
        return {one.name for one in young if now - since.get(one.name, now) < self._settle}

    def end(self) -> None:
        """All candidates were looked at: forget earlier sightings if none of them is unsettled."""
        if self._settle and self._note and not self._found_any:
            self._ledger.forget_sightings(*self._key)


def unsettled_error(settle: float) -> TransferError:
    return TransferError(
        "unsettled",
        f"It was changed, or first seen, less than {settle:g} seconds ago, so its writer may not be done.",
        "A later run takes it; `settle` says how long to wait.",
    )


class Allowance:
    """How many files and bytes one run may move, over all its attempts."""

    def __init__(self, max_files: int | None, max_bytes: int | None) -> None:
        self._files = max_files
        self._bytes = max_bytes
        self._has_moved = False
        self.begin_attempt()

    def begin_attempt(self) -> None:
        """What earlier attempts moved is spent; the rest may be admitted anew."""
        self._files_now, self._bytes_now = self._files, self._bytes
        self._may_exceed = not self._has_moved
        self._admitted = 0
        self._volume = 0
        self._is_closed = False

    def admit(self, size: int) -> bool:
        """Whether one more file of so many bytes may move. Once one may not, no other may: their order stays.

        The first one may be larger than ``max_bytes``, or it could never move at all.
        """
        self._volume += size
        if self._files_now is not None and self._admitted >= self._files_now:
            self._is_closed = True
        if self._bytes_now is not None and not self._may_exceed and self._volume > self._bytes_now:
            self._is_closed = True
        if not self._is_closed:
            self._admitted += 1
            self._may_exceed = False
        return not self._is_closed

    def at_most(self, files: int, size: int) -> tuple[int, int]:
        """The limits, if there are more files and bytes than that."""
        some = files if self._files_now is None else min(files, self._files_now)
        return some, size if self._bytes_now is None else min(size, self._bytes_now)

    def spend(self, size: int) -> None:
        """One file has moved."""
        self._has_moved = True
        if self._files is not None:
            self._files = max(0, self._files - 1)
        if self._bytes is not None:
            self._bytes = max(0, self._bytes - size)


LOOKED_UP_AT_ONCE = 500
"""As many files are looked up in the ledger at a time."""

MOST_NAMES = 200_000
"""As many names of a folder one run takes at most."""


class Candidate(NamedTuple):
    """A file that may be taken. Its time is in the unit of its direction, and ``rest`` is for that alone to read."""

    time: int
    name: str
    rest: str


class Oldest:
    """The oldest of any number of candidates. Each is kept as one string of bytes, a third of what a tuple needs.

    :ivar left_out: how many younger ones were left out: they are for later runs.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = MOST_NAMES if most is None else most
        self._kept: list[bytes] = []
        self.left_out = 0

    def add(self, candidate: Candidate) -> None:
        """Keep a candidate. Its name has no NUL byte."""
        text = f"{candidate.name}\0{candidate.rest}".encode("utf-8", "surrogateescape")
        self._kept.append((candidate.time + _BEFORE_ALL).to_bytes(8, "big") + text)
        if len(self._kept) >= 2 * self._most:
            self._trim()

    def discard(self, names: Collection[str]) -> set[str]:
        """Forget the candidates of these names; return which there were."""
        found = {name for name in map(_name_of, self._kept) if name in names}
        self._kept = [kept for kept in self._kept if _name_of(kept) not in found]
        return found

    def take(self) -> Iterator[Candidate]:
        """All that are kept, oldest first. Each is forgotten when it is taken."""
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


_BEFORE_ALL = 2**63  # makes a time unsigned, so that it sorts as bytes


def _name_of(kept: bytes) -> str:
    return kept[8:].decode("utf-8", "surrogateescape").split("\0")[0]


def left_for_later(files: int) -> str:
    """The note of a run that does not take all names of a folder."""
    return f"{files} files are left for later runs: a run takes {MOST_NAMES} names of a folder at most, oldest first."


def beyond_allowance() -> TransferError:
    return TransferError(
        "limit_reached", "The run has moved as much as `max_files` and `max_bytes` allow.", "A later run takes it."
    )


def empty_refused() -> TransferError:
    return TransferError(
        "empty_file", "The file is empty, and `empty` says not to move such files.", "Look at where it comes from."
    )
