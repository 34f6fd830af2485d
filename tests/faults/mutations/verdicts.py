# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the judges said, kept so that a later run need not ask again about what has not changed since."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from .catalogue import Mutation
from .judges import INTEGRATION, ROUNDS, Judge, Touches, judges_of
from .workshop import Workshop


class Verdict(NamedTuple):
    """Who noticed a mutation (nobody: an empty text), and how many rounds that took, or were in vain."""

    noticed: str = ""
    rounds: int = 0

    @property
    def is_open(self) -> bool:
        return not self.noticed and self.rounds < len(ROUNDS)


class Verdicts:
    """By mutation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        found = json.loads(path.read_text()) if path.exists() else {}
        self._found = {key: Verdict(*verdict) for key, verdict in found.items()}

    def __getitem__(self, mutation: Mutation) -> Verdict:
        return self._found.get(mutation.key, Verdict())

    def keep(self, mutation: Mutation, verdict: Verdict) -> None:
        self._found[mutation.key] = verdict
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(self._found, indent=1))
        draft.replace(self._path)


def judged(mutation: Mutation, touches: Touches, round_: int, workshop: Workshop) -> Verdict:
    """What those of one round say to a mutation."""
    with workshop.changed(mutation):
        for judge in judges_of(mutation, touches, round_):
            noticed = _confirmed(judge, workshop)
            if noticed:
                return Verdict(noticed, round_ + 1)
    return Verdict("", round_ + 1)


def _confirmed(judge: Judge, workshop: Workshop) -> str:
    """What a judge says; a test that has others to talk to says it twice, for on a busy machine it may fail so."""
    noticed = judge.says(workshop)
    if noticed in judge.arguments and noticed.startswith(INTEGRATION):
        options = [argument for argument in judge.arguments if "::" not in argument]
        return noticed if replace(judge, arguments=(*options, noticed)).says(workshop) else ""
    return noticed
