# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Select the files of a job, order them, and find those that are not settled."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..config.jobs.companions import Place, place_of
from ..errors import TransferError
from ..local.names import is_ours, is_temporary, quoted

if TYPE_CHECKING:
    from ..config.jobs.companions import Companion
    from ..config.jobs.job import Share
    from ..config.options import TimeFrame
    from ..ledger.ledger import Row

DIGESTS = ("sha256", "sha512", "md5")
"""The hashes of supported checksum files, by their suffixes, the strongest first. The case of a suffix is ignored."""


NO_LETTER = "\0"
"""Is in no name, and in no pattern."""


class Patterns(Protocol):
    """Anything that has the options `include` and `exclude`."""

    @property
    def include(self) -> tuple[str, ...]:
        """Patterns of names that are selected."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns of names that are not selected."""


class Selection(Patterns, Protocol):
    """Anything that has the options `share`, `companions`, `modified_from` and `modified_to`, too."""

    @property
    def share(self) -> Share | None:
        """The part of the files that this host moves; None: all."""

    @property
    def companions(self) -> Sequence[Companion]:
        """Files that belong together."""

    @property
    def modified(self) -> TimeFrame:
        """The times of files that are selected."""


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
                if pattern not in self._unused or _ANY_CASE.fullmatch(pattern):
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


_ANY_CASE = re.compile(r"\*\.(?:\[([a-z])[A-Z]\])+")
"""A pattern for a suffix in any case, such as those of presets. Nobody expects that each of them fits a file."""

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
