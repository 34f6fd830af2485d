# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the digest of a file from its checksum file, as people and their tools write it.

Any of these lines is read, in UTF-8 or UTF-16, with digits of either case, and with a path before the name::

    e3b0c4...  name                     sha256sum; also with * before the name, or a \\ before an escaped one
    SHA256 (name) = e3b0c4...           sha256sum --tag, openssl, BSD
    SHA256:e3b0c4...                    and without a name
    "SHA256","E3B0C4...","C:\\out\\name"  Get-FileHash | Export-Csv; also as a table or a list
    SHA256 hash of name:                certutil; the digest is on the next line
    47DEQpj8HB...=                      in base64

A digest that the file gives for another name does not count.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from ...text import in_utf8

_LABELS = re.compile(
    r"\b(sha-?(2-)?(1|256|384|512)|md5|hash|checksum|digest|algorithm|file|value|sum)(sum)?\b", re.IGNORECASE
)
_PUNCTUATION = " \t\"'*,;:=()[]{}<>|-\\/"
_BSD = re.compile(r"\\?\s*[A-Za-z][\w/-]*\s*\((.*)\)\s*=\s*")
_HASH_OF = re.compile(r"\bhash of (?:file )?(.+?):?\s*$", re.IGNORECASE)
_PATH = re.compile(r"\s*(?:path|file|filename|name)\s*[:=]\s*(.+?)\s*$", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)")


class _Found(NamedTuple):
    """A digest in lower case hexadecimal digits, and the name that it is given for; empty if there is none."""

    digest: str
    name: str


def digests_for(name: str, content: bytes, algorithm: str) -> set[str]:
    """Return the digests that a checksum file gives for a file, in lower case hexadecimal digits.

    Digests that are given for no name count if none is given for this one.
    """
    found = list(_all_in(in_utf8(content).decode("utf-8", "surrogateescape"), name, hashlib.new(algorithm).digest_size))
    own = [one for one in found if _is_same(one.name, name)]
    exact = [one for one in own if one.name.endswith(name)]
    return {one.digest for one in exact or own or [one for one in found if not one.name]}


def _all_in(text: str, name: str, size: int) -> Iterator[_Found]:
    """Yield every digest of so many bytes, with its name."""
    named_before = ""
    waiting: list[str] = []  # without a name of their own; a name may follow
    for line in text.splitlines():
        found = _in_line(line, name, size)
        if found is None:
            path, hash_of = _PATH.match(line), _HASH_OF.search(line)
            if path:
                yield from (_Found(digest, path[1]) for digest in waiting)
                waiting = []
            elif hash_of:
                named_before = hash_of[1]
        elif found.name or named_before:
            yield _Found(found.digest, found.name or named_before)
            named_before = ""
        else:
            waiting.append(found.digest)
    yield from (_Found(digest, "") for digest in waiting)


def _in_line(line: str, name: str, size: int) -> _Found | None:
    """Return the digest of a line. A name may look like a digest itself, so one beside our own name is taken first."""
    found = []
    for token in _tokens(size).finditer(line):
        digest = _hexadecimal(token[0], size)
        before, after = line[: token.start()], line[token.end() :]
        names = _names(before, after)
        own = [one for one in names if _is_same(one, name)]
        found.append(_Found(digest, own[0] if own else "".join(names[:1])))
        if own:
            return found[-1]
    return found[0] if found else None


def _names(before: str, after: str) -> list[str]:
    """Return what may be the name in a line, from the parts before and behind the digest."""
    names = []
    bsd = _BSD.fullmatch(before)
    if bsd:
        names.append(bsd[1])
    elif before[-1:] in ('"', ",", ";", "\t") or after[:1] in ('"', ",", ";", "\t"):
        delimiter = next((one for one in ",;\t" if one in before + after), ",")
        fields = [*csv.reader([before, after.lstrip('"')], delimiter=delimiter)]
        names += [field for row in fields for field in row]
    else:
        names += [before, after[2:] if after[:2] in ("  ", " *") else after]
    names += [one.strip(_PUNCTUATION) for one in (before, after)]
    if before.lstrip().startswith("\\"):  # sha256sum escapes a name with a line break or a backslash
        names = [_ESCAPE.sub(lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), one) for one in names]
    return [one.strip(" \t\"'") for one in names if _LABELS.sub("", one).strip(_PUNCTUATION)]


def _is_same(path: str, name: str) -> bool:
    """Return whether a path, of whatever system, ends with a name. Case does not count, for the sake of Windows."""
    plain, wanted = (unicodedata.normalize("NFC", one).casefold() for one in (path, name))
    return plain == wanted or plain.endswith((f"/{wanted}", f"\\{wanted}"))


def _tokens(size: int) -> re.Pattern[str]:
    """Return the pattern of a digest of so many bytes: in hexadecimal digits, also in pairs, or in base64."""
    padding = -size % 3
    letters = (size * 8 + 5) // 6
    return re.compile(
        rf"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{{{2 * size}}}|(?:[0-9A-Fa-f]{{2}}[ :-]){{{size - 1}}}[0-9A-Fa-f]{{2}})"
        rf"(?![0-9A-Za-z])|(?<![0-9A-Za-z+/])[0-9A-Za-z+/]{{{letters}}}={{{padding}}}(?![0-9A-Za-z+/=])"
    )


def _hexadecimal(token: str, size: int) -> str:
    digits = re.sub("[ :-]", "", token)
    if len(digits) == 2 * size:
        return digits.lower()
    return base64.b64decode(token).hex()
