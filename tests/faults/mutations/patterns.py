# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns of Python code, written as Python code.

_           any expression
_a ... _z   any expression, the same wherever the letter appears in the pattern
f(...)      a call of ``f`` with any arguments; ``f(x, ...)`` with ``x`` as the first one
a.b, f(x)   itself, however it is laid out in the source
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

Bound = dict[str, ast.AST]
"""By letter: the code that stands in its place."""

_WILDCARD = re.compile(r"_[a-z]?")


def parse(pattern: str) -> ast.stmt | ast.expr:
    """Read a pattern: one statement, or one expression."""
    (statement,) = ast.parse(pattern).body
    return statement.value if isinstance(statement, ast.Expr) else statement


def find(pattern: str, within: ast.AST) -> Iterator[tuple[ast.AST, Bound]]:
    """Every part of the code that fits the pattern, with what its letters stand for."""
    wanted = parse(pattern)
    for node in ast.walk(within):
        bound: Bound = {}
        if fits(wanted, node, bound):
            yield node, bound


def fits(pattern: object, node: object, bound: Bound) -> bool:
    if isinstance(pattern, ast.Name) and _WILDCARD.fullmatch(pattern.id) and isinstance(node, ast.expr):
        if pattern.id != "_":
            return same(bound.setdefault(pattern.id, node), node)
        return True
    if isinstance(pattern, ast.Call) and isinstance(node, ast.Call) and _is_open(pattern):
        first = pattern.args[:-1]
        given = node.args[: len(first)]
        return fits(pattern.func, node.func, bound) and fits(first, given, bound)
    if isinstance(pattern, ast.AST) and isinstance(node, ast.AST):
        return type(pattern) is type(node) and all(
            fits(getattr(pattern, field, None), getattr(node, field, None), bound) for field in pattern._fields
        )
    if isinstance(pattern, list) and isinstance(node, list):
        return len(pattern) == len(node) and all(fits(one, other, bound) for one, other in zip(pattern, node))
    return type(pattern) is type(node) and pattern == node


def filled(pattern: str, bound: Bound) -> ast.expr:
    """The expression of a pattern, with each letter replaced by what it stands for."""
    expression = parse(pattern)
    if not isinstance(expression, ast.expr):
        raise TypeError(f"{pattern!r} is not an expression")
    return _Filler(bound).visit(expression)


def same(one: ast.AST, other: ast.AST) -> bool:
    """Whether two pieces of code are the same, be they read or assigned to."""
    return ast.unparse(one) == ast.unparse(other)


def _is_open(call: ast.Call) -> bool:
    last = call.args[-1] if call.args else None
    return isinstance(last, ast.Constant) and last.value is Ellipsis


class _Filler(ast.NodeTransformer):
    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._bound.get(node.id, node)
