# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger: what is about to happen to each file, and what did happen. One SQLite database a host.

A `Row` is one file on its way, from the moment that something is about to be done to it. It is *open* until nothing
more has to be done; then it is history. Rows change only through `Ledger.commit`, which returns once the change would
survive a power cut; a batch of changes shares one transaction.

States of a drop-off (recovery.py says what each means after a crash):
    intent -> created -> written -> closed [-> renamed] -> delivered
States of a pickup:
    placing -> placed -> fetched, or kept where the original stays
And of both: ``held`` (open: a person decides, decisions.py), ``resend`` (open: a person has decided), ``discarded``
(history: a person has decided) and ``abandoned`` (history: nothing of it was left behind on either side).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Any

from .disk import Folder, rename_new
from .errors import LedgerError, TransferError
from .flow import Answer, Batch
from .owner import leave_to_owner, make_folder

VERSION = 1
BUSY_TIMEOUT = 30.0  # seconds that another process may keep the ledger locked
SIDE_FILES = 64 * 1024  # bytes that SQLite's log and its index take at least

_SCHEMA = """
CREATE TABLE transfer (
    id          INTEGER PRIMARY KEY,
    account     TEXT NOT NULL,
    direction   TEXT NOT NULL,
    folder      TEXT NOT NULL,     -- where the original is: local for a drop-off, remote for a pickup
    name        TEXT NOT NULL,
    size        INTEGER NOT NULL,  -- bytes
    mtime_ns    INTEGER NOT NULL,  -- of the original, since 1970
    job         TEXT NOT NULL,
    state       TEXT NOT NULL,
    open        INTEGER NOT NULL,  -- 1 while something remains to be done
    remote_path TEXT NOT NULL,
    temporary   TEXT,              -- remote temp path of a drop-off, local part's name of a pickup
    local_path  TEXT,              -- the archived original, or the file as it was delivered
    sha256      TEXT,
    visible     INTEGER,           -- was the final name seen while the upload was open?
    reason      TEXT,
    changed_at  REAL NOT NULL      -- seconds since 1970
);
CREATE INDEX transfer_by_key ON transfer (account, direction, folder, name);
CREATE UNIQUE INDEX transfer_open ON transfer (account, direction, folder, name) WHERE open = 1;
CREATE TABLE sighting (            -- files seen that were not settled yet
    account TEXT NOT NULL, direction TEXT NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, since REAL NOT NULL,
    PRIMARY KEY (account, direction, folder, name)
) WITHOUT ROWID;
CREATE TABLE capability (          -- what earlier runs learned of a server
    account TEXT NOT NULL, name TEXT NOT NULL, allowed INTEGER NOT NULL, learned_at REAL NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE run (                 -- the latest run of each job
    account TEXT NOT NULL, direction TEXT NOT NULL, job TEXT NOT NULL,
    began REAL NOT NULL, ended REAL NOT NULL,
    well_at REAL,                  -- when a run last ended with nothing failed and nothing held
    reason TEXT NOT NULL, message TEXT NOT NULL,  -- what ended it early, if anything did
    delivered INTEGER NOT NULL, skipped INTEGER NOT NULL, held INTEGER NOT NULL, failed INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (account, direction, job)
) WITHOUT ROWID;
"""

NAMES_A_QUERY = 500


@dataclass
class Row:
    """One file on its way; see the schema for the meaning of each column."""

    account: str
    direction: str
    folder: str
    name: str
    size: int
    mtime_ns: int
    job: str
    remote_path: str
    state: str = ""
    open: bool = True
    temporary: str | None = None
    local_path: str | None = None
    sha256: str | None = None
    visible: bool | None = None
    reason: str | None = None
    changed_at: float = 0.0
    id: int | None = None


_COLUMNS = [field.name for field in fields(Row) if field.name != "id"]
_INSERT = f"INSERT INTO transfer ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_UPDATE = f"UPDATE transfer SET {', '.join(f'{column} = ?' for column in _COLUMNS)} WHERE id = ?"
_SELECT = f"SELECT {', '.join(_COLUMNS)}, id FROM transfer"


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
        self._waiting: list[tuple[Row, Answer[None]]] = []
        try:
            exists = _exists(path)
            if not exists and create and not read_only:
                _make(path)
            elif not exists and (must_exist or not read_only):
                raise missing(path)
            self._db = self._open(read_only)
            self._check_version()
            if not read_only:
                # SQLite opens without a word what it may only read; that has to be known before the first file moves.
                self._db.execute("DELETE FROM transfer WHERE FALSE")
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def _open(self, read_only: bool) -> sqlite3.Connection:
        exists = _exists(self.path)
        if read_only:
            # Even a reader makes SQLite's side files, unless it is told that nobody writes: true while there is no log.
            quiet = "" if os.path.exists(f"{self.path}-wal") else "&immutable=1"
            where = f"file:{_quoted(self.path)}?mode=ro{quiet}" if exists else ":memory:"
        else:
            where = f"file:{_quoted(self.path)}?mode=rw"
        db = sqlite3.connect(where, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)
        if not exists:
            _fill(db)
        elif not read_only:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
        return db

    def _check_version(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            raise LedgerError(
                "ledger_damaged",
                f"The ledger {self.path!r} is empty, or no ledger.",
                "Restore it from a backup, or name another file.",
            )
        if version != VERSION:
            raise LedgerError(
                "ledger_version",
                f"The ledger {self.path!r} has version {version}; this filedrop knows version {VERSION}.",
                "Upgrade filedrop on this host; an older one must not write to it.",
            )

    def prove(self) -> None:
        """See before the first file moves whether the ledger is whole, and can be written, disk and all.

        Reads all of it, about 0.2 s for 100,000 files: damage to an index can hide that a file was sent.
        """
        try:
            (found,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise self._error(sqlite3.DatabaseError(f"malformed: {' '.join(found.split())}"))
            self._db.execute(f"PRAGMA user_version = {VERSION}")  # writes a page, whatever stands there
        except sqlite3.Error as error:
            raise self._error(error) from error

    def close(self) -> None:
        self._db.close()

    def commit(self, row: Row, state: str, **changes: Any) -> Answer[None]:
        """Bring a row to a state; settled when that survives a power cut."""
        row.state = state
        for column, value in changes.items():
            setattr(row, column, value)
        answer: Answer[None] = Answer()
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
                answer.fail(failure)
            return
        for row, answer in waiting:
            if id(row) in refused:
                answer.fail(_in_other_hands(row))
            else:
                answer.settle(None)

    def _write_all(self, rows: Sequence[Row]) -> set[int]:
        """Write rows in one transaction; return the identities of those that another job's open row stands against."""
        refused = set()
        new = [row for row in rows if row.id is None]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for row in rows:
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

    def _write(self, row: Row) -> None:
        row.changed_at = time.time()
        values = [getattr(row, column) for column in _COLUMNS]
        if row.id is None:
            row.id = self._db.execute(_INSERT, values).lastrowid
        else:
            self._db.execute(_UPDATE, [*values, row.id])

    def open_rows(self, account: str, direction: str, job: str) -> list[Row]:
        """What earlier runs of a job left unfinished, oldest first."""
        where = "WHERE open = 1 AND account = ? AND direction = ? AND job = ? ORDER BY id"
        return list(self.rows(where, (account, direction, job)))

    def latest(self, account: str, direction: str, folder: str, names: Iterable[str]) -> dict[str, Row]:
        """The newest row, open or not, of each of these names in a folder."""
        found: dict[str, Row] = {}
        for some in _slices(list(names), NAMES_A_QUERY):
            marks = ", ".join("?" * len(some))
            where = f"WHERE account = ? AND direction = ? AND folder = ? AND name IN ({marks}) ORDER BY id"
            found.update((row.name, row) for row in self.rows(where, (account, direction, folder, *some)))
        return found

    def rows(self, where: str, values: Sequence[Any]) -> Iterator[Row]:
        """The rows that an SQL clause selects, one after the other."""
        try:
            for record in self._db.execute(f"{_SELECT} {where}", values):
                row = Row(**dict(zip([*_COLUMNS, "id"], record)))
                row.open = bool(row.open)
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
        key = (account, direction, folder)
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(
                    "INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?)"
                    # RHEL 9 has SQLite 3.34, which wants to know which conflict is meant.
                    " ON CONFLICT (account, direction, folder, name) DO UPDATE SET"
                    " since = CASE WHEN size = excluded.size AND mtime_ns = excluded.mtime_ns THEN since ELSE "
                    "excluded.since END,"
                    " size = excluded.size, mtime_ns = excluded.mtime_ns",
                    [(*key, *file, now) for file in seen],
                )
            return self.sightings(account, direction, folder, seen)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def sightings(
        self, account: str, direction: str, folder: str, seen: Sequence[tuple[str, int, int]]
    ) -> dict[str, float]:
        """Since when each of these files has been seen just so; only those that have."""
        query = "SELECT name, size, mtime_ns, since FROM sighting WHERE account = ? AND direction = ? AND folder = ?"
        try:
            records = self._db.execute(query, (account, direction, folder)).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from error
        known = {(name, size, mtime_ns): since for name, size, mtime_ns, since in records}
        return {file[0]: known[file] for file in seen if file in known}

    def forget_sightings(self, account: str, direction: str, folder: str) -> None:
        """Nothing in the folder is unsettled any more."""
        try:
            self._db.execute(
                "DELETE FROM sighting WHERE account = ? AND direction = ? AND folder = ?", (account, direction, folder)
            )
        except sqlite3.Error as error:
            raise self._error(error) from error

    def capability(self, account: str, name: str) -> bool | None:
        """What an earlier run learned, or None."""
        try:
            query = "SELECT allowed FROM capability WHERE account = ? AND name = ?"
            record = self._db.execute(query, (account, name)).fetchone()
        except sqlite3.Error as error:
            raise self._error(error) from error
        return None if record is None else bool(record[0])

    def learn(self, account: str, name: str, *, allowed: bool) -> None:
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO capability VALUES (?, ?, ?, ?)", (account, name, allowed, time.time())
            )
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> LedgerError:
        said = (isinstance(error, OSError) and error.strerror) or str(error)
        if "I/O error" in said and _disk_is_full(self.path):
            said += ": the disk is full"  # SQLite tells no more where it cannot make its side files
        for sign, (reason, finding, way_out) in _TROUBLES.items():
            if sign in said:
                return LedgerError(reason, f"The ledger {self.path!r} {finding} ({said}).", way_out)
        return LedgerError(
            "ledger_failed",
            f"The ledger {self.path!r} cannot be used ({said}).",
            "Look at the disk it is on, and restore it from a backup if need be. Nothing was transferred without it.",
        )


_TROUBLES = {
    "locked": ("ledger_locked", "is locked by another process", "Find who keeps it open, or try again later."),
    "readonly": (
        "ledger_read_only",
        "cannot be written",
        "Give the user that runs this the right to write it and its folder.",
    ),
    "Permission denied": (
        "ledger_read_only",
        "cannot be opened",
        "Give the user that runs this the right to it and its folder.",
    ),
    "unable to open": (
        "ledger_read_only",
        "cannot be opened",
        "Give the user that runs this the right to it and its folder.",
    ),
    "full": ("ledger_disk_full", "cannot grow, for the disk is full", "Make room, and run again."),
    "No space left": ("ledger_disk_full", "cannot be made, for the disk is full", "Make room, and run again."),
    "malformed": (
        "ledger_damaged",
        "is damaged",
        "Restore it from a backup; `sqlite3 LEDGER .recover` may save what is in it.",
    ),
    "not a database": ("ledger_damaged", "is no ledger", "Restore it from a backup, or name another file."),
}


def _disk_is_full(path: str) -> bool:
    """Whether there is no room for the side files of a ledger."""
    try:
        status = os.statvfs(os.path.dirname(os.path.abspath(path)))
    except OSError:
        return False
    return status.f_bavail * status.f_frsize < SIDE_FILES


def _exists(path: str) -> bool:
    """Like os.path.exists, but a folder that we may not look into is an error."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True


def _make(path: str) -> None:
    """A new ledger, whole from its first instant: several jobs may make it at once, and any may be killed at that."""
    folder, name = os.path.split(os.path.abspath(path))
    make_folder(folder)
    target = Folder(folder)
    fcntl.flock(target.fd, fcntl.LOCK_EX)
    workshop = os.path.join(folder, f".{name}.new")
    shutil.rmtree(workshop, ignore_errors=True)
    os.mkdir(workshop, 0o700)
    try:
        new = os.path.join(workshop, name)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        leave_to_owner(fd, folder)
        os.close(fd)
        with closing(sqlite3.connect(new, isolation_level=None)) as db:
            _fill(db)
        rename_new(Folder(workshop), name, target, name)
        os.fsync(target.fd)
    finally:
        shutil.rmtree(workshop)


def _fill(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


def missing(path: str) -> LedgerError:
    """The error that there is none, for those who may not make one."""
    return LedgerError(
        "ledger_missing",
        f"There is no ledger at {path!r}.",
        "Name the one that is meant, with `ledger`. If it was lost, what was kept and not archived would be sent "
        "again: restore it, or make a new one with `filedrop init`.",
    )


def _in_other_hands(row: Row) -> TransferError:
    return TransferError(
        "other_job",
        f"Another job has {row.name!r} of {row.folder!r} in its hands.",
        "Let the selections of the two jobs not overlap.",
    )


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _slices(items: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]
