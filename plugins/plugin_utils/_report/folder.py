# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the report: the page, and the same as JSON and as CSV. Each file is replaced in one step."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .fleet.document import without_times
from .page import render
from .spreadsheet import csv_of

PAGE, DATA, TABLE = "report.html", "report.json", "report.csv"
_FOLDER_MODE, _FILE_MODE = 0o750, 0o640


def write(folder: str, document: Mapping[str, Any], *, check: bool) -> bool:
    """Write the report; return whether it says something else than the report that is there, apart from its times.

    :param check: write nothing.
    """
    changed = _differs(os.path.join(folder, DATA), document)
    if check:
        return changed
    os.makedirs(folder, mode=_FOLDER_MODE, exist_ok=True)
    files = document["files"]
    _replace(folder, TABLE, csv_of(files["columns"], files["rows"]))
    _replace(folder, DATA, json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
    _replace(folder, PAGE, render(dict(document)))
    return changed


def _differs(path: str, document: Mapping[str, Any]) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            return without_times(json.load(file)) != without_times(document)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return True


def _replace(folder: str, name: str, text: str) -> None:
    handle, beside = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(handle, _FILE_MODE)
            file.write(text)
        os.replace(beside, os.path.join(folder, name))
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
