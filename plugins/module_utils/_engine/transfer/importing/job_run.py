# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Execute one run of an import, from the plan to the outcome of each file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, cast

from ...errors import HoldError
from ...ledger.decisions import Discarded
from ...local.folder import Folder
from ...states import Verdict
from ..base import JobRun
from ..companions import Copied
from ..dropoff.item import DropoffItem
from ..dropoff.job_run import is_unchanged
from ..planning.sets import Turn
from ..result import FileOutcome, RunResult
from ..selection import is_selected
from .handlers import Handlers, Records
from .plan import ImportPlan
from .workflow import ImportWorkflow, unusable

if TYPE_CHECKING:
    from ...config.accounts.account import Account
    from ...config.jobs.importing import Import
    from ...errors import FiledropError
    from ...ledger.ledger import Row
    from ...remote.interface import Remote


class ImportRun(JobRun[DropoffItem]):
    """Run an import; see `JobRun`. Handlers are in the place of a server."""

    job: Import
    _plan_of_files: ImportPlan | None = None

    @cached_property
    def _workflow(self) -> ImportWorkflow:
        return ImportWorkflow(
            self.job,
            self.account,
            self._ledger,
            self._syncer,
            self._handlers,
            Records(self._ledger.path),
            self.deadline.check,
        )

    @cached_property
    def _handlers(self) -> Handlers:
        return Handlers()

    def connect(self, account: Account) -> Remote:
        del account
        return cast("Remote", self._handlers)  # a run does not use more of a remote than handlers have

    def _prepare(self) -> bool:
        self.tally.begin_attempt()
        for path, option in ((self.job.done_dir, "done_dir"), (self.job.failed_dir, "failed_dir")):
            with closing(Folder(path, option=option)) as folder:
                folder.require_writable()
        if not os.access(self.job.handler[0], os.X_OK, effective_ids=True) or os.path.isdir(self.job.handler[0]):
            raise unusable(self.job.handler[0], "there is no such program, or it must not be executed")
        if not self._check:
            rows = self._ledger.open_rows(self.account, self.job.direction, self.job.name)
            self._forget_records({row.temporary for row in rows})
        plan = ImportPlan(self.job, self.account, self._ledger, self.tally, check=self._check, only=self.only)
        plan.scan()
        self._end_plan()
        self._plan_of_files = plan
        self._announce(plan.files, plan.size)
        items = filter(self._allowed, plan.items())
        first = next(items, None)
        self._round = iter(()) if first is None else chain([first], items)
        return first is not None

    def _forget_records(self, known: set[str | None]) -> None:
        """Remove records that no unfinished file has, once no other job can be about to use one."""
        open_rows = self._ledger.look("SELECT temporary FROM transfer WHERE open = 1 AND direction = 'import'", ())
        self._workflow.records.forget_others(known | {name for (name,) in open_rows})

    async def _plan(self, remote: Remote) -> None:
        """Nothing is planned with a server."""

    def _plan_rounds(self) -> Iterator[Iterator[Turn[DropoffItem]]]:
        yield self._round

    def outcome_of(self, item: DropoffItem) -> FileOutcome:
        return item.outcome

    async def transfer(self, item: DropoffItem) -> FileOutcome:
        try:
            row = await self._workflow.accept(item)
        except Discarded as error:
            return item.outcome.skip(error)
        return await self._workflow.complete(item, row)

    async def predict(self, item: DropoffItem) -> FileOutcome:
        if item.is_back:
            error = self._workflow.sent_before(self._workflow.new_row(item))
            raise HoldError(error.reason, error.finding, "A run holds it. Then a person decides.")
        verdict, ended = self._workflow.judge(item.row)
        if verdict is Verdict.DISCARDED:
            return item.outcome.skip(Discarded())
        if item.row is not None and verdict is Verdict.HELD:
            raise self._workflow.held(item.row, item.row.reason or "held", ended)
        if verdict is Verdict.HAND_OVER:
            self._workflow.require_complete(item)
        outcome = item.outcome.deliver()
        outcome.reason, outcome.local_path = "predicted", os.path.join(self.job.done_dir, item.name)
        return outcome

    async def require_startable(self, item: DropoffItem) -> bool:
        await self.predict(item)
        return True

    async def _copy(self, item: DropoffItem) -> Copied:
        row = await self._workflow.accept(item)
        return Copied(item.outcome.deliver(), row)

    async def _complete(self, item: DropoffItem, copied: Copied) -> FileOutcome:
        return await self._workflow.complete(item, copied.rest)

    @property
    def part_folder(self) -> tuple[str, str] | None:
        return self.job.done_dir, "done_dir"

    def asks_for(self, row: Row) -> bool:
        return row.name in self.only and row.folder in self.job.sources and is_selected(row.name, self.job)

    def has_to_remember(self, row: Row) -> bool:
        return is_unchanged(row.folder, row.name, row)

    def result(self, error: FiledropError | None) -> RunResult:
        result = super().result(error)
        if self._plan_of_files is not None:
            result.notes.extend(self._plan_of_files.notes())
        return result
