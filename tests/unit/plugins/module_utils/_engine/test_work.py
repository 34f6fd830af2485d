# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import RunEnded, TransferError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.flow import Flow
from ansible_collections.courier.filedrop.plugins.module_utils._engine.interruption import Deadline
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote import Remote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.result import FileOutcome
from ansible_collections.courier.filedrop.plugins.module_utils._engine.selection import Allowance
from ansible_collections.courier.filedrop.plugins.module_utils._engine.work import Work

NAME = "a.xml"


class Deliveries(Work[str]):
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

    async def foresee(self, item: str, outcome: FileOutcome) -> None:
        pass


class Nobody:
    """Owes nothing."""

    owes = 0

    def poll(self, timeout: float | None) -> bool:
        return False


def test_what_was_delivered_over_an_earlier_connection_stays_delivered() -> None:
    work = Deliveries()
    Flow(Nobody()).run(work.see_to(NAME))
    work.error = TransferError("unsettled", "It was changed a moment ago.")
    Flow(Nobody()).run(work.see_to(NAME))
    assert [(one.name, one.outcome) for one in work.result(None).outcomes] == [(NAME, "delivered")]


def test_no_file_is_begun_once_the_time_is_over() -> None:
    work = Deliveries()
    work.deadline = Deadline(0.0)
    with pytest.raises(RunEnded):
        Flow(Nobody()).run(work.see_to(NAME))
    assert work.result(None).outcomes == []
