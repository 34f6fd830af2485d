# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.parser import (
    Parser,
    make_parser,
    nearest,
)

SUBCOMMANDS = ("run", "export", "place", "check", "status", "history", "list", "resolve", "keygen", "init")


def parsers() -> Iterator[tuple[str, Parser]]:
    made = make_parser()
    yield "filedrop", made
    yield from made.subcommands.items()


@pytest.mark.parametrize("name", ["filedrop", *SUBCOMMANDS])
def test_help_fits_a_terminal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = dict(parsers())[name].format_help()
    assert [line for line in told.splitlines() if len(line) > 80] == []


def test_every_subcommand_and_option_is_explained() -> None:
    assert set(make_parser().subcommands) == set(SUBCOMMANDS)
    for name, parser in parsers():
        assert parser.description
        for action in parser._actions:
            assert action.help or isinstance(action, argparse._SubParsersAction), (name, action.dest)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("runn invoices", "Did you mean run?"),
        ("stat", "Did you mean status?"),
        ("hsitory", "Did you mean history?"),
        ("run invoices --dry", "Did you mean --dry-run?"),
        ("run invoices --froce", "Did you mean --force?"),
        ("status --jsno", "Did you mean --json?"),
        ("--qiet status", "Did you mean --quiet?"),
        ("resolve a b --resend --dry-rum", "Did you mean --dry-run?"),
        ("run a b", "unrecognized arguments: b\n"),
        ("history --outcome hold", "held"),
        ("xyzzy", "choose from"),
    ],
)
def test_what_is_mistyped_is_told_with_the_nearest_word(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse(arguments.split())
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.startswith("usage: filedrop")


def test_the_command_alone_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse([])
    assert ended.value.code == 2
    usage, commands, hint = capsys.readouterr().err.split("\n\n")
    assert usage.startswith("usage: filedrop ")
    assert [line.split()[0] for line in commands.splitlines()] == list(SUBCOMMANDS)
    assert "filedrop --help" in hint


def test_a_word_is_suggested_only_if_it_is_near() -> None:
    assert nearest("invoces", ["invoices", "reports"]) == "invoices"
    assert nearest("--dr", ["--dry-run", "--debug"]) == "--dry-run"
    assert nearest("x", ["invoices"]) is None
    assert nearest("", ["invoices"]) is None
