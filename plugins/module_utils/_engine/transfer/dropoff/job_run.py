# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Execute one run of a drop-off, from the plan to the outcome of each file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import chain
from typing import TYPE_CHECKING, cast

from ...config.jobs.job import ARCHIVE
from ...errors import JobStopped, RemoteError
from ...ledger.decisions import Discarded
from ...ledger.locks import JobKey
from ...local.folder import Folder
from ...remote.interface import Remote, join
from ...states import State
from ..base import JobRun
from ..canary import CanaryGate
from ..capabilities import EXCLUSIVE_CREATE, RENAME
from ..companions import Copied, companion_not_taken
from ..planning.sets import Turn
from ..result import FileOutcome, RunResult
from ..selection import is_selected
from .evidence import NOT_SEEN, WRITE_ONLY
from .item import DELETED, DropoffItem
from .plan import DropoffPlan
from .taken import DeliveredBefore
from .upload import Uploads
from .workflow import DropoffWorkflow

if TYPE_CHECKING:
    from ...config.jobs.job import Dropoff
    from ...errors import FiledropError
    from ...ledger.ledger import Row
    from ...remote.interface import RequestRemote


CLOCK_VARIES = 2.0  # seconds by which two looks at a server's clock may differ, as times are in whole seconds


class DropoffRun(JobRun[DropoffItem]):
    """Run a drop-off; see `JobRun`."""

    job: Dropoff
    _plan_of_files: DropoffPlan | None = None
    _remote: Remote
    _workflow: DropoffWorkflow
    _unseen = 0
    _before: DeliveredBefore | None = None

    def _prepare(self) -> bool:
        self.tally.begin_attempt()
        if self.job.archive_dir and self.job.after == "archive":
            Folder(self.job.archive_dir, option="archive_dir").require_writable()
        if self.job.rejected_dir:
            Folder(self.job.rejected_dir, option="rejected_dir").require_writable()
        plan = DropoffPlan(self.job, self.account, self._ledger, self.tally, check=self._check, only=self.only)
        plan.scan()
        self._end_plan()
        self._plan_of_files = plan
        self.tally.skip_known(plan.known)
        self._announce(plan.files, plan.size)
        items = self._admitted(plan.items())
        first = next(items, None)
        self._round = iter(()) if first is None else chain([first], items)
        if self.watch.taken_within is not None:
            key = JobKey(self.account, self.job.direction, self.job.name)
            self._before = DeliveredBefore(self._ledger, key, self.watch.taken_within, check=self._check)
        return self._check or first is not None or bool(self.delivered_before())

    async def _plan(self, remote: Remote) -> None:
        renaming = CanaryGate(self._ledger, self.account, RENAME, self.deadline, is_needed=self.job.upload == "rename")
        self._remote = remote
        uploads = Uploads(self.job, self.account, remote, self._ledger, renaming)
        self._workflow = DropoffWorkflow(self.job, self.account, remote, self._ledger, self._syncer, uploads, self.only)
        if self._check and remote.features.many_per_request:
            cast("RequestRemote", remote).examine()
        if uploads.looks:
            await _require_folder(remote, self.job.remote_dir)

    def _plan_rounds(self) -> Iterator[Iterator[Turn[DropoffItem]]]:
        yield self._round
        if self._plan_of_files is not None:
            yield from map(self._admitted, self._plan_of_files.twins())

    def _admitted(self, turns: Iterator[Turn[DropoffItem]]) -> Iterator[Turn[DropoffItem]]:
        return filter(self._allowed, turns)

    async def finish(self, remote: Remote) -> None:
        """Record what was taken, and remember the server's clock, for pickups from it."""
        if self._before is not None:
            self._before.record()
        if remote.clock is None or self._check:
            return
        known = self._ledger.clock(self.account)
        if known is None or abs(remote.clock - known) > CLOCK_VARIES:
            self._ledger.learn_clock(self.account, remote.clock)

    def delivered_before(self) -> Sequence[Row]:
        return () if self._before is None else self._before.rows

    async def look_back(self, row: Row) -> None:
        if self._before is not None:
            await self._before.look(self._remote, row)

    def outcome_of(self, item: DropoffItem) -> FileOutcome:
        return item.outcome

    async def transfer(self, item: DropoffItem) -> FileOutcome:
        try:
            outcome = await self._workflow.deliver(item)
        except Discarded as error:
            return item.outcome.deliver().skip(error)
        return self._noted(outcome)

    def _noted(self, outcome: FileOutcome) -> FileOutcome:
        self._unseen += outcome.message == NOT_SEEN
        return outcome

    async def require_startable(self, item: DropoffItem) -> bool:
        if self._check:
            await self._workflow.predict(item)
        else:
            await self._workflow.require_startable(item)
        return True

    async def require_taken(self, names: Sequence[str]) -> None:
        for name in names:
            if await self._workflow.uploads.seen(self._remote.stat(join(self.job.remote_dir, name))) is not None:
                raise companion_not_taken(name)

    async def _copy(self, item: DropoffItem) -> Copied:
        past = self._workflow.past_of(item)
        row = await self._workflow.send(item)
        await self._workflow.keep_open(row)
        return Copied(self._workflow.outcome_of(item, row), (row, past))

    async def _complete(self, item: DropoffItem, copied: Copied) -> FileOutcome:
        row, past = copied.rest
        return self._noted(await self._workflow.complete(item, row, past))

    async def predict(self, item: DropoffItem) -> FileOutcome:
        return await self._workflow.predict(item)

    @property
    def part_folder(self) -> tuple[str, str] | None:
        into = self.job.archive_dir if self.job.after == "archive" else None
        return None if into is None else (into, "archive_dir")

    def asks_for(self, row: Row) -> bool:
        if row.name not in self.only:
            return False
        if os.path.join(row.folder, row.name) in self.job.sources:
            return True
        return row.folder in self.job.sources and is_selected(row.name, self.job)

    def has_to_remember(self, row: Row) -> bool:
        is_looked_at = self._before is not None and self._before.may_lie(row)
        return is_looked_at or is_unchanged(row.folder, row.name, row)

    def remove_archived(self, row: Row) -> bool:
        if row.state is not State.DELIVERED or row.local_path in (None, DELETED, os.path.join(row.folder, row.name)):
            return False
        folder, name = os.path.split(row.local_path or "")
        # The ledger may belong to somebody else: remove nothing outside of the job's own archive.
        if folder not in self._archives() or not is_unchanged(folder, name, row):
            return False
        with closing(Folder(folder, option="retention")) as archive:
            archive.remove(name)
        return True

    def _archives(self) -> set[str]:
        """Return the folders in which this job may have archived a file."""
        if self.job.archive_dir:
            return {self.job.archive_dir}
        return {os.path.join(path, ARCHIVE) for each in self.job.sources for path in (each, os.path.dirname(each))}

    def result(self, error: FiledropError | None) -> RunResult:
        result = super().result(error)
        if self._plan_of_files is not None:
            result.notes.extend(self._plan_of_files.notes())
        if self._before is not None:
            result.lying = self._before.lying
            result.notes.extend(self._before.notes())
        if self._unseen:
            result.notes.append(f"{self._unseen} delivered files were not seen on the server. {NOT_SEEN}")
        if result.counts["delivered"] and self._ledger.capability(self.account, EXCLUSIVE_CREATE) is False:
            result.notes.append(NOT_EXCLUSIVE)
        return result


NOT_EXCLUSIVE = (
    "This server overwrites existing files when it creates a file. If another file appears under the same name between "
    "our check of the name and our upload, it is overwritten."
)


def is_unchanged(path: str, name: str, row: Row) -> bool:
    """Return whether the file of a row exists with the same size and time. A move does not change either."""
    if not os.path.isdir(path):
        return False
    with closing(Folder(path, option="retention")) as folder:
        found = folder.file(name)
    return found is not None and (found.size, found.mtime_ns) == (row.size, row.mtime_ns)


async def _require_folder(remote: Remote, path: str) -> None:
    """Refuse a job whose remote folder is missing, before any file is transferred.

    If the server refuses the check, the upload of the first file shows whether the folder exists. What can be listed
    is a folder, whatever else the server says of it: some do not tell the kind, or know the folder only by its files.

    :raises JobStopped: the path is missing, or is not a folder.
    """
    try:
        entry = await remote.stat(path or ".")
    except RemoteError:
        return
    if entry is None or not (entry.kind == "folder" or entry.kind == "link"):
        with suppress(RemoteError):
            await remote.list(path, lambda _entries: None)
            return
        found = "does not exist on the server" if entry is None else f"is a {entry.kind} on the server"
        raise JobStopped(
            "remote_missing",
            f"The folder {path!r} {found}.",
            "Correct `remote_dir`. Without a leading slash, it is relative to the login folder of this user. "
            f"{WRITE_ONLY}",
        )
