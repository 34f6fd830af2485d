# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recognise a log of SQLite (``-wal``) that does not belong to the ledger beside it.

A crash leaves the ledger and its log. If somebody then restores the ledger alone from a backup, SQLite applies the log
to it, and the result is a mixture of two ledgers. SQLite does not notice that.

So each transaction of a ledger counts up a number in the first page of the database (``PRAGMA application_id``). The
log continues the ledger only if its first transaction has at most the next number, and its last one is not behind.

Source: https://www.sqlite.org/fileformat2.html, sections 1.3 (database header) and 4.1 (format of the log).
"""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import LedgerError

_LOG_HEADER = 32  # bytes
_FRAME_HEADER = 24  # bytes
_COUNTER = 68  # offset of the number in the first page
_COUNT = 2**31  # after so many transactions, the number begins again
_LOOKS = 3  # another process may be writing the log into the ledger between two reads
_PAUSE = 0.2  # seconds between two looks


def count_transaction(db: sqlite3.Connection) -> None:
    """Count the transaction that has just begun. Every writer of a ledger calls this once in each transaction."""
    (number,) = db.execute("PRAGMA application_id").fetchone()
    db.execute(f"PRAGMA application_id = {(number + 1) % _COUNT}")


def require_own_log(path: str) -> None:
    """Check that the log beside a ledger, if there is one, belongs to it.

    A file that cannot be read is left to SQLite, which cannot read it either.

    :raises LedgerError: ``ledger_restored``.
    """
    for look in range(_LOOKS):
        if _is_own_log(path):
            return
        if look < _LOOKS - 1:
            time.sleep(_PAUSE)
    raise LedgerError(
        "ledger_restored",
        f"The log {path + '-wal'!r} does not belong to the ledger {path!r} beside it. The ledger was probably restored "
        "from a backup, while a run had left that log. SQLite would mix the two.",
        f"Move {path + '-wal'!r} and {path + '-shm'!r} to another place, and run again.",
    )


def _is_own_log(path: str) -> bool:
    try:
        with open(path, "rb") as ledger:
            ledger.seek(_COUNTER)
            now = _number(ledger.read(4))
        with open(f"{path}-wal", "rb") as log:
            first, last = _first_and_last(log)
    except OSError:
        return True
    if now is None or first is None or last is None:
        return True
    before = first - 1
    return (now - before) % _COUNT <= (last - before) % _COUNT


def _first_and_last(log: BinaryIO) -> tuple[int | None, int | None]:
    """Return the numbers of the first and of the last transaction in a log; None if it has none."""
    first = last = None
    for number in _numbers(log):
        first = number if first is None else first
        last = number
    return first, last


def _numbers(log: BinaryIO) -> Iterator[int]:
    """Yield the number in each copy of the first page that a log has."""
    header = log.read(_LOG_HEADER)
    if len(header) < _LOG_HEADER:
        return
    (page_size,), salt = struct.unpack(">I", header[8:12]), header[16:24]
    while True:
        frame = log.read(_FRAME_HEADER)
        if len(frame) < _FRAME_HEADER or frame[8:16] != salt:  # the rest is of an earlier log
            return
        (page,) = struct.unpack(">I", frame[:4])
        if page == 1:
            content = log.read(page_size)
            number = _number(content[_COUNTER : _COUNTER + 4])
            if number is None or len(content) < page_size:
                return
            yield number
        else:
            log.seek(page_size, 1)


def _number(data: bytes) -> int | None:
    return int.from_bytes(data, "big") if len(data) == 4 else None
