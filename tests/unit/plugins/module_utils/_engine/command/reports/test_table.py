# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import sys

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.reports.table import (
    Cell,
    Column,
    draw,
    short_time,
)

cell_len = pytest.importorskip("rich.cells").cell_len

COLUMNS = (Column("STATE"), Column("NAME", folds=True), Column("SIZE", right=True), Column("PATH", folds=True))
NAMES = ("a.xml", "invoices-of-the-year-2026-number-000000001.xml", "漢字" * 20, "with spaces in it " * 4 + "end")

LEAST = sum(map(len, ("STATE", "ten of NAME", "SIZE", "ten of PATH"))) - 2 + 4 * len("  ")


@pytest.fixture(params=["rich", "plain"])
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "rich.table", None)


def drawn(width: int, *, colour: bool = False) -> list[str]:
    rows = [(Cell("held", "bad"), Cell(name), Cell("1 B"), Cell(f"input/{name}")) for name in NAMES]
    return draw(COLUMNS, rows, width=width, colour=colour) or []


@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize("width", [200, 100, 80, 60, LEAST])
def test_a_table_fits_the_terminal_and_loses_nothing(width: int) -> None:
    lines = drawn(width)
    assert max(map(cell_len, lines)) <= width
    assert re.split(r"  +", lines[0]) == ["STATE", "NAME", "SIZE", "PATH"] or width < 80
    letters = "".join("".join(lines).split())
    for name in NAMES:
        for part in re.split(r"[ -]", name):
            if cell_len(part) < 10:
                assert letters.count(part) >= 2 or width < 200
    assert sorted("".join("".join(lines).split())) == sorted("".join("".join(drawn(2000)).split()))


@pytest.mark.usefixtures("_library")
def test_a_terminal_that_is_too_narrow_has_no_table() -> None:
    assert draw(COLUMNS, [[Cell("held"), Cell("n" * 50), Cell("1 B"), Cell("p" * 50)]], width=LEAST, colour=False)
    assert (
        draw(COLUMNS, [[Cell("held"), Cell("n" * 50), Cell("1 B"), Cell("p" * 50)]], width=LEAST - 1, colour=True)
        is None
    )


@pytest.mark.usefixtures("_library")
def test_colours_are_there_only_if_asked_for() -> None:
    assert "\x1b" not in "".join(drawn(100))
    coloured = drawn(100, colour=True)
    assert any("\x1b[31mheld" in line for line in coloured)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in coloured]
    assert plain == drawn(100)


@pytest.mark.usefixtures("_library")
def test_nothing_in_a_cell_reaches_the_terminal_as_a_command() -> None:
    (_title, line) = (
        draw([Column("NAME", folds=True)], [[Cell("[red]x\x1b[2J\u202e:smile:")]], width=80, colour=False) or []
    )
    assert line == "[red]x\\x1b[2J\\u202e:smile:"


def test_a_time_for_a_column() -> None:
    assert short_time("2026-11-28T22:23:01Z") == "2026-11-28 22:23"
