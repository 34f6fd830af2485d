# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import RunEnded, TransferError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.fsync import Syncer
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.deadline import Deadline
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Remote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.base import JobRun
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.companions import Copied
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome

NAME = "a.xml"


class Run(JobRun[str]):
    """Delivers, until it is told to fail."""

    part_folder = None

    def __init__(self, ledger: Ledger, syncer: Syncer) -> None:
        super().__init__(Dropoff("j", ("/out",), "in"), "acme", ledger, syncer, check=False)
        self.error: TransferError | None = None

    def _prepare(self) -> bool:
        return True

    async def _plan(self, remote: Remote) -> None:
        pass

    def _plan_rounds(self) -> Iterator[Iterator[str]]:
        yield iter([NAME])

    def outcome_of(self, item: str) -> FileOutcome:
        return FileOutcome(item, item)

    def asks_for(self, row: Row) -> bool:
        return False

    def has_to_remember(self, row: Row) -> bool:
        return True

    async def transfer(self, item: str) -> FileOutcome:
        if self.error is not None:
            raise self.error
        return self.outcome_of(item).deliver()

    async def predict(self, item: str) -> FileOutcome:
        return self.outcome_of(item)

    async def require_startable(self, item: str) -> bool:
        return True

    async def _copy(self, item: str) -> Copied:
        return Copied(await self.transfer(item), None)

    async def _complete(self, item: str, copied: Copied) -> FileOutcome:
        return copied.outcome


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Run]:
    with closing(Ledger(str(tmp_path / "ledger"), create=True)) as ledger, closing(Syncer()) as syncer:
        yield Run(ledger, syncer)


class Nobody:
    """Owes nothing."""

    pending = 0

    def poll(self, timeout: float | None) -> bool:
        return False


def test_what_was_delivered_over_an_earlier_connection_stays_delivered(work: Run) -> None:
    Loop(Nobody()).run(work.process(NAME))
    work.tally.begin_attempt()
    work._end_plan()
    work.error = TransferError("unsettled", "It was changed a moment ago.")
    Loop(Nobody()).run(work.process(NAME))
    assert [(one.name, one.outcome) for one in work.result(None).outcomes] == [(NAME, "delivered")]


def test_no_file_is_begun_once_the_time_is_over(work: Run) -> None:
    work.deadline = Deadline(0.0)
    with pytest.raises(RunEnded):
        Loop(Nobody()).run(work.process(NAME))
    assert work.result(None).outcomes == []
