# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import RunEnded, TransferError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.deadline import Deadline
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote import Remote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.base import JobRun
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.selection import Allowance

NAME = "a.xml"


class DropoffRun(JobRun[str]):
    """Delivers, until it is told to fail."""

    def __init__(self) -> None:
        super().__init__(Allowance(None, None), check=False)
        self.error: TransferError | None = None

    def prepare(self) -> bool:
        return True

    async def plan(self, remote: Remote) -> None:
        pass

    def rounds(self) -> Iterator[Sequence[str]]:
        yield [NAME]

    def outcome_of(self, item: str) -> FileOutcome:
        return FileOutcome(item, item)

    async def transfer(self, item: str, outcome: FileOutcome) -> None:
        if self.error is not None:
            raise self.error

    async def predict(self, item: str, outcome: FileOutcome) -> None:
        pass


class Nobody:
    """Owes nothing."""

    pending = 0

    def poll(self, timeout: float | None) -> bool:
        return False


def test_what_was_delivered_over_an_earlier_connection_stays_delivered() -> None:
    work = DropoffRun()
    Loop(Nobody()).run(work.process(NAME))
    work.error = TransferError("unsettled", "It was changed a moment ago.")
    Loop(Nobody()).run(work.process(NAME))
    assert [(one.name, one.outcome) for one in work.result(None).outcomes] == [(NAME, "delivered")]


def test_no_file_is_begun_once_the_time_is_over() -> None:
    work = DropoffRun()
    work.deadline = Deadline(0.0)
    with pytest.raises(RunEnded):
        Loop(Nobody()).run(work.process(NAME))
    assert work.result(None).outcomes == []
