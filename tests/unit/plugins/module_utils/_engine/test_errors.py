# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every error that the engine's source builds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.courier.filedrop.plugins.module_utils._engine import errors
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError

ENGINE = Path(errors.__file__).parent
SOURCES = {path: ast.parse(path.read_text()) for path in ENGINE.rglob("*.py")}


def kinds() -> dict[str, str]:
    """The kinds of errors by name, with their usual way out."""
    found = {name: kind.USUAL_WAY_OUT for name, kind in vars(errors).items() if is_kind(kind)}
    for tree in SOURCES.values():
        for node in ast.walk(tree):
            bases = (
                [base.id for base in node.bases if isinstance(base, ast.Name)] if isinstance(node, ast.ClassDef) else []
            )
            for base in bases:
                if base in found and isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, found[base])
    return found


def is_kind(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, FiledropError)


def built() -> Iterator[tuple[str, str, ast.Call]]:
    """Each place where an error is built with a reason: the place, the kind, and the call."""
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                yield f"{path.relative_to(ENGINE)}:{node.lineno}", node.func.id, node


def test_every_error_has_a_way_out() -> None:
    usual = kinds()
    assert "RemoteDenied" in usual
    without = [
        place
        for place, kind, call in built()
        if kind in usual and not usual[kind] and len(call.args) == 2 and not call.keywords
    ]
    assert without == []


def test_errors_of_held_files_are_built_where_the_way_out_is_known() -> None:
    places = {place.partition(":")[0] for place, kind, _call in built() if kind == "HoldError"}
    assert places == {"ledger/decisions.py", "transfer/dropoff/workflow.py", "transfer/importing/job_run.py"}


def test_a_usual_way_out_gives_way_to_another() -> None:
    assert "Ask the provider" in str(errors.RemoteDenied("remote_denied", "No."))
    assert str(errors.RemoteDenied("remote_denied", "No.", "Do this.")) == "No. Do this."
