# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"## {title}", "", *lines, ""])


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a table; the first column is of words, the others of figures where they hold any."""
    body = [[str(cell) for cell in row] for row in rows]
    numeric = [any(row[column][:1].isdigit() for row in body) for column in range(len(head))]
    yield _row([str(cell) for cell in head])
    yield "|" + "|".join("---:" if right and column else "---" for column, right in enumerate(numeric)) + "|"
    yield from (_row(row) for row in body)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
