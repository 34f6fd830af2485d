# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pickup in work: from the listing to the outcome of each file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...errors import (
    DiskError,
    FiledropError,
    JobStopped,
    RemoteDenied,
    RemoteMissing,
    RemoteUnsupported,
    TransferError,
)
from ...ledger.decisions import RESOLVED
from ...ledger.ledger import CLAIMING, FORGOTTEN
from ...local.folder import Folder
from ...local.permissions import permissions_for
from ...remote import Entry, Remote, join
from ..base import JobRun
from ..result import FileOutcome, RunResult
from ..selection import Allowance, vouched_by
from .claims import REFUSED, ClaimedElsewhere, Claims, earlier_first
from .disk_space import SpaceReservation
from .item import Item
from .plan import PickupPlan, file_awaited
from .workflow import PickupWorkflow

if TYPE_CHECKING:
    from ...config.job import Pickup
    from ...ledger.ledger import Ledger, Row
    from ...local.fsync import Syncer


STAT = "stat"
"""The capability that every pickup needs: that the server lets us look at a file."""


class PickupRun(JobRun[Item]):
    """See `JobRun`."""

    def __init__(self, job: Pickup, account: str, ledger: Ledger, syncer: Syncer, *, check: bool) -> None:
        super().__init__(Allowance(job.max_files, job.max_bytes), check=check)
        self._job = job
        self._account = account
        self._ledger = ledger
        self._syncer = syncer
        self._dest = Folder(job.dest, option="dest")
        self._dest.require_writable()
        self._access = permissions_for(job.group, job.file_mode)
        self._wanted: set[str] = set()
        self._sidecars: Sequence[Item] = ()
        self._flow: PickupWorkflow
        self._claims: Claims

    def prepare(self) -> bool:
        return True

    async def plan(self, remote: Remote) -> None:
        tools = (self._job, self._account, remote, self._ledger)
        self._claims = Claims(*tools, self.deadline)
        room = SpaceReservation(self._dest, self._job.min_free)
        self._flow = PickupWorkflow(*tools, self._syncer, self._dest, self._access, room, self._claims)
        entries = await listing(remote, self._job.remote_dir)
        claimed = self._claims.among(entries)
        entries, others = self._claims.unmasked(entries, claimed)
        self._let_wait(others)
        self.listed = frozenset(entry.name for entry in entries)
        if not self._check:
            await self._take_up(self.listed)
        plan = PickupPlan(self._job, self._account, self._ledger, entries, claimed, note=not self._check)
        for outcome in plan.outcomes:
            self._note(outcome)
        self._known = max(self._known, plan.known - self.moved)
        self._wanted = {item.entry.name for item in plan.items}
        self._planned = self._limit(plan.items, lambda item: item.entry.size or 0)
        self._sidecars = plan.sidecars
        if self._planned and not self._ledger.capability(self._account, STAT):
            await self._require_sight(remote, self._planned[0].there.path)

    async def _require_sight(self, remote: Remote, path: str) -> None:
        """Refuse a job whose files cannot be looked at, before any of them is fetched for nothing."""
        try:
            await remote.stat(path)
        except (RemoteDenied, RemoteUnsupported) as error:
            raise JobStopped(
                "stat_refused",
                f"The server lists files and does not let us look at one of them ({error.finding}).",
                "Without that nothing that is fetched can be verified, nor safely deleted; ask the provider for the "
                "right to look at files.",
            ) from error
        if not self._check:
            self._ledger.learn(self._account, STAT, allowed=True)

    def _let_wait(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            outcome = PickupPlan.outcome_of(entry).skip(earlier_first())
            outcome.origin += " (a later file)"
            self._note(outcome)

    async def _take_up(self, listed: frozenset[str]) -> None:
        """Finish what an earlier run had verified; what it had not goes."""
        rows = self._ledger.open_rows(self._account, self._job.direction, self._job.name)
        placing = [row for row in rows if row.state == "placing"]
        self._flow.remove_leftovers(keep={row.temporary or "" for row in placing})
        for row in placing:
            try:
                await self._flow.take_up(row)
            except DiskError as error:
                # Its part is out of reach. What the server still has is fetched again.
                self._note(_earlier(row).blame(error))
        for row in rows:
            if row.folder == self._job.remote_dir and row.name not in listed:
                await self._close(row)

    async def _close(self, row: Row) -> None:
        """What is no longer on the server and was fetched is done; what a person wanted fetched again cannot be."""
        if await self._claims.is_there(row):
            return
        if row.state == CLAIMING:
            await self._ledger.commit(row, FORGOTTEN)
        elif row.state == "placed":
            await self._ledger.commit(row, "fetched", open=False)
            if row.reason != RESOLVED:
                self._report(_earlier(row), row)
        elif row.state == "resend":
            await self._ledger.commit(row, "abandoned", open=False)
            self._note(_earlier(row).blame(_gone(row)))

    def rounds(self) -> Iterator[Sequence[Item]]:
        """Checksums come after the files that they vouch for, and only with them."""
        yield self._planned
        came = {
            outcome.name
            for outcome in self._outcomes.values()
            if outcome.outcome == "delivered" or outcome.reason == _DUPLICATE.reason
        }
        for item in self._sidecars:
            if vouched_by(item.entry.name) in self._wanted - came:
                self._note(self.outcome_of(item).skip(file_awaited()))
        yield [item for item in self._sidecars if vouched_by(item.entry.name) not in self._wanted - came]

    def outcome_of(self, item: Item) -> FileOutcome:
        return PickupPlan.outcome_of(item.entry)

    async def transfer(self, item: Item, outcome: FileOutcome) -> None:
        try:
            row = await self._flow.fetch(item)
        except ClaimedElsewhere as error:
            outcome.skip(error)
            outcome.changed = False
            return
        if item.is_duplicate or row.reason == RESOLVED:
            outcome.skip(_DUPLICATE)
            outcome.changed = self._job.after != "keep"
        outcome.sha256, outcome.local_path = row.sha256, row.local_path or ""

    def result(self, error: FiledropError | None) -> RunResult:
        result = super().result(error)
        if self._planned and self._claims.refused:
            result.notes.append(REFUSED)
        return result

    async def predict(self, item: Item, outcome: FileOutcome) -> None:
        outcome.local_path = self._dest.path_of(self._dest.free_name(item.entry.name))

    def _report(self, outcome: FileOutcome, row: Row) -> None:
        outcome.changed = True
        outcome.outcome, outcome.sha256, outcome.local_path = "delivered", row.sha256, row.local_path or ""
        self._note(outcome)
        self._count(outcome)


_DUPLICATE = TransferError("duplicate", "It has come before with the same content, and is not delivered again.")


def _earlier(row: Row) -> FileOutcome:
    entry = Entry(row.name, join(row.folder, row.name), row.size, None, None)
    outcome = PickupPlan.outcome_of(entry)
    outcome.reason, outcome.message = "completed", "An earlier run was cut off after it had fetched this file."
    return outcome


def _gone(row: Row) -> TransferError:
    return TransferError(
        "remote_missing",
        f"{row.remote_path!r} was to be fetched again, and is no longer on the server.",
        f"An earlier copy went to {row.local_path!r}; else ask the provider to send it again.",
    )


async def listing(remote: Remote, folder: str) -> Sequence[Entry]:
    """All names in a folder that has to be there."""
    try:
        return await remote.list(folder)
    except (RemoteDenied, RemoteMissing) as error:
        raise JobStopped(
            error.reason,
            f"The folder {folder!r} cannot be listed. {error.finding}",
            "Correct `remote_dir` (it is relative to where the server puts this user at login, unless it begins "
            "with a slash), "
            "or ask the provider for the right to list it.",
        ) from error
