# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the bytes of a small text that another program has written, whatever encoding it has chosen."""

from __future__ import annotations

import codecs

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
