# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was measured, kept between calls, so that the page can be made of several of them: ``build/bench/*.json``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from cases import CASES, Case
from circumstances import Circumstances
from contest import Score

KEPT = Path(__file__).resolve().parents[2] / "build" / "bench"


@dataclasses.dataclass
class Results:
    """What came of a contest.

    :ivar versions: by the contestants' names.
    :ivar syncs: how often ours called fsync and the like, by case and call.
    :ivar relay: what the relay lets through at the longest delay, in bytes a second.
    """

    about: Circumstances
    server: list[str]
    relay: float
    versions: dict[str, str]
    scores: dict[str, list[Score]] = dataclasses.field(default_factory=dict)
    syncs: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)

    @property
    def cases(self) -> list[Case]:
        return [case for case in CASES if case.name in self.scores]

    def score(self, case: str, contestant: str) -> Score | None:
        return next((score for score in self.scores.get(case, []) if score.contestant == contestant), None)


def keep(name: str, what: Any) -> None:
    """Keep a dataclass."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(dataclasses.asdict(what), indent=1) + "\n")


def kept(name: str) -> dict[str, Any] | None:
    """What was kept under a name, if anything was."""
    path = KEPT / f"{name}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    found["about"] = Circumstances(**found["about"])
    return found


def kept_results() -> Results | None:
    found = kept("contest")
    if found is None:
        return None
    found["scores"] = {case: [Score(**score) for score in scores] for case, scores in found["scores"].items()}
    return Results(**found)
