# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's page as HTML: what is there without a script, in which order, and that texts of others stay texts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.names import shown
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.page import render
from support.fleet_document import HOSTILE, fleet_document, hostile, nothing

_VOID = {"meta", "br", "input", "link", "img"}


class Page(HTMLParser):
    """Parse a page strictly: each element is closed where it should be.

    :ivar elements: each element with its attributes, in order.
    :ivar texts: the text of each part of the page, by the id of its section.
    :ivar raw: the contents of scripts and styles.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.section = "top"
        self.texts: dict[str, list[str]] = {}
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self.section = dict(attrs)["id"] or ""
        if tag in self.raw:
            self.raw[tag].append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]][-1] += data
        elif data.strip():
            self.texts.setdefault(self.section, []).append(" ".join(data.split()))

    def text(self, section: str) -> str:
        return " ".join(self.texts[section])

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _attributes in self.elements)


@pytest.fixture(scope="module")
def planted() -> Page:
    return Page(render(fleet_document()))


def test_headline_comes_first_and_says_the_times(planted: Page) -> None:
    text = planted.text("top")
    assert "4 of 5 hosts need a person, and 3 files differ between two ends" in text
    assert "Made 2026-11-29 08:00 from the files of the time since 2026-10-30 08:00 . Times are in UTC." in text


def test_problems_say_where_what_and_what_to_do_the_late_ones_before_held_ones(planted: Page) -> None:
    text = planted.text("person")
    order = [
        *("Not reached", "erp3", "unreachable", "No route to host", "make the report again"),
        *("Late", "erp1", "invoices", "timer_stopped", "is stopped", "systemctl start filedrop-invoices.timer"),
        *("overdue", "expectation_missed", "filedrop history reports"),
        *("Failed", "erp2", "payments", "tried again", "files_failed", "filedrop run payments"),
        *("Held", "erp2", "files_held", "filedrop held invoices", "Clock", "erp4", "312 s ahead"),
    ]
    at = text.index("What to do")
    for words in order:
        at = text.index(words, at)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("accounts", ("amili", "handelsbank", "this-host")),
        ("hosts", ("erp1", "erp2", "erp3", "not reached", "nothing known", "erp4", "312 s ahead", "box1", "well")),
        ("jobs", ("erp1", "invoices", "needs a person", "every 15m", "2026-11-27 22:15", "2 held", "9 delivered")),
        ("ends", ("invoice-20261128-000231.xml", "sent, not imported", "report-1.csv", "other bytes", "not fetched")),
        ("keys", ("erp1", "handelsbank", "ed25519", "current")),
        ("time", ("2026-11-29", "2026-10-31")),
        ("files", ("checksum_mismatch", "rejected", "unfinished", "waiting")),
    ],
)
def test_without_scripts_all_parts_are_there(planted: Page, section: str, words: tuple[str, ...]) -> None:
    text = planted.text(section)
    assert [one for one in words if one not in text] == []


def test_policy_allows_what_is_in_the_page_and_nothing_else(planted: Page) -> None:
    policies = [one["content"] or "" for tag, one in planted.elements if one.get("http-equiv")]
    _data, script = planted.raw["script"]
    [style] = planted.raw["style"]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    allowed = f"script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'"
    assert policies == [f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"]
    loads = [one for _tag, one in planted.elements if {"src", "style", "srcset", "onload", "onclick"} & one.keys()]
    assert loads == []
    assert [one["href"] for _tag, one in planted.elements if not (one.get("href") or "#").startswith("#")] == []


def test_headings_are_in_order_and_tables_have_scopes(planted: Page) -> None:
    levels = [int(tag[1]) for tag, _attributes in planted.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert all(one.get("scope") for tag, one in planted.elements if tag == "th")
    assert dict(planted.elements)["html"] == {"lang": "en"}
    ids = Counter(one["id"] for _tag, one in planted.elements if "id" in one)
    assert set(ids.values()) == {1}
    targets = {(one.get("href") or "#")[1:] for tag, one in planted.elements if tag == "a"}
    assert targets <= ids.keys()


def test_nothing_at_all_says_what_to_check() -> None:
    page = Page(render(nothing()))
    assert "There are no hosts" in page.text("top")
    assert "filedrop_hosts" in page.text("person")
    assert page.count("table") == 0


def test_well_fleet_says_so() -> None:
    page = Page(render(fleet_document(3, 20, planted=False)))
    assert "All 3 hosts are well" in page.text("top")
    assert "Nothing. No job is late" in page.text("person")
    assert "Not delivered" not in page.text("files")


def test_fleet_without_files_says_so() -> None:
    page = Page(render(fleet_document(2, 0, planted=False)))
    assert "No file has changed since 2026-10-30 08:00" in page.text("files")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_stays_text(name: str) -> None:
    html = render(hostile())
    page = Page(html)
    for section in ("person", "ends"):
        assert shown(name) in page.text(section)
    assert page.count("script") == 2
    assert page.count("img") == 0
    html.encode("utf-8")


def test_more_files_than_a_table_has_are_counted() -> None:
    document = fleet_document(2, 4000, planted=False)
    for row in document["files"]["rows"][:1234]:
        row[4] = "waiting"
    text = Page(render(document)).text("files")
    assert "Not delivered 1,234" in text
    assert "The first 200 of 1,234 are shown." in text


def test_accounts_count_the_stages_of_their_files_if_the_columns_are_there() -> None:
    document = fleet_document(2, 40, planted=False)
    files = document["files"]
    text = Page(render(document)).text("accounts").replace("\u2013", "-")
    assert "Delivered Same bytes Taken Accepted" in text
    assert "(imports) 1 1 0 20 20 - 20 " in text
    at = files["columns"].index("accepted_by")
    for row in (files["columns"], *files["rows"]):
        del row[at]
    assert "(imports) 1 1 0 20 20 - - " in Page(render(document)).text("accounts").replace("\u2013", "-")


def test_unknown_values_are_shown_as_unknown() -> None:
    document = fleet_document(2, 5, planted=False)
    job: dict[str, Any] = document["hosts"][0]["jobs"][0]
    job.update(account=None, direction=None, schedule=None, enabled=None, last_run=None, last_well=None, status=7)
    document["hosts"][0].update(clock_ahead=None, left_out=1200)
    document["limit"] = "erp*"
    document["hosts"][0]["keys"][0].update(key=None, stage=None, next_step=None, message="It may not be read.")
    document["hosts"][0]["keys"][1]["key"].update(age=None, type=None)
    document["files"]["rows"][0][7] = None
    document["files"]["rows"][0][4] = "waiting"
    page = Page(render(document))
    assert "Only a part of the fleet: --limit erp*" in page.text("top")
    assert "never ran" in page.text("jobs")
    assert "Left out of the table of files: 1,200 older ones." in page.text("hosts")
    assert "Not in this table: 1,200 older files of the period." in page.text("files")
    assert "It may not be read." in page.text("keys")
