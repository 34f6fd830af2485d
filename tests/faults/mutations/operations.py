# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small changes that the catalogue is made of, each as an operation on the syntax tree of one function.

An operation finds its place by a pattern (patterns.py), and returns what stands there and what to put in its place.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable, NamedTuple, Union

from .mutation import PROTECTION
from .patterns import filled, find, fits, parse


class Edit(NamedTuple):
    """Code, and what is to stand in its place: an expression, or statements."""

    old: ast.stmt | ast.expr
    new: ast.expr | Sequence[ast.stmt]


Operation = Callable[[ast.AST], Iterator[Edit]]
"""Every place in the code where the operation could be done."""


@dataclass(frozen=True)
class Change:
    """One entry of the catalogue.

    :ivar where: the qualified name of a function or a class, or the name of a constant of a module or a class.
    :ivar operation: what to do there. It must have exactly one place in all functions of that name.
    :ivar what: what the change means.
    """

    where: str
    operation: Operation
    what: str
    kind: str = PROTECTION


Tree = Union[ast.stmt, ast.expr]


def replace(pattern: str, by: str) -> Operation:
    """Another expression in the place of one. Letters of the pattern mean the same in ``by``."""

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node, bound in find(pattern, code):
            if isinstance(node, ast.expr):
                yield Edit(node, filled(by, bound))

    return edits


def always(condition: str) -> Operation:
    return replace(condition, "True")


def never(condition: str) -> Operation:
    return replace(condition, "False")


def value(by: str) -> Operation:
    """Another value of a constant."""

    def edits(code: ast.AST) -> Iterator[Edit]:
        if isinstance(code, (ast.Assign, ast.AnnAssign)) and code.value is not None:
            yield Edit(code.value, filled(by, {}))

    return edits


def replace_text(old: str, new: str) -> Operation:
    """Another text in a string."""

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in ast.walk(code):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and old in node.value:
                yield Edit(node, ast.Constant(node.value.replace(old, new)))

    return edits


def drop_operand(pattern: str) -> Operation:
    """One operand less of ``|``, ``and`` or ``or``."""
    operand = parse(pattern)

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in ast.walk(code):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
                for one, other in ((node.left, node.right), (node.right, node.left)):
                    if fits(operand, one, {}):
                        yield Edit(node, other)
            elif isinstance(node, ast.BoolOp):
                left = [one for one in node.values if not fits(operand, one, {})]
                if len(left) < len(node.values):
                    yield Edit(node, left[0] if len(left) == 1 else ast.BoolOp(node.op, left))

    return edits


def drop_element(pattern: str) -> Operation:
    """One element less of a tuple or a list."""
    element = parse(pattern)

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in ast.walk(code):
            if isinstance(node, (ast.Tuple, ast.List)):
                left = [one for one in node.elts if not fits(element, one, {})]
                if len(left) < len(node.elts):
                    yield Edit(node, type(node)(left, node.ctx))

    return edits


def drop_filter(pattern: str) -> Operation:
    """A comprehension without one of its conditions."""
    condition = parse(pattern)

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in ast.walk(code):
            for number, generator in enumerate(getattr(node, "generators", ())):
                left = [one for one in generator.ifs if not fits(condition, one, {})]
                if isinstance(node, ast.expr) and len(left) < len(generator.ifs):
                    changed = copy.deepcopy(node)
                    getattr(changed, "generators")[number].ifs = left  # noqa: B009 - four classes have it
                    yield Edit(node, changed)

    return edits


def drop_keyword(call: str, keyword: str) -> Operation:
    """A call without one of its keyword arguments."""

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in _calls(call, code):
            left = [one for one in node.keywords if one.arg != keyword]
            if len(left) < len(node.keywords):
                yield Edit(node, ast.Call(node.func, node.args, left))

    return edits


def set_argument(call: str, which: int | str, by: str) -> Operation:
    """Another value for one argument of a call, by its place (from 0) or its keyword."""

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in _calls(call, code):
            if isinstance(which, int):
                yield from [Edit(node.args[which], filled(by, {}))] if which < len(node.args) else ()
            else:
                yield from (Edit(one.value, filled(by, {})) for one in node.keywords if one.arg == which)

    return edits


def drop_statement(pattern: str) -> Operation:
    """Without one statement. An expression as the pattern: a statement that is that, or waits for it."""
    wanted = parse(pattern)

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in ast.walk(code):
            found: ast.AST = node
            if isinstance(node, ast.Expr) and isinstance(wanted, ast.expr):
                found = node.value.value if isinstance(node.value, ast.Await) else node.value
            if isinstance(node, ast.stmt) and fits(wanted, found, {}):
                yield Edit(node, [ast.Pass()])

    return edits


def drop_if(condition: str) -> Operation:
    """Without an ``if`` and what is in it."""

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in _ifs(condition, code):
            yield Edit(node, [ast.Pass()])

    return edits


def unguard(condition: str) -> Operation:
    """What an ``if`` guards, without the ``if``."""

    def edits(code: ast.AST) -> Iterator[Edit]:
        for node in _ifs(condition, code):
            yield Edit(node, node.body)

    return edits


def _calls(pattern: str, code: ast.AST) -> Iterator[ast.Call]:
    for node, _bound in find(pattern, code):
        if isinstance(node, ast.Call):
            yield node


def _ifs(condition: str, code: ast.AST) -> Iterator[ast.If]:
    wanted = parse(condition)
    for node in ast.walk(code):
        if isinstance(node, ast.If) and not node.orelse and fits(wanted, node.test, {}):
            yield node
