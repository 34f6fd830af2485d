# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import codecs

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.text import in_utf8


@pytest.mark.parametrize("text", ["", "x", "two words\r\n", "x" * 100 + "\u00e9\u20ac"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_text_is_the_same_in_every_encoding(text: str, encoding: str) -> None:
    assert in_utf8(text.encode(encoding)) == text.encode()


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE])
def test_the_mark_decides(mark: bytes) -> None:
    encoding = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
    assert in_utf8(mark + "\u00e9".encode(encoding)) == "\u00e9".encode()


@pytest.mark.parametrize("body", [b"\0", b"\0\0", b"a\0b", b"ab\0\0", b"\x30\x82\0\x01", b"\xff\xff"])
def test_what_is_no_text_is_left_as_it_is(body: bytes) -> None:
    assert in_utf8(body) == body
