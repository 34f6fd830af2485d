# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the tables and pictures of the documentation that are made from the code: ``make docs``.

The states come from the engine's states.py, the floors from the import contracts in pyproject.toml.

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

import tomllib

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "build" / "tree"))

from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import (  # noqa: E402
    DECIDABLE,
    RECOVERY,
    STEPS,
    HandlerEnd,
    LocalPart,
    Original,
    Seen,
    State,
    Step,
    TriesLeft,
    Visibility,
)

PAGE = CHECKOUT / "docs" / "states.md"
STATES = {
    "states-dropoff": ("direct", "rename"),
    "states-request": ("request",),
    "states-pickup": ("pickup",),
    "states-import": ("import",),
}
PICTURES = (*STATES, "architecture-floors", "architecture-file")
_COLUMNS = {
    "direct": ("final name", "seen while open"),
    "rename": ("final name", "temporary name"),
    "request": ("final name", "seen while open"),
    "pickup": ("here", "on the server"),
    "import": ("record of the handler", "tries"),
}
_AXES: dict[str, tuple[type[Enum], type[Enum]]] = {
    "direct": (Seen, Visibility),
    "rename": (Seen, Seen),
    "request": (Seen, Visibility),
    "pickup": (LocalPart, Original),
    "import": (HandlerEnd, TriesLeft),
}


def main() -> None:
    PAGE.write_text(page(PAGE.read_text()))
    for name in PICTURES:
        picture(name).write_text(_drawn(name))


def page(text: str) -> str:
    """The page with its tables made anew, each between two marks."""
    for name, lines in (("states", _states()), *((track, _recovery(track)) for track in RECOVERY)):
        begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- end of {name} -->"
        table = "\n".join([begin, "", *lines, "", end])
        text, count = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _found: table, text, flags=re.DOTALL)  # noqa: B023
        if count != 1:
            raise SystemExit(f"{PAGE} has {count} places for the table {name!r}")
    return text


def picture(name: str) -> Path:
    return CHECKOUT / "docs" / f"{name}.svg"


def digest(name: str) -> str:
    """What a picture is made from."""
    return hashlib.sha256(_dot(name).encode()).hexdigest()


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
    return [_row(*titles), "|" + " -- |" * len(titles)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _of(steps: Iterable[Step]) -> set[State]:
    return {state for step in steps for state in (*step.before, step.after)}


# --- pictures


def _dot(name: str) -> str:
    """A picture, in the language of Graphviz."""
    body = _states_of(name) if name in STATES else _floors() if name == "architecture-floors" else _FILE
    style = 'node [fontname="Helvetica", fontsize=11, shape=box, style="filled,rounded", fillcolor="#e8f0fe"];'
    edges = 'edge [fontname="Helvetica", fontsize=9, color="#666666", fontcolor="#444444"];'
    return "\n".join([f'digraph "{name}" {{', f"  {style}", f"  {edges}", *body, "}", ""])


def _states_of(name: str) -> Iterator[str]:
    steps = [step for track in STATES[name] for step in STEPS[track]]
    yield from (f"  {_node(state)};" for state in State if state in _of(steps))
    edges: dict[tuple[State, State], str] = {}
    for step in steps:
        for before in step.before:
            if before is not step.after:
                edges.setdefault((before, step.after), "dashed" if step.when.startswith("decision") else "solid")
    order = list(State)
    for a, b in sorted(edges, key=lambda edge: (order.index(edge[0]), order.index(edge[1]))):
        yield f"  {_name(a)} -> {_name(b)} [style={edges[a, b]}];"


def _floors() -> Iterator[str]:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (floors,) = [contract["layers"] for contract in contracts if contract["name"] == "The engine's floors"]
    yield '  subgraph cluster_faces { label="thin faces"; fontsize=10; style=dashed; modules; roles; }'
    yield '  modules [fillcolor="#fff3cd"]; roles [fillcolor="#fff3cd"];'
    names = [floor.replace(" | ", "_") for floor in floors]
    for name, floor in zip(names, floors):
        yield f'  {name} [label="{floor}", width=3];'
    yield f"  {' -> '.join(names)};"
    yield f"  roles -> {names[0]}; modules -> {names[1]};"


_FILE = [
    "  rankdir=LR;",
    '  job [label="Job\\nconfig/jobs/job.py"]; plan [label="plan\\ntransfer/*/plan.py"];',
    '  item [label="Item\\ntransfer/*/item.py"];',
    '  workflow [label="workflow\\ntransfer/*/workflow.py"]; outcome [label="FileOutcome\\ntransfer/result.py"];',
    '  tally [label="Tally\\ntransfer/tally.py"]; result [label="RunResult", fillcolor="#e6f4ea"];',
    '  remote [label="Remote\\nremote/", fillcolor="#fff3cd"]; ledger [label="Ledger\\nledger/", fillcolor="#fff3cd"];',
    '  states [label="states.py", fillcolor="#fff3cd"]; folder [label="Folder\\nlocal/", fillcolor="#fff3cd"];',
    "  job -> plan -> item -> workflow -> outcome -> tally -> result;",
    "  plan -> ledger [style=dotted]; plan -> folder [style=dotted];",
    '  workflow -> remote [label="upload, download, stat"]; workflow -> ledger [label="commit"];',
    '  workflow -> states [label="after a crash"]; ledger -> states [label="is this step legal?"];',
]


def _node(state: State) -> str:
    if state is State.NEW:
        return 'new [label="", shape=circle, width=0.15, style=filled, fillcolor="#333333"]'
    fill = "#fff3cd" if state in DECIDABLE else "#e8f0fe" if state.is_open else "#e6f4ea"
    border = 1 if state.is_open else 2
    return f'{_name(state)} [label="{state.value}", peripheries={border}, fillcolor="{fill}"]'


def _name(state: State) -> str:
    return state.value or "new"


def _drawn(name: str) -> str:
    drawn = subprocess.run(["dot", "-Tsvg"], input=_dot(name), text=True, capture_output=True, check=True).stdout
    return drawn.replace("<svg", f"<!-- made by `make docs` from {digest(name)} -->\n<svg", 1)


if __name__ == "__main__":
    main()
