# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge each file of a request by its own entry in the answer.

- Only an entry with our client number, our fileId and a known good status delivers a file.
- A known bad status refuses it. Anything else shows nothing: the file may have been taken.
- A status that refuses the whole request decides for the files without an entry of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..interface import Judgement
from .words import BUSY, Words

GOOD = frozenset({"PROCESSED", "CREATED"})
"""The known values of ``status`` and ``result`` of a file that was taken."""

_BAD = re.compile(
    r"FAIL|REJECT|REFUS|ERROR|INVALID|DENIED|FORBIDDEN|UNAUTHORI[SZ]ED|UNPROCESS|UNSUPPORTED|UNKNOWN|DUPLICATE|CONFLICT"
    r"|(^|[^A-Z])NOT|TOO_|MISSING|BAD|ABORT|CANCEL|^4[0-9][0-9]$",
    re.IGNORECASE,
)
"""What the ``status`` or ``result`` of a refused file looks like. The provider has not published the values."""


class Verdict(NamedTuple):
    """The judgement on one file, and the service's words as the end of a sentence.

    :ivar is_own: the file had an entry of its own in the answer.
    """

    judgement: Judgement
    words: str
    is_own: bool = True


def judge(
    status: int, body: bytes | None, file_ids: Iterable[str], *, client_no: str, words: Words, is_complete: bool
) -> dict[str, Verdict]:
    """Return the verdict on each file of a request.

    :param body: None if there was no whole body.
    :param is_complete: whether the whole request had been sent when the answer came.
    """
    found = _read(body)
    is_ours = found is not None and _is_client(found.get("clientNo"), client_no)
    entries = _entries(found)
    refused = _of_status(status)
    whole = words.of_body(body)
    about: dict[str, Any] = {"client_no": client_no, "is_ours": is_ours, "words": words, "is_complete": is_complete}
    return {file_id: _of_entry(entries.get(file_id), refused, whole, **about) for file_id in file_ids}


def _of_status(status: int) -> Judgement | None:
    """Return what a status says of all files; None if it leaves that to the entries."""
    if status < 300 or status == 303:  # 303 says where to look for what became of a request
        return None
    if status in BUSY or status >= 500 or status in (401, 404) or status < 400:
        return Judgement.AGAIN
    return Judgement.FORBIDDEN if status == 403 else Judgement.REFUSED


def _of_entry(
    entry: Mapping[str, Any] | None,
    refused: Judgement | None,
    whole: str,
    *,
    client_no: str,
    is_ours: bool,
    words: Words,
    is_complete: bool,
) -> Verdict:
    if entry is None:
        return Verdict(refused or Judgement.UNKNOWN, whole, is_own=False)
    said = words.of_members(entry)
    is_ours = is_ours and _is_client(entry.get("clientNo", client_no), client_no)
    values = [entry.get(name) for name in ("status", "result")]
    is_good = values[0] in GOOD and values[1] in (*GOOD, None)
    if refused is None and is_good:
        return Verdict(Judgement.TAKEN if is_ours and is_complete else Judgement.UNKNOWN, said or whole)
    if is_good:  # the status says no, and the entry yes
        return Verdict(Judgement.UNKNOWN, said)
    is_bad = any(isinstance(value, str) and _BAD.search(value) for value in values)
    if refused is not None:
        return Verdict(refused, said or whole)
    return Verdict(Judgement.REFUSED if is_bad and is_ours else Judgement.UNKNOWN, said or whole)


def _is_client(said: object, client_no: str) -> bool:
    """Return whether an answer names our client. A JSON number has no zeros at its beginning."""
    return str(said) in (client_no, client_no.lstrip("0") or "0")


def _entries(found: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """Return the entries by their fileId, without those that are there twice."""
    entries: dict[str, Mapping[str, Any]] = {}
    twice: set[str] = set()
    files = found.get("files") if found is not None else None
    for entry in files if isinstance(files, list) else ():
        file_id = entry.get("fileId") if isinstance(entry, Mapping) else None
        if isinstance(file_id, str):
            twice.update({file_id} & entries.keys())
            entries[file_id] = entry
    return {file_id: entry for file_id, entry in entries.items() if file_id not in twice}


def _read(body: bytes | None) -> dict[str, Any] | None:
    """Read a JSON object. Numbers stay text: a huge one would take long to convert."""
    try:
        found = json.loads(body or b"", parse_int=str, parse_float=str, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object. One with two members of the same name says nothing."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else {}
