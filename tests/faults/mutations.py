# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take single syncs, checks, commits to the ledger and orderings out of a copy of the engine, and see what notices.

    python tests/faults/mutations.py            every mutation (an hour); or only those whose description has a word
    python tests/faults/mutations.py --list

Each mutation goes first before the crash matrix, then before the engine's unit tests and its tests against OpenSSH. A
mutation that nothing notices is a gap in the tests, or a line that nobody needs. What only a power cut can prove, the
syncs, is for the tests in power/.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ENGINE = Path("plugins/module_utils/_engine")
FILES = (
    "dropoff.py", "deliveries.py", "recovery.py", "originals.py", "pickup.py", "fetches.py", "verification.py",
    "disk.py", "ledger.py", "locks.py", "runner.py",
)  # fmt: skip
PATIENCE = 900  # seconds for all that looks at one mutation

_WORDS = (  # changes of a few characters that take a protection away
    ("disk.py", "_RENAME_NOREPLACE = 1", "_RENAME_NOREPLACE = 0", "publishing and archiving replace what is there"),
    ("disk.py", "os.O_WRONLY | os.O_CREAT | os.O_EXCL", "os.O_WRONLY | os.O_CREAT", "parts are opened, not made"),
    ("remote/sftp.py", " | wire.EXCLUSIVE_FLAG", "", "uploads open files that exist"),
    ("locks.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB", "the lock keeps nobody out"),
    ("ledger_file.py", "synchronous = FULL", "synchronous = OFF", "SQLite syncs nothing"),
)


@dataclass(frozen=True)
class Mutation:
    """One change to one file.

    :ivar needs_power_cut: a process that is killed loses nothing by it, only a disk that loses its power.
    """

    file: str
    line: int
    what: str
    source: str
    needs_power_cut: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def mutations() -> Iterator[Mutation]:
    """All of them, in the order of the source."""
    for file in FILES:
        text = (CHECKOUT / ENGINE / file).read_text()
        tree = ast.parse(text)
        for node in ast.walk(tree):
            for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
                if isinstance(body, list):
                    yield from _of_block(file, text, body)
    for file, old, new, what in _WORDS:
        text = (CHECKOUT / ENGINE / file).read_text()
        if old not in text:
            raise LookupError(f"{file} has no {old!r} any more")
        line = text[: text.index(old)].count("\n") + 1
        yield Mutation(file, line, what, text.replace(old, new, 1), needs_power_cut="syncs" in what)


def _nothing() -> Mutation:
    return Mutation("ledger.py", 0, "nothing", (CHECKOUT / ENGINE / "ledger.py").read_text())


def _of_block(file: str, text: str, body: Sequence[ast.stmt]) -> Iterator[Mutation]:
    for statement in body:
        name = _called(statement)
        shown = " ".join((ast.get_source_segment(text, statement) or "").split())[:90]
        if name == "commit":
            yield Mutation(file, statement.lineno, f"without {shown}", _without(text, statement))
        elif name in ("sync", "fsync") or _awaits_name(statement):
            yield Mutation(file, statement.lineno, f"without {shown}", _without(text, statement), needs_power_cut=True)
        elif re.match(r"_?(check|require)_", name) or name in ("remove_own", "_remove_own", "discard", "_take_back"):
            yield Mutation(file, statement.lineno, f"without {shown}", _without(text, statement))
        elif isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Raise) and not statement.orelse:
            test = ast.get_source_segment(text, statement.test) or ""
            yield Mutation(
                file, statement.lineno, f"never mind {' '.join(test.split())[:80]}", _without(text, statement)
            )
    for first, second in zip(body, body[1:]):
        if file in ("dropoff.py", "pickup.py", "fetches.py") and _waits(first) and _waits(second):
            lines = text.splitlines(keepends=True)
            a, b = lines[first.lineno - 1 : first.end_lineno], lines[second.lineno - 1 : second.end_lineno]
            between = lines[first.end_lineno or 0 : second.lineno - 1]
            swapped = [*lines[: first.lineno - 1], *b, *between, *a, *lines[second.end_lineno or 0 :]]
            yield Mutation(file, first.lineno, f"{_short(text, second)} before {_short(text, first)}", "".join(swapped))


def _called(statement: ast.stmt) -> str:
    """The name of the function that a statement only calls, or awaits."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    call = value.value if isinstance(value, ast.Await) else value
    if not isinstance(call, ast.Call):
        return ""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _awaits_name(statement: ast.stmt) -> bool:
    """Whether a statement only waits for an answer that was asked for before: two syncs at once."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Await) and isinstance(value.value, ast.Name)


def _waits(statement: ast.stmt) -> bool:
    simple = isinstance(statement, (ast.Expr, ast.Assign))
    return simple and any(isinstance(node, ast.Await) for node in ast.walk(statement))


def _short(text: str, statement: ast.stmt) -> str:
    return " ".join((ast.get_source_segment(text, statement) or "").split())[:50]


def _without(text: str, statement: ast.stmt) -> str:
    lines = text.splitlines(keepends=True)
    indent = " " * statement.col_offset
    return "".join([*lines[: statement.lineno - 1], f"{indent}pass\n", *lines[statement.end_lineno or 0 :]])


def _copy(folder: Path) -> Path:
    """The checkout, without what git does not know."""
    names = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=CHECKOUT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in names.split("\0")[:-1]:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, target)
    return folder


def _noticed_by(copy: Path, mutation: Mutation, *, judges: int = 3) -> str:
    """Who notices a mutation; nobody: an empty text."""
    target = copy / ENGINE / mutation.file
    original = target.read_text()
    target.write_text(mutation.source)
    try:
        for who, command in list(_judges(mutation.file).items())[:judges]:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            try:
                output, _nothing = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                return f"{who}: it hangs"
            if process.returncode:
                return f"{who}: {_why(output)}"
        return ""
    finally:
        target.write_text(original)


def _why(output: str) -> str:
    lines = [line.strip() for line in output.strip().splitlines()]
    told = [line for line in lines if re.match(r"FAILED |ERROR |WRONG |\w*Error", line)]
    return (told or lines or ["?"])[-1][:150]


def _judges(file: str) -> dict[str, list[str]]:
    matrix = str(Path("tests/faults/judge.py"))
    pytest = ["-m", "pytest", "-q", "-x"]
    side = {"dropoff.py": "dropoff", "deliveries.py": "dropoff", "recovery.py": "dropoff", "originals.py": "dropoff",
            "pickup.py": "pickup", "fetches.py": "pickup", "verification.py": "pickup"}.get(file, "both")  # fmt: skip
    return {
        "matrix": [matrix, side],
        "unit tests": [*pytest, "tests/unit/plugins/module_utils/_engine"],
        "tests with OpenSSH": [*pytest, "tests/integration/engine"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutate the engine, and see what notices.")
    parser.add_argument("word", nargs="*", help="only mutations whose description has one of these in it")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--blindly", action="store_true", help="do not look first whether all is well without any")
    parser.add_argument(
        "--judges", type=int, default=3, help="1: only the matrix; 2: and the unit tests; 3: and OpenSSH"
    )
    parser.add_argument("--part", default="1/1", help="such as 2/3: the second third of them")
    options = parser.parse_args()
    number, of = map(int, options.part.split("/"))
    chosen = [one for one in mutations() if not options.word or any(word in str(one) for word in options.word)]
    chosen = chosen[number - 1 :: of]
    if options.list:
        print("\n".join(map(str, chosen)))
        return 0
    survivors, for_power_cuts = [], []
    with tempfile.TemporaryDirectory(prefix="filedrop-mutations-") as folder:
        copy = _copy(Path(folder))
        if not options.blindly and (who := _noticed_by(copy, _nothing())):
            print(f"Without any mutation already: {who}")
            return 2
        for one in chosen:
            began = time.monotonic()
            who = _noticed_by(copy, one, judges=options.judges)
            print(f"{time.monotonic() - began:5.0f} s  {one}\n           {who or 'NOBODY NOTICES'}", flush=True)
            if not who:
                (for_power_cuts if one.needs_power_cut else survivors).append(one)
    for title, left in (("For power/ to prove", for_power_cuts), ("Unnoticed", survivors)):
        print(f"\n{title}:", *left, sep="\n  ")
    print(f"\n{len(chosen)} mutations, {len(survivors)} unnoticed, {len(for_power_cuts)} only for power cuts")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
