# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file that a ledger is: made whole, opened with care, and every trouble with it told in words."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from contextlib import closing, suppress

from ..errors import LedgerError
from ..local.folder import Folder, rename_new
from ..local.ownership import leave_to_owner, make_folder

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


def open_database(path: str, *, create: bool, read_only: bool, must_exist: bool) -> sqlite3.Connection:
    """See `ledger.Ledger`.

    :raises LedgerError: there is none and none may be made; or it is no ledger of this version.
    :raises sqlite3.Error, OSError: it cannot be opened.
    """
    exists = _exists(path)
    if not read_only and (os.path.lexists(_workshop(path)) if exists else create):
        _make(path)
        exists = True
    if not exists and (must_exist or not read_only):
        raise missing(path)
    db = _connect(path if exists else ":memory:", read_only=read_only)
    if not exists:
        _fill(db)
    _check_version(db, path)
    if not read_only:
        # SQLite opens without a word what it may only read; that has to be known before the first file moves.
        db.execute("DELETE FROM transfer WHERE FALSE")
    return db


def _connect(path: str, *, read_only: bool) -> sqlite3.Connection:
    where = path
    if path != ":memory:":
        # Even a reader makes SQLite's side files, unless it is told that nobody writes: true while there is no log.
        quiet = "" if os.path.exists(f"{path}-wal") else "&immutable=1"
        where = f"file:{_quoted(path)}?mode=" + (f"ro{quiet}" if read_only else "rw")
    db = sqlite3.connect(where, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None)
    if not read_only:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
    return db


def _check_version(db: sqlite3.Connection, path: str) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        raise LedgerError(
            "ledger_damaged",
            f"The ledger {path!r} is empty, or no ledger.",
            "Restore it from a backup, or name another file.",
        )
    if version != VERSION:
        raise LedgerError(
            "ledger_version",
            f"The ledger {path!r} has version {version}; this filedrop knows version {VERSION}.",
            "Upgrade filedrop on this host; an older one must not write to it.",
        )


def prove(db: sqlite3.Connection) -> None:
    """See that a ledger is whole, and can be written, disk and all.

    Reads all of it, about 0.2 s for 100,000 files: damage to an index can hide that a file was sent.

    :raises sqlite3.Error: it is not, or cannot.
    """
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {' '.join(found.split())}")
    db.execute(f"PRAGMA user_version = {VERSION}")  # writes a page, whatever stands there


def _exists(path: str) -> bool:
    """Like os.path.exists, but a folder that we may not look into is an error."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True


def _make(path: str) -> None:
    """A new ledger, whole from its first instant: several jobs may make it at once, and any may be killed at that.

    Where there is one by now, what whoever made it has left undone is done: it is made durable, with the folders that
    it is in, and what was left beside it is removed.
    """
    folder, name = os.path.split(os.path.abspath(path))
    make_folder(folder)
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
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    leave_to_owner(fd, target.path)
    os.close(fd)
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        _fill(db)
    rename_new(Folder(workshop), name, target, name)


def _sync_folders(folder: str) -> None:
    """Make the names durable in a folder and in those above it, any of which may be new. Where that is not allowed
    nobody like us has made one.
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
    """Where a ledger is made."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(folder, f".{name}.new")


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


def ledger_error(path: str, error: Exception) -> LedgerError:
    """What an error of SQLite or of the operating system means for a ledger."""
    said = (isinstance(error, OSError) and error.strerror) or str(error)
    if "I/O error" in said and _disk_is_full(path):
        said += ": the disk is full"  # SQLite tells no more where it cannot make its side files
    for sign, (reason, finding, way_out) in _TROUBLES.items():
        if sign in said:
            return LedgerError(reason, f"The ledger {path!r} {finding} ({said}).", way_out)
    return LedgerError(
        "ledger_failed",
        f"The ledger {path!r} cannot be used ({said}).",
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


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
