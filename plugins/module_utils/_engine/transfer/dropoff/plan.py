# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which local files a drop-off is about: what lies in its sources, and what its earlier runs left unfinished."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...errors import DiskError, FiledropError, HoldError, TransferError
from ...ledger.decisions import Discarded, way_out
from ...ledger.locks import JobKey, is_running
from ...local import names
from ...local.folder import Folder, LocalFile
from ...remote import join
from ..result import FileOutcome
from ..selection import Candidate, Settling, empty_refused, is_in_share, is_wanted, unsettled_error
from .workflow import Item

if TYPE_CHECKING:
    from ...config.job import Dropoff
    from ...ledger.ledger import Ledger, Row
    from ...local.folder import LocalFile


class DropoffPlan:
    """The items of one drop-off, in the order of their age, and the outcomes of the files that are not to be sent.

    ``known`` counts those that were delivered before and are kept: there may be any number of them.

    :param note: whether the ledger may note what is not settled yet (not in check mode).
    :raises DiskError: a source is missing or cannot be read.
    """

    def __init__(self, job: Dropoff, account: str, ledger: Ledger, *, note: bool) -> None:
        self._job = job
        self._account = account
        self._ledger = ledger
        self._note = note
        self._remote_names: set[str] = set()
        self.known = 0
        self.items: list[Item] = []
        self.outcomes: list[FileOutcome] = []
        folders = _open_sources(job.sources)
        unfinished = self._unfinished()
        for folder, wanted in folders:
            if job.after != "keep":
                folder.require_writable()
            self._plan_folder(folder, wanted, unfinished.pop(folder.path, {}))
        for path, rows in unfinished.items():
            self._plan_rest(path, rows.values())
        self.items.sort(key=lambda item: (item.file.mtime_ns if item.file else 0, item.name))

    def outcome_of(self, item: Item) -> FileOutcome:
        """An outcome that says which file it is about."""
        return self._outcome(item.folder.path_of(item.name), item.name, item.file.size if item.file else None)

    def _outcome(self, path: str, name: str, size: int | None = None) -> FileOutcome:
        remote_path = join(self._job.remote_dir, name)
        return FileOutcome(name, path, remote_path=remote_path, local_path=path, size=size)

    def _unfinished(self) -> dict[str, dict[str, Row]]:
        found: dict[str, dict[str, Row]] = {}
        for row in self._ledger.open_rows(self._account, self._job.direction, self._job.name):
            found.setdefault(row.folder, {})[row.name] = row
        return found

    def _plan_folder(self, folder: Folder, wanted: set[str] | None, unfinished: dict[str, Row]) -> None:
        """One source: the whole folder, or only the names that are wanted of it."""
        files = {file.name: file for file in self._regular_files(folder, wanted)}
        for name, row in unfinished.items():
            self.items.append(Item(folder, name, files.pop(name, None), row))
        key = (self._account, self._job.direction, folder.path)
        if self._job.after == "keep":
            self._leave_known(key, files)
        latest = self._ledger.latest(*key, files)
        fresh = [item for item in (self._fresh(folder, file, latest.get(file.name)) for file in files.values()) if item]
        self.items += self._settled(key, fresh)

    def _plan_rest(self, path: str, rows: Iterable[Row]) -> None:
        """What earlier runs left of a source that the job no longer has, or that is gone."""
        try:
            folder = Folder(path)
        except DiskError as error:
            self.outcomes += [self._outcome(row.name, row.name, row.size).blame(error) for row in rows]
        else:
            self.items += [Item(folder, row.name, folder.file(row.name), row) for row in rows]

    def _regular_files(self, folder: Folder, wanted: set[str] | None) -> Iterable[LocalFile]:
        """Files that the job asks for and may send; everything else that it asks for is refused by name."""
        for name, status in folder.listing():
            chosen = (
                name in wanted if wanted is not None else is_wanted(name, self._job) and not names.is_temporary(name)
            )
            if not chosen or self._is_archive(folder, name) or not is_in_share(name, self._job.share):
                continue
            try:
                _check_regular(name, status)
                names.check_name(name)
                if status.st_size == 0 and self._job.empty == "refuse":
                    raise empty_refused()
            except TransferError as error:
                self._refuse(folder, name, error)
            else:
                file = LocalFile(name, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
                if file.size or self._job.empty != "skip":
                    yield file
                else:
                    self._skip(folder, file, empty_refused())

    def _is_archive(self, folder: Folder, name: str) -> bool:
        return folder.path_of(name) == (self._job.archive_dir or folder.path_of(names.ARCHIVE))

    def _leave_known(self, key: tuple[str, str, str], files: dict[str, LocalFile]) -> None:
        for name, size, mtime_ns, state in self._ledger.each_past(*key, files):
            if state == "delivered" and (files[name].size, files[name].mtime_ns) == (size, mtime_ns):
                del files[name]
                self.known += 1

    def _fresh(self, folder: Folder, file: LocalFile, latest: Row | None) -> Item | None:
        """A file that no earlier run of this job left unfinished: new, or delivered before, or in other hands."""
        item = Item(folder, file.name, file)
        if latest is None:
            return item
        if latest.open and not self._note and not is_running(self._ledger.path, JobKey.of(latest)):
            item.row = latest
            return item
        if latest.open:
            self._refuse(folder, file.name, self._other_job(latest))
            return None
        same = (latest.size, latest.mtime_ns) == (file.size, file.mtime_ns)
        if same and latest.state == "discarded":
            self._skip(folder, file, Discarded())
            return None
        if same and latest.state == "delivered":
            item.row = latest
        return item

    def _other_job(self, row: Row) -> FiledropError:
        if row.state == "held":
            finding = f"An earlier upload by the job {row.job!r} waits for a decision."
            return HoldError(row.reason or "held", finding, way_out(row, self._ledger.path))
        return TransferError(
            "other_job",
            f"The job {row.job!r} has this file in its hands.",
            "Let the selections of the two jobs not overlap.",
        )

    def _settled(self, key: tuple[str, str, str], items: list[Item]) -> list[Item]:
        candidates = [Candidate(item.file.name, item.file.size, item.file.mtime_ns) for item in items if item.file]
        waiting = Settling(self._ledger, key, self._job.settle, note=self._note).unsettled(candidates)
        for item in items:
            if item.name in waiting and item.file:
                self._skip(item.folder, item.file, unsettled_error(self._job.settle))
        return [item for item in items if item.name not in waiting and self._is_first_of_name(item)]

    def _is_first_of_name(self, item: Item) -> bool:
        """Two sources may have files of one name; only one of them fits on the server."""
        if item.name not in self._remote_names:
            self._remote_names.add(item.name)
            return True
        self._refuse(item.folder, item.name, _name_twice(item.name))
        return False

    def _skip(self, folder: Folder, file: LocalFile, why: FiledropError) -> None:
        self.outcomes.append(self._outcome(folder.path_of(file.name), file.name, file.size).skip(why))

    def _refuse(self, folder: Folder, name: str, error: FiledropError) -> None:
        self.outcomes.append(self._outcome(folder.path_of(name), name).blame(error))


def _open_sources(sources: Iterable[str]) -> list[tuple[Folder, set[str] | None]]:
    """The folders to look into, each with the names that are wanted of it (None: all)."""
    found: dict[str, tuple[Folder, set[str] | None]] = {}
    for source in sources:
        path, name = (source, None) if os.path.isdir(source) else os.path.split(source)
        if name is not None and not os.path.lexists(source):
            raise DiskError(
                "local_missing", f"`src` names {source!r}, and there is nothing.", "Create it, or correct `src`."
            )
        folder, wanted = found.get(path) or (Folder(path, option="src"), set())
        found[path] = (folder, None if name is None or wanted is None else wanted | {name})
    return list(found.values())


def _check_regular(name: str, status: os.stat_result) -> None:
    """:raises TransferError: for anything but an ordinary file. A link is not followed: whoever may write to the
    folder could have us send any file of this host."""
    if modes.S_ISREG(status.st_mode):
        return
    kind = "folder" if modes.S_ISDIR(status.st_mode) else "link" if modes.S_ISLNK(status.st_mode) else "special file"
    raise TransferError(
        "not_a_file",
        f"{names.quoted(name)} is a {kind}; only ordinary files are sent.",
        "Move it out of `src`, leave it out with `exclude`, or name the folder in `src` itself.",
    )


def _name_twice(name: str) -> FiledropError:
    return HoldError(
        "name_taken",
        f"Another source has a file {names.quoted(name)} too, and it goes first.",
        "It is sent once that name is free on the server.",
    )
