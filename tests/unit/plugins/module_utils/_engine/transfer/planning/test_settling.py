# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import ledger as ledger_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.planning import (
    settling as settling_module,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.planning.settling import Settling, Sight

KEY = ("acme", "pickup", "out")
NOW = 1_700_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Our own clock, in seconds since 1970; it stands still until a test moves it."""
    now = [NOW]
    for module in (settling_module, ledger_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now[0], monotonic=lambda: now[0]))
    return now


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path / "ledger"), create=True)) as opened:
        yield opened


def candidate(name: str, *, age: float | None, size: int = 10) -> Sight:
    """A file whose time is so many seconds before NOW; None: the server does not tell its time."""
    return Sight(name, size, None if age is None else int((NOW - age) * 1e9))


def settling(ledger: Ledger, *, settle: float = 5, note: bool = True) -> Settling:
    return Settling(ledger, KEY, settle, note=note)


def test_a_file_is_settled_when_its_time_is_old_enough(ledger: Ledger, clock: list[float]) -> None:
    ages = {"now": 0, "young": 4.9, "just": 5.0, "old": 5000}
    files = [candidate(name, age=age) for name, age in ages.items()]
    assert settling(ledger).unsettled(files) == {"now", "young"}


def test_a_file_of_the_future_or_of_no_time_is_settled_when_it_was_seen_unchanged_for_long_enough(
    ledger: Ledger, clock: list[float]
) -> None:
    """The server's clock may run ahead of ours, by years."""
    files = [candidate("ahead", age=-3600), candidate("far ahead", age=-1e8), candidate("timeless", age=None)]
    names = {file.name for file in files}
    for later, expected in ((0, names), (4.9, names), (5.0, set()), (600, set())):
        clock[0] = NOW + later
        assert settling(ledger).unsettled(files) == expected


def test_a_change_begins_the_wait_anew(ledger: Ledger, clock: list[float]) -> None:
    before, grown = candidate("a", age=-3600), candidate("a", age=-3600, size=11)
    touched = candidate("a", age=-3601, size=11)
    for later, file, waits in (
        (0, before, True),
        (6, grown, True),
        (10, grown, True),
        (10.5, touched, True),
        (15, touched, True),
        (15.5, touched, False),
    ):
        clock[0] = NOW + later
        assert settling(ledger).unsettled([file]) == ({"a"} if waits else set())


def test_each_file_settles_by_itself(ledger: Ledger, clock: list[float]) -> None:
    old, first, second = candidate("old", age=60), candidate("first", age=-60), candidate("second", age=-60)
    assert settling(ledger).unsettled([old, first]) == {"first"}
    clock[0] += 5
    assert settling(ledger).unsettled([old, first, second]) == {"second"}


def test_a_clock_that_was_set_back_makes_files_wait_and_no_more(ledger: Ledger, clock: list[float]) -> None:
    file = candidate("a", age=0)
    clock[0] = NOW - 1000
    assert settling(ledger).unsettled([file]) == {"a"}
    clock[0] = NOW - 994
    assert settling(ledger).unsettled([file]) == set()


def test_no_settling_is_wanted_and_none_is_done(ledger: Ledger, clock: list[float]) -> None:
    files = [candidate("a", age=-60), candidate("b", age=None)]
    assert settling(ledger, settle=0).unsettled(files) == set()
    assert ledger.sightings(*KEY, [file.key for file in files]) == {}


def test_check_mode_sees_what_was_noted_and_notes_nothing(ledger: Ledger, clock: list[float]) -> None:
    known, new = candidate("known", age=-3600), candidate("new", age=-3600)
    settling(ledger).unsettled([known])
    clock[0] += 5
    look = settling(ledger, note=False)
    assert look.unsettled([known, new]) == {"new"}
    clock[0] += 60
    assert look.unsettled([known, new]) == {"new"}
    assert look.unsettled([candidate("settled", age=60)]) == set()
    assert ledger.sightings(*KEY, [known.key, new.key]).keys() == {"known"}


def test_what_nobody_waits_for_any_more_is_forgotten(ledger: Ledger, clock: list[float]) -> None:
    young = candidate("a", age=-60)
    settling(ledger).unsettled([young])
    later = settling(ledger)
    later.unsettled([candidate("b", age=60)])
    later.end()
    assert ledger.sightings(*KEY, [young.key]) == {}
