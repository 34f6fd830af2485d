# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Select the files of a job, order them, and find those that are not settled."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import time
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..config.companions import Place, place_of
from ..errors import TransferError, WaitError
from ..local.folder import bounded_time
from ..local.names import is_ours, is_temporary, quoted

if TYPE_CHECKING:
    from ..config.companions import Companion
    from ..config.job import Share
    from ..config.options import TimeFrame
    from ..ledger.ledger import Ledger, Row

LONGEST_WAIT = 60.0
"""Seconds that a run waits for a second look. With a longer `settle`, the second look is left to a later run."""

DIGESTS = ("sha256", "sha512", "md5")
"""The hashes of supported checksum files, by their suffixes, the strongest first. The case of a suffix is ignored."""


NO_LETTER = "\0"
"""Is in no name, and in no pattern."""


class Patterns(Protocol):
    """Anything that has the options `include` and `exclude`."""

    @property
    def include(self) -> tuple[str, ...]: ...

    @property
    def exclude(self) -> tuple[str, ...]: ...


class Selection(Patterns, Protocol):
    """Anything that has the options `share`, `companions`, `modified_from` and `modified_to`, too."""

    @property
    def share(self) -> Share | None: ...

    @property
    def companions(self) -> Sequence[Companion]: ...

    @property
    def modified(self) -> TimeFrame: ...


def is_wanted(name: str, job: Patterns) -> bool:
    """Return whether a job's patterns select a name. They are patterns of ``fnmatch``, and case-sensitive."""
    included = not job.include or _fits(name, job.include)
    return included and not (job.exclude and _fits(name, job.exclude))


def is_selected(name: str, job: Patterns) -> bool:
    """Return whether a job moves files of this name.

    Names that mark incomplete files are left alone, unless a pattern of `include` names their suffix. Names of our own
    temporary files are always left alone.
    """
    if is_ours(name) or not is_wanted(name, job):
        return False
    return not is_temporary(name) or _is_named_temporary(name, job)


def _is_named_temporary(name: str, job: Patterns) -> bool:
    """Return whether a pattern selects a temporary name because of its suffix: it does not fit with another suffix."""
    stem, _dot, suffix = name.rpartition(".")
    other = f"{stem}.{NO_LETTER * len(suffix)}"
    return any(fnmatch.fnmatchcase(name, one) and not fnmatch.fnmatchcase(other, one) for one in job.include)


class Selector:
    """Select files by the patterns and the time frame of a job, and note what is of no use."""

    def __init__(self, job: Selection) -> None:
        self._job = job
        self._without_time = 0
        self._unused = {*job.include, *job.exclude}
        self._has_left_any = False

    def selects(self, name: str) -> bool:
        """See `is_selected`."""
        if is_ours(name):
            return False
        if self._unused:
            self._unused -= {one for one in self._unused if fnmatch.fnmatchcase(name, one)}
        if is_selected(name, self._job):
            return True
        self._has_left_any |= not is_wanted(name, self._job) and not is_temporary(name)
        return False

    def is_in_frame(self, mtime_ns: int | None) -> bool:
        """Return whether the time frame selects a file of this mtime in ns. A time of None, or of 0, is unknown."""
        if mtime_ns:
            return self._job.modified.includes(mtime_ns)
        self._without_time += self._job.modified.is_limited
        return not self._job.modified.is_limited

    def notes(self) -> Iterator[str]:
        """Yield what a person should know about the selection."""
        if self._without_time:
            yield (
                f"{self._without_time} files have no known time, so they are not moved: `modified_from` and "
                "`modified_to` select files by their times."
            )
        yield from self._useless_patterns()

    def _useless_patterns(self) -> Iterator[str]:
        """Yield a note for each pattern that matched no name and seems to be a mistake."""
        for option, patterns in (("include", self._job.include), ("exclude", self._job.exclude)):
            for pattern in patterns:
                if pattern not in self._unused:
                    continue
                foreign = next((what for what, sign in _FOREIGN.items() if sign.search(pattern)), None)
                if foreign:
                    yield (
                        f"The pattern {pattern!r} in `{option}` matched no file. It contains {foreign}, which has no "
                        "special meaning here: only *, ? and [...] have one. Write a list of simple patterns."
                    )
                elif option == "include" and self._has_left_any:
                    yield (
                        f"The pattern {pattern!r} in `{option}` matched no file, and other files are there. Patterns "
                        "are case-sensitive and match the whole name."
                    )


_FOREIGN = {
    "braces": re.compile(r"\{.*\}"),
    "a part of a regular expression": re.compile(r"\\|^\^|\$$|\.\+|\][+*]|\(.*\|.*\)"),
    "a comma": re.compile(","),
}
"""Signs of patterns that other programs know."""


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def vouched_by(name: str) -> str:
    """Return the name of the file that a checksum file of this name belongs to; empty if it is not a checksum file."""
    stem, _dot, suffix = name.rpartition(".")
    return stem if suffix.lower() in DIGESTS else ""


def sidecar_key(name: str) -> str:
    """Return the name of a checksum file with its suffix in lower case, as one is looked for."""
    stem, dot, suffix = name.rpartition(".")
    return stem + dot + suffix.lower()


def place_with(name: str, companions: Sequence[Companion]) -> Place | None:
    """Return the place of a file in its set, or for a checksum file that of its file; None if it goes by itself."""
    return place_of(name, companions) or place_of(vouched_by(name), companions)


def is_in_share(name: str, share: Share | None, companions: Sequence[Companion] = ()) -> bool:
    """Return whether a file belongs to this host's share of the files.

    Only the name decides, so all hosts of a mailbox always get the same answer. All files of a set belong to one share.
    """
    if share is None:
        return True
    place = place_with(name, companions)
    unit = (vouched_by(name) or name) if place is None else place.stem
    digest = hashlib.sha256(unit.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % share.count == share.index


def is_chosen(name: str, mtime_ns: int | None, job: Selection) -> bool:
    """Return whether the options of a job select a file of this name and mtime, in ns or None if it is unknown."""
    return is_selected(name, job) and is_in_share(name, job.share, job.companions) and job.modified.includes(mtime_ns)


@dataclass(frozen=True)
class Export:
    """Hold what a person has chosen for an export by hand, beside names and times.

    :ivar kinds: patterns of the chosen kinds of files; empty: all.
    :ivar never: patterns of files that the account's protocol does not carry.
    :ivar again: send files again that were sent before.
    :ivar is_part: the job has other files, which other runs move.
    :ivar way_to_repeat: a sentence that says how to send a file again.
    """

    kinds: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    again: bool = False
    is_part: bool = False
    way_to_repeat: str = ""

    def takes(self, name: str) -> bool:
        return (not self.kinds or _fits(name, self.kinds)) and not _fits(name, self.never)


class Only:
    """Narrow a run to the files that its caller names, and to those that belong to them: of a set, or a checksum.

    :param names: the exact names of files; empty: all files, so nothing is narrowed.
    :param export: what else a person has chosen, for an export by hand; None: this is a run.
    """

    def __init__(self, names: Collection[str] = (), export: Export | None = None) -> None:
        self._names = frozenset(names)
        self._companions: Sequence[Companion] = ()
        self._stems: set[str] = set()
        self._unmet = set(names)
        self._export = export

    def __bool__(self) -> bool:
        return bool(self._names)

    def __contains__(self, name: str) -> bool:
        is_named = not self._names or name in self._names or vouched_by(name) in self._names or self._has_set(name)
        return is_named and (self._export is None or self._export.takes(name))

    def _has_set(self, name: str) -> bool:
        """Return whether a file of the same set is named."""
        place = place_with(name, self._companions) if self._stems else None
        return place is not None and place.stem in self._stems

    def of_sets(self, companions: Sequence[Companion]) -> Only:
        """Let the names stand for the sets that they are part of; return self."""
        self._companions = companions
        self._stems = {place.stem for name in self._names if (place := place_of(name, companions))}
        return self

    @property
    def is_partial(self) -> bool:
        """Whether the run may leave out files of the job."""
        return bool(self._names) or self.is_part

    @property
    def is_part(self) -> bool:
        """Whether the run leaves out files of a job by their times or kinds."""
        return self._export is not None and self._export.is_part

    @property
    def again(self) -> bool:
        """Whether files that were moved before, and kept, are moved again."""
        return self._export is not None and self._export.again

    @property
    def tells_past(self) -> bool:
        """Whether each file that was moved before gets an outcome."""
        return bool(self._names) or self._export is not None

    def moved_before(self, moved_at: float) -> TransferError:
        """Build the reason to skip a file that an earlier run has moved, and whose original was kept.

        :param moved_at: in seconds since 1970.
        """
        return TransferError(
            "moved_before",
            f"An earlier run moved this file on {in_utc(moved_at)}, and kept the original.",
            self._export.way_to_repeat if self._export else "A later run moves it again if its content changes.",
        )

    def meet(self, name: str) -> None:
        """Note that a file is there, or that an earlier run has left work with it."""
        self._unmet.discard(name)

    def unmet(self, job: Selection, place: str) -> Iterator[tuple[str, TransferError]]:
        """Yield each name that no attempt of this run has met, and why.

        :param place: where the files of the job are, for the message.
        """
        for name in sorted(self._unmet):
            if not is_selected(name, job):
                why = "Its patterns leave it out, or the name marks an unfinished file."
                finding = f"The job does not select {quoted(name)}. {why}"
                yield name, TransferError("not_selected", finding, "Change the patterns of the job, or the name.")
            elif self._export is not None and not self._export.takes(name):
                finding = f"{quoted(name)} is not of a kind that this export takes."
                yield name, TransferError("not_selected", finding, "Choose its kind, if the protocol may carry it.")
            elif not is_in_share(name, job.share, job.companions):
                finding = f"{quoted(name)} belongs to the share of another host."
                yield name, TransferError("other_share", finding, "Run the job with this name on that host.")
            else:
                finding = f"There is no file {quoted(name)} in {quoted(place)}."
                yield name, TransferError("not_found", finding, "Check the name. It must be the exact name of a file.")


def not_in_frame(name: str) -> TransferError:
    """Build the reason why a named file is not moved."""
    return TransferError(
        "not_selected",
        f"The time of {quoted(name)} is not in the time frame, or is unknown.",
        "Choose another time frame, or none.",
    )


def in_utc(seconds: float) -> str:
    """Format a time in seconds since 1970 for a message. The ledger may have any number."""
    try:
        return time.strftime("%Y-%m-%d at %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "a day that no calendar has"


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


def other_job(row: Row) -> TransferError:
    return TransferError(
        "other_job",
        f"The job {row.job!r} is working on this file.",
        "Change the selections of the two jobs so that they do not overlap.",
    )


def other_folder(row: Row, path: str, option: str) -> TransferError:
    """Build the error for an unfinished row whose file is in a folder of this host that the job does not have."""
    return TransferError(
        "other_folder",
        f"An earlier run left {quoted(row.name)} unfinished in {quoted(path)}, which is not in `{option}` of this job.",
        f"If this job used that folder before, set `{option}` to it again for one run. Otherwise, find out who has "
        "written to the ledger.",
    )


def empty_refused() -> TransferError:
    return TransferError(
        "empty_file", "The file is empty, and `empty` excludes empty files.", "Check the program that writes the file."
    )
