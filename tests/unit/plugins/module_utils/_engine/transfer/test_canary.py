# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ENDS_THE_RUN,
    FiledropError,
    NotReached,
    RunEnded,
    TransferError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.deadline import Deadline, Interruption
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Future, Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.canary import CanaryGate


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path / "ledger.sqlite3"), create=True)) as ledger:
        yield ledger


class Server:
    """Answers each turn a moment later, with what becomes of it.

    :ivar at_once: how many turns were under way at once, at most.
    """

    def __init__(
        self, ledger: Ledger, *ends: Exception | str, is_needed: bool = True, deadline: Deadline | None = None
    ) -> None:
        self.trial = CanaryGate(ledger, "amili", "rename", deadline or Deadline(None), is_needed=is_needed)
        self.at_once = 0
        self.became: list[str] = []
        self._ends = iter(ends)
        self._under_way = 0
        self._asked: list[Future[None]] = []

    @property
    def pending(self) -> int:
        return len(self._asked)

    def poll(self, _timeout: float | None) -> bool:
        if self._asked:
            self._asked.pop(0).set_result(None)
        return True

    async def turn(self, _number: int) -> None:
        try:
            async with self.trial:
                self._under_way += 1
                self.at_once = max(self.at_once, self._under_way)
                asked: Future[None] = Future()
                self._asked.append(asked)
                await asked
                self._under_way -= 1
                end = next(self._ends, "works")
                if isinstance(end, Exception):
                    raise end
                if end == "works":
                    self.trial.succeeded()
                else:
                    self.trial.failed()
                self.became.append(end)
        except FiledropError as error:
            self.became.append(error.reason)
            if isinstance(error, (*ENDS_THE_RUN, RunEnded)):
                raise

    def serve(self, turns: int) -> None:
        flow = Loop(self)
        flow.run(flow.each(self.turn, range(turns), width=100))


def test_one_tries_and_then_all_may(ledger: Ledger) -> None:
    server = Server(ledger)
    server.serve(1)
    assert ledger.capability("amili", "rename") is True
    server.serve(5)
    assert server.at_once == 5


def test_while_nobody_has_succeeded_each_tries_alone(ledger: Ledger) -> None:
    of_its_own = TransferError("name_taken", "It is there.")
    server = Server(ledger, of_its_own, "refused", of_its_own)
    server.serve(3)
    assert server.at_once == 1
    assert server.became == ["name_taken", "refused", "name_taken"]
    assert ledger.capability("amili", "rename") is False
    server.serve(4)
    assert server.at_once == 3
    assert ledger.capability("amili", "rename") is True


def test_what_is_known_or_not_needed_needs_no_trial(ledger: Ledger) -> None:
    idle = Server(ledger, is_needed=False)
    idle.serve(3)
    assert idle.at_once == 3
    server = Server(ledger)
    server.serve(3)
    assert server.at_once == 3


def test_what_another_job_learns_meanwhile_is_known(ledger: Ledger) -> None:
    server = Server(ledger)
    assert not server.trial.is_proven
    ledger.learn("amili", "rename", allowed=True)
    assert server.trial.is_proven


@pytest.mark.parametrize("kind", ENDS_THE_RUN)
def test_who_waits_when_the_run_ends_is_not_reached(ledger: Ledger, kind: type[FiledropError]) -> None:
    server = Server(ledger, kind("over", "It is over."))
    with pytest.raises(kind):
        server.serve(4)
    assert server.became == ["over"] + [NotReached().reason] * 3
    assert server.at_once == 1


def test_an_error_that_nobody_expects_is_that_of_its_file(ledger: Ledger) -> None:
    server = Server(ledger, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        server.serve(4)
    assert server.became == ["works"] * 3


def test_no_turn_begins_after_the_deadline(ledger: Ledger) -> None:
    server = Server(ledger, deadline=Deadline(0))
    with pytest.raises(RunEnded):
        server.serve(4)
    assert server.at_once == 0
    assert set(server.became) == {"time_limit"}


def test_who_waits_when_the_run_is_interrupted_has_not_begun(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(ledger)
    told = RunEnded("interrupted", "It was told to.")

    def interrupt(_timeout: float | None) -> bool:
        raise Interruption(told)

    monkeypatch.setattr(server, "poll", interrupt)
    with pytest.raises(Interruption):
        server.serve(4)
    assert server.became == ["interrupted"] * 3, "not the one whose turn it was"


def test_what_is_not_needed_and_succeeds_all_the_same_is_learned(ledger: Ledger) -> None:
    server = Server(ledger, is_needed=False)
    server.trial.succeeded()
    assert ledger.capability("amili", "rename") is True
