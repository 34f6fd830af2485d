# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of runs that never were."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome, RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.tally import Tally


def result_of(
    outcomes: Iterable[FileOutcome],
    *,
    error: FiledropError | None = None,
    seconds: float = 0.0,
    notes: Iterable[str] = (),
) -> RunResult:
    """What a run with these outcomes ends with."""
    tally = Tally(1000)
    for outcome in outcomes:
        tally.add(outcome)
    result = tally.result(error)
    result.seconds, result.notes = seconds, list(notes)
    return result
