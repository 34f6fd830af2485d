# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script and the style of the report's page are what their sources make, and axe finds nothing in the page."""

from __future__ import annotations

from pathlib import Path

import make_assets
import pytest
from playwright.sync_api import expect
from support.fleet_document import fleet_document

from .conftest import Show


def test_sources_make_the_same_bytes(tmp_path: Path) -> None:
    make_assets.make(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in make_assets.ASSETS.iterdir() if path.is_file()}


def test_lock_file_names_no_registry() -> None:
    assert "://" not in (make_assets.ASSETS / "source" / "package-lock.json").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show: Show, scheme: str) -> None:
    """Contrast, labels, roles, headings, and whatever else it knows of."""
    axe = make_assets.install() / "axe-core" / "axe.min.js"
    with show(fleet_document(), color_scheme=scheme, bypass_csp=True) as page:
        expect(page.locator("figure svg")).to_have_count(4)
        page.evaluate(axe.read_text())
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
