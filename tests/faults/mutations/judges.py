# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who judges a mutation, the quickest first: the tests that call what was changed, the crash matrix, power cuts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .mutation import ORDER, PROTECTION, SYNC, Mutation
from .workshop import Workshop

UNIT, INTEGRATION = "tests/unit/plugins/module_utils/_engine", "tests/integration/engine"
SECONDS = {UNIT: 8.0, INTEGRATION: 40.0}
"""Of all tests that call a function, as many as take so long, the quickest first; in any case those of its folder."""

PYTEST = ("-m", "pytest", "-x", "-q", "--tb=line")

_DROPOFF, _PICKUP = "transfer/dropoff/", "transfer/pickup/"
_BOTH = ("transfer/", "local/", "ledger/", "run/")
"""The folders of the engine that the crash matrix and the power cuts try."""

Touches = Mapping[str, tuple[float, Sequence[str]]]
"""By test: the seconds that it takes, and the functions that it calls (touch.py)."""


@dataclass(frozen=True)
class Judge:
    """:ivar patience: seconds after which a mutated engine hangs; that is noticed, too."""

    name: str
    arguments: tuple[str, ...]
    patience: float

    def says(self, workshop: Workshop) -> str:
        """What is wrong with the engine as it is now; nothing: an empty text."""
        status, output = workshop.run(self.arguments, self.patience)
        if status == 0:
            return ""
        if status is None:
            return f"{self.name}: it hangs"
        failed = re.search(r"^(?:FAILED|ERROR) (\S*?\.py::.*?)(?: - .*)?$", output, re.MULTILINE)
        if failed:
            return failed[1]
        wrong = re.search(r"^WRONG (.*)", output, re.MULTILINE)
        last = (output.strip().splitlines() or ["?"])[-1].strip()
        return f"{self.name}: {wrong[1] if wrong else last}"[:200]


ROUNDS = ("unit tests", "tests with OpenSSH", "power cuts", "crash matrix")
"""One judge after the other, each for all that none before has noticed."""


def judges_of(mutation: Mutation, touches: Touches, round_: int) -> Iterator[Judge]:
    """Those who may notice a mutation, of one of the `ROUNDS`."""
    sides = _sides(mutation.file)
    if round_ == 0:
        yield from _tests(mutation, touches, UNIT)
    elif round_ == 1 and mutation.kind != SYNC:
        yield from _tests(mutation, touches, INTEGRATION)
    elif round_ == 2 and mutation.kind in (SYNC, ORDER, PROTECTION):
        yield from _power(mutation.file)
    elif round_ == 3 and sides:
        yield Judge("crash matrix", ("tests/faults/judge.py", sides[0] if len(sides) == 1 else "both"), 900.0)


def _sides(file: str) -> tuple[str, ...]:
    """The directions that a file of the engine has to do with, of those that can be tried."""
    if file.startswith(_DROPOFF):
        return ("dropoff",)
    if file.startswith(_PICKUP):
        return ("pickup",)
    return ("pickup", "dropoff") if file.startswith(_BOTH) else ()


def _power(file: str) -> Iterator[Judge]:
    """First whether each sync is where it is known to be needed, then every state that a cut may leave."""
    quick = "each_sync or not_synced"
    yield Judge("power cuts", (*PYTEST, "tests/faults/power/test_power.py", "-k", quick), 300.0)
    arguments = ("tests/faults/power", "explore", "--first-only", "--depth", "brief")
    for side in _sides(file):
        yield Judge("power cuts", (*arguments, "--direction", side), 900.0)


def _tests(mutation: Mutation, touches: Touches, where: str) -> Iterator[Judge]:
    """Those that call the function; for what stands outside of all functions, those that call any of the file's."""
    wanted, folder = f"{mutation.file}: {mutation.where}", mutation.file.rpartition("/")[0]
    own = (f"{UNIT}/{folder}/" if folder else f"{UNIT}/test_", f"{UNIT}/test_order.py::")

    def that_call(is_wanted: Callable[[str], bool]) -> dict[str, float]:
        return {
            test: seconds
            for test, (seconds, called) in touches.items()
            if test.startswith(where) and any(map(is_wanted, called))
        }

    found = that_call(lambda name: name == wanted or name.startswith(f"{wanted}.")) or that_call(
        lambda name: name.startswith(f"{mutation.file}: ")
    )
    chosen, spent = [], 0.0
    for test in sorted(found, key=lambda test: (not test.startswith(own), found[test])):
        if not test.startswith(own) and spent + found[test] > SECONDS[where]:
            break
        spent += found[test]
        chosen.append(test)
    if chosen:
        yield Judge("tests", (*PYTEST, *chosen), 25.0 + 5 * spent)


def read_touches(path: Path) -> Touches:
    found: Touches = json.loads(path.read_text())
    return found
