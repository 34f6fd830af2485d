# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each code block of each page is read by the code that reads it in real life.

Variables are validated as the role does it, commands by the parser of the command, and tasks by the options of their
modules. The blocks of the README and of the first exchange are also executed, by tests of their own.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.parser import make_parser
from ansible_collections.courier.filedrop.plugins.plugin_utils._deployment import Deployment
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables
from support.page_blocks import BLOCKS, Block, variables_of, yaml_of
from support.pages import CHECKOUT, unwrapped

# What a page shows of other programs. Their own manuals are right about these.
OTHER_PROGRAMS = {
    *(
        "ansible-galaxy",
        "apt",
        "cat",
        "git",
        "install",
        "journalctl",
        "make",
        "python",
        "python3",
        "sqlite3",
        "systemctl",
    ),
    ".venv/bin/antsibull-changelog",
    ".venv/bin/python",
}


def of(*languages: str) -> pytest.MarkDecorator:
    chosen = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", chosen, ids=[f"{one.page}: {one.text[:30]!r}" for one in chosen])


def test_the_language_of_each_block_is_named_and_known() -> None:
    assert {block.language for block in BLOCKS} == {"console", "json", "shell", "text", "yaml"}


@of("json")
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@of("shell")
def test_commands_are_those_that_there_are(block: Block) -> None:
    check_commands(block.text)


@of("console")
def test_commands_with_their_output_are_those_that_there_are(block: Block) -> None:
    check_commands("".join(re.findall(r"^\$ (.*\n)", block.text, re.MULTILINE)))


def check_commands(text: str) -> None:
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    text = re.sub(r"<<'END'.*?^END$", "", text, flags=re.MULTILINE | re.DOTALL).replace("\\\n", " ")
    for line in text.splitlines():
        words = shlex.split(re.sub(r"^sudo -u \S+ ", "", line), comments=True)
        if not words or "=" in words[0]:
            continue
        program, *arguments = words
        if program == "filedrop":
            make_parser().parse_args(arguments)
        elif program == "ansible-playbook":
            name = arguments[0].removeprefix("courier.filedrop.")
            assert (CHECKOUT / "playbooks" / f"{name}.yml").exists()
        else:
            assert program in OTHER_PROGRAMS


@of("yaml")
def test_variables_and_tasks_are_accepted(block: Block) -> None:
    given = variables_of(block)
    if given is None:
        check_tasks(yaml_of(block))
    else:
        Deployment(Variables(given, given.__getitem__), "erp1").plan("systemd", "root")


def check_tasks(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        for task in entry.get("tasks", [entry]):
            for name, options in task.items():
                if name.startswith("courier.filedrop."):
                    check_options(name.rpartition(".")[2], options or {})


def check_options(module: str, options: Mapping[str, Any]) -> None:
    source = (CHECKOUT / "plugins" / "modules" / f"{module}.py").read_text()
    documented = source + (CHECKOUT / "plugins" / "doc_fragments" / "account.py").read_text()
    documented += (CHECKOUT / "plugins" / "doc_fragments" / "job.py").read_text()
    for option in options:
        assert re.search(rf"^  +{option}:$", documented, re.MULTILINE), f"{module}: {option}"


def test_what_executes_the_blocks_of_each_page_is_named() -> None:
    """Pages that have variables alone need no line: those are deployed together."""
    named_by_page = dict(re.findall(r"^- ([\w-]+\.md): (.*)", unwrapped("development/testing.md"), re.MULTILINE))
    assert {block.page for block in BLOCKS if block.language != "yaml"} <= set(named_by_page)
    for tests in named_by_page.values():
        named = re.findall(r"`([^`]*/[^`]*)`", tests)
        assert named
        assert [name for name in named if not (CHECKOUT / name).exists()] == []
