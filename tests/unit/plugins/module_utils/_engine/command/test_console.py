# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.console import (
    ERROR,
    INFO,
    Console,
    bytes_in_words,
    count_of,
    is_journal,
    key_values,
)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("", '""'),
        ('a "quote"', r'"a \"quote\""'),
        ("a=b", '"a=b"'),
        ("back\\slash", r'"back\\slash"'),
        ("line\nbreak", r'"line\\x0abreak"'),
        ("\udcff", r'"\\xff"'),
        ("Grüße", "Grüße"),
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_words_of_a_line(value: object, word: str) -> None:
    assert key_values({"key": value}) == f"key={word}"


def test_what_is_not_given_is_not_said() -> None:
    assert key_values({"a": 1, "b": None, "c": 0}) == "a=1 c=0"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1024, "1.0 KiB"),
        (20480, "20.0 KiB"),
        (1_500_000, "1.4 MiB"),
        (3 * 1024**3, "3.0 GiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_sizes(size: int, words: str) -> None:
    assert bytes_in_words(size) == words


def test_numbers() -> None:
    assert [count_of(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def test_the_journal_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "journal").open("w") as file:
        status = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert is_journal(file)
        with (tmp_path / "other").open("w") as other:
            assert not is_journal(other)
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not is_journal(io.StringIO())


def told(**how: bool) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Console(**how, out=out, err=err), out, err


def test_people_are_told_sentences_and_programs_documents() -> None:
    for as_json in (False, True):
        console, out, _err = told(as_json=as_json)
        console.answer({"name": "caf\udce9\n", "list": [("a", None, True)]}, ["One.", "Two\x1b[31m."])
        if as_json:
            assert json.loads(out.getvalue()) == {"name": "caf\\xe9\\x0a", "list": [["a", None, True]]}
        else:
            assert out.getvalue() == "One.\nTwo\\x1b[31m.\n"


@pytest.mark.parametrize("letter", ["\u202e", "\u200d", "\u2028", "\u2029", "\ufeff", "\U000e0041", "\xad"])
def test_format_characters_reach_no_terminal_and_stay_in_documents(letter: str) -> None:
    name = f"a{letter}b"
    for as_json in (False, True):
        console, out, err = told(as_json=as_json)
        console.answer({"name": name}, [name])
        console.log(ERROR, "refused", f"The server said {name}.")
        for text in (out.getvalue(), err.getvalue()):
            assert text.replace("\n", "").isprintable()
        if as_json:
            assert json.loads(out.getvalue()) == {"name": name}
    assert key_values({"name": name}).isprintable()


def test_quiet_is_quiet_only_while_all_is_well() -> None:
    console, out, err = told(quiet=True)
    console.answer({}, ["Well."])
    console.log(INFO, "event", "Well.")
    assert (out.getvalue(), err.getvalue()) == ("", "")
    console.answer({}, ["Not well."], well=False)
    console.log(ERROR, "event", "Not well.")
    assert (out.getvalue(), err.getvalue()) == ("Not well.\n", "filedrop: Not well.\n")


def test_a_person_is_not_told_what_has_no_sentence() -> None:
    console, _out, err = told()
    console.log(INFO, "event", key="value")
    assert err.getvalue() == ""


def test_a_terminal_that_has_not_the_letter_shows_it_escaped() -> None:
    raw = io.BytesIO()
    terminal = io.TextIOWrapper(raw, encoding="ascii")
    Console(out=terminal).answer({}, ["Grüße"])
    assert raw.getvalue() == b"Gr\\xfc\\xdfe\n"
