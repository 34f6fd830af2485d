# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the tables of docs/guarantees.md and the two pictures of states from the engine's states.py: ``make docs``.

The pictures are drawn by Graphviz. Each names the digest of the text that it was drawn from, so that a test can tell,
without Graphviz, whether it is still the right one.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "build" / "tree"))

from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import (  # noqa: E402
    HOLDS,
    RECOVERY,
    STEPS,
    LocalPart,
    Original,
    Seen,
    State,
    Step,
    Visibility,
)

PAGE = CHECKOUT / "docs" / "guarantees.md"
PICTURES = {"dropoff": ("direct", "rename"), "pickup": ("pickup",)}
TITLES = {"dropoff": "The states of a drop-off", "pickup": "The states of a pickup"}
_COLUMNS = {
    "direct": ("final name", "seen while open"),
    "rename": ("final name", "temporary name"),
    "pickup": ("here", "on the server"),
}
_AXES: dict[str, tuple[type[Enum], type[Enum]]] = {
    "direct": (Seen, Visibility),
    "rename": (Seen, Seen),
    "pickup": (LocalPart, Original),
}


def main() -> None:
    PAGE.write_text(page(PAGE.read_text()))
    for direction in PICTURES:
        picture(direction).write_text(_drawn(direction))


def page(text: str) -> str:
    """The page with its tables made anew, each between two marks."""
    for name, lines in (("states", _states()), *((track, _recovery(track)) for track in RECOVERY)):
        begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- end of {name} -->"
        table = "\n".join([begin, *lines, end])
        text, count = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _found: table, text, flags=re.DOTALL)  # noqa: B023
        if count != 1:
            raise SystemExit(f"{PAGE} has {count} places for the table {name!r}")
    return text


def picture(direction: str) -> Path:
    return CHECKOUT / "docs" / f"states-{direction}.svg"


def digest(direction: str) -> str:
    """What a picture is made from."""
    return hashlib.sha256(_dot(direction).encode()).hexdigest()


# --- tables


def _states() -> Iterator[str]:
    yield from _head("state", "track", "meaning")
    for state in State:
        tracks = [track for track, steps in STEPS.items() if state in _of(steps)]
        if state is not State.NEW:
            yield _row(f"`{state.value}`", ", ".join(tracks), state.meaning)


def _recovery(track: str) -> Iterator[str]:
    yield from _head("last state", *_COLUMNS[track], "so")
    first, second = _AXES[track]
    for rule in RECOVERY[track]:
        states = [state for state in rule.states if state in _of(STEPS[track])]
        if states:
            names = ", ".join(f"`{state.value}`" for state in states)
            yield _row(names, _any(rule.first, first), _any(rule.second, second), rule.verdict.value)


def _any(seen: Iterable[Enum], of_all: type[Enum]) -> str:
    those, order = set(seen), list(of_all)
    if those == set(of_all):
        return ""
    if those == set(of_all) - {Seen.NOTHING}:
        return "any file"
    return "; ".join(one.value for one in sorted(those, key=order.index))


def _head(*titles: str) -> Sequence[str]:
    return [_row(*titles), "|" + "---|" * len(titles)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _of(steps: Iterable[Step]) -> set[State]:
    return {state for step in steps for state in (*step.before, step.after)}


# --- pictures


def _dot(direction: str) -> str:
    steps = [step for track in PICTURES[direction] for step in STEPS[track]]
    lines = [f'digraph "{TITLES[direction]}" {{', '  rankdir=TB; node [fontname="Helvetica", fontsize=11];']
    lines.append('  edge [fontname="Helvetica", fontsize=9, color="#666666", fontcolor="#444444"];')
    lines += [f"  {_node(state)};" for state in State if state in _of(steps)]
    edges: dict[tuple[State, State], str] = {}
    for step in steps:
        for before in step.before:
            if before is not step.after:
                edges.setdefault((before, step.after), "dashed" if step.when.startswith("decision") else "solid")
    order = list(State)
    for a, b in sorted(edges, key=lambda edge: (order.index(edge[0]), order.index(edge[1]))):
        lines.append(f"  {_name(a)} -> {_name(b)} [style={edges[a, b]}];")
    return "\n".join([*lines, "}", ""])


def _node(state: State) -> str:
    if state is State.NEW:
        return 'new [label="", shape=circle, width=0.15, style=filled, fillcolor="#333333"]'
    fill = "#fff3cd" if state in HOLDS else "#e8f0fe" if state.is_open else "#e6f4ea"
    shape = "box" if state.is_open else "box, peripheries=2"
    return f'{_name(state)} [label="{state.value}", shape={shape}, style="filled,rounded", fillcolor="{fill}"]'


def _name(state: State) -> str:
    return state.value or "new"


def _drawn(direction: str) -> str:
    drawn = subprocess.run(["dot", "-Tsvg"], input=_dot(direction), text=True, capture_output=True, check=True).stdout
    return drawn.replace("<svg", f"<!-- made by `make docs` from {digest(direction)} -->\n<svg", 1)


if __name__ == "__main__":
    main()
