# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide which file names are safe or temporary, and create new names."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
import unicodedata
from typing import NamedTuple

from ..errors import TransferError
from ..text import escaped, is_control

DAY = 24 * 3600.0  # seconds

LONGEST_NAME = 255
"""Bytes; the limit of Linux file systems."""

TEMPORARY_SUFFIXES = (".tmp", ".part", ".partial", ".filepart", ".temp", ".inprocess", ".uploading")
"""Suffixes that senders in practice use for a file that is not complete yet."""

OWN = ".filedrop-"
"""The beginning of the names of filedrop's own temporary files, in `dest` and on servers."""

WAY_OUT = "Rename it at its source, or exclude it. Other files are not affected."


def shown(name: str) -> str:
    """Format a name for people: escape bytes that are not UTF-8, control and format characters."""
    return escaped(name)


def as_data(name: str) -> str:
    """Return a name for programs: itself if a file can have it, else escaped."""
    return escaped(name) if not name.isprintable() and any(map(_is_invalid, name)) else name


def _is_invalid(letter: str) -> bool:
    return is_control(letter) or "\ud800" <= letter <= "\udfff"


def quoted(text: str) -> str:
    """Format a name or path for a sentence, in quotes."""
    return f"'{shown(text)}'"


def check_name(name: str) -> None:
    """Accept only names that refer to exactly one file in one folder.

    :raises TransferError: ``name_refused``, for any other name.
    """
    finding = _refusal_reason(name)
    if finding:
        raise TransferError("name_refused", f"The name {quoted(name[:300])} is refused: {finding}.", WAY_OUT)


def _refusal_reason(name: str) -> str:
    if name in ("", ".", ".."):
        return "it is not the name of a file"
    if "/" in name:
        return "it contains a path separator"
    if name.startswith(OWN):
        return f"it begins with {OWN!r}, as only filedrop's own temporary files do"
    if not name.isprintable() and any(map(is_control, name)):
        return "it contains a control character"
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return f"it has {length} bytes, but at most {LONGEST_NAME} are allowed" if length > LONGEST_NAME else ""


def folded(name: str) -> str:
    """Return what names have in common that a server may take for one: by case, or by how letters are composed."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def is_temporary(name: str) -> bool:
    """Whether a name marks a file that its sender has not completed yet.

    ``.in.NAME.`` is what ProFTPD (HiddenStores) calls a file while it is uploaded.
    """
    return name.lower().endswith(TEMPORARY_SUFFIXES) or (name.startswith(".in.") and name.endswith("."))


_TEMPORARY_OF_OURS = re.compile(r"\.[0-9a-f]{8}\.part")


def is_ours(name: str) -> bool:
    """Whether a name is one that filedrop gives to its temporary files, whatever the patterns of a job say."""
    return (name.startswith(OWN) and name.endswith(".part")) or _TEMPORARY_OF_OURS.fullmatch(name) is not None


def version(name: str, number: int) -> str:
    """Return a versioned name: ``report.xml`` becomes ``report.2.xml``. A stem that is too long is cut."""
    stem, extension = os.path.splitext(name)
    suffix = f".{number}{extension}"
    room = LONGEST_NAME - len(suffix.encode())
    if room < 1:  # an "extension" as long as the name itself
        stem, suffix = name, f".{number}"
        room = LONGEST_NAME - len(suffix)
    return cut(stem, room) + suffix


def cut(text: str, length: int) -> str:
    """Return the beginning of a text: at most ``length`` bytes of UTF-8, in whole characters."""
    return text.encode("utf-8")[:length].decode("utf-8", "ignore")


def part_prefix(ledger: str, account: str, job: str) -> str:
    """Return the prefix of a job's local parts. Only the job's next run removes parts that a crash left behind.

    :param ledger: the identity of the ledger. Jobs of the same name in two ledgers have different parts.
    """
    return f"{OWN}{key_of(ledger, account, job)[:12]}-"


def is_part(name: str) -> bool:
    """Return whether a name can be the name of a part."""
    return name.startswith(OWN) and "/" not in name


def key_of(*texts: str) -> str:
    """Return a key (64 hexadecimal digits) that is the same for the same texts, and for no others."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


LOCK = f"{OWN}lock-"
"""The prefix of lock files in a local folder. One pattern, ``.filedrop-*.part``, matches all that is ours there."""

_CLAIM = f"{OWN}claim-"
_CLAIM_PARTS = re.compile(
    re.escape(_CLAIM) + r"(?P<host>.*?)-([0-9a-f]{12}-(?P<at>[0-9a-f]{8})-)?[0-9a-f]{8}-(?P<name>.*)\.part", re.DOTALL
)


def claim(ledger: str, name: str) -> str:
    """Return a hidden name for a file on the server that this host is about to fetch (a claim).

    The name contains the host's name, the ledger's identity and the time. Nobody can mistake it for a complete file.
    """
    return temporary(f"{_claims_of(ledger)}{int(time.time()):08x}-{{random}}-{{name}}.part", name)


def is_claim_of(ledger: str, name: str) -> bool:
    """Return whether a name is a claim of this host for a ledger."""
    return name.startswith(_claims_of(ledger))


class Claimed(NamedTuple):
    """What a claim shows: the host that made it, when that was (in seconds since 1970), and the name of the file."""

    host: str
    at: float | None
    name: str


def claimed(claim: str) -> Claimed:
    """Read a claim, of this or any other host. A time in the future counts as unknown."""
    found = _CLAIM_PARTS.fullmatch(claim)
    if found is None:
        return Claimed("unknown", None, claim)
    at = int(found["at"] or "f" * 8, 16)
    return Claimed(found["host"], at if at < time.time() + DAY else None, found["name"])


def _claims_of(ledger: str) -> str:
    host = re.sub(r"[^A-Za-z0-9.-]", "", os.uname().nodename.partition(".")[0])[:32]
    return f"{_CLAIM}{host}-{ledger}-"


def is_claim(name: str) -> bool:
    """Whether a name is a claim, of this or any other host."""
    return name.startswith(_CLAIM)


def temporary(pattern: str, name: str) -> str:
    """Build a temporary name from a pattern with ``{name}``, ``{stem}`` and ``{random}``.

    A name that is too long for the pattern is cut, and a digest distinguishes it from names with the same beginning.
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
