# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The crash matrix as a quick judge of a mutated engine: ends at the first thing that is wrong, with status 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS.parent / "build" / "tree")]

WAYS = {
    "dropoff": (
        *("rename-archive-openssh crash", "direct-delete-taking crash", "direct-archive-hiding crash"),
        *("rename-delete-taking crash", "rename-archive-openssh events", "direct-delete-taking events"),
        *(
            "direct-archive-hiding events",
            "rename-archive-openssh twice",
            "rename-other-disk crash",
            "direct-large cut",
            "rename-archive-taking cut",
        ),
        *("direct-delete-openssh take", "rename-delete-openssh replace", "direct-keep-openssh squat"),
        *("rename-archive-openssh deep", "direct-delete-hiding deep"),
    ),
    "pickup": (
        *(
            "pickup-delete crash",
            "pickup-keep crash",
            "pickup-move crash",
            "pickup-delete events",
            "pickup-move events",
        ),
        *("pickup-keep events", "pickup-delete twice", "pickup-sidecar crash", "pickup-reread cut", "pickup-large cut"),
        *("pickup-delete replace", "pickup-move replace", "batch-pickup-delete crash", "pickup-delete deep"),
    ),
}
"""What is crashed, and how; or which event is to happen at every step of a run."""


def main() -> int:
    from faults import stepper

    stepper.HUNG = 20.0
    for name, way in _ways(sys.argv[1]):
        for what in _try(name, way):
            print(f"WRONG {what} ({name} {way})")
            return 1
    return 0


def _ways(side: str) -> Iterator[tuple[str, str]]:
    for one in ("dropoff", "pickup"):
        if side in (one, "both"):
            yield from ((name, way) for name, way in (text.split() for text in WAYS[one]))


def _try(name: str, way: str) -> list[str]:
    from faults.explorer import Explorer, Limits, Report
    from faults.runs import stage
    from faults.variants import ALL

    with stage(ALL[name]) as place:
        explorer = Explorer(place, Report(name, enough=1))
        ways: dict[str, Callable[[], None]] = {
            "crash": lambda: explorer.crash(Limits(depth=1)),
            "deep": lambda: explorer.crash(Limits(depth=2, sample=4)),
            "twice": explorer.begin_twice,
            "events": lambda: (explorer.crash(Limits(depth=1)), explorer.meet_events(crash=False))[1],
            "cut": explorer.cut,
        }
        try:
            ways.get(way, lambda: explorer.meet_events_midway(way))()
        except RuntimeError as error:
            return [str(error).strip().splitlines()[-1]]
        return [f"{what}; {ways[0]}" for what, ways in explorer.report.findings.items()]


if __name__ == "__main__":
    raise SystemExit(main())
