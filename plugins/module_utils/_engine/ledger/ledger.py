# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record what is about to happen to each file, and what did happen. There is one SQLite database per host.

A `Row` is one transfer of one file. The tables in `states` define its states and the steps between them. Rows change
only through `Ledger.commit`, which refuses a step that the tables do not have. The future of a commit is done once the
change would survive a power cut. The changes of a batch share one transaction.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, Callable, TypeVar

from ..errors import InputError, LedgerError, TransferError
from ..loop.loop import Batch, Future
from ..states import MOVED, PROGRESS, State, require_step, state_of, track_of
from .database import ledger_error, open_database, prove, transaction
from .owner import as_owner
from .soundness import NUMBER, Kinds, require_identity, require_kinds, require_sound

T = TypeVar("T")

NAMES_A_QUERY = 500

CLOCK_IS_VALID = 7 * 24 * 3600.0  # seconds

SECOND = 1_000_000_000  # ns


@dataclass
class Row:
    """Hold one transfer of one file. The schema in database.py describes each column."""

    account: str
    direction: str
    folder: str
    name: str
    size: int
    mtime_ns: int
    job: str
    remote_path: str
    state: State = State.NEW
    temporary: str | None = None
    local_path: str | None = None
    sha256: str | None = None
    visible: bool | None = None
    verified_by: str | None = None
    reason: str | None = None
    tries: int = 0
    file_id: str | None = None
    request: str | None = None
    said: str | None = None
    taken_at: float | None = None
    changed_at: float = 0.0
    id: int | None = None

    @property
    def open(self) -> bool:
        """Return whether the file still needs work. The column of this name follows from the state."""
        return self.state.is_open

    @property
    def track(self) -> str:
        """Return which table of `states` applies to this row."""
        return track_of(self.direction, self.temporary, self.file_id)


_PAST = "name, size, mtime_ns, state, open, changed_at"
_FIELDS = [field.name for field in fields(Row) if field.name != "id"]
_COLUMNS = [*_FIELDS, "open"]
_KEY = ("account", "direction", "folder", "name")
_INSERT = (
    f"INSERT INTO transfer ({', '.join(_COLUMNS)}) SELECT {', '.join('?' * len(_COLUMNS))}"
    f" WHERE NOT EXISTS (SELECT 1 FROM transfer WHERE {' AND '.join(f'{column} = ?' for column in _KEY)} AND id > ?)"
)
_CHANGING = [column for column in _COLUMNS if column not in _KEY]
_UPDATE = f"UPDATE transfer SET {', '.join(f'{column} = ?' for column in _CHANGING)} WHERE id = ?"

# Most changes leave a row open. A statement without the key columns and `open` does not update the indexes.
_STEPPING = [column for column in _CHANGING if column != "open"]
_STEP = f"UPDATE transfer SET {', '.join(f'{column} = ?' for column in _STEPPING)} WHERE id = ? AND open = 1"

# The values, in the order of each statement's question marks.
_VALUES = {"state": "state._value_"}  # SQLite is much faster with plain strings


def _values(columns: Iterable[str]) -> Callable[[Row], tuple[Any, ...]]:
    return attrgetter(*(_VALUES.get(column, column) for column in columns))


_inserted = _values(_COLUMNS)
_key_of = _values(_KEY)
_updated = _values([*_CHANGING, "id"])
_stepped = _values([*_STEPPING, "id"])

_RECORD = f"{', '.join(_FIELDS)}, id"

OPEN_FILES = (
    f"(SELECT {_RECORD} FROM transfer WHERE open = 1 UNION ALL"
    " SELECT account, direction, folder, name, size, 0, job, remote_path, '', NULL, NULL, NULL, NULL, NULL, reason,"
    " 0, NULL, NULL, NULL, NULL, since, 0 FROM waiting WHERE NOT EXISTS (SELECT 1 FROM transfer WHERE open = 1 AND "
    + " AND ".join(f"transfer.{column} = waiting.{column}" for column in _KEY)
    + "))"
)
"""All open rows, and a row in the state NEW for each waiting file that has none. They are for people only."""

CLOSED_FILES = "transfer INDEXED BY transfer_by_time"
"""All rows that are history: read them by ``open = 0`` and their time. There may be millions."""


class Ledger(Batch):
    """Read and write an open ledger. It is also the loop's batch of commits.

    :param path: the database file.
    :param create: create the ledger if it is missing. Set this only where a new ledger is expected. A silent
        replacement for a lost ledger would make its jobs send files again.
    :param read_only: never write (check mode). A missing ledger counts as empty, unless it ``must_exist``.
    :param for_module: a module works with it. So its messages speak of modules, and not of the command.
    :ivar secured: how many steps have been taken after which a file need not be moved again.
    :raises LedgerError: from every method, if the ledger cannot be used. Then nothing must be transferred.
    :ivar newest_planned: the newest row that the plan of this run can have seen; see `begin_plan`.
    """

    def __init__(
        self,
        path: str,
        *,
        create: bool = False,
        read_only: bool = False,
        must_exist: bool = False,
        for_module: bool = False,
    ) -> None:
        super().__init__()
        self.path = path
        self.for_module = for_module
        self.newest_planned = sys.maxsize
        self.secured = 0
        self._waiting: list[tuple[Row, Future[None]]] = []
        self._read_only = read_only
        try:
            with as_owner(path, reading=read_only):
                self._db = open_database(path, create=create, read_only=read_only, must_exist=must_exist)
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def prove(self) -> None:
        """Check that the ledger is undamaged and writable. Call this before the first transfer.

        :raises LedgerError: the ledger is damaged, or cannot be written.
        """
        try:
            prove(self._db)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def close(self) -> None:
        with suppress(LedgerError, InputError), as_owner(self.path, reading=self._read_only):
            self._db.close()  # SQLite removes its side files

    @property
    def is_unlocked(self) -> bool:
        """Return whether the ledger is read without a lock. Then an answer is right only if nobody writes meanwhile."""
        return self._db.is_unlocked

    @cached_property
    def identity(self) -> str:
        """Return a text that distinguishes this ledger from all others."""
        found = self.look("SELECT ledger FROM identity", ())
        return require_identity(found[0][0] if found else None)

    @cached_property
    def made_at(self) -> float:
        """Return when this ledger was created, in seconds since 1970."""
        return float(self.look("SELECT made_at FROM identity", (), (NUMBER,))[0][0])

    def begin_plan(self) -> None:
        """Note the newest row. From now on, a file with a newer row of another run is refused."""
        ((self.newest_planned,),) = self.look("SELECT COALESCE(MAX(id), 0) FROM transfer", ())

    def commit(self, row: Row, state: State, **changes: Any) -> Future[None]:
        """Change the state of a row, and other columns. The future is done once the change would survive a power cut.

        :raises IllegalStep: `states.STEPS` does not have this step.
        """
        require_step(row.track, row.state, state)
        self.secured += state is not row.state and state in PROGRESS
        for column, value in {**changes, "state": state}.items():
            setattr(row, column, value)
        answer: Future[None] = Future()
        self._waiting.append((row, answer))
        self._joined()
        return answer

    def _run(self) -> None:
        """Commit all waiting changes in one transaction."""
        waiting, self._waiting = self._waiting, []
        try:
            refused = self._write_all([row for row, _answer in waiting])
        except sqlite3.Error as error:
            failure = self._error(error)
            for _row, answer in waiting:
                answer.set_exception(failure)
            return
        for row, answer in waiting:
            if id(row) in refused:
                answer.set_exception(_in_other_hands(row))
            else:
                answer.set_result(None)

    def _write_all(self, rows: Sequence[Row]) -> set[int]:
        """Write rows in one transaction.

        Return the identities of the rows that were refused, because another job has the file in hand.
        """
        refused: set[int] = set()
        now = time.time()
        for row in rows:
            row.changed_at = now
        new = [row for row in rows if row.id is None]
        try:
            with transaction(self._db):
                refused.update(id(row) for row in self._not_stepped(rows) if not self._write(row))
        except BaseException:
            for row in new:
                row.id = None
            raise
        return refused

    def _not_stepped(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Write all steps between two open states with one statement; return the rows that are still to be written."""
        steps: list[Row] = []
        others: list[Row] = []
        for row in rows:
            is_step = row.id is not None and row.open
            (steps if is_step else others).append(row)
        if self._db.executemany(_STEP, map(_stepped, steps)).rowcount < len(steps):
            return rows  # one of them was history before, or is missing
        return others

    def _write(self, row: Row) -> bool:
        """Write one row; return False if another job has, or has had, the file in hand."""
        try:
            if row.id is None:
                return self._insert(row)
            if row.state is State.FORGOTTEN:
                self._db.execute("DELETE FROM transfer WHERE id = ?", (row.id,))
            else:
                self._db.execute(_UPDATE, _updated(row))
        except sqlite3.IntegrityError:
            return False
        return True

    def _insert(self, row: Row) -> bool:
        """Insert a row, unless the file got a newer row than the plan of this run has seen.

        A job whose selection overlaps may have transferred the file in the meantime.
        """
        found = self._db.execute(_INSERT, (*_inserted(row), *_key_of(row), self.newest_planned))
        if found.rowcount:
            row.id = found.lastrowid
        return bool(found.rowcount)

    def open_rows(self, account: str, direction: str, job: str) -> list[Row]:
        """Return the unfinished rows of a job's earlier runs, oldest first."""
        where = "WHERE open = 1 AND account = ? AND direction = ? AND job = ? ORDER BY id"
        return list(self.rows(where, (account, direction, job)))

    def latest(
        self, account: str, direction: str, folder: str, names: Iterable[str], *, but: State = State.NEW
    ) -> dict[str, Row]:
        """Return the newest row of each of these names in a folder, open or not. Ignore rows in the state ``but``."""
        found: dict[str, Row] = {}
        for where, values in _of_names(account, direction, folder, names):
            found.update(
                (row.name, row) for row in self.rows(f"{where} AND state != ? ORDER BY id", (*values, but.value))
            )
        return found

    def moved_with(self, account: str, direction: str, folder: str, stem: str) -> dict[str, float]:
        """Return the names that begin with a stem, and whose newest row says that the file was moved.

        Return for each when that was, in seconds since 1970.
        """
        where = "account = ? AND direction = ? AND folder = ? AND name >= ? AND name < ? ORDER BY id"
        key = (account, direction, folder, stem, f"{stem}\U0010ffff")
        records = self.look(f"SELECT name, state, changed_at FROM transfer WHERE {where}", key, (str, str, NUMBER))
        newest = {name: (state_of(state), at) for name, state, at in records}
        return {name: at for name, (state, at) in newest.items() if state in MOVED}

    def each_past(
        self, account: str, direction: str, folder: str, names: Iterable[str], *, but: State = State.NEW
    ) -> Iterator[tuple[str, int, int, State, float]]:
        """Yield name, size in bytes, mtime in ns, state, and time in s of each name whose newest row is history.

        The time is that of the row's last change. Rows in the state ``but`` are ignored.

        For most of a hundred thousand files, a plan needs nothing else. A tuple costs less than a Row.
        """
        for where, values in _of_names(account, direction, folder, names):
            query = f"SELECT {_PAST} FROM transfer {where} AND state != ? ORDER BY id"
            records = self.look(query, (*values, but.value))
            for name, size, mtime_ns, state, is_open, at in {record[0]: record for record in records}.values():
                if not is_open:
                    yield name, size, mtime_ns, state_of(state), at

    def rows(self, where: str, values: Sequence[Any], *, of: str = "transfer") -> Iterator[Row]:
        """Yield the rows that an SQL clause selects, of the table ``transfer``, or of one of the sources above."""
        try:
            for record in self._db.execute(f"SELECT {_RECORD} FROM {of} {where}", values):
                require_sound(record)
                row = Row(*record)
                row.state = state_of(row.state)
                row.visible = None if row.visible is None else bool(row.visible)
                yield row
        except sqlite3.Error as error:
            raise self._error(error) from error

    def look(self, query: str, values: Sequence[Any], kinds: Sequence[Kinds] = ()) -> list[tuple[Any, ...]]:
        """Return the records that an SQL query selects.

        :param kinds: the types that the columns must have, where a wrong one would matter.
        """
        try:
            found = self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from error
        for record in found if kinds else ():
            require_kinds(record, kinds)
        return found

    def change(self, statement: str, each: Iterable[Sequence[Any]]) -> None:
        """Execute an SQL statement once for each set of values, in one transaction."""
        try:
            with transaction(self._db):
                self._db.executemany(statement, each)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def seen_since(
        self, account: str, direction: str, folder: str, seen: Sequence[tuple[str, int, int]]
    ) -> dict[str, float]:
        """Record files (name, size, mtime in ns) that are not settled.

        Return for each name since when size and mtime have been unchanged, in seconds since 1970.
        """
        now = time.time()
        self.change(
            "INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?)"
            # RHEL 9 has SQLite 3.34, which requires the columns of the conflict.
            " ON CONFLICT (account, direction, folder, name) DO UPDATE SET"
            # A sighting in the future comes from a wrong clock.
            " since = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns AND since <= excluded.since"
            " THEN since ELSE excluded.since END,"
            " size = excluded.size, mtime_ns = excluded.mtime_ns",
            [(account, direction, folder, *file, now) for file in seen],
        )
        return self.sightings(account, direction, folder, seen)

    def sightings(
        self, account: str, direction: str, folder: str, seen: Sequence[tuple[str, int, int]]
    ) -> dict[str, float]:
        """Return since when size and mtime of these files have been unchanged, in seconds since 1970.

        Only files that were recorded with the same size and mtime are included.
        """
        found: dict[str, float] = {}
        wanted = {file[0]: file for file in seen}
        for where, values in _of_names(account, direction, folder, wanted):
            query = f"SELECT name, size, mtime_ns, since FROM sighting {where}"
            for *file, since in self.look(query, values, (str, int, int, NUMBER)):
                if wanted[file[0]] == tuple(file):
                    found[file[0]] = since
        return found

    def forget_sightings(self, account: str, direction: str, folder: str) -> None:
        """Delete all sightings of a folder, because all its files are settled."""
        statement = "DELETE FROM sighting WHERE account = ? AND direction = ? AND folder = ?"
        self.change(statement, [(account, direction, folder)])

    def capability(self, account: str, name: str) -> bool | None:
        """Return what an earlier run learned about a capability, or None."""
        found = self.look("SELECT allowed FROM capability WHERE account = ? AND name = ?", (account, name))
        return bool(found[0][0]) if found else None

    def clock(self, account: str) -> float | None:
        """Return by how many seconds a server's clock was ahead of ours, as a drop-off of the last week found.

        Return None if no drop-off found it.
        """
        query = "SELECT ahead FROM clock WHERE account = ? AND learned_at > ?"
        found = self.look(query, (account, time.time() - CLOCK_IS_VALID), (NUMBER,))
        return found[0][0] if found else None

    def learn_clock(self, account: str, ahead: float) -> None:
        self.change("INSERT OR REPLACE INTO clock VALUES (?, ?, ?)", [(account, ahead, time.time())])

    def host_keys(self, account: str) -> list[str]:
        """Return the lines of the host keys that an earlier run found. The caller compares them with its pins."""
        return [line for (line,) in self.look("SELECT line FROM host_key WHERE account = ?", (account,), (str,))]

    def learn_host_key(self, account: str, line: str) -> None:
        self.change("INSERT OR REPLACE INTO host_key VALUES (?, ?, ?)", [(account, line, time.time())])

    def certificates(self) -> dict[str, int]:
        """Return when the certificates of accounts' servers expire, in seconds since 1970."""
        return dict(self.look("SELECT account, expires FROM certificate", (), (str, int)))

    def learn_certificate(self, account: str, expires: int | None) -> None:
        """Keep when the certificate of an account's server expires; None: it has none."""
        if expires is None:
            self.change("DELETE FROM certificate WHERE account = ?", [(account,)])
        else:
            self.change("INSERT OR REPLACE INTO certificate VALUES (?, ?, ?)", [(account, expires, time.time())])

    def learn(self, account: str, name: str, *, allowed: bool) -> None:
        self.change("INSERT OR REPLACE INTO capability VALUES (?, ?, ?, ?)", [(account, name, allowed, time.time())])

    def _error(self, error: Exception) -> LedgerError:
        return ledger_error(self.path, error)


def _of_names(account: str, direction: str, folder: str, names: Iterable[str]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield SQL clauses with their values that select the rows of these names, NAMES_A_QUERY at a time.

    The names are sorted, because the index has the same order.
    """
    for some in slices(sorted(names), NAMES_A_QUERY):
        marks = ", ".join("?" * len(some))
        where = f"WHERE account = ? AND direction = ? AND folder = ? AND name IN ({marks})"
        yield where, (account, direction, folder, *some)


def _in_other_hands(row: Row) -> TransferError:
    return TransferError(
        "other_job",
        f"Another job is working on {row.name!r} of {row.folder!r}, or has just transferred it.",
        "Change the selections of the two jobs so that they do not overlap.",
    )


def slices(items: Sequence[T], length: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]
