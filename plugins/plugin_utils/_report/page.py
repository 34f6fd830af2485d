# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Render the document of a fleet as one HTML page that needs nothing else.

What matters most is plain HTML. Scripts add the charts and the table of all files. The page loads nothing: its
Content-Security-Policy allows only the script and the style in it, by their hashes. Every text of the document is
escaped for HTML, and what people cannot see in it is shown as an escape.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...module_utils._engine.command.console import bytes_in_words
from ...module_utils._engine.local.names import shown
from . import tables
from .findings import CLOCK_LIMIT, GROUPS, clock_in_words, findings, headline, is_seen
from .pack import pack

_HERE = Path(__file__).resolve().parent


def render(document: Mapping[str, Any]) -> str:
    """Return the page. It has no lone surrogates, so it can be written in UTF-8."""
    script, style = (_asset(name) for name in ("page.js", "page.css"))
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    found = findings(document)
    files = tables.Files.of(document["files"])
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            document=document,
            headline=headline(document),
            policy=policy,
            script=script,
            style=style,
            data=pack(document["files"]),
            findings=found,
            groups=[(name, sum(one.group == name for one in found)) for name in GROUPS],
            hosts=tables.hosts(document, found),
            jobs=tables.jobs(document),
            keys=tables.keys(document),
            lying=tables.lying(document),
            accounts=tables.accounts(document, files),
            days=files.by_day(),
            open_files=files.not_delivered(),
            files=files,
            most=tables.MOST,
            clock_limit=CLOCK_LIMIT,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        bytes=bytes_in_words, clock=clock_in_words, day=tables.day, number=_number, when=tables.minute
    )
    environment.tests["seen"] = is_seen
    return environment


def _visible(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _number(value: int) -> str:
    return f"{value:,}"


def _asset(name: str) -> Markup:
    """Return what `make assets` has made. It has no text that ends its element."""
    return Markup((_HERE / "assets" / name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
