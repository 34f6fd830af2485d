# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find sentences that a reader must read twice: ``check_prose.py FILE...``.

It reads Markdown pages, and the descriptions in documentation strings of plugins and in argument specs of roles. It
reports sentences of more than 35 words; a list of names counts as one word. In pages it also reports lines of more than
120 characters. Code, links, single words and generated tables may be longer.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

MOST_WORDS = 35
LONGEST_LINE = 120

_GENERATED = re.compile(r"<!-- [\w-]+: made by .*?-->\n.*?<!-- end of ", re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_DOCUMENTED = {"DOCUMENTATION", "RETURN", "IN_LEDGER", "LEDGER", "UNUSED_LEDGER", "ACTION_GROUP", "INFO"}
_SENTENCE = re.compile(r"(?<=[.!?:])[)\"]?\s+(?=[\"(]?[A-Z0-9`])")
_MARKUP = re.compile(r"\b[A-Z]+\(([^()]|\([^()]*\))*\)")  # of Ansible's documentation, such as O(after=delete)
_NAMES = re.compile(r"`code`(,? (and |or )?`code`)+")


def problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with a file."""
    if path.suffix == ".md":
        text = path.read_text()
        for number, line in long_lines(text):
            yield f"{path}:{number}: a line of {len(line)} characters"
        texts = list(paragraphs(text))
    else:
        texts = [(0, text) for text in descriptions(path)]
    for number, text in texts:
        for sentence in _SENTENCE.split(text):
            words = len(_NAMES.sub("`code`", sentence).split())
            if words > MOST_WORDS:
                yield f"{path}:{number}: a sentence of {words} words: {sentence}"


def long_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page that are too long, with their numbers."""
    free = {
        number
        for token in MarkdownIt().parse(text)
        if token.type in ("fence", "code_block") and token.map
        for number in range(*token.map)
    }
    for found in _GENERATED.finditer(text):
        begin = text[: found.start()].count("\n")
        free.update(range(begin, begin + found[0].count("\n") + 1))
    for number, line in enumerate(text.splitlines()):
        if len(line) > LONGEST_LINE and number not in free and " " in line.strip() and "](http" not in line:
            yield number + 1, line


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs, entries and cells of a page, with the numbers of their lines. Code is one word."""
    text = _FRONT_MATTER.sub("", text)
    for token in MarkdownIt().enable("table").parse(text):
        if token.type == "inline":
            words = {"code_inline": "`code`", "softbreak": " ", "hardbreak": " "}
            parts = (words.get(child.type, child.content) for child in token.children or ())
            yield (token.map or [0])[0] + 1, "".join(parts)


def descriptions(path: Path) -> Iterator[str]:
    """Yield the texts of an argument spec, or of a plugin's documentation."""
    if path.suffix == ".yml":
        yield from _texts(yaml.safe_load(path.read_text()))
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            if names & _DOCUMENTED:
                yield from _texts(yaml.safe_load(str(node.value.value)))


def _texts(documented: Any) -> Iterator[str]:
    if isinstance(documented, dict):
        for name, value in documented.items():
            if name in ("description", "short_description", "notes", "details") and not isinstance(value, dict):
                for text in [value] if isinstance(value, str) else value or ():
                    yield _MARKUP.sub("`code`", str(text))
            else:
                yield from _texts(value)
    elif isinstance(documented, list):
        for value in documented:
            yield from _texts(value)


def main() -> None:
    found = [problem for name in sys.argv[1:] for problem in problems(Path(name))]
    for problem in found:
        print(problem)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
