# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create, open and check the database file of a ledger, and convert its errors to messages."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import stat as modes
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache

from ..errors import LedgerError
from ..local import names
from ..local.folder import Folder, rename_new
from ..local.walk import LinkRefused, open_folder, way_to
from .stale_log import count_transaction, require_own_log

VERSION = 2
"""The version of the schema. Releases before 1.0.0 made ledgers of version 1, with several schemas."""
BUSY_TIMEOUT = 30.0  # seconds that another process may keep the ledger locked
SIDE_FILES = 64 * 1024  # bytes: the minimum size of SQLite's log and its index
LONGEST_VALUE = 1024 * 1024  # bytes

_SCHEMA = """
CREATE TABLE identity (            -- distinguishes this ledger from all others
    ledger TEXT NOT NULL,
    made_at REAL NOT NULL          -- seconds since 1970
);
INSERT INTO identity VALUES (lower(hex(randomblob(6))), CAST(strftime('%s', 'now') AS REAL));
CREATE TABLE transfer (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, so a larger one is a newer row
    account     TEXT NOT NULL,
    direction   TEXT NOT NULL,
    folder      TEXT NOT NULL,     -- where the original is: local for a drop-off, remote for a pickup
    name        TEXT NOT NULL,
    size        INTEGER NOT NULL,  -- bytes
    mtime_ns    INTEGER NOT NULL,  -- of the original, since 1970
    job         TEXT NOT NULL,
    state       TEXT NOT NULL,
    open        INTEGER NOT NULL,  -- 1 while the file still needs work
    remote_path TEXT NOT NULL,
    temporary   TEXT,              -- drop-off: the remote temporary path; pickup: the name of the local part;
                                   -- import: the name of the handler's record
    local_path  TEXT,              -- drop-off and import: the archived original; pickup: the delivered file
    sha256      TEXT,
    visible     INTEGER,           -- 1 if the final name was visible while the upload was open
    verified_by TEXT,              -- what shows that the copy is complete
    reason      TEXT,
    tries       INTEGER NOT NULL,  -- import: how often the handler was started
    file_id     TEXT,              -- drop-off in requests: what identifies the file to the provider, in every retry
    request     TEXT,              -- drop-off in requests: the one in which it was sent last
    said        TEXT,              -- drop-off in requests: the provider's words about a file that is held
    taken_at    REAL,              -- drop-off: when a run first saw that the delivered file was gone from the server
    changed_at  REAL NOT NULL      -- seconds since 1970
);
CREATE INDEX transfer_by_key ON transfer (account, direction, folder, name);
CREATE UNIQUE INDEX transfer_open ON transfer (account, direction, folder, name) WHERE open = 1;
CREATE INDEX transfer_by_time ON transfer (changed_at, account, direction, job, state) WHERE open = 0;
CREATE TABLE sighting (            -- files seen that were not settled yet
    account TEXT NOT NULL, direction TEXT NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, since REAL NOT NULL,
    PRIMARY KEY (account, direction, folder, name)
) WITHOUT ROWID;
CREATE TABLE capability (          -- what earlier runs learned about a server
    account TEXT NOT NULL, name TEXT NOT NULL, allowed INTEGER NOT NULL, learned_at REAL NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE clock (               -- by how many seconds a server's clock is ahead of ours
    account TEXT NOT NULL PRIMARY KEY, ahead REAL NOT NULL, learned_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE host_key (            -- whole keys of servers whose account pins only a fingerprint
    account TEXT NOT NULL, line TEXT NOT NULL, learned_at REAL NOT NULL,
    PRIMARY KEY (account, line)
) WITHOUT ROWID;
CREATE TABLE certificate (         -- of the servers of accounts with TLS
    account TEXT NOT NULL PRIMARY KEY, expires INTEGER NOT NULL,  -- seconds since 1970
    learned_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE waiting (             -- files that waited at the end of the latest run of their job
    account TEXT NOT NULL, direction TEXT NOT NULL, job TEXT NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL,
    size INTEGER NOT NULL, remote_path TEXT NOT NULL, reason TEXT NOT NULL, since REAL NOT NULL,
    PRIMARY KEY (account, direction, job, folder, name)
) WITHOUT ROWID;
CREATE TABLE run (                 -- the latest run of each job
    account TEXT NOT NULL, direction TEXT NOT NULL, job TEXT NOT NULL,
    began REAL NOT NULL, ended REAL NOT NULL,
    well_at REAL,                  -- end of the last run that was well
    reason TEXT NOT NULL, message TEXT NOT NULL,  -- the error that ended the run early, or empty
    delivered INTEGER NOT NULL, skipped INTEGER NOT NULL, waiting INTEGER NOT NULL, held INTEGER NOT NULL,
    failed INTEGER NOT NULL, blocked INTEGER NOT NULL, stuck INTEGER NOT NULL, lying INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (account, direction, job)
) WITHOUT ROWID;
CREATE TABLE total (               -- the sum over all runs of a job that came to an end
    account TEXT NOT NULL, direction TEXT NOT NULL, job TEXT NOT NULL, outcome TEXT NOT NULL,
    files INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (account, direction, job, outcome)
) WITHOUT ROWID;
CREATE TABLE alarm (               -- problems of jobs of which a receiver is told
    account TEXT NOT NULL, direction TEXT NOT NULL, job TEXT NOT NULL, reason TEXT NOT NULL,
    message TEXT NOT NULL, way_out TEXT NOT NULL, status INTEGER NOT NULL, since REAL NOT NULL,
    seen_by TEXT NOT NULL,         -- run or status: what finds the problem, and finds that it is over
    told_at REAL,                  -- when the receiver was told
    PRIMARY KEY (account, direction, job, reason)
) WITHOUT ROWID;
"""


class Database(sqlite3.Connection):
    """An open ledger.

    :ivar is_unlocked: it is read without a lock. An answer is right only if nobody has written meanwhile.
    """

    is_unlocked = False


def open_database(path: str, *, create: bool, read_only: bool, must_exist: bool) -> Database:
    """Open the database of a ledger. See `ledger.Ledger` for the parameters.

    :raises LedgerError: the file is missing and must not be created, or it is not a ledger of this version.
    :raises sqlite3.Error, OSError: the file cannot be opened.
    """
    exists = _exists(path)
    if not read_only and (os.path.lexists(_workshop(path)) if exists else create):
        _make(path)
        exists = True
    if not exists and (must_exist or not read_only):
        raise missing(path)
    real = _regular(path) if exists else ":memory:"
    if exists:
        require_own_log(real)
    db = _connect(real, read_only=read_only)
    if not exists:
        _fill(db)
    _check_version(db, path)
    _check_schema(db, path)
    if not read_only:
        # SQLite opens a read-only file without an error. Detect that before the first file is transferred.
        db.execute("DELETE FROM transfer WHERE FALSE")
    return db


def _regular(path: str) -> str:
    """Return the path of a ledger without links, if the ledger and its side files are regular files.

    :raises OSError: one of them is something else. SQLite would wait for ever at a named pipe.
    """
    way = way_to(path)
    beside = [way_to(f"{way.path}{suffix}") for suffix in ("-wal", "-shm", "-journal")]
    for each in (way, *beside):
        if each.status is not None and not modes.S_ISREG(each.status.st_mode):
            raise OSError(errno.EINVAL, _NOT_REGULAR)
    return way.path


def _connect(where: str, *, read_only: bool) -> Database:
    quiet = ""
    if where != ":memory:":
        # Even a reader creates SQLite's side files, unless the file is opened as immutable. No log means no writer.
        quiet = "" if os.path.exists(f"{where}-wal") else "&immutable=1"
        where = f"file:{_quoted(where)}?mode=" + (f"ro{quiet}" if read_only else "rw")
    db = sqlite3.connect(where, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, factory=Database)
    db.is_unlocked = read_only and bool(quiet)
    db.execute("PRAGMA trusted_schema = OFF")
    if sys.version_info >= (3, 11):
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    if not read_only:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
    return db


def _check_version(db: sqlite3.Connection, path: str) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        raise LedgerError(
            "ledger_damaged",
            f"The ledger {path!r} is empty, or is not a ledger.",
            "Restore it from a backup, or set another file.",
        )
    if version > VERSION:
        raise LedgerError(
            "ledger_version",
            f"The ledger {path!r} has version {version}, but this filedrop supports version {VERSION}.",
            "Upgrade filedrop on this host. An older filedrop must not write to this ledger.",
        )
    if version < VERSION:
        raise LedgerError(
            "ledger_version",
            f"The ledger {path!r} has version {version}, of a release before 1.0.0, which this filedrop does not read.",
            "Keep the file: it shows what was sent. Move it away, and create a new ledger with filedrop init. Before "
            "that, move files away that were sent and kept: with a new ledger, jobs send them again.",
        )


def _check_schema(db: sqlite3.Connection, path: str) -> None:
    """Accept no triggers, views or tables but ours. Whoever may write to a ledger could let each run execute them."""
    found = _schema_of(db)
    if found != _expected_schema():
        odd = ", ".join(sorted({names.shown(str(name)[:100]) for name, _sql in found ^ _expected_schema()}))
        raise LedgerError(
            "ledger_damaged",
            f"The ledger {path!r} has other tables, views or triggers than filedrop creates: {odd}.",
            "Restore it from a backup, and find out who has changed it.",
        )


def _schema_of(db: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    return frozenset(db.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"))


@cache
def _expected_schema() -> frozenset[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        _fill(db)
        return _schema_of(db)


def prove(db: sqlite3.Connection) -> None:
    """Check that a ledger is undamaged and that a write reaches the disk.

    Reads the whole file, about 0.2 s for 100,000 files. A damaged index could hide that a file was sent.

    :raises sqlite3.Error: the ledger is damaged, or cannot be written.
    """
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {' '.join(found.split())}")
    with transaction(db):
        pass  # counting it writes a page


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Execute a block in one transaction, durably. Roll back if it raises.

    :raises sqlite3.Error: the ledger cannot be written.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        count_transaction(db)
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _exists(path: str) -> bool:
    """Return whether the path exists. Unlike os.path.exists, a folder without access is an error."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True


def _make(path: str) -> None:
    """Create a new ledger atomically. Several jobs may create it at once, and each of them may be killed meanwhile.

    If the ledger exists by now, finish what its creator may have left undone. The ledger's name and its folders are
    made durable, and leftovers beside it are removed.
    """
    folder, name = os.path.split(os.path.abspath(path))
    os.close(open_folder(folder, make=True))
    target = Folder(folder)
    fcntl.flock(target.fd, fcntl.LOCK_EX)
    workshop = _workshop(path)
    try:
        if not _exists(path):
            shutil.rmtree(workshop, ignore_errors=True)
            _make_in(workshop, name, target)
        _sync_folders(folder)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _make_in(workshop: str, name: str, target: Folder) -> None:
    os.mkdir(workshop, 0o700)
    new = os.path.join(workshop, name)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        _fill(db)
    rename_new(Folder(workshop), name, target, name)


def _sync_folders(folder: str) -> None:
    """Make the names in a folder and in all its parents durable, because any of them may be new.

    A folder that we cannot open is skipped: a run without access to it cannot have created a name in it.
    """
    below = ""
    while folder != below:
        with suppress(OSError):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        below, folder = folder, os.path.dirname(folder)


def _workshop(path: str) -> str:
    """Return the path of the temporary folder in which a ledger is created."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(folder, f".{name}.new")


def _fill(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


def missing(path: str) -> LedgerError:
    """Build the error for a missing ledger that must not be created."""
    return LedgerError(
        "ledger_missing",
        f"The ledger {path!r} is missing.",
        "Correct its path. If the ledger was lost, restore it from a backup, or create a new one with filedrop init. "
        "With a new ledger, jobs send files again that were kept and not archived.",
    )


def ledger_error(path: str, error: Exception) -> LedgerError:
    """Convert an error of SQLite or of the operating system to a LedgerError."""
    said = (isinstance(error, OSError) and error.strerror) or str(error)
    if "I/O error" in said and _disk_is_full(path):
        said += ": the disk is full"  # SQLite gives no other detail when it cannot create its side files
    if isinstance(error, LinkRefused):
        way_out = "Set the path of the ledger itself, or remove the link."
        return LedgerError("link_refused", f"The ledger {path!r} cannot be used: {said}.", way_out)
    for sign, (reason, finding, way_out) in _TROUBLES.items():
        if sign in said:
            return LedgerError(reason, f"The ledger {path!r} {finding} ({said}).", way_out)
    return LedgerError(
        "ledger_failed",
        f"The ledger {path!r} cannot be used ({said}).",
        "Check its disk, and restore the ledger from a backup if necessary. Nothing was transferred without it.",
    )


_NOT_REGULAR = "one of its files is not a regular file"

_TROUBLES = {
    "locked": ("ledger_locked", "is locked by another process", "Find the process that keeps it open, or retry later."),
    "readonly": (
        "ledger_read_only",
        "cannot be written",
        "Run this as the ledger's user (sudo -u), or give this user write permission for it and its folder.",
    ),
    "Permission denied": (
        "ledger_read_only",
        "cannot be opened",
        "Run this as the user that the ledger belongs to (sudo -u), or as root.",
    ),
    "unable to open": (
        "ledger_read_only",
        "cannot be opened",
        "Run this as the user that the ledger belongs to (sudo -u), or as root.",
    ),
    "full": ("ledger_disk_full", "cannot grow because the disk is full", "Free some space, and run again."),
    "No space left": (
        "ledger_disk_full",
        "cannot be created because the disk is full",
        "Free some space, and run again.",
    ),
    "malformed": (
        "ledger_damaged",
        "is damaged",
        "Restore it from a backup. `sqlite3 LEDGER .recover` may recover its content.",
    ),
    _NOT_REGULAR: ("ledger_damaged", "is not a ledger", "Restore it from a backup, or set another file."),
    "too big": ("ledger_damaged", "has a value that filedrop never writes", "Restore it from a backup."),
    "not a database": ("ledger_damaged", "is not a ledger", "Restore it from a backup, or set another file."),
}


def _disk_is_full(path: str) -> bool:
    """Return whether the disk has no space for the side files of a ledger."""
    try:
        status = os.statvfs(os.path.dirname(os.path.abspath(path)))
    except OSError:
        return False
    return status.f_bavail * status.f_frsize < SIDE_FILES


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
