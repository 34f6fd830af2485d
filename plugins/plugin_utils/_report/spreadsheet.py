# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the table of files as CSV (RFC 4180), so that no spreadsheet takes a name for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

# Spreadsheets cut lines at semicolons in many countries, whatever is quoted. They take the full-width forms of the
# four characters for these themselves. The page has the same expression (assets/source/files.js).
_FORMULA = re.compile(r"(^|;)(?=[ \"']*[=+\-@\uff0b\uff0d\uff1d\uff20]|[\t\r\n])")


def safe_cell(text: str) -> str:
    """Return the text for a cell. What could begin a formula gets an apostrophe in front, as OWASP advises."""
    return _FORMULA.sub(r"\1'", text)


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the table as text. Its first row has the names of the columns. Null is an empty cell."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(columns)
    writer.writerows([safe_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return made.getvalue()
