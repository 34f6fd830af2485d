# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listings of FTP: MLSD and MLST (RFC 3659), and LIST in its Unix and Windows forms. Nothing here uses a network."""

from __future__ import annotations

import calendar
import re
import stat as modes
import time
from collections.abc import Mapping

from ..interface import Entry, join

_OTHER = modes.S_IFCHR  # neither a file, nor a folder, nor a link
_UNIX = re.compile(
    r"(?P<kind>[-dlbcps])[-rwxsStTlL]{9}[+.@]?\s+\d+\s+(?:\S+\s+){1,2}(?P<size>\d+)\s+"
    r"(?:[A-Z][a-z]{2}\s+\d{1,2}|\d{1,2}\s+[A-Z][a-z]{2})\s+(?:\d{1,2}:\d{2}|\d{4})\s(?P<name>.+)",
    re.DOTALL,
)
_WINDOWS = re.compile(
    r"\d{1,2}-\d{1,2}-\d{2,4}\s+\d{1,2}:\d{2}(?:[AP]M)?\s+(?:<(?P<kind>[A-Z]+)>|(?P<size>[\d,.]+))\s+(?P<name>.+)",
    re.DOTALL,
)
_UNIX_KINDS = {"-": modes.S_IFREG, "d": modes.S_IFDIR, "l": modes.S_IFLNK}
_WINDOWS_KINDS = {None: modes.S_IFREG, "DIR": modes.S_IFDIR}
_TOTAL = re.compile(r"total\s+\d+", re.IGNORECASE)
_TIME = re.compile(r"(\d{14})(?:\.\d+)?")
TRUNCATED = re.compile(
    r"truncat|incomplete|cut short|only the first|limit (?:was )?(?:reached|exceeded)", re.IGNORECASE
)
"""What a reply says of a listing that is not whole, although its code says that all is well."""


def machine_entry(folder: str, line: str) -> Entry | None:
    """Return the entry of a line of MLSD; None for the folder itself and the one above.

    A line that cannot be read becomes a file of unknown size whose name is the line. So nobody overlooks it, and it
    cannot be fetched.
    """
    facts, space, name = line.partition(" ")
    found = _facts(facts)
    if not space or not name or found is None:
        return unreadable(folder, line)
    if found.get("type", "").lower() in ("cdir", "pdir") or name in (".", ".."):
        return None
    return entry_of(name, join(folder, name), found)


def looked_entry(path: str, reply: str) -> Entry | None:
    """Return what the reply to MLST says of a path; None if it says nothing."""
    for line in reply.split("\n")[1:-1]:
        found = _facts(line.strip().partition(" ")[0])
        if found:
            return entry_of(path.rstrip("/").rpartition("/")[2], path, found)
    return None


def _facts(text: str) -> Mapping[str, str] | None:
    """Return facts by their names in lower case."""
    if not text.endswith(";"):
        return None
    pairs = [fact.partition("=") for fact in text[:-1].split(";")]
    return {name.lower(): value for name, equals, value in pairs if equals}


def entry_of(name: str, path: str, facts: Mapping[str, str]) -> Entry:
    kind = facts.get("type", "file").lower()
    if kind == "file":
        permissions = modes.S_IFREG
    elif kind in ("dir", "cdir", "pdir"):
        permissions = modes.S_IFDIR
    else:
        permissions = modes.S_IFLNK if "link" in kind else _OTHER
    return Entry(name, path, size_of(facts.get("size", "")), time_of(facts.get("modify", "")), permissions)


def text_entry(folder: str, line: str) -> Entry | None:
    """Return the entry of a line of LIST; None for lines that are no entries. It has no time: its zone is unknown."""
    if not line.strip() or _TOTAL.fullmatch(line.strip()):
        return None
    unix = _UNIX.fullmatch(line)
    windows = None if unix else _WINDOWS.fullmatch(line)
    if unix:
        kind, name = _UNIX_KINDS.get(unix["kind"], _OTHER), unix["name"]
        if kind == modes.S_IFLNK:
            name = name.partition(" -> ")[0]
        size = int(unix["size"])
    elif windows:
        kind, name = _WINDOWS_KINDS.get(windows["kind"], _OTHER), windows["name"]
        size = int(re.sub(r"[,.]", "", windows["size"] or "0"))
    else:
        return unreadable(folder, line)
    if name in (".", ".."):
        return None
    return Entry(name, join(folder, name), size if kind == modes.S_IFREG else None, None, kind)


def unreadable(folder: str, line: str) -> Entry:
    return Entry(line, join(folder, line), None, None, modes.S_IFREG)


def is_unreadable(entry: Entry) -> bool:
    """Return whether a listing did not tell what this is."""
    return entry.size is None and entry.permissions == modes.S_IFREG


def size_of(text: str) -> int | None:
    """Read a size in bytes."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def time_of(text: str) -> int | None:
    """Read a time such as ``20261129013000.123`` (UTC), in whole seconds since 1970."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    try:
        return calendar.timegm(time.strptime(found[1], "%Y%m%d%H%M%S"))
    except (ValueError, OverflowError):
        return None
