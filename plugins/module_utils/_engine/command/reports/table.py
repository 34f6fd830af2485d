# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw tables on a terminal: by the library rich where it is installed, else as plain columns.

Wide names are folded, so that nothing is cut off. A table is never drawn into a file or a pipe.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Literal, NamedTuple

from ...local.names import shown

_NARROWEST = 10
_GAP = "  "
_COLOURS = {"good": "32", "bad": "31", "warning": "33", "title": "1"}
"""Codes of ISO 6429 for the styles of cells."""


class Column(NamedTuple):
    """Define a column. One that ``folds`` has names or paths, which may be long."""

    title: str
    folds: bool = False
    right: bool = False


class Cell(NamedTuple):
    """Hold the text of a cell, and its style: ``good``, ``bad``, ``warning``, or none."""

    text: str
    style: str = ""


Row = Sequence[Cell]


def draw(columns: Sequence[Column], rows: Iterable[Row], *, width: int, colour: bool) -> list[str] | None:
    """Return the lines of a table; None if the terminal is too narrow for it.

    :param width: columns of the terminal.
    :param colour: whether to use colours.
    """
    safe = [[Cell(shown(cell.text), cell.style) for cell in row] for row in rows]
    least = [min(most, _NARROWEST) if column.folds else most for column, most in zip(columns, _widths(columns, safe))]
    if sum(least) + len(_GAP) * len(least) > width:  # rich needs a gap after the last column as well
        return None
    drawn = _by_rich(columns, safe, width, colour)
    return list(_plainly(columns, safe, width, colour)) if drawn is None else drawn


def short_time(moment: str) -> str:
    """Shorten a time of `iso_time` for a column."""
    return moment[:16].replace("T", " ")


def _by_rich(columns: Sequence[Column], rows: Sequence[Row], width: int, colour: bool) -> list[str] | None:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, len(_GAP), 0, 0))
    for column, widest in zip(columns, _widths(columns, rows)):
        overflow: Literal["fold", "ellipsis"] = "fold" if column.folds else "ellipsis"
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(
            column.title,
            overflow=overflow,
            justify=justify,
            no_wrap=not column.folds,
            min_width=min(widest, _NARROWEST) if column.folds else None,
        )
    styles = {"good": "green", "bad": "red", "warning": "yellow"}
    for row in rows:
        table.add_row(*(Text(cell.text, style=styles.get(cell.style, "")) for cell in row))
    system: Literal["standard"] | None = "standard" if colour else None
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system=system, no_color=not colour)
    console.print(table)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def _plainly(columns: Sequence[Column], rows: Sequence[Row], width: int, colour: bool) -> Iterator[str]:
    titles = [Cell(column.title, "title") for column in columns]
    widths = _widths(columns, rows)
    folding = [index for index, column in enumerate(columns) if column.folds]
    while folding and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widths[max(folding, key=lambda index: widths[index])] -= 1
    for row in (titles, *rows):
        for line in zip_longest(*(_folded(cell.text, most) for cell, most in zip(row, widths)), fillvalue=""):
            cells = (
                _padded(text, most, column.right, _COLOURS.get(cell.style, "") if colour else "")
                for text, most, column, cell in zip(line, widths, columns, row)
            )
            yield _GAP.join(cells).rstrip()


def _widths(columns: Sequence[Column], rows: Iterable[Row]) -> list[int]:
    """Return the width of the widest cell of each column, with its title."""
    texts = [[column.title for column in columns], *([cell.text for cell in row] for row in rows)]
    return [max(map(_width, of_column)) for of_column in zip(*texts)]


def _folded(text: str, width: int) -> Iterator[str]:
    """Split a text into lines of a width, at spaces where there are any."""
    line = ""
    for letter in text:
        if line and _width(line + letter) > width:
            head, space, tail = line.rpartition(" ")
            yield head if space else line
            line = tail if space else ""
        line += letter
    yield line


def _padded(text: str, width: int, right: bool, colour: str) -> str:
    space = " " * (width - _width(text))
    coloured = f"\x1b[{colour}m{text}\x1b[0m" if colour and text else text
    return space + coloured if right else coloured + space


def _width(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_width_of, text))


def _width_of(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
