# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is taken out of the engine by rule: every sync, check and commit to the ledger, and parts of conditions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from .mutation import CHECK, CLEANING, COMMIT, ORDER, SYNC, Mutation
from .source import Source

_CALLS = {
    SYNC: r"f?sync|sync_new|sync_move|_make_durable|_sync_folders",
    COMMIT: r"commit|learn|change|remember|forget_sightings|_placed|_record",
    CHECK: r"_?(check|require|prove)(_.*)?|adopt",
    CLEANING: r"_?remove_own|discard|_take_back|remove_parts|_remove_parts|remove_leftovers|remove|rmtree",
}
"""By kind: the names of the functions whose calls are taken out."""


def of_rules(source: Source, *, ordered: bool) -> Iterator[Mutation]:
    """Everything that a rule finds in a file.

    :param ordered: exchange steps that follow one another, too.
    """
    for node in ast.walk(source.tree):
        for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            if isinstance(body, list):
                yield from _of_block(source, body, ordered=ordered)
        yield from _of_condition(source, node)


# --- statements


def _of_block(source: Source, body: list[ast.stmt], *, ordered: bool) -> Iterator[Mutation]:
    for statement in body:
        kind = _kind(statement)
        if kind:
            yield _without(source, statement, kind, f"without `{source.shown(statement)}`")
        elif isinstance(statement, ast.If) and not statement.orelse and _leaves(statement):
            yield _without(source, statement, CHECK, f"never mind `{source.shown(statement.test)}`")
    if ordered:
        for first, second in zip(body, body[1:]):
            if (_kind(first) or _kind(second)) and _waits(first) and _waits(second) and not _follows(first, second):
                yield _swapped(source, first, second)


def _without(source: Source, statement: ast.stmt, kind: str, what: str) -> Mutation:
    return _mutation(source, statement, kind, what, source.replaced(statement, "pass"))


def _swapped(source: Source, first: ast.stmt, second: ast.stmt) -> Mutation:
    lines = source.lines
    a, b = lines[first.lineno - 1 : first.end_lineno], lines[second.lineno - 1 : second.end_lineno]
    before, between = lines[: first.lineno - 1], lines[first.end_lineno or 0 : second.lineno - 1]
    changed = "".join([*before, *b, *between, *a, *lines[second.end_lineno or 0 :]])
    return _mutation(source, first, ORDER, f"`{source.shown(second, 50)}` before `{source.shown(first, 50)}`", changed)


# --- conditions


def _of_condition(source: Source, node: ast.AST) -> Iterator[Mutation]:
    """Each part of a condition left out."""
    tests = [getattr(node, "test", None), *getattr(node, "ifs", ())]
    if isinstance(node, ast.Return) and _is_condition(node.value):
        tests.append(node.value)
    for part in (part for test in tests if test is not None for part in _parts(test)):
        if isinstance(part, ast.BoolOp) and not any(isinstance(one, ast.Constant) for one in part.values):
            yield from _without_operands(source, part)
        elif isinstance(part, ast.Compare) and isinstance(part.left, ast.Tuple):
            yield from _without_elements(source, part)


def _without_operands(source: Source, condition: ast.BoolOp) -> Iterator[Mutation]:
    word = " and " if isinstance(condition.op, ast.And) else " or "
    for left in condition.values:
        if _only_narrows(source, left, condition):
            continue
        rest = word.join(f"({source.segment(one)})" for one in condition.values if one is not left)
        what = f"without `{source.shown(left)}` in `{source.shown(condition)}`"
        mutation = _mutation(source, left, CHECK, what, source.replaced(condition, f"({rest})"))
        yield replace(mutation, is_part=True)


def _only_narrows(source: Source, left: ast.expr, condition: ast.BoolOp) -> bool:
    """Whether an operand only keeps the others from asking None for something."""
    if isinstance(left, ast.Compare) and isinstance(left.ops[0], (ast.Is, ast.IsNot)):
        name = source.segment(left.left)
        others = [source.segment(one) for one in condition.values if one is not left]
        return any(f"{name}." in other for other in others)
    return False


def _without_elements(source: Source, comparison: ast.Compare) -> Iterator[Mutation]:
    (one, other) = comparison.left, comparison.comparators[0]
    if not (isinstance(one, ast.Tuple) and isinstance(other, ast.Tuple) and len(one.elts) == len(other.elts)):
        return
    for number, left in enumerate(one.elts):
        sides = [
            "".join(f"{source.segment(element)}, " for at, element in enumerate(side.elts) if at != number)
            for side in (one, other)
        ]
        sign = "==" if isinstance(comparison.ops[0], ast.Eq) else "!="
        changed = source.replaced(comparison, f"({sides[0]}) {sign} ({sides[1]})")
        what = f"never mind `{source.shown(left)}` in `{source.shown(comparison)}`"
        yield _mutation(source, left, CHECK, what, changed)


def _mutation(source: Source, node: ast.stmt | ast.expr, kind: str, what: str, changed: str) -> Mutation:
    return source.mutation(source.owners[node], node.lineno, kind, what, changed)


def _parts(test: ast.expr) -> Iterator[ast.expr]:
    """A condition, and those that it consists of; no values that only look like one (``name or default``)."""
    yield test
    if isinstance(test, ast.BoolOp) and not any(isinstance(one, ast.Constant) for one in test.values):
        yield from (part for value in test.values for part in _parts(value))
    elif isinstance(test, ast.UnaryOp):
        yield from _parts(test.operand)


def _kind(statement: ast.stmt) -> str:
    """Of a statement that only calls something, and may wait for it."""
    if not isinstance(statement, ast.Expr):
        return ""
    value = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return next((kind for kind, names in _CALLS.items() if re.fullmatch(names, name)), "")
    return SYNC if isinstance(statement.value, ast.Await) and isinstance(value, ast.Name) else ""


def _is_condition(value: ast.expr | None) -> bool:
    """Whether a function returns yes or no by this."""
    if isinstance(value, ast.BoolOp):
        return any(_is_condition(one) for one in value.values)
    return isinstance(value, ast.Compare) or (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not))


def _leaves(statement: ast.If) -> bool:
    return isinstance(statement.body[-1], (ast.Raise, ast.Return, ast.Continue, ast.Break))


def _waits(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Expr, ast.Assign)) and any(
        isinstance(node, (ast.Await, ast.Call)) for node in ast.walk(statement)
    )


def _follows(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether a statement needs what the other one makes."""
    made = {node.id for node in ast.walk(first) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return any(isinstance(node, ast.Name) and node.id in made for node in ast.walk(second))
