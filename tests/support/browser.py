# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real browser (Debian's Chromium without a screen), and pages in it of which nothing bad may be heard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

EXECUTABLE = "/usr/bin/chromium-headless-shell"
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_LISTEN = "addEventListener('securitypolicyviolation', ({violatedDirective}) => console.error(violatedDirective))"


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=[*_FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, path: Path, *, width: int = 1440, heard: list[str], **options: Any) -> Iterator[Page]:
    """Open a file in a window of its own.

    :param heard: where whatever is heard of the page goes: errors, violations of its policy, dialogs, and requests.
    """
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    page.add_init_script(_LISTEN)
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: heard.append(f"request: {request.url[:100]}"))
    page.goto(path.as_uri())
    heard.remove(f"request: {path.as_uri()[:100]}")
    try:
        yield page
    finally:
        context.close()
