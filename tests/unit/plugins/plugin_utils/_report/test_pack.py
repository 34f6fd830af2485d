# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of files as the page carries it. That the page unpacks it is tested in a browser."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.names import as_data
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.pack import pack
from support.fleet_document import COLUMNS, HOSTILE, fleet_document, hostile


def _unpacked(packed: str) -> list[list[Any]]:
    document = json.loads(zlib.decompress(base64.b64decode(packed, validate=True)))
    assert document["columns"] == list(COLUMNS)
    columns = [[column["values"][at] for at in column["at"]] for column in document["packed"]]
    names = columns[COLUMNS.index("name")]
    ends = [[_ended(value, name) for value, name in zip(column, names)] for column in columns]
    return [list(row) for row in zip(*ends)]


def _ended(value: Any, name: str) -> Any:
    return value[:-1] + name if isinstance(value, str) and value.endswith("\0") else value


def test_rows_come_back_as_data() -> None:
    for document in (fleet_document(4, 300), hostile()):
        rows = [[as_data(one) if isinstance(one, str) else one for one in row] for row in document["files"]["rows"]]
        assert _unpacked(pack(document["files"])) == rows
    assert {row[6] for row in rows} >= {as_data(name) for name in HOSTILE}


def test_name_in_a_path_is_packed_once() -> None:
    files = fleet_document(2, 500, planted=False)["files"]
    document = json.loads(zlib.decompress(base64.b64decode(pack(files))))
    assert len(document["packed"][COLUMNS.index("remote_path")]["values"]) == 2
    assert len(document["packed"][COLUMNS.index("name")]["values"]) == 500


def test_no_file() -> None:
    assert _unpacked(pack({"columns": list(COLUMNS), "rows": []})) == []
