# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.spreadsheet import csv_of, safe_cell


@pytest.mark.parametrize("begin", [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_text_that_could_be_a_formula_is_none(begin: str) -> None:
    assert safe_cell(f"{begin}1+1") == f"'{begin}1+1"
    assert safe_cell(f"a;{begin}1+1;b") == f"a;'{begin}1+1;b"


def test_what_stands_before_a_formula_does_not_hide_it() -> None:
    assert safe_cell(" '=1;\"+2") == "' '=1;'\"+2"


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "a; b-1", "'a'=1", "größe.xml"])
def test_other_texts_are_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


def test_a_reader_of_csv_gets_each_cell_back() -> None:
    rows: list[list[object]] = [["a,b", 'say "x"', "two\r\nlines"], [None, -5, "=SUM(A1)"]]
    text = csv_of(["one", "two", "three"], rows)
    assert text.startswith("one,two,three\r\n")
    assert list(csv.reader(text.splitlines(keepends=True)))[1:] == [rows[0], ["", "-5", "'=SUM(A1)"]]
