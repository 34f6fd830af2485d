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

_PATHS = ("remote_path", "local_path")
_NAME = "\0"
"""Stands for the row's name at the end of a path. No name has this character."""


def pack(files: Mapping[str, Any]) -> str:
    """Return the packed table. Texts are as `as_data` returns them."""
    columns = list(files["columns"])
    by_column = dict(zip(columns, zip(*files["rows"]))) or dict.fromkeys(columns, ())
    for name in _PATHS:
        by_column[name] = tuple(map(_short, by_column[name], by_column["name"]))
    packed = [_column(by_column[name]) for name in columns]
    text = json.dumps({"columns": columns, "packed": packed}, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("ascii"), 6)).decode("ascii")


def _column(values: Sequence[Any]) -> Mapping[str, Any]:
    numbers: dict[Any, int] = {}
    at = [numbers.setdefault(value, len(numbers)) for value in values]
    return {"values": [_data(value) for value in numbers], "at": at}


def _short(path: str | None, name: str) -> str | None:
    return f"{path[: -len(name)]}{_NAME}" if path and name and path.endswith(f"/{name}") else path


def _data(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return as_data(value[:-1]) + _NAME if value.endswith(_NAME) else as_data(value)
