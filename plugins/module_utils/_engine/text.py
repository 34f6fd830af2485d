# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make text from outside safe to show (names of files, and what servers say), read other texts, and format times."""

from __future__ import annotations

import codecs
import re
import time
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


def iso_time(seconds: float) -> str:
    """Format a time in seconds since 1970 as ISO 8601, in UTC."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):  # the time may come from a server, and be any number
        return str(seconds)


def is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN


def is_control(letter: str) -> bool:
    return unicodedata.category(letter) == "Cc"


def _escape(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


LOOKED_AT = 64  # bytes of a text that show its encoding


def in_utf8(body: bytes) -> bytes:
    """Return a text in UTF-8, without a byte order mark.

    Tools of Windows write UTF-16, with a mark or without one. Without one it is known by its start in ASCII: every
    second byte is null.
    """
    encoding = ""
    if body.startswith(codecs.BOM_UTF16_LE) or _has_only(body, 0):
        encoding = "utf-16-le"
    elif body.startswith(codecs.BOM_UTF16_BE) or _has_only(body, 1):
        encoding = "utf-16-be"
    if encoding:
        body = body.decode(encoding, "replace").encode("utf-8", "replace")
    return body[len(codecs.BOM_UTF8) :] if body.startswith(codecs.BOM_UTF8) else body


def _has_only(body: bytes, position: int) -> bool:
    """Return whether of each two bytes only the first (0) or the second (1) is there, and the other one is null."""
    start = body[:LOOKED_AT]
    return len(body) % 2 == 0 and all(start[position::2]) and len(start) > 0 and not any(start[1 - position :: 2])
