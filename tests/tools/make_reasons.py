# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the list of reason codes in docs/troubleshooting.md: ``make docs``.

The engine's source has each reason beside its finding and its way out, where the error is raised. What is filled in
when it happens, such as a name or a size, is shown as ….
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mdformat
import tomllib

CHECKOUT = Path(__file__).resolve().parents[2]
ENGINE = CHECKOUT / "plugins" / "module_utils" / "_engine"
PAGE = CHECKOUT / "docs" / "troubleshooting.md"
BEGIN, END = "<!-- reasons: made by `make docs` -->", "<!-- end of reasons -->"

_CODE = re.compile(r"[a-z]+(_[a-z0-9]+)*")
_MOST = 3  # findings shown of one reason
_TABLES = {"HOLDS": "HoldError", "_REASONS": "DiskError", "_TROUBLES": "LedgerError"}
"""The tables of the engine with a reason, its finding and perhaps a way out, and the kinds of their errors."""

_DECIDE = "Find out what happened, and decide: filedrop resolve."
_TITLES = {
    "InputError": "An option, a job or an account is invalid",
    "DependencyError": "A library is missing",
    "TrustError": "The server is not trusted",
    "AuthenticationError": "The login failed",
    "UnreachableError": "No connection",
    "ServerBusy": "The server is busy",
    "ConnectionLost": "The connection was lost",
    "ProtocolError": "The server broke the rules of the protocol",
    "RemoteError": "The server refused a request",
    "RemoteMissing": "A file or folder is missing on the server",
    "RemoteDenied": "The server does not permit a request",
    "RemoteUnsupported": "The server does not know a request",
    "DiskError": "The local disk or a local folder",
    "LedgerError": "The ledger",
    "JobRunning": "Another run is active",
    "JobStopped": "The job stopped at its first file",
    "RunEnded": "The run was ended",
    "TransferError": "A file failed",
    "OriginalStays": "A file was delivered, and its original stays",
    "Replaced": "A file was delivered, and another file has taken its place",
    "Rejected": "The provider refused a file",
    "HoldError": "A file needs a decision",
    "WaitError": "A file waits",
    "SkipError": "A file is skipped",
    "Problem": "Found by `filedrop status`",
}
"""The kinds of errors, in the order of the page."""


@dataclass
class Reason:
    """A reason code, with the kinds of its errors, and its findings with their ways out."""

    code: str
    kind: str
    texts: list[tuple[str, str]] = field(default_factory=list)


def main() -> None:
    PAGE.write_text(page(PAGE.read_text()))


def page(text: str) -> str:
    """The page with its list made anew."""
    made = "\n".join([BEGIN, "", *_lines(), "", END])
    text = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _found: made, text, flags=re.DOTALL)
    options = tomllib.loads((CHECKOUT / ".mdformat.toml").read_text())
    return mdformat.text(text, options=options, extensions={"gfm"})


def _lines() -> Iterator[str]:
    found = reasons()
    for kind, title in _TITLES.items():
        of_kind = [reason for reason in found.values() if reason.kind == kind]
        if of_kind:
            yield from ("", f"### {title}", "")
        for reason in sorted(of_kind, key=lambda one: one.code):
            texts = [" ".join(filter(None, pair)) for pair in reason.texts[:_MOST]]
            if len(texts) == 1:
                yield f"- `{reason.code}`: {texts[0]}"
            else:
                yield from (f"- `{reason.code}`", *(f"  - {one}" for one in texts))


def reasons() -> dict[str, Reason]:
    """Return all reason codes of the engine."""
    found: dict[str, Reason] = {}
    for path in sorted(ENGINE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for kind, code, finding, way_out in (*_raised(tree), *_in_tables(tree)):
            if kind in _TITLES and _CODE.fullmatch(code) and finding:
                reason = found.setdefault(code, Reason(code, kind))
                pair = (finding, way_out or _USUAL.get(kind, ""))
                if pair not in reason.texts:
                    reason.texts.append(pair)
    return found


def _raised(tree: ast.Module) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, code, finding and way out of each error that a function makes."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                texts = [*(_text(argument, function) for argument in node.args), "", "", "", ""]
                if name == "invalid":
                    option, _value, why, way_out = texts[:4]
                    yield "InputError", "option_invalid", why and f"{option or '…'}: … {why}.", way_out
                elif name == "missing":
                    yield "InputError", "option_missing", texts[1] and f"{texts[0] or '…'}: {texts[1]}.", texts[2]
                elif name == "_hold":
                    yield "HoldError", texts[1], texts[2], ""
                else:
                    yield name, texts[0], texts[1], texts[2]


def _in_tables(tree: ast.Module) -> Iterator[tuple[str, str, str, str]]:
    """Yield the same of each entry of a table."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and isinstance(node.targets[0], ast.Name):
            kind = _TABLES.get(node.targets[0].id, "")
            for entry in node.value.values:
                if kind and isinstance(entry, ast.Tuple):
                    code, finding, way_out = [*(_text(part, tree) for part in entry.elts), ""][:3]
                    yield kind, code, f"{finding[:1].upper()}{finding[1:]}.", way_out


def _text(node: ast.AST, function: ast.AST) -> str:
    """Return a text of the source; of a variable, what the function assigns to it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        return re.sub("…+", "…", "".join(map(str, parts)))
    if isinstance(node, ast.Name):
        if node.id in _CONSTANTS:
            return _CONSTANTS[node.id]
        for assigned in ast.walk(function):
            if isinstance(assigned, ast.Assign) and isinstance(assigned.value, (ast.Constant, ast.JoinedStr)):
                names = [target.id for target in assigned.targets if isinstance(target, ast.Name)]
                if node.id in names:
                    return _text(assigned.value, function)
    return ""


def _assigned(body: Iterable[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield the names of texts that are assigned in a module or a class, with the texts."""
    for node in body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield target.id, value.value


_CONSTANTS = {
    name: text
    for path in ENGINE.rglob("*.py")
    for name, text in _assigned(ast.parse(path.read_text()).body)
    if name.isupper()
}
_CLASSES = [node for node in ast.parse((ENGINE / "errors.py").read_text()).body if isinstance(node, ast.ClassDef)]
_USUAL = {node.name: text for node in _CLASSES for _name, text in _assigned(node.body)} | {"HoldError": _DECIDE}
"""The ways out that errors have where no other is given, by kind."""


if __name__ == "__main__":
    main()
