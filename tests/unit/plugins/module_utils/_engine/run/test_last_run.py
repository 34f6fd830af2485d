# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import UnreachableError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.last_run import latest_run, remember
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome, RunResult
from support.results import result_of

JOB = JobKey("amili", "dropoff", "invoices")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path / "ledger.sqlite3"), create=True)) as found:
        yield found


def result(*outcomes: str, error: UnreachableError | None = None) -> RunResult:
    return result_of(
        [FileOutcome(f"{n}", f"/{n}", outcome=one, size=10) for n, one in enumerate(outcomes)], error=error
    )


def test_a_job_that_has_never_run(ledger: Ledger) -> None:
    assert latest_run(ledger, JOB) is None


def test_the_latest_run_is_the_one_that_is_known(ledger: Ledger) -> None:
    remember(ledger, JOB, 1000.0, result("failed"))
    remember(ledger, JOB, 2000.0, result("delivered", "delivered", "skipped"))
    remember(ledger, JobKey("amili", "pickup", "invoices"), 3000.0, result())
    found = latest_run(ledger, JOB)
    assert found is not None
    assert (found.began, found.delivered, found.skipped, found.held, found.failed, found.bytes) == (
        2000,
        2,
        1,
        0,
        0,
        20,
    )
    assert (found.reason, found.message) == ("", "")


@pytest.mark.parametrize(
    "bad", [result("delivered", "failed"), result("held"), result(error=UnreachableError("x", "X."))]
)
def test_when_all_was_well_is_kept_over_runs_that_are_not(ledger: Ledger, bad: RunResult) -> None:
    remember(ledger, JOB, 1000.0, bad)
    first = latest_run(ledger, JOB)
    assert first is not None
    assert first.well_at is None
    before = time.time()
    remember(ledger, JOB, 2000.0, result("delivered"))
    remember(ledger, JOB, 3000.0, bad)
    found = latest_run(ledger, JOB)
    assert found is not None
    assert found.well_at is not None
    assert before <= found.well_at <= found.ended


def test_what_ended_a_run_is_kept_in_words(ledger: Ledger) -> None:
    error = UnreachableError("port_closed", "Nobody listens at \udcff.", "Ask.")
    remember(ledger, JOB, 1000.0, result(error=error))
    found = latest_run(ledger, JOB)
    assert found is not None
    assert (found.reason, found.message) == ("port_closed", r"Nobody listens at \xff. Ask.")
