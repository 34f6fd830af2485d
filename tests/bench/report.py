# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time the report's page of a large fleet: until it is made, until it is seen, until its table can be used.

make bench-report ARGS='--files 1000000'
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from ansible_collections.courier.filedrop.plugins.plugin_utils._report.page import render
from playwright.sync_api import Browser
from support.browser import chromium, opened
from support.fleet_document import fleet_document

_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    document = fleet_document(given.hosts, given.files, planted=False)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "report.html"
        began = time.monotonic()
        path.write_text(render(document), encoding="utf-8")
        print(f"{given.hosts} hosts, {given.files:,} files: {path.stat().st_size / 2**20:.1f} MiB")
        print(f"{'made':14} {time.monotonic() - began:6.2f} s")
        name = document["files"]["rows"][-1][6]
        rounds = [_round(browser, path, name) for _round_no in range(given.rounds)]
    for what in rounds[0]:
        seconds = [one[what] for one in rounds]
        print(f"{what:14} {min(seconds):6.2f} s at best, {max(seconds):6.2f} s at worst")
    return 0


def _round(browser: Browser, path: Path, name: str) -> dict[str, float]:
    began = time.monotonic()
    with opened(browser, path, heard=[]) as page:
        page.locator(".tabulator-row").first.wait_for()
        usable = time.monotonic() - began
        painted = float(page.evaluate(_PAINTED)) / 1000
        page.locator("figure svg").first.wait_for()
        charts = time.monotonic() - began
        began = time.monotonic()
        page.get_by_label("Search").fill(name)
        page.get_by_role("status").get_by_text("1 of ").wait_for()
        return {"first seen": painted, "table usable": usable, "charts": charts, "search": time.monotonic() - began}


if __name__ == "__main__":
    raise SystemExit(main())
