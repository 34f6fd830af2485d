# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pack the table of files for the page: small, and of letters that end no element of HTML.

Each column becomes its distinct values and, for each row, the number of its value. All of it is JSON, compressed
(zlib), in Base64. ``assets/source/files.js`` unpacks it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils._engine.local.names import as_data

_NAME = "\0"
"""Stands for the row's name at the end of a path. No name has this character."""


def pack(files: Mapping[str, Any]) -> str:
    """Return the packed table. Texts are as `as_data` returns them."""
    columns, rows = list(files["columns"]), files["rows"]
    name = columns.index("name")
    packed = [_column([row[number] for row in rows], _ends(rows, number, name)) for number in range(len(columns))]
    text = json.dumps({"columns": columns, "packed": packed}, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("ascii"), 6)).decode("ascii")


def _ends(rows: Sequence[Sequence[Any]], column: int, name: int) -> Sequence[Any]:
    """Return the names by which the values of a column may end; for the column of names, none."""
    return [None if column == name else row[name] for row in rows]


def _column(values: Sequence[Any], ends: Sequence[Any]) -> Mapping[str, Any]:
    numbers: dict[Any, int] = {}
    at = [numbers.setdefault(_short(value, end), len(numbers)) for value, end in zip(values, ends)]
    return {"values": [_data(value) for value in numbers], "at": at}


def _short(value: Any, end: Any) -> Any:
    is_path = end and isinstance(value, str) and value.endswith(f"/{end}")
    return value[: -len(end)] + _NAME if is_path else value


def _data(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return as_data(value[:-1]) + _NAME if value.endswith(_NAME) else as_data(value)
