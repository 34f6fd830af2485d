# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check what is read from a ledger. SQLite stores any type in any column, and another program may have written it.

A run acts on the names and paths of rows, so a name must be the name of one file in one folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NoReturn, Union

from ..errors import LedgerError
from ..local.names import is_part, shown
from ..states import DIRECTIONS

Kinds = Union[type, tuple[type, ...]]

NUMBER: Kinds = (int, float)
OPTIONAL_NUMBER: Kinds = (int, float, type(None))
_TEXT_OR_NOTHING: Kinds = (str, type(None))

_RECORD = re.compile(r"[0-9a-f]{24}")  # the name of the record of a handler
_LATEST = 1e11  # seconds since 1970: a time that every calendar has

_ROW: tuple[Kinds, ...] = (
    *(str, str, str, str, int, int, str, str, str),  # account, direction, folder, name, size, mtime_ns, job, ..., state
    *(_TEXT_OR_NOTHING, _TEXT_OR_NOTHING, _TEXT_OR_NOTHING),  # temporary, local_path, sha256
    *((int, type(None)), _TEXT_OR_NOTHING, _TEXT_OR_NOTHING),  # visible, verified_by, reason
    int,  # tries
    *(_TEXT_OR_NOTHING, _TEXT_OR_NOTHING, _TEXT_OR_NOTHING),  # file_id, request, said
    *(OPTIONAL_NUMBER, NUMBER, int),  # taken_at, changed_at, id
)

_seen: set[tuple[type, ...]] = set()
"""The types of sound rows: the check is the same for most rows, and a run may read many."""


def require_kinds(record: Sequence[Any], kinds: Sequence[Kinds]) -> None:
    """:raises LedgerError: ``ledger_damaged``: a column has another type than filedrop writes."""
    for value, kind in zip(record, kinds):
        if not isinstance(value, kind):
            _refuse(f"a value of another type than filedrop writes: {shown(repr(value)[:100])}")


def require_identity(value: object) -> str:
    """Return the identity of a ledger, which becomes a part of the names of files.

    :raises LedgerError: ``ledger_damaged``: filedrop cannot have written it.
    """
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9]{1,64}", value):
        _refuse("no identity")
    return value


def require_sound(record: Sequence[Any]) -> None:
    """Check a row of the table ``transfer``, in the order of the fields of `ledger.Row`.

    :raises LedgerError: ``ledger_damaged``: filedrop cannot have written this row.
    """
    kinds = tuple(map(type, record))
    if kinds not in _seen:
        require_kinds(record, _ROW)
        _seen.add(kinds)
    _account, direction, folder, name, size, _mtime, _job, remote_path, _state, temporary, local_path = record[:11]
    if direction not in DIRECTIONS:
        _refuse(f"a row with the unknown direction {shown(direction[:100])!r}")
    if not _is_single(name):
        _refuse(f"a row whose name is not that of one file: {shown(name[:300])!r}")
    if size < 0 or not 0 <= record[-2] < _LATEST:
        _refuse(f"a row with an impossible size or time, of the file {shown(name)!r}")
    if "\0" in folder or "\0" in remote_path or "\0" in (local_path or ""):
        _refuse(f"a path with a NUL character, of the file {shown(name)!r}")
    if temporary is not None and not _is_own(temporary, remote_path, direction):
        _refuse(f"a temporary name that is not filedrop's: {shown(temporary[:300])!r}")
    if local_path and not _is_single(local_path.rpartition("/")[2]):
        _refuse(f"a path that is not that of a file: {shown(local_path[:300])!r}")


def _is_own(temporary: str, remote_path: str, direction: str) -> bool:
    """Return whether a temporary name may be ours: beside the final path on the server, a part, or a record."""
    folder, slash, name = temporary.rpartition("/")
    if direction == "pickup":
        return is_part(temporary)
    if direction == "import":
        return _RECORD.fullmatch(temporary) is not None
    return _is_single(name) and (folder, slash) == remote_path.rpartition("/")[:2]


def _is_single(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def _refuse(what: str) -> NoReturn:
    raise LedgerError(
        "ledger_damaged",
        f"The ledger has {what}.",
        "Restore it from a backup, and find out who has written to it. Nothing was done with it.",
    )
