# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the table of files as CSV (RFC 4180), so that no spreadsheet takes a name for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

# The last four are the full-width forms, which spreadsheets take for the first four.
_BEGIN_FORMULAS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def safe_cell(text: str) -> str:
    """Return the text for a cell. One that could begin a formula gets a leading apostrophe, as OWASP advises."""
    return f"'{text}" if text.startswith(_BEGIN_FORMULAS) else text


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the table as text. Its first row has the names of the columns. Null is an empty cell."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(columns)
    writer.writerows([safe_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return made.getvalue()
