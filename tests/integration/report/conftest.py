# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's page in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.page import render
from playwright.sync_api import Browser, Page, expect
from support.browser import chromium, opened

expect.set_options(timeout=60_000)  # a machine that runs other tests beside these is slow

Show = Callable[..., AbstractContextManager[Page]]


# Not for the whole session: while Playwright is there, other tests on this thread can have no event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Show the page of a document. At the end, nothing bad was heard of any page."""
    heard: list[str] = []

    def show_(document: Mapping[str, Any], **options: Any) -> AbstractContextManager[Page]:
        path = tmp_path / "report.html"
        path.write_text(render(document), encoding="utf-8")
        return opened(browser, path, heard=heard, **options)

    yield show_
    assert heard == []
