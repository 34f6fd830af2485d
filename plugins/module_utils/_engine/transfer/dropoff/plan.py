# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan a drop-off: the files in its sources, and the unfinished files of its earlier runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from ...config.jobs.job import ARCHIVE
from ...errors import DiskError, FiledropError, TransferError, WaitError
from ...ledger.decisions import Discarded, held_error
from ...ledger.locks import JobKey, is_running
from ...local import names
from ...local.folder import Folder, LocalFile, regular, sha256_of
from ...states import NAME_TAKEN, State
from ..planning.candidates import LOOKED_UP_AT_ONCE, Candidate, NameMarks, Oldest, left_for_later
from ..planning.left_alone import LeftAlone
from ..planning.sets import Sets, Turn, files_of
from ..planning.settling import Settling, Sight, unsettled_error
from ..result import FileOutcome
from ..selection import Only, Selector, empty_refused, is_in_share, not_in_frame, other_folder, other_job
from .evidence import name_still_taken
from .item import DELETED, DropoffItem
from .sources import kind_of, not_a_file, open_sources

if TYPE_CHECKING:
    from ...config.jobs.job import LocalJob
    from ...ledger.ledger import Ledger, Row
    from ..tally import Tally


@dataclass(frozen=True)
class _Source:
    """A folder from which files are sent."""

    folder: Folder
    key: tuple[str, str, str]
    settling: Settling


class DropoffPlan:
    """Find the items of one drop-off, oldest first. Files that are not sent get their outcome at once.

    :param check: change nothing; unsettled files are not recorded in the ledger.
    :param only: narrows the plan to some names.
    :ivar known: the number of kept files that were delivered before. It has no limit.
    :ivar files: the number of files that were found; ``size`` is their total size in bytes.
    """

    def __init__(
        self, job: LocalJob, account: str, ledger: Ledger, tally: Tally, *, check: bool, only: Only | None = None
    ) -> None:
        self._job = job
        self._only = Only() if only is None else only
        self._account = account
        self._ledger = ledger
        self._tally = tally
        self._check = check
        self._sources: list[_Source] = []
        self._unfinished: dict[tuple[str, str], DropoffItem] = {}  # by folder and name
        self._oldest = Oldest()
        self._selector = Selector(job)
        self._left_alone = LeftAlone("src")
        self._remote_names: set[str] = set()
        self._names = NameMarks()
        self._taken: set[str] = set()  # folded names of this round, of those that may be there twice
        self._twins: list[Turn[DropoffItem]] = []
        self._sets: Sets[DropoffItem] = Sets(
            job.companions,
            name_of=attrgetter("name"),
            is_copied=attrgetter("is_copied"),
            moved_before=self._moved_before,
            refuse=lambda item, error: self._refuse(item.folder, item.name, error, item.size),
        )
        self.known = 0
        self.files = 0
        self.size = 0

    def twins(self) -> Iterator[Iterator[Turn[DropoffItem]]]:
        """Yield rounds of items whose names a server may take for those of earlier rounds. Call this after `items`."""
        while self._twins:
            others, self._twins = self._twins, []
            self._taken.clear()
            yield (turn for turn in others if self._has_its_turn(turn))

    def _has_its_turn(self, turn: Turn[DropoffItem]) -> bool:
        """Return whether no file of this round has a similar name. Else the item or set waits for the next round."""
        similar = {name for item in files_of(turn) if self._names.is_perhaps_twice(name := names.folded(item.name))}
        if similar & self._taken:
            self._twins.append(turn)
            return False
        self._taken |= similar
        return True

    def notes(self) -> Iterator[str]:
        """Yield what a person should know about the selection."""
        yield from self._selector.notes()
        yield from self._left_alone.notes()
        if self._oldest.left_out:
            yield left_for_later(self._oldest.left_out)

    def scan(self) -> None:
        """List every source.

        :raises DiskError: a source is missing or cannot be read. If originals are archived or deleted, a source that
            cannot be written, or whose archive is a link, is an error too.
        """
        folders = open_sources(self._job.sources)
        unfinished = self._rows_by_folder()
        for folder, wanted in folders:
            if self._job.after != "keep":
                folder.require_writable()
            if self._job.after == "archive" and self._job.archive_dir is None:
                folder.require_no_link(ARCHIVE)
            self._scan_source(folder, wanted, unfinished.pop(folder.path, {}))
        for path, rows in unfinished.items():
            self._plan_rest(path, rows.values())
        for name, error in self._only.unmet(self._job, ", ".join(self._job.sources)):
            self._tally.add(self._outcome(os.path.join(self._job.sources[0], name), name).blame(error))

    def items(self) -> Iterator[Turn[DropoffItem]]:
        """Yield the items and sets, oldest first. Each is built when it is needed, so a large folder needs little
        memory."""
        yield from (turn for turn in self._sets.gathered(self._each()) if self._has_its_turn(turn))

    def _each(self) -> Iterator[DropoffItem]:
        waiting = self._sets.in_order(self._oldest.take(), self._is_set_in_frame)
        while some := list(islice(waiting, LOOKED_UP_AT_ONCE)):
            yield from self._items_of([(one.name, int(one.rest)) for one in some])
        for source in self._sources if not self._only else ():
            source.settling.end()

    def _rows_by_folder(self) -> dict[str, dict[str, Row]]:
        found: dict[str, dict[str, Row]] = {}
        for row in self._ledger.open_rows(self._account, self._job.direction, self._job.name):
            if row.name not in self._only:
                continue
            self._only.meet(row.name)
            found.setdefault(row.folder, {})[row.name] = row
        return found

    # --- the files that exist

    def _scan_source(self, folder: Folder, wanted: set[str] | None, unfinished: dict[str, Row]) -> None:
        """Scan one source: the whole folder, or only the wanted names."""
        key = (self._account, self._job.direction, folder.path)
        self._sources.append(_Source(folder, key, Settling(self._ledger, key, self._job.settle, note=not self._check)))
        fresh: dict[str, LocalFile] = {}
        for file in self._regular_files(folder, wanted, unfinished):
            if file.name in unfinished:
                self._add_unfinished(folder, unfinished.pop(file.name), file)
                continue
            fresh[file.name] = file
            if len(fresh) == LOOKED_UP_AT_ONCE:
                self._add_fresh(fresh)
        self._add_fresh(fresh)
        for row in unfinished.values():
            self._add_unfinished(folder, row, None)

    def _add_fresh(self, files: dict[str, LocalFile]) -> None:
        source = self._sources[-1]
        if self._job.after == "keep":
            for name, size, mtime_ns, state, moved_at in self._ledger.each_past(*source.key, files, but=self._no_past):
                is_same = (files[name].size, files[name].mtime_ns) == (size, mtime_ns)
                if state is State.DELIVERED and is_same and not self._only.again:
                    file = files.pop(name)
                    self._sets.note_moved(name)
                    self.known += not self._only.tells_past
                    if self._only.tells_past:
                        self._skip(source.folder, file, self._only.moved_before(moved_at))
        for file in files.values():
            self._add(file.mtime_ns, file.name, len(self._sources) - 1, file.size)
        files.clear()

    def _add_unfinished(self, folder: Folder, row: Row, file: LocalFile | None) -> None:
        self._unfinished[folder.path, row.name] = self._item(folder, row.name, file, row)
        if not (self._sources and self._sources[-1].folder is folder):
            key = (self._account, self._job.direction, folder.path)
            self._sources.append(_Source(folder, key, Settling(self._ledger, key, 0, note=False)))
        self._add(file.mtime_ns if file else 0, row.name, len(self._sources) - 1, file.size if file else 0)

    def _add(self, mtime_ns: int, name: str, source: int, size: int) -> None:
        self._oldest.add(Candidate(mtime_ns, name, str(source)))
        self._names.add(names.folded(name))
        self.files += 1
        self.size += size

    def _plan_rest(self, path: str, rows: Iterable[Row]) -> None:
        """Report the unfinished files of a folder that the job does not have. Nothing is done with them.

        The job's options may have changed. Or somebody else has written into the ledger.
        """
        for row in rows:
            error = self._why_not_ours(row) if row.state.is_decidable else other_folder(row, path, "src")
            self._tally.add(self._outcome(row.name, row.name, row.size).blame(error))

    def _regular_files(
        self, folder: Folder, wanted: set[str] | None, unfinished: Collection[str]
    ) -> Iterator[LocalFile]:
        """Yield the selected files that may be sent; give each other selected file its outcome.

        The time of a file that is unfinished does not matter.

        Links are not followed: a user who can write to the folder could make us send any file of this host.
        """
        narrow = bool(self._only)
        for name, status in folder.listing():
            chosen = name in wanted if wanted is not None else self._selector.selects(name)
            if (
                not chosen
                or self._is_archive(folder, name)
                or not is_in_share(name, self._job.share, self._job.companions)
            ):
                continue
            if name not in self._only:
                continue
            self._only.meet(name)
            file = regular(name, status)
            if file is None and wanted is None and not narrow:
                self._left_alone.add(name, kind_of(status))
                continue
            try:
                if file is None:
                    raise not_a_file(name, kind_of(status))
                self._require_sendable(name)
            except TransferError as error:
                self._refuse(folder, name, error)
                continue
            is_open = name in unfinished or self._sets.place(name) is not None  # a set has the time of its newest file
            if not is_open and not self._selector.is_in_frame(file.mtime_ns):
                if narrow:
                    self._refuse(folder, name, not_in_frame(name), file.size)
            elif self._may_be_empty(folder, file):
                yield file

    def _require_sendable(self, name: str) -> None:
        """:raises TransferError: no server could get a file of this name, or the provider has no type for it."""
        names.check_name(name)
        if self._job.remote_folder_of(name) is None:
            raise _without_type(name)

    def _may_be_empty(self, folder: Folder, file: LocalFile) -> bool:
        """Return whether a file has content, or `empty` allows it to have none. Else add its outcome."""
        if file.size or self._job.empty == "transfer":
            return True
        if self._job.empty == "refuse":
            self._refuse(folder, file.name, empty_refused())
        else:
            self._skip(folder, file, empty_refused())
        return False

    def _is_archive(self, folder: Folder, name: str) -> bool:
        return folder.path_of(name) == (self._job.archive_dir or folder.path_of(ARCHIVE))

    @property
    def _no_past(self) -> State:
        """The state of rows that do not count: a kept file was delivered, also if sending it again has failed."""
        return State.ABANDONED if self._job.after == "keep" else State.NEW

    # --- the work to do

    def _items_of(self, some: Sequence[tuple[str, int]]) -> Iterator[DropoffItem]:
        """Yield the items of some files, given as name and number of the source, after one lookup for all of them."""
        found: dict[tuple[int, str], DropoffItem] = {}
        for number, source in enumerate(self._sources):
            wanted = [name for name, at in some if at == number]
            found.update(((number, item.name), item) for item in self._items_in(source, wanted))
        for name, number in some:
            item = found.get((number, name))
            if item is not None and self._is_first_of_name(item):
                yield item

    def _items_in(self, source: _Source, wanted: Sequence[str]) -> Iterator[DropoffItem]:
        fresh = []
        for name in wanted:
            item = self._unfinished.get((source.folder.path, name))
            if item is not None:
                yield item
            else:
                fresh.append(name)
        latest = self._ledger.latest(*source.key, fresh, but=self._no_past) if fresh else {}
        items = [item for item in (self._fresh(source, name, latest.get(name)) for name in fresh) if item]
        yield from self._settled(source, items)

    def _fresh(self, source: _Source, name: str, latest: Row | None) -> DropoffItem | None:
        """Build the item of a file that no earlier run of this job left unfinished.

        The file may be new, or delivered before. Return None if it must not be sent: it is missing, empty, discarded,
        or in the work of another job.
        """
        folder = source.folder
        try:
            file = folder.file(name)
        except DiskError as error:
            self._refuse(folder, name, error)
            return None
        if file is None or not self._may_be_empty(folder, file):  # it was removed or emptied after the scan
            return None
        if latest is not None and latest.open:
            if self._check and not is_running(self._ledger.path, JobKey.of(latest)):
                return self._item(folder, name, file, latest)
            self._refuse(folder, name, self._why_not_ours(latest))
            return None
        if latest is None or latest.size != file.size:
            return self._item(folder, name, file, None)
        if latest.state is State.DISCARDED and latest.mtime_ns == file.mtime_ns:
            self._skip(folder, file, Discarded())
            return None
        try:
            return self._known(folder, file, latest)
        except (DiskError, TransferError) as error:
            self._refuse(folder, name, error)
            return None

    def _known(self, folder: Folder, file: LocalFile, latest: Row) -> DropoffItem:
        """Build the item of a file that has the name and the size of the latest row.

        A file that is kept is not sent again because its time changed. Any other file in its source is to be sent,
        unless its disposal is still to be done, or somebody has moved it back out of the archive.
        """
        name, row = file.name, latest if latest.state is State.DELIVERED else None
        is_same_time = latest.mtime_ns == file.mtime_ns
        is_kept = row is not None and self._job.after == "keep"
        if is_kept and self._only.again:
            return self._item(folder, name, file, None)
        if row is not None and is_kept:
            if not is_same_time and sha256_of(folder, file) != row.sha256:
                row = None
            return self._item(folder, name, file, row and replace(row, mtime_ns=file.mtime_ns))
        if row is None or not is_same_time or row.local_path == DELETED:
            return self._item(folder, name, file, None)
        if row.local_path in (None, folder.path_of(name)):  # it is not disposed of yet
            return self._item(folder, name, file, row)
        is_back = not self._only.again and sha256_of(folder, file) == row.sha256
        return replace(self._item(folder, name, file, None), is_back=is_back)

    def _why_not_ours(self, row: Row) -> FiledropError:
        if row.state is State.AWAITING_NAME:
            return name_still_taken(row, self._ledger)
        if row.state is State.HELD:
            finding = f"An earlier upload of this file by the job {row.job!r} needs a decision."
            return held_error(row, row.reason or "held", finding, self._ledger)
        return other_job(row)

    def _settled(self, source: _Source, items: list[DropoffItem]) -> Iterator[DropoffItem]:
        files = [Sight(item.file.name, item.file.size, item.file.mtime_ns) for item in items if item.file]
        unsettled = source.settling.unsettled(files)
        for item in items:
            if item.name not in unsettled:
                yield item
            elif item.file:
                self._refuse(item.folder, item.name, unsettled_error(self._job.settle), item.file.size)

    def _is_first_of_name(self, item: DropoffItem) -> bool:
        """Return whether no other source has a file of this name. Refuse the item if one has.

        Two sources may have files of the same name, but the server has only one such name. An upload that an earlier
        run began is finished first.
        """
        if len(self._job.sources) == 1:
            return True
        is_first = item.name not in self._remote_names
        self._remote_names.add(item.name)
        if is_first or (item.row is not None and item.row.open):
            return True
        # The set of this name, if it is in one, goes with the first file.
        self._tally.add(self._outcome(item.path, item.name).blame(_name_twice(item.name)))
        return False

    # --- items and outcomes

    def _item(self, folder: Folder, name: str, file: LocalFile | None, row: Row | None) -> DropoffItem:
        return DropoffItem(folder, name, self._job.remote_path(name), file, row)

    def _outcome(self, path: str, name: str, size: int | None = None) -> FileOutcome:
        return FileOutcome(name, path, remote_path=self._job.remote_path(name), local_path=path, size=size)

    def _is_set_in_frame(self, files: Sequence[Candidate]) -> bool:
        """Return whether the time frame selects a set: by the time of its newest file, unless it is unfinished."""
        if not self._job.modified.is_limited:
            return True
        for one in files:
            if (self._sources[int(one.rest)].folder.path, one.name) in self._unfinished:
                return True
        if self._selector.is_in_frame(max(one.time for one in files)):
            return True
        for one in files if self._only else ():
            self._refuse(self._sources[int(one.rest)].folder, one.name, not_in_frame(one.name))
        return False

    def _moved_before(self, stem: str, required: Sequence[DropoffItem]) -> Iterator[str]:
        """Yield what counts as moved for files that are late. A new file that is not optional needs a new set."""
        for source in self._sources if not required else ():
            yield from self._ledger.moved_with(*source.key, stem)

    def _skip(self, folder: Folder, file: LocalFile, why: FiledropError) -> None:
        self._sets.note_blocked(file.name, why)
        self._tally.add(self._outcome(folder.path_of(file.name), file.name, file.size).skip(why))

    def _refuse(self, folder: Folder, name: str, error: FiledropError, size: int | None = None) -> None:
        self._sets.note_blocked(name, error)
        self._tally.add(self._outcome(folder.path_of(name), name, size).blame(error))


def _without_type(name: str) -> TransferError:
    finding = f"No pattern of file_types fits {names.quoted(name)}, so it was not sent."
    return TransferError("type_unknown", finding, "Add a pattern to file_types, or exclude the file.")


def _name_twice(name: str) -> WaitError:
    return WaitError(
        NAME_TAKEN,
        f"Another source also has a file {names.quoted(name)}, and that file is sent first.",
        "This file is sent once the name is free on the server.",
    )
