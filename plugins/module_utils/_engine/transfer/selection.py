# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files a job takes, in which order, and when they are settled."""

from __future__ import annotations

import fnmatch
import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Protocol, TypeVar

from ..errors import TransferError

if TYPE_CHECKING:
    from ..config.job import Share
    from ..ledger.ledger import Ledger

T = TypeVar("T")

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
class Candidate:
    """What decides whether a file is taken now. Size in bytes, time in ns since 1970; None where nobody tells."""

    name: str
    size: int
    mtime_ns: int | None

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.name, self.size, self.mtime_ns or 0)


class Settling:
    """Tells the files of one folder that nobody works on any more.

    A file is settled when its time is ``settle`` seconds old by our clock, or when it has been seen just so for that
    long: the second is for servers whose clock runs ahead of ours. What is seen unsettled is noted in the ledger for
    the next run.
    """

    def __init__(self, ledger: Ledger, key: tuple[str, str, str], settle: float, *, note: bool) -> None:
        self._ledger = ledger
        self._key = key
        self._settle = settle
        self._note = note

    def unsettled(self, candidates: Iterable[Candidate]) -> set[str]:
        """The names of those that have to wait."""
        if not self._settle:
            return set()
        now = time.time()
        young = [one for one in candidates if one.mtime_ns is None or now - one.mtime_ns / 1e9 < self._settle]
        if not young:
            if self._note:
                self._ledger.forget_sightings(*self._key)
            return set()
        look = self._ledger.seen_since if self._note else self._ledger.sightings
        since = look(*self._key, [one.key for one in young])
        return {one.name for one in young if now - since.get(one.name, now) < self._settle}


def unsettled_error(settle: float) -> TransferError:
    return TransferError(
        "unsettled",
        f"It was changed, or first seen, less than {settle:g} seconds ago, so its writer may not be done.",
        "A later run takes it; `settle` says how long to wait.",
    )


class Allowance:
    """How much one run may move. Kept over reconnections."""

    def __init__(self, max_files: int | None, max_bytes: int | None) -> None:
        self._files = max_files
        self._bytes = max_bytes
        self._begun = False

    def cut(self, items: Sequence[T], size: Callable[[T], int]) -> tuple[Sequence[T], Sequence[T]]:
        """Divide items, in their order, into those that may move now and the rest.

        The first one may be larger than ``max_bytes``, or it could never move at all.
        """
        files, volume = 0, 0
        for item in items:
            volume += size(item)
            if self._files is not None and files >= self._files:
                break
            if self._bytes is not None and (files or self._begun) and volume > self._bytes:
                break
            files += 1
        return items[:files], items[files:]

    def spend(self, size: int) -> None:
        """One file has moved."""
        self._begun = True
        if self._files is not None:
            self._files = max(0, self._files - 1)
        if self._bytes is not None:
            self._bytes = max(0, self._bytes - size)


def beyond_allowance() -> TransferError:
    return TransferError(
        "limit_reached", "The run has moved as much as `max_files` and `max_bytes` allow.", "A later run takes it."
    )


def empty_refused() -> TransferError:
    return TransferError(
        "empty_file", "The file is empty, and `empty` says not to move such files.", "Look at where it comes from."
    )
