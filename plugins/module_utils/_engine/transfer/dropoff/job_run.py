# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drop-off in work: from the plan to the outcome of each file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...errors import JobStopped, RemoteError, TransferError
from ...ledger.decisions import RESOLVED, Discarded
from ...local.folder import Folder
from ...remote import Remote
from ..base import JobRun
from ..result import FileOutcome
from ..selection import Allowance
from .plan import DropoffPlan
from .recovery import Verdict
from .workflow import DropoffWorkflow, Item

if TYPE_CHECKING:
    from ...config.job import Dropoff
    from ...ledger.ledger import Ledger, Row
    from ...local.fsync import Syncer


class DropoffRun(JobRun[Item]):
    """See `JobRun`."""

    def __init__(self, job: Dropoff, account: str, ledger: Ledger, syncer: Syncer, *, check: bool) -> None:
        super().__init__(Allowance(job.max_files, job.max_bytes), check=check)
        self._job = job
        self._account = account
        self._ledger = ledger
        self._syncer = syncer
        self._plan: DropoffPlan
        self._flow: DropoffWorkflow

    def prepare(self) -> bool:
        if self._job.archive_dir and self._job.after == "archive":
            Folder(self._job.archive_dir, option="archive_dir").require_writable()
        self._plan = DropoffPlan(self._job, self._account, self._ledger, note=not self._check)
        for outcome in self._plan.outcomes:
            self._note(outcome)
        self._known = max(self._known, self._plan.known - self.moved)
        self._planned = self._limit(self._plan.items, lambda item: item.file.size if item.file else 0)
        return self._check or bool(self._planned)

    async def plan(self, remote: Remote) -> None:
        self._flow = DropoffWorkflow(self._job, self._account, remote, self._ledger, self._syncer, self.deadline)
        await _require_folder(remote, self._job.remote_dir)

    def rounds(self) -> Iterator[Sequence[Item]]:
        yield self._planned

    def outcome_of(self, item: Item) -> FileOutcome:
        return self._plan.outcome_of(item)

    async def transfer(self, item: Item, outcome: FileOutcome) -> None:
        known = _known(item)
        try:
            row = await self._flow.deliver(item)
        except Discarded as error:
            outcome.skip(error)
            return
        if row is known:
            outcome.skip(_why_known(row))
        outcome.sha256 = row.sha256
        outcome.size = row.size
        outcome.local_path = row.local_path or outcome.local_path
        item.row = None  # of a hundred thousand files, the rows would be most of what a run keeps in memory

    async def predict(self, item: Item, outcome: FileOutcome) -> None:
        verdict = await self._flow.predict(item)
        known = _known(item)
        if verdict is Verdict.DELIVERED and known:
            outcome.skip(_why_known(known))
        elif verdict is Verdict.DISCARDED:
            outcome.skip(Discarded())


def _known(item: Item) -> Row | None:
    """The row of a file that counts as delivered already, but for its original."""
    return item.row if item.row and item.row.state == "delivered" else None


def _why_known(row: Row) -> TransferError:
    who = "Somebody has decided that it was delivered" if row.reason == RESOLVED else "An earlier run delivered it"
    return TransferError("already_delivered", f"{who}; its original remained to be settled.")


async def _require_folder(remote: Remote, path: str) -> None:
    """Refuse a job whose remote folder is not there, before any file is touched.

    :raises JobStopped: it is missing, or no folder. Where the server does not let us look, the first file will tell.
    """
    try:
        entry = await remote.stat(path or ".")
    except RemoteError:
        return
    if entry is None or not (entry.kind == "folder" or entry.kind == "link"):
        found = "does not exist on the server" if entry is None else f"is a {entry.kind} on the server"
        raise JobStopped(
            "remote_missing",
            f"The folder {path!r} {found}.",
            "Correct `remote_dir`: it is relative to where the server puts this user at login, unless it begins "
            "with a slash.",
        )
