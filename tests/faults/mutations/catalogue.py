# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is taken out of the engine: every sync, check and commit to the ledger that a rule finds in its source, each by
itself, and what `words.py` names besides.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .words import WORDS

CHECKOUT = Path(__file__).resolve().parents[3]
ENGINE = Path("plugins/module_utils/_engine")

SYNC, COMMIT, CHECK, CLEANING, ORDER, PROTECTION = "syncs", "commits", "checks", "cleaning", "order", "protections"
KINDS = {
    SYNC: "Syncs",
    COMMIT: "Commits to the ledger, and what it learns",
    CHECK: "Checks, and each part of a check",
    CLEANING: "What is removed of our own",
    ORDER: "Two steps in the wrong order",
    PROTECTION: "Protections of a few characters",
}

FILES = (
    *(
        "transfer/dropoff/workflow.py",
        "transfer/dropoff/job_run.py",
        "transfer/dropoff/plan.py",
        "transfer/dropoff/recovery.py",
        "transfer/dropoff/archive.py",
    ),
    *(
        "transfer/pickup/workflow.py",
        "transfer/pickup/job_run.py",
        "transfer/pickup/plan.py",
        "transfer/pickup/verify.py",
        "transfer/pickup/claims.py",
        "transfer/pickup/disk_space.py",
    ),
    *(
        "local/folder.py",
        "local/fsync.py",
        "ledger/ledger.py",
        "ledger/database.py",
        "ledger/locks.py",
        "local/ownership.py",
        "local/permissions.py",
    ),
    *("transfer/canary.py", "loop/limiter.py", "errors.py"),
    *(
        "run/runner.py",
        "transfer/base.py",
        "transfer/selection.py",
        "local/names.py",
        "run/adoption.py",
        "ledger/decisions.py",
        "run/retention.py",
    ),
    *(
        "remote/folder.py",
        "remote/threaded.py",
        "remote/sftp/remote.py",
        "remote/sftp/requests.py",
        "remote/sftp/sessions.py",
        "remote/sftp/upload.py",
        "remote/sftp/download.py",
        "remote/sftp/listing.py",
        "remote/sftp/session.py",
        "remote/sftp/framing.py",
    ),
    *(
        "remote/sftp/packets.py",
        "remote/ssh/connect.py",
        "remote/ssh/connection.py",
        "remote/ssh/handshake.py",
        "remote/ssh/hostkeys.py",
        "config/credentials.py",
    ),
)
"""Where something may get lost, be moved twice, be overwritten, or be told to the wrong ones."""

_CALLS = {
    SYNC: r"f?sync|sync_new|sync_move|_make_durable|_sync_folders",
    COMMIT: r"commit|learn|change|remember|forget_sightings|_placed|_record",
    CHECK: r"_?(check|require|prove)(_.*)?|adopt",
    CLEANING: r"_?remove_own|discard|_take_back|remove_parts|_remove_parts|remove_leftovers|remove|rmtree",
}
_ORDERED = (
    "transfer/dropoff/workflow.py",
    "transfer/pickup/workflow.py",
    "transfer/pickup/job_run.py",
    "transfer/dropoff/archive.py",
)


@dataclass(frozen=True)
class Mutation:
    """One change to one file.

    :ivar where: the function that it is in, or its class and name; empty outside of all.
    :ivar what: the change, in words that stay true when the lines move.
    :ivar source: the whole file, changed.
    :ivar is_part: only a part of a condition is left out.
    """

    file: str
    line: int
    where: str
    kind: str
    what: str
    source: str
    is_part: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.where}: {self.what}"

    @property
    def key(self) -> str:
        """The same for the same change of the same file."""
        return hashlib.sha256(f"{self.file}\n{self.source}".encode()).hexdigest()[:16]


def mutations(checkout: Path = CHECKOUT) -> Iterator[Mutation]:
    """All of them, in the order of the source, and each once."""
    seen = set()
    for file in dict.fromkeys((*FILES, *(word.file for word in WORDS))):
        text = (checkout / ENGINE / file).read_text()
        for mutation in sorted(_File(file, text).mutations(), key=lambda one: one.line):
            if mutation.key not in seen and mutation.source != text:
                seen.add(mutation.key)
                yield mutation


class _File:
    """One source file, and what can be taken out of it."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line.encode()))
        self._bytes = text.encode()
        self._owners: dict[ast.AST, str] = {}

    def mutations(self) -> Iterator[Mutation]:
        if self._file in FILES:
            tree = ast.parse(self._text)
            self._name_owners(tree, "")
            for node in ast.walk(tree):
                for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
                    if isinstance(body, list):
                        yield from self._of_block(body)
                yield from self._of_condition(node)
        for word in WORDS:
            if word.file == self._file:
                yield from self._of_word(word.old, word.new, word.what, word.kind)

    def _name_owners(self, node: ast.AST, owner: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = owner
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = f"{owner}.{child.name}".lstrip(".")
            self._owners[child] = name
            self._name_owners(child, name)

    # --- statements

    def _of_block(self, body: list[ast.stmt]) -> Iterator[Mutation]:
        for statement in body:
            kind = _kind(statement)
            if kind:
                yield self._without(statement, kind, f"without `{self._shown(statement)}`")
            elif isinstance(statement, ast.If) and not statement.orelse and _leaves(statement):
                yield self._without(statement, CHECK, f"never mind `{self._shown(statement.test)}`")
        if self._file in _ORDERED:
            for first, second in zip(body, body[1:]):
                if (_kind(first) or _kind(second)) and _waits(first) and _waits(second) and not _follows(first, second):
                    yield self._swapped(first, second)

    def _without(self, statement: ast.stmt, kind: str, what: str) -> Mutation:
        return self._mutation(statement, kind, what, self._replaced(statement, b"pass"))

    def _swapped(self, first: ast.stmt, second: ast.stmt) -> Mutation:
        a, b = self._lines[first.lineno - 1 : first.end_lineno], self._lines[second.lineno - 1 : second.end_lineno]
        before, between = self._lines[: first.lineno - 1], self._lines[first.end_lineno or 0 : second.lineno - 1]
        source = "".join([*before, *b, *between, *a, *self._lines[second.end_lineno or 0 :]])
        return self._mutation(first, ORDER, f"`{self._shown(second, 50)}` before `{self._shown(first, 50)}`", source)

    # --- conditions

    def _of_condition(self, node: ast.AST) -> Iterator[Mutation]:
        """Each part of a condition left out."""
        tests = [getattr(node, "test", None), *getattr(node, "ifs", ())]
        if isinstance(node, ast.Return) and _is_condition(node.value):
            tests.append(node.value)
        for part in (part for test in tests if test is not None for part in _parts(test)):
            if isinstance(part, ast.BoolOp) and not any(isinstance(one, ast.Constant) for one in part.values):
                yield from self._without_operands(part)
            elif isinstance(part, ast.Compare) and isinstance(part.left, ast.Tuple):
                yield from self._without_elements(part)

    def _without_operands(self, condition: ast.BoolOp) -> Iterator[Mutation]:
        word = " and " if isinstance(condition.op, ast.And) else " or "
        for left in condition.values:
            if self._only_narrows(left, condition):
                continue
            rest = word.join(f"({self._segment(one)})" for one in condition.values if one is not left)
            what = f"without `{self._shown(left)}` in `{self._shown(condition)}`"
            yield self._part(left, what, self._replaced(condition, f"({rest})".encode()))

    def _only_narrows(self, left: ast.expr, condition: ast.BoolOp) -> bool:
        """Whether an operand only keeps the others from asking None for something."""
        if isinstance(left, ast.Compare) and isinstance(left.ops[0], (ast.Is, ast.IsNot)):
            name = self._segment(left.left)
            others = [self._segment(one) for one in condition.values if one is not left]
            return any(f"{name}." in other for other in others)
        return False

    def _without_elements(self, comparison: ast.Compare) -> Iterator[Mutation]:
        (one, other) = comparison.left, comparison.comparators[0]
        if not (isinstance(one, ast.Tuple) and isinstance(other, ast.Tuple) and len(one.elts) == len(other.elts)):
            return
        for number, left in enumerate(one.elts):
            sides = [
                "".join(f"{self._segment(element)}, " for at, element in enumerate(side.elts) if at != number)
                for side in (one, other)
            ]
            sign = "==" if isinstance(comparison.ops[0], ast.Eq) else "!="
            source = self._replaced(comparison, f"({sides[0]}) {sign} ({sides[1]})".encode())
            yield self._mutation(
                left, CHECK, f"never mind `{self._shown(left)}` in `{self._shown(comparison)}`", source
            )

    # --- words

    def _of_word(self, old: str, new: str, what: str, kind: str) -> Iterator[Mutation]:
        if self._text.count(old) != 1:
            raise LookupError(f"{self._file} has {old!r} {self._text.count(old)} times")
        line = self._text[: self._text.index(old)].count("\n") + 1
        if not self._owners:
            self._name_owners(ast.parse(self._text), "")
        around = [
            (node.lineno, name)
            for node, name in self._owners.items()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and node.lineno <= line <= (node.end_lineno or 0)
        ]
        where = max(around)[1] if around else ""
        yield Mutation(self._file, line, where, kind, what, self._text.replace(old, new))

    # --- text

    def _mutation(self, node: ast.stmt | ast.expr, kind: str, what: str, source: str) -> Mutation:
        compile(source, self._file, "exec")  # what is no Python proves nothing
        return Mutation(self._file, node.lineno, self._owners[node], kind, what, source)

    def _part(self, node: ast.expr, what: str, source: str) -> Mutation:
        return replace(self._mutation(node, CHECK, what, source), is_part=True)

    def _replaced(self, node: ast.stmt | ast.expr, by: bytes) -> str:
        start = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        return (self._bytes[:start] + by + self._bytes[end:]).decode()

    def _segment(self, node: ast.AST) -> str:
        return ast.get_source_segment(self._text, node) or ""

    def _shown(self, node: ast.AST, most: int = 90) -> str:
        shown = " ".join(self._segment(node).split())
        return shown if len(shown) <= most else f"{shown[:most]}..."


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
