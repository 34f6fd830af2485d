# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger: what is about to happen to each file, and what did happen. One SQLite database per host.

A `Row` is one file on its way. Its states, and the steps between them, are the tables of `states`. Rows change only
through `Ledger.commit`, which refuses a step that the tables do not have. Its future is done once the change would
survive a power cut. A batch of changes shares one transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Callable

from ..errors import LedgerError, TransferError
from ..loop.loop import Batch, Future
from ..states import State, require_step, state_of, track_of
from .database import ledger_error, open_database, prove

NAMES_A_QUERY = 500

SECOND = 1_000_000_000  # ns


@dataclass
class Row:
    """One file on its way; see the schema in database.py for the meaning of each column."""

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
    reason: str | None = None
    changed_at: float = 0.0
    id: int | None = None

    @property
    def open(self) -> bool:
        """Whether something remains to be done; the column of this name follows from the state."""
        return self.state.is_open

    @property
    def track(self) -> str:
        """The table of `states` that this row goes by."""
        return track_of(self.direction, self.temporary)


_FIELDS = [field.name for field in fields(Row) if field.name != "id"]
_COLUMNS = [*_FIELDS, "open"]
_INSERT = f"INSERT INTO transfer ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_KEY = ("account", "direction", "folder", "name")
_CHANGING = [column for column in _COLUMNS if column not in _KEY]
_UPDATE = f"UPDATE transfer SET {', '.join(f'{column} = ?' for column in _CHANGING)} WHERE id = ?"

# Most changes leave a row open. Where neither key nor `open` is named, SQLite leaves the indexes alone.
_STEPPING = [column for column in _CHANGING if column != "open"]
_STEP = f"UPDATE transfer SET {', '.join(f'{column} = ?' for column in _STEPPING)} WHERE id = ? AND open = 1"

# In the order of each statement's question marks.
_VALUES = {"state": "state._value_"}  # SQLite takes plain strings much faster


def _values(columns: Iterable[str]) -> Callable[[Row], tuple[Any, ...]]:
    return attrgetter(*(_VALUES.get(column, column) for column in columns))


_inserted = _values(_COLUMNS)
_updated = _values([*_CHANGING, "id"])
_stepped = _values([*_STEPPING, "id"])

_SELECT = f"SELECT {', '.join(_FIELDS)}, id FROM transfer"


class Ledger(Batch):
    """An open ledger; also the flow's batch of commits.

    :param path: the database file.
    :param create: make it if there is none. Where nobody expects a new one, a lost ledger must not be replaced
        silently: its job would send again what was sent before.
    :param read_only: for check mode: look, and never write; a ledger that does not exist yet counts as empty, unless it
        ``must_exist``.
    :raises LedgerError: from every method, when the ledger cannot be used. Nothing may be transferred then.
    """

    def __init__(self, path: str, *, create: bool = False, read_only: bool = False, must_exist: bool = False) -> None:
        super().__init__()
        self.path = path
        self._waiting: list[tuple[Row, Future[None]]] = []
        try:
            self._db = open_database(path, create=create, read_only=read_only, must_exist=must_exist)
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def prove(self) -> None:
        """See before the first file moves whether the ledger is whole, and can be written."""
        try:
            prove(self._db)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def close(self) -> None:
        self._db.close()

    def commit(self, row: Row, state: State, **changes: Any) -> Future[None]:
        """Bring a row to a state. The future is done once that survives a power cut.

        :raises IllegalStep: `states.STEPS` does not have this step.
        """
        for column, value in changes.items():
            setattr(row, column, value)
        require_step(row.track, row.state, state)
        row.state = state
        answer: Future[None] = Future()
        self._waiting.append((row, answer))
        self._joined()
        return answer

    def _run(self) -> None:
        """Commit all changes that wait, in one transaction."""
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
        """Write rows in one transaction; return the identities of those that another job's open row stands against."""
        refused = set()
        now = time.time()
        for row in rows:
            row.changed_at = now
        new = [row for row in rows if row.id is None]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for row in self._not_stepped(rows):
                try:
                    self._write(row)
                except sqlite3.IntegrityError:
                    refused.add(id(row))
            self._db.execute("COMMIT")
        except BaseException:
            for row in new:
                row.id = None
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return refused

    def _not_stepped(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Write what goes from one open state to the next, all at once; return what else there is to write."""
        steps: list[Row] = []
        others: list[Row] = []
        for row in rows:
            is_step = row.id is not None and row.open
            (steps if is_step else others).append(row)
        if self._db.executemany(_STEP, map(_stepped, steps)).rowcount < len(steps):
            return rows  # one of them is opened again, or gone
        return others

    def _write(self, row: Row) -> None:
        if row.id is None:
            row.id = self._db.execute(_INSERT, _inserted(row)).lastrowid
        elif row.state is State.FORGOTTEN:
            self._db.execute("DELETE FROM transfer WHERE id = ?", (row.id,))
        else:
            self._db.execute(_UPDATE, _updated(row))

    def open_rows(self, account: str, direction: str, job: str) -> list[Row]:
        """What earlier runs of a job left unfinished, oldest first."""
        where = "WHERE open = 1 AND account = ? AND direction = ? AND job = ? ORDER BY id"
        return list(self.rows(where, (account, direction, job)))

    def latest(
        self, account: str, direction: str, folder: str, names: Iterable[str], *, but: State = State.NEW
    ) -> dict[str, Row]:
        """The newest row, open or not, of each of these names in a folder; one that is not in the state ``but``."""
        found: dict[str, Row] = {}
        for where, values in _of_names(account, direction, folder, names):
            found.update(
                (row.name, row) for row in self.rows(f"{where} AND state != ? ORDER BY id", (*values, but.value))
            )
        return found

    def each_past(
        self, account: str, direction: str, folder: str, names: Iterable[str]
    ) -> Iterator[tuple[str, int, int, State]]:
        """Name, size, mtime in ns and state of those of which the newest row is history: all that has to be known of
        most of a hundred thousand.
        """
        for where, values in _of_names(account, direction, folder, names):
            records = self.look(f"SELECT name, size, mtime_ns, state, open FROM transfer {where} ORDER BY id", values)
            for name, size, mtime_ns, state, is_open in {record[0]: record for record in records}.values():
                if not is_open:
                    yield name, size, mtime_ns, state_of(state)

    def rows(self, where: str, values: Sequence[Any]) -> Iterator[Row]:
        """The rows that an SQL clause selects, one after the other."""
        try:
            for record in self._db.execute(f"{_SELECT} {where}", values):
                row = Row(*record)
                row.state = state_of(row.state)
                row.visible = None if row.visible is None else bool(row.visible)
                yield row
        except sqlite3.Error as error:
            raise self._error(error) from error

    def look(self, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """What an SQL query finds."""
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from error

    def change(self, statement: str, each: Iterable[Sequence[Any]]) -> None:
        """Execute an SQL statement for each of many values, all of them or none."""
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(statement, each)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def seen_since(
        self, account: str, direction: str, folder: str, seen: Sequence[tuple[str, int, int]]
    ) -> dict[str, float]:
        """Note files (name, size, mtime in ns) that are not settled; return since when each has been seen just so, in
        seconds since 1970.
        """
        now = time.time()
        self.change(
            "INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?)"
            # RHEL 9 has SQLite 3.34, which wants to know which conflict is meant.
            " ON CONFLICT (account, direction, folder, name) DO UPDATE SET"
            # What was seen in the future was seen by a clock that was wrong.
            " since = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns AND since <= excluded.since"
            " THEN since ELSE excluded.since END,"
            " size = excluded.size, mtime_ns = excluded.mtime_ns",
            [(account, direction, folder, *file, now) for file in seen],
        )
        return self.sightings(account, direction, folder, seen)

    def sightings(
        self, account: str, direction: str, folder: str, seen: Sequence[tuple[str, int, int]]
    ) -> dict[str, float]:
        """Since when each of these files has been seen just so; only those that have."""
        found: dict[str, float] = {}
        wanted = {file[0]: file for file in seen}
        for where, values in _of_names(account, direction, folder, wanted):
            for *file, since in self.look(f"SELECT name, size, mtime_ns, since FROM sighting {where}", values):
                if wanted[file[0]] == tuple(file):
                    found[file[0]] = since
        return found

    def forget_sightings(self, account: str, direction: str, folder: str) -> None:
        """Nothing in the folder is unsettled any more."""
        statement = "DELETE FROM sighting WHERE account = ? AND direction = ? AND folder = ?"
        self.change(statement, [(account, direction, folder)])

    def capability(self, account: str, name: str) -> bool | None:
        """What an earlier run learned, or None."""
        found = self.look("SELECT allowed FROM capability WHERE account = ? AND name = ?", (account, name))
        return bool(found[0][0]) if found else None

    def learn(self, account: str, name: str, *, allowed: bool) -> None:
        self.change("INSERT OR REPLACE INTO capability VALUES (?, ?, ?, ?)", [(account, name, allowed, time.time())])

    def _error(self, error: Exception) -> LedgerError:
        return ledger_error(self.path, error)


def _of_names(account: str, direction: str, folder: str, names: Iterable[str]) -> Iterator[tuple[str, Sequence[Any]]]:
    """SQL clauses, with their values, that select the rows of these names, some at a time, in the order in which the
    index has them.
    """
    for some in slices(sorted(names), NAMES_A_QUERY):
        marks = ", ".join("?" * len(some))
        where = f"WHERE account = ? AND direction = ? AND folder = ? AND name IN ({marks})"
        yield where, (account, direction, folder, *some)


def _in_other_hands(row: Row) -> TransferError:
    return TransferError(
        "other_job",
        f"Another job has {row.name!r} of {row.folder!r} in its hands.",
        "Let the selections of the two jobs not overlap.",
    )


def slices(items: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]
