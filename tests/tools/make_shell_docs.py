# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the manual page and the completions of the command from its parser: a part of ``make docs``.

argparse-manpage writes the page, shtab the completions. They are tools of this checkout; a host needs neither.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import SUPPRESS
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "build" / "tree"))

from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.parser import (  # noqa: E402
    Parser,
    make_parser,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import DEFAULT_FOLDER  # noqa: E402
from ansible_collections.courier.filedrop.plugins.module_utils._engine.version import VERSION  # noqa: E402

FILES = ("filedrop.1", "completion/filedrop.bash", "completion/_filedrop", "completion/filedrop.fish")
"""What is made, under docs/."""

_SHELLS = {"filedrop.bash": "bash", "_filedrop": "zsh", "filedrop.fish": "fish"}
_NAMES = f"ls {DEFAULT_FOLDER}/{{}} 2>/dev/null | sed -n '/[.]json/s/[.].*//p'"  # no $: fish reads it
_COMPLETED = {
    "JOB": shtab.cmd(_NAMES.format("jobs")),
    "ACCOUNT": shtab.cmd(_NAMES.format("accounts")),
    "DIR": shtab.DIRECTORY,
    "FILE": shtab.FILE,
}
"""How values are completed, by the name that the help has for them."""


def main() -> None:
    for name in FILES:
        path = CHECKOUT / "docs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(made(name))


def made(name: str) -> str:
    """The content of one of the files."""
    shell = _SHELLS.get(Path(name).name)
    return manual() if shell is None else completion(shell)


def completion(shell: str) -> str:
    """The completion script for a shell."""
    parser = make_parser()
    for each in (parser, *parser.subcommands.values()):
        each.description = each.summary or each.description
        for action in each._actions:
            if action.metavar in _COMPLETED:
                action.complete = _COMPLETED[str(action.metavar)]  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def manual() -> str:
    """The manual page, for section 1."""
    os.environ.update(COLUMNS="80", SOURCE_DATE_EPOCH="0")
    parser = make_parser()
    common = {action.dest for action in parser._actions}
    for each in parser.subcommands.values():
        for action in each._actions:
            if action.dest in common:
                action.help = SUPPRESS  # the page explains them once
    sections = _sections(parser)
    page = Manpage(
        parser,
        {
            "project_name": "filedrop",
            "version": VERSION,
            "manual_title": "courier.filedrop",
            "description": "move files between this host and providers over SFTP, safely",
            "date": f"filedrop {VERSION}",
        },
        format="single-commands-section",
    )
    for heading, lines in sections:
        page.add_section(heading, "=", "\n".join([".nf", *map(_escaped, lines), ".fi"]))
    return str(page)


def _sections(parser: Parser) -> list[tuple[str, list[str]]]:
    """Take the sections out of the text at the end of the help."""
    text, parser.epilog = parser.epilog or "", None
    found = [part.splitlines() for part in text.split("\n\n")]
    return [(heading.rstrip(":"), lines) for heading, *lines in found]


def _escaped(line: str) -> str:
    """Escape a line for troff."""
    escaped = line.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped)


if __name__ == "__main__":
    main()
