# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the pages of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def code_blocks(page: str) -> list[tuple[str, str]]:
    """The code blocks of a text in Markdown: their languages and contents, without the indentation of a list."""
    found = re.finditer(r"^( *)```(\w*)\n(.*?)^\1```", page, re.MULTILINE | re.DOTALL)
    return [(one[2], re.sub(f"^{one[1]}", "", one[3], flags=re.MULTILINE)) for one in found]


def unwrapped(name: str) -> str:
    """The text of a page of docs/, with each entry of a list on one line."""
    return re.sub(r"\n +(?! |- )", " ", (CHECKOUT / "docs" / name).read_text())
