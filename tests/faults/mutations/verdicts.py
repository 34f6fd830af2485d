# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the judges said, kept so that a later run need not ask again about what has not changed since."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from .catalogue import Mutation
from .judges import Judge, Touches, judges_of
from .workshop import Workshop


class Verdicts:
    """By mutation, who noticed it; an empty text: nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def __contains__(self, mutation: Mutation) -> bool:
        return mutation.key in self._found

    def __getitem__(self, mutation: Mutation) -> str:
        return self._found[mutation.key]

    def keep(self, mutation: Mutation, noticed: str) -> None:
        self._found[mutation.key] = noticed
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(self._found, indent=1))
        draft.replace(self._path)


def judged(mutation: Mutation, touches: Touches, workshop: Workshop) -> str:
    """Who notices a mutation first; nobody: an empty text."""
    with workshop.changed(mutation):
        for judge in judges_of(mutation, touches):
            noticed = _confirmed(judge, workshop)
            if noticed:
                return noticed
    return ""


def _confirmed(judge: Judge, workshop: Workshop) -> str:
    """What a judge says, and says again: a test may fail on a busy machine for no other reason."""
    noticed = judge.says(workshop)
    if noticed in judge.arguments:
        options = [argument for argument in judge.arguments if "::" not in argument]
        return noticed if replace(judge, arguments=(*options, noticed)).says(workshop) else ""
    return noticed
