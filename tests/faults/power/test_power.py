# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The power fails at any instant, once or in the middle of a recovery: nothing is lost, twice, or seen incomplete.

``make faults`` looks at what follows every kill and every cut; without ``--full`` at what follows some of them.
"""

from __future__ import annotations

from collections import Counter

import pytest
from faults.power.cuts import Depth
from faults.power.explorer import Explorer
from faults.power.laboratory import Laboratory, Report
from faults.power.omissions import Omissions
from faults.power.scenarios import ALL, opened

RECOVERIES = 3
"""How many of the runs that follow a kill, and of those that follow a cut, are looked at without ``--full``."""


@pytest.mark.parametrize("name", ALL)
def test_a_power_cut_does_no_harm(name: str, full: bool, power_reports: list[Report]) -> None:
    report = Report(name)
    power_reports.append(report)
    with opened(ALL[name]) as stage:
        laboratory = Laboratory(stage, report, depth=Depth.THOROUGH if full else Depth.USUAL)
        Explorer(stage, laboratory, recoveries=None if full else RECOVERIES).explore()
    wrong = [f"{what}\n    {len(ways)} times, such as by: {ways[0]}" for what, ways in report.findings.items()]
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        # The archive folder's own name; then the names that have come into it. Last the outbox, which the file has
        # left: else it is back after a power cut, and is held as sent before.
        ("rename-archive", {"fsync outbox": 2, "fsync outbox/archive": 1}),
        ("retention-archive", {"fsync outbox": 1}),
        ("retention", {"fsync outbox": 1}),
        ("rename-elsewhere", {"fsync elsewhere/PART": 1, "fsync elsewhere": 1, "fsync outbox": 1}),
        ("rename-elsewhere-copied", {"fsync elsewhere/invoice.xml": 1, "fsync elsewhere": 1, "fsync outbox": 1}),
        ("rename-archive-links", {"fsync outbox": 2, "fsync outbox/archive": 1}),
        # The part, its name, its final name.
        ("pickup-delete", {"fsync inbox/PART": 1, "fsync inbox": 2}),
        ("pickup-delete-links", {"fsync inbox/PART": 1, "fsync inbox": 2}),
        # The ledger's own folder is synced by SQLite as well.
        ("first-run", {"fsync .": 1, "fsync state": 1}),
    ],
)
def test_each_sync_is_there_for_a_reason(name: str, needed: dict[str, int]) -> None:
    with opened(ALL[name]) as stage:
        omissions = list(Omissions(stage).tried())
    found = Counter(one.what for one in omissions if one.wrong and not one.is_of_ledger)
    assert found == needed, "\n".join(["", *map(str, omissions)])


@pytest.mark.parametrize("name", ["rename-keep", "direct-keep", "pickup-delete"])
@pytest.mark.parametrize("target", ["-wal", ""])
def test_a_ledger_that_is_not_synced_does_not_do(name: str, target: str) -> None:
    with opened(ALL[name]) as stage:
        assert Omissions(stage).all_of(f"ledger.sqlite3{target}")
