# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is taken out of the engine: what the rules find in it (rules.py), and what the rooms name besides (rooms/).

The rules look at whole folders of the engine, and an entry of a room goes by the name of a function: neither minds when
a file moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .mutation import KINDS, Mutation
from .operations import Change
from .rooms import CHANGES
from .rules import of_rules
from .source import Source

__all__ = ["CHECKOUT", "ENGINE", "KINDS", "Mutation", "NoSuchPlace", "mutations", "sources"]

CHECKOUT = Path(__file__).resolve().parents[3]
ENGINE = Path("plugins/module_utils/_engine")

RULED = ("transfer/", "run/", "ledger/", "local/", "remote/", "loop/limiter", "config/credentials", "errors")
"""Where something may get lost, be moved twice, be overwritten, or be told to the wrong ones."""

LEFT_OUT = ("ledger/history", "run/diagnose", "run/last_run")
"""Of those, what only reports what has happened."""

ORDERED = ("transfer/dropoff/", "transfer/pickup/")
"""Where steps that follow one another are exchanged."""


class NoSuchPlace(LookupError):
    """An entry of the catalogue has no place in the engine as it is, or more than one."""


def mutations(checkout: Path = CHECKOUT) -> Iterator[Mutation]:
    """All of them, in the order of the source, and each once."""
    seen = set()
    every = sources(checkout)
    named: dict[str, list[Mutation]] = {}
    for change in CHANGES:
        mutation = found(change, every)
        named.setdefault(mutation.file, []).append(mutation)
    for source in every:
        ruled = of_rules(source, ordered=source.file.startswith(ORDERED)) if _is_ruled(source.file) else ()
        for mutation in sorted([*ruled, *named.get(source.file, ())], key=lambda one: one.line):
            if mutation.key not in seen and mutation.source != source.text:
                seen.add(mutation.key)
                yield mutation


def sources(checkout: Path = CHECKOUT) -> list[Source]:
    """All files of the engine."""
    engine = checkout / ENGINE
    return [Source(str(path.relative_to(engine)), path.read_text()) for path in sorted(engine.rglob("*.py"))]


def found(change: Change, every: list[Source]) -> Mutation:
    """An entry of the catalogue in the one place that it has in the engine.

    :raises NoSuchPlace: there is none, or more than one.
    """
    edits = [
        (source, edit)
        for source in every
        if change.where in source.places
        for edit in change.operation(source.places[change.where])
    ]
    if len(edits) != 1:
        files = ", ".join(source.file for source in every if change.where in source.places) or "no file"
        raise NoSuchPlace(f"{change.where}, in {files}, has {len(edits)} places for: {change.what}")
    source, edit = edits[0]
    return source.mutation(change.where, edit.old.lineno, change.kind, change.what, source.edited(edit))


def _is_ruled(file: str) -> bool:
    return file.startswith(RULED) and not file.startswith(LEFT_OUT)
