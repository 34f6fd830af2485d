# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each request of the providers' guides has a test: docs/development/guides.md."""

from __future__ import annotations

import ast
import re

import pytest
from support.pages import CHECKOUT, unwrapped

ENTRIES = dict(re.findall(r"^- ([A-C]\d+): (.*)$", unwrapped("development/guides.md"), re.MULTILINE))


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_request_has_a_test_that_exists(entry: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", ENTRIES[entry])
    assert named, ENTRIES[entry]
    for path, name in named:
        functions = {
            node.name
            for node in ast.walk(ast.parse((CHECKOUT / path).read_text()))
            if isinstance(node, ast.FunctionDef)
        }
        assert name in functions


@pytest.mark.parametrize(("guide", "count"), [("A", 16), ("B", 10), ("C", 11)])
def test_no_request_is_left_out(guide: str, count: int) -> None:
    numbers = [int(entry[1:]) for entry in ENTRIES if entry[0] == guide]
    assert numbers == list(range(1, count + 1))
