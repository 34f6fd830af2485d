# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's page in a real browser: what it adds to plain HTML, and that nothing hostile in it is carried out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.names import as_data, shown
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.spreadsheet import csv_of
from playwright.sync_api import Page, expect
from support.fleet_document import COLUMNS, HOSTILE, fleet_document, hostile, nothing

from .conftest import Show

MIB = 1 << 20


def _in_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    """The rows as they are in `report.csv`."""
    return csv_of(COLUMNS, [[as_data(one) if isinstance(one, str) else one for one in row] for row in rows]).encode()


def _saved(page: Page) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    return Path(download.value.path()).read_bytes()


def _search(page: Page, words: str, found: int, of: int) -> None:
    page.get_by_label("Search").fill(words)
    expect(page.get_by_role("status")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("status")).to_have_text(f"{found:,} of {of:,} files." if found != of else f"{of:,} files.")


def test_nothing_at_all(show: Show) -> None:
    with show(nothing()) as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("There are no hosts")
        expect(page.locator("#person")).to_contain_text("Check the inventory")


def test_hundred_hosts_and_100_000_files(show: Show, tmp_path: Path) -> None:
    document = fleet_document(100, 100_000, planted=False)
    rows = document["files"]["rows"]
    with show(document) as page:
        expect(page.get_by_role("status")).to_have_text("100,000 files.")
        assert (tmp_path / "report.html").stat().st_size < 15 * MIB
        assert 10 < page.locator(".tabulator-row").count() < 200
        for number in (0, 99_999):
            _search(page, rows[number][6], 1, len(rows))
            expect(page.locator(".tabulator-row")).to_contain_text(rows[number][6])
        _search(page, rows[777][12][:20].upper(), 1, len(rows))
        _search(page, "no such name", 0, len(rows))


def test_chosen_files_are_saved_as_csv(show: Show) -> None:
    document = hostile()
    rows = document["files"]["rows"]
    with show(document) as page:
        assert _saved(page) == _in_csv(rows)
        page.get_by_role("combobox", name="Outcome").select_option(label="held")
        held = [row for row in rows if row[4] == "held"]
        expect(page.get_by_role("status")).to_have_text(f"{len(held)} of {len(rows)} files.")
        page.get_by_role("combobox", name="Host").select_option(label="erp2")
        page.get_by_label("Search").fill("csv SUM")
        expect(page.get_by_role("status")).to_have_text(f"1 of {len(rows)} files.")
        assert _saved(page) == _in_csv(row for row in held if row[0] == "erp2" and "@SUM" in row[6])


def test_keys_sort_the_table(show: Show) -> None:
    document = fleet_document(3, 90, planted=False)
    sizes = sorted(row[7] for row in document["files"]["rows"])
    with show(document) as page:
        size = page.locator("#grid").get_by_role("columnheader", name="Size")
        first = page.locator(".tabulator-row").first
        for order, expected in (("ascending", sizes[0]), ("descending", sizes[-1])):
            size.press("Enter")
            expect(size).to_have_attribute("aria-sort", order)
            first.press("Enter")
            expect(page.get_by_label("The chosen file")).to_contain_text(f"{expected:,} bytes")


def test_hostile_names_stay_text(show: Show) -> None:
    document = hostile()
    number = len(document["files"]["rows"])
    with show(document) as page:
        title = page.title()
        for name in HOSTILE[:12]:
            _search(page, as_data(name), len([row for row in document["files"]["rows"] if _has(row, name)]), number)
            names = page.locator(".tabulator-cell[tabulator-field=name]")
            expect(names.get_by_text(shown(name), exact=True)).to_have_count(1)
        _search(page, "@SUM(1+1)*cmd.csv", 1, number)
        page.locator(".tabulator-row").press("Enter")
        expect(page.get_by_label("The chosen file")).to_contain_text("/in/@SUM(1+1)*cmd.csv")
        _hover(page)
        assert page.title() == title
        assert page.locator("img").count() == 0


def _has(row: Sequence[Any], name: str) -> bool:
    words = as_data(name).lower().split()
    return all(any(word in as_data(str(value)).lower() for value in row if value is not None) for word in words)


def _hover(page: Page) -> None:
    """Point at the chart of the accounts: its tip names one of them, and a day."""
    chart = page.locator("figure svg").last
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.2)
    tip = chart.locator("text").filter(has_text=re.compile(r"2026-11-1\d"))
    expect(tip).to_contain_text(re.compile("<script>|<img|'onmouseover"))


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_page_fits_in_light_and_dark(show: Show, width: int) -> None:
    for document in (fleet_document(), hostile()):
        backs = set()
        for scheme in ("light", "dark"):
            with show(document, width=width, color_scheme=scheme) as page:
                expect(page.locator("figure svg")).to_have_count(4)
                wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                backs.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert wide == [width, width]
        assert len(backs) == 2


def test_print_has_whole_tables_and_no_controls(show: Show) -> None:
    with show(fleet_document(), width=700) as page:
        expect(page.locator("figure svg")).to_have_count(4)
        page.emulate_media(media="print")
        expect(page.get_by_label("Search")).to_be_hidden()
        expect(page.get_by_role("navigation")).to_be_hidden()
        expect(page.locator("#time details table")).to_be_visible()
        cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
        assert page.locator(".scroll").evaluate_all(cut) == []


def test_without_scripts_the_page_says_where_the_files_are(show: Show) -> None:
    with show(fleet_document(), java_script_enabled=False) as page:
        expect(page.get_by_text("The table of all files needs JavaScript")).to_be_visible()
        expect(page.get_by_label("Search")).to_be_hidden()
        expect(page.locator("#person")).to_contain_text("timer_stopped")
