# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One source file of the engine: its tree, the names in it, and the text with one piece of code replaced."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from functools import cached_property

from .mutation import Mutation
from .operations import Edit

_Scope = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Source:
    """:param file: its path in the engine."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.lines = text.splitlines(keepends=True)
        self.tree = ast.parse(text)
        self._bytes = text.encode()
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line.encode()))

    @cached_property
    def owners(self) -> dict[ast.AST, str]:
        """By piece of code: the qualified name of the function or the class that it is in."""
        return dict(_owned(self.tree, ""))

    @cached_property
    def places(self) -> dict[str, ast.stmt]:
        """By qualified name: functions, classes, and the constants of the module and of its classes."""
        found: dict[str, ast.stmt] = {}
        for node, owner in self.owners.items():
            if isinstance(node, _Scope):
                found.setdefault(owner, node)
        for owner, body in (("", self.tree.body), *_bodies(found)):
            for statement in body:
                for name in _assigned(statement):
                    found.setdefault(f"{owner}.{name}".lstrip("."), statement)
        return found

    def _span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)

    def replaced(self, node: ast.stmt | ast.expr, by: str) -> str:
        start, end = self._span(node)
        return (self._bytes[:start] + by.encode() + self._bytes[end:]).decode()

    def edited(self, edit: Edit) -> str:
        if isinstance(edit.new, ast.expr):
            return self.replaced(edit.old, f"({ast.unparse(edit.new)})")
        body = "\n".join(ast.unparse(statement) for statement in edit.new)
        return self.replaced(edit.old, textwrap.indent(body, " " * edit.old.col_offset).lstrip())

    def segment(self, node: ast.stmt | ast.expr) -> str:
        start, end = self._span(node)
        return self._bytes[start:end].decode()

    def shown(self, node: ast.stmt | ast.expr, most: int = 90) -> str:
        """A piece of code in one line, to be quoted."""
        shown = " ".join(self.segment(node).split())
        return shown if len(shown) <= most else f"{shown[:most]}..."

    def mutation(self, where: str, line: int, kind: str, what: str, source: str) -> Mutation:
        compile(source, self.file, "exec")  # what is no Python proves nothing
        return Mutation(self.file, line, where, kind, what, source)


def _owned(node: ast.AST, owner: str) -> Iterator[tuple[ast.AST, str]]:
    for child in ast.iter_child_nodes(node):
        name = f"{owner}.{child.name}".lstrip(".") if isinstance(child, _Scope) else owner
        yield child, name
        yield from _owned(child, name)


def _bodies(places: dict[str, ast.stmt]) -> list[tuple[str, list[ast.stmt]]]:
    return [(name, node.body) for name, node in places.items() if isinstance(node, ast.ClassDef)]


def _assigned(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]
