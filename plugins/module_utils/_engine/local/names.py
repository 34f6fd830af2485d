# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""File names: which are safe, which are temporary, and how to make new ones."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import unicodedata

from ..errors import TransferError

LONGEST_NAME = 255
"""Bytes; what Linux file systems take."""

TEMPORARY_SUFFIXES = (".tmp", ".part", ".partial", ".filepart", ".temp", ".inprocess", ".uploading")
"""What senders in the field give to a file that is not whole yet."""

WAY_OUT = "Rename it where it comes from, or exclude it; the other files are not held up by it."


def shown(name: str) -> str:
    """A name for people and results: bytes that are no UTF-8, and control characters, escaped."""
    readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(letter if not _is_control(letter) else f"\\x{ord(letter):02x}" for letter in readable)


def quoted(text: str) -> str:
    """A name or path for a sentence, in quotes."""
    return f"'{shown(text)}'"


def check_name(name: str) -> None:
    """Accept what can only mean one file in one folder.

    :raises TransferError: ``name_refused``, for anything else.
    """
    finding = _objection(name)
    if finding:
        raise TransferError("name_refused", f"The name {quoted(name[:300])} is refused: {finding}.", WAY_OUT)


def _objection(name: str) -> str:
    if name in ("", ".", ".."):
        return "it names no file"
    if "/" in name:
        return "it has a path separator in it"
    if not name.isprintable() and any(_is_control(letter) for letter in name):
        return "it has a control character in it"
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return f"it has {length} bytes, and {LONGEST_NAME} are allowed" if length > LONGEST_NAME else ""


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) == "Cc"


def is_temporary(name: str) -> bool:
    """Whether a name says that its sender is not done yet."""
    return name.lower().endswith(TEMPORARY_SUFFIXES)


def version(name: str, number: int) -> str:
    """The name of another file of the same name: ``report.xml`` becomes ``report.2.xml``. The stem is cut where it
    would grow too long.
    """
    stem, extension = os.path.splitext(name)
    suffix = f".{number}{extension}"
    room = LONGEST_NAME - len(suffix.encode())
    if room < 1:  # an "extension" as long as the name itself
        stem, suffix = name, f".{number}"
        room = LONGEST_NAME - len(suffix)
    return cut(stem, room) + suffix


def cut(text: str, length: int) -> str:
    """The beginning of a text, ``length`` bytes of UTF-8 at most, in whole characters."""
    return text.encode("utf-8")[:length].decode("utf-8", "ignore")


def part_prefix(account: str, job: str) -> str:
    """How the local parts of a job begin: its next run, and nobody else, removes those that a crash left behind."""
    return f".filedrop-{hashlib.sha256(f'{account}{chr(0)}{job}'.encode()).hexdigest()[:12]}-"


_CLAIM = ".filedrop-claim-"


def claim(name: str) -> str:
    """A hidden name on the server for a file that this host is about to fetch. It tells people whose it is, and nobody
    takes it for a whole file.
    """
    host = re.sub(r"[^A-Za-z0-9.-]", "", os.uname().nodename.partition(".")[0])[:32]
    return temporary(f"{_CLAIM}{host}-{{random}}-{{name}}.part", name)


def is_claim(name: str) -> bool:
    """Whether a name is a claim, be it of another host."""
    return name.startswith(_CLAIM)


def temporary(pattern: str, name: str) -> str:
    """A temporary name after a pattern with ``{name}``, ``{stem}`` and ``{random}`` in it.

    Where the name is too long for the pattern it is cut, and its digest tells it from others that begin like it.
    """
    random = secrets.token_hex(4)
    room = LONGEST_NAME - len(pattern.format(name="", stem="", random=random).encode())
    stem = os.path.splitext(name)[0]
    return pattern.format(name=_fitted(name, room), stem=_fitted(stem, room), random=random)


def _fitted(text: str, room: int) -> str:
    if len(text.encode()) <= room:
        return text
    digest = "-" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return cut(text, room - len(digest)) + digest
