# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make text from outside safe to show: names of files, and what servers say."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode's categories of control and format characters (such as those that turn the direction of text, or have no
width), private ones, surrogates, and separators of lines and paragraphs."""

_NOT_ASCII = re.compile(r"[^\x20-\x7e]")


def escaped(text: str) -> str:
    """Escape what people cannot see, or what changes how the rest is shown; and bytes that are not UTF-8."""
    if text.isprintable():
        return text
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _NOT_ASCII.sub(lambda found: _escape(found[0]) if is_hidden(found[0]) else found[0], readable)


def is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN


def is_control(letter: str) -> bool:
    return unicodedata.category(letter) == "Cc"


def _escape(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
