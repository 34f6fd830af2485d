# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Execute one run of a pickup, from the listing to the outcome of each file."""

from __future__ import annotations

from collections.abc import Awaitable, Container, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Callable

from ...errors import (
    DiskError,
    JobStopped,
    LedgerError,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
    RemoteUnsupported,
    TransferError,
)
from ...ledger.decisions import RESOLVED
from ...ledger.ledger import slices
from ...local.dest_lock import DestLock
from ...local.disk_space import SpaceReservation
from ...local.folder import Folder
from ...remote.interface import Entry, Remote, join
from ...states import STAYS, LocalPart, Original, State, Verdict, verdict_on
from ..base import JobRun
from ..capabilities import STAT
from ..companions import Copied
from ..planning.sets import Turn, files_of
from ..result import FileOutcome, RunResult
from ..selection import Only, is_selected
from .claims import REFUSED, Claims
from .item import PickupItem, outcome_of
from .looks import Looks
from .lost_claims import LostClaims
from .move_folder import MoveFolder
from .plan import PickupPlan
from .workflow import DUPLICATE, GONE, PickupWorkflow

if TYPE_CHECKING:
    from ...config.jobs.job import Pickup
    from ...errors import FiledropError
    from ...ledger.ledger import Ledger, Row
    from ...local.fsync import Syncer

LONGEST_SILENCE = 10.0
"""Seconds without a request while a run waits for its second look."""

LOOKS_AT_ONCE = 64
"""The number of requests under way for files that are listed without a size."""


class PickupRun(JobRun[PickupItem]):
    """Run a pickup; see `JobRun`."""

    job: Pickup
    _dest: Folder
    _workflow: PickupWorkflow
    _lost_claims: LostClaims
    _claims: Claims | None = None
    _plan_of_files: PickupPlan | None = None
    _lock: DestLock | None = None

    def __init__(
        self, job: Pickup, account: str, ledger: Ledger, syncer: Syncer, *, check: bool, only: Only | None = None
    ) -> None:
        super().__init__(job, account, ledger, syncer, check=check, only=only)
        self._gone = 0  # files that were gone from the server after their download
        self._came: set[str] = set()  # names of fetched files, needed only for checksums
        self._present: frozenset[str] | None = None  # the watched names that are on the server

    def open(self) -> None:
        super().open()
        self._dest = Folder(self.job.dest, option="dest")
        self._dest.require_writable()

    def close(self, *, ended_early: bool) -> None:
        if self._lock is not None:
            self._lock.release(is_finished=not (ended_early and self._has_unpublished_or_undeleted()))

    def _prepare(self) -> bool:
        return True

    async def _plan(self, remote: Remote) -> None:
        self.tally.begin_attempt()
        if self._lock is None and not self._check:
            ledger, is_shared = self._ledger, self.job.share is not None
            lock = DestLock(self._dest, remote.identity, self.job.remote_dir, ledger.identity, ledger.path, is_shared)
            lock.take()
            self._lock = lock
        tools = (self.job, self.account, remote, self._ledger)
        claims = self._claims = Claims(*tools, self.deadline)
        space = SpaceReservation(self._dest, self.job.min_free)
        looks = Looks(remote, self.job.remote_dir, self._ledger, self.account, check=self._check)
        move_folder = MoveFolder(self.job, remote)
        self._workflow = PickupWorkflow(
            *tools, self._syncer, self._dest, self.permissions, space, claims, looks, move_folder
        )
        rows = self._ledger.open_rows(self.account, self.job.direction, self.job.name)
        begun = {row.name for row in rows}
        plan = PickupPlan(
            self.job,
            self.account,
            self._ledger,
            self.tally,
            check=self._check,
            watched=self._to_watch() | begun,
            begun=begun,
            clock=self._clock(remote, looks),
            only=self.only,
        )
        for row in rows:
            self.only.meet(row.name)
        await list_into(remote, self.job.remote_dir, plan.take)
        plan.close(claims.among(plan.claims))
        if plan.needs_second_look:
            await self._wait(remote, self.job.settle)
            await list_into(remote, self.job.remote_dir, plan.look_again())
        self._lost_claims = LostClaims(self._ledger, (self.account, self.job.direction, self.job.remote_dir))
        self._lost_claims.look_at(plan.claims)
        self._end_plan()
        self._plan_of_files = plan
        self._present = frozenset(plan.present)
        if not self._check:
            plan.told = await self._resume(rows, self._present)
        self.tally.skip_known(plan.known)
        self._announce(plan.files, plan.size)
        items = filter(self._allowed, plan.items())
        first = next(items, None)
        self._round = iter(()) if first is None else chain([first], items)
        if first is not None and self._lock is not None:
            self._lock.make_durable()
            self._dest.require_safe_rename(self._workflow.part_prefix)
        if first is not None and not looks.is_known:
            item = files_of(first)[0]
            listed = item.claimed or item.entry
            looks.learn(listed, await self._first_look(remote, listed.path))

    async def _wait(self, remote: Remote, seconds: float) -> None:
        """Wait, and ask the server something now and then, so that it does not end an idle session."""
        while seconds > LONGEST_SILENCE:
            self.deadline.wait(LONGEST_SILENCE)
            seconds -= LONGEST_SILENCE
            with suppress(RemoteError):
                await remote.stat(self.job.remote_dir)
        self.deadline.wait(seconds)

    async def finish(self, remote: Remote) -> None:
        for outcome in await self._lost_claims.still_there(remote):
            self.tally.add(outcome)

    def _plan_rounds(self) -> Iterator[Iterator[Turn[PickupItem]]]:
        """Yield the files, then the checksum files whose files have been delivered."""
        yield self._round
        if self._plan_of_files is not None:
            yield self._plan_of_files.checksums(self._came)

    def _clock(self, remote: Remote, looks: Looks) -> float | None:
        """Return the server's clock, if it is known that the times of a listing are by it."""
        if remote.clock is not None:
            return remote.clock
        return self._ledger.clock(self.account) if looks.is_known else None

    async def _first_look(self, remote: Remote, path: str) -> Entry | None:
        """Look at the first file. Refuse a job whose files cannot be looked at, before a file is fetched in vain.

        :raises JobStopped: the server refuses the request.
        """
        try:
            looked = await remote.stat(path)
        except (RemoteDenied, RemoteUnsupported) as error:
            raise JobStopped(
                "stat_refused",
                f"The server lists files, but refuses to stat one of them ({error.finding}).",
                "Without that, a fetched file cannot be verified, and its original cannot be deleted safely. Ask the "
                "provider for the permission to stat files.",
            ) from error
        if not self._check and not self._ledger.capability(self.account, STAT):
            self._ledger.learn(self.account, STAT, allowed=True)
        return looked

    def _has_unpublished_or_undeleted(self) -> bool:
        """Return whether another ledger could fetch a file again that this one is about to finish."""
        query = (
            "SELECT 1 FROM transfer WHERE open = 1 AND account = ? AND direction = ? AND folder = ? AND state IN (?, ?)"
        )
        key = (self.account, self.job.direction, self.job.remote_dir, State.PLACING.value, State.PLACED.value)
        try:
            return bool(self._ledger.look(query, key))
        except LedgerError:
            return True

    # --- unfinished work of an earlier run

    async def _resume(self, rows: Sequence[Row], present: Container[str]) -> set[str]:
        """Publish the parts that an earlier run verified, remove all others, and close rows without an original.

        Return the names whose parts could not be published, with their outcomes told. They are not fetched again.
        """
        stuck = set()
        kept = (State.PLACING, State.HELD, State.RESEND)
        self._workflow.remove_leftovers(keep={row.temporary or "" for row in rows if row.state in kept})
        rows = [row for row in rows if row.name in self.only]
        placing = [row for row in rows if row.state is State.PLACING]
        for row in placing:
            try:
                await self._workflow.resume(row)
            except (DiskError, TransferError) as error:
                # Nothing was published. If the row was forgotten, the file is fetched again.
                self.tally.add(_earlier(row).blame(error))
                if row.state in (State.PLACING, State.HELD):
                    stuck.add(row.name)
        for row in rows:
            if row.folder != self.job.remote_dir:
                continue
            if row.name not in present:
                await self._close(row)
            elif row.state is State.RESEND and self._workflow.part_of(row) is LocalPart.THERE:
                await self._publish_kept(row, is_gone=False)
        return stuck

    async def _close(self, row: Row) -> None:
        """Close a row whose original is no longer listed. If it was fetched, it is finished; else it is abandoned."""
        if row.state is State.PLACING or (self._claims and await self._claims.is_there(row)):
            return
        verdict = verdict_on(row.track, row.state, self._workflow.part_of(row), Original.GONE)
        if verdict is Verdict.PUBLISH:
            await self._publish_kept(row, is_gone=True)
        elif verdict is Verdict.FORGET:
            await self._ledger.commit(row, State.FORGOTTEN)
        elif verdict is Verdict.FINISHED:
            await self._ledger.commit(row, State.FETCHED)
            if row.reason != RESOLVED:
                self.count(_completed(row))
        elif verdict is Verdict.ABANDON:
            if self._workflow.is_kept_elsewhere(row):
                self.tally.add(_earlier(row).blame(await self._workflow.hold_elsewhere(row)))
                return
            await self._ledger.commit(row, State.ABANDONED)
            self.tally.add(_earlier(row).blame(_gone(row)))

    async def _publish_kept(self, row: Row, *, is_gone: bool) -> None:
        try:
            await self._workflow.publish_kept(row, is_gone=is_gone)
        except (DiskError, TransferError) as error:
            self.tally.add(_earlier(row).blame(error))
        else:
            self.count(_completed(row))

    def _to_watch(self) -> set[str]:
        """Return the names whose history may be forgotten only if they are no longer on the server."""
        if self.prune_before is None:
            return set()
        stays = sorted(STAYS)
        query = (
            "SELECT name FROM transfer WHERE account = ? AND direction = ? AND job = ? AND changed_at < ?"
            f" AND state IN ({', '.join('?' * len(stays))})"
        )
        key = (self.account, self.job.direction, self.job.name, self.prune_before)
        return {name for (name,) in self._ledger.look(query, (*key, *stays))}

    @property
    def part_folder(self) -> tuple[str, str]:
        return self.job.dest, "dest"

    def asks_for(self, row: Row) -> bool:
        return row.folder == self.job.remote_dir and row.name in self.only and is_selected(row.name, self.job)

    def has_to_remember(self, row: Row) -> bool:
        return row.state in STAYS and (self._present is None or row.name in self._present)

    # --- the files

    def outcome_of(self, item: PickupItem) -> FileOutcome:
        return item.outcome

    async def transfer(self, item: PickupItem) -> FileOutcome:
        return self._noted(item, await self._workflow.fetch(item))

    def _noted(self, item: PickupItem, outcome: FileOutcome) -> FileOutcome:
        self._gone += outcome.reason == GONE.reason
        if self.job.verify == "sidecar" and (outcome.outcome == "delivered" or outcome.reason == DUPLICATE.reason):
            self._came.add(item.entry.name)
        return outcome

    async def require_startable(self, item: PickupItem) -> bool:
        self._workflow.require_free_name(item)
        return True

    async def _copy(self, item: PickupItem) -> Copied:
        """Publish a file of a set. One that an earlier run published is fetched and compared when its set is whole."""
        if item.is_copied:
            return Copied(item.outcome, None)
        return Copied(*await self._workflow.copy(item))

    async def _complete(self, item: PickupItem, copied: Copied) -> FileOutcome:
        if copied.rest is None:
            return await self.transfer(item)
        return self._noted(item, await self._workflow.complete(item, copied.rest))

    async def predict(self, item: PickupItem) -> FileOutcome:
        outcome = item.outcome.deliver()
        outcome.reason = "predicted"
        outcome.local_path = self._dest.path_of(self._dest.free_name(item.entry.name))
        self._came.add(item.entry.name)
        return outcome

    def result(self, error: FiledropError | None) -> RunResult:
        result = super().result(error)
        plan = self._plan_of_files
        if plan is not None:
            result.notes.extend(plan.notes())
        if self._gone:
            result.notes.append(
                f"{self._gone} files were no longer on the server after they had been read completely: the server, or "
                "another reader, took them."
            )
        if plan is not None and plan.files and self._claims is not None and self._claims.refused:
            result.notes.append(REFUSED)
        return result


def _earlier(row: Row) -> FileOutcome:
    outcome = outcome_of(Entry(row.name, join(row.folder, row.name), row.size, None, None))
    outcome.reason, outcome.message = "completed", "An earlier run was interrupted after it had fetched this file."
    return outcome


def _completed(row: Row) -> FileOutcome:
    """Build the outcome of a pickup that an earlier run finished, except for its last commit."""
    outcome = _earlier(row).deliver()
    outcome.sha256, outcome.local_path = row.sha256, row.local_path or ""
    return outcome


def _gone(row: Row) -> TransferError:
    return TransferError(
        "remote_missing",
        f"{row.remote_path!r} should be fetched again, but is no longer on the server.",
        f"Use the earlier copy {row.local_path!r}, or ask the provider to send the file again.",
    )


async def list_into(remote: Remote, folder: str, take: Callable[[Sequence[Entry]], None]) -> None:
    """List a folder, and pass each page to ``take``.

    A file that is listed without a size is looked at. Otherwise two listings could not show that it is still written.

    :raises JobStopped: the folder is missing, or the server refuses to list it.
    """
    unsized: list[Entry] = []

    def take_sized(page: Sequence[Entry]) -> None:
        take([entry for entry in page if not _is_unsized(entry)])
        unsized.extend(filter(_is_unsized, page))

    try:
        await remote.list(folder, take_sized)
    except (RemoteDenied, RemoteMissing) as error:
        raise JobStopped(
            error.reason,
            f"The folder {folder!r} cannot be listed. {error.finding}",
            "Correct `remote_dir`, or ask the provider for the permission to list it. Without a leading slash, "
            "`remote_dir` is relative to the login folder of this user.",
        ) from error
    for some in slices(unsized, LOOKS_AT_ONCE):
        looks = [remote.stat(entry.path) for entry in some]
        take([await _looked_at(entry, look) for entry, look in zip(some, looks)])


def _is_unsized(entry: Entry) -> bool:
    return entry.size is None and entry.kind == "file" and "/" not in entry.name  # such a name is refused


async def _looked_at(entry: Entry, look: Awaitable[Entry | None]) -> Entry:
    with suppress(RemoteError):
        return await look or entry
    return entry
