# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Allow one run of a job at a time on a host.

A lock is an empty file in a folder beside the ledger, locked with flock(2). The kernel releases the lock when its
process ends, even after a crash. The lock files stay; a file without a lock has no meaning. The time of a locked
file is when its run began.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from ..errors import JobRunning
from ..local.folder import disk_error
from ..local.names import key_of
from ..local.walk import FOLDER, open_folder, way_to
from .owner import as_owner

if TYPE_CHECKING:
    from .ledger import Ledger, Row

_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class JobKey(NamedTuple):
    """Identify a job in a ledger."""

    account: str
    direction: str
    name: str

    @classmethod
    def of(cls, row: Row) -> JobKey:
        """Return the key of the job that a row belongs to."""
        return cls(row.account, row.direction, row.job)


def jobs_of(ledger: Ledger) -> set[JobKey]:
    """Return the jobs of which a ledger has a run, or a file that still needs work."""
    key = "account, direction, job"
    query = f"SELECT {key} FROM run UNION SELECT {key} FROM transfer WHERE open = 1"
    return {JobKey(*found) for found in ledger.look(query, (), (str, str, str))}


@contextmanager
def only_run(ledger: str, job: JobKey) -> Iterator[None]:
    """Hold the lock of a job while the block runs.

    :param ledger: path of the ledger, which must exist.
    :raises JobRunning: another process holds the lock.
    :raises DiskError: the lock cannot be created.
    """
    fd = _open_lock(ledger, _name_of(job))
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _running(job) from error
        except OSError as error:
            raise disk_error(error, f"lock a file beside {ledger!r}") from error
        with suppress(OSError):  # only `running_since` needs it
            os.utime(fd, ns=(time.time_ns(),) * 2)
        yield
    finally:
        os.close(fd)


@contextmanager
def one_teller(ledger: str) -> Iterator[None]:
    """Wait until no other process tells receivers of problems, and hold that lock while the block runs.

    :raises DiskError: the lock cannot be created.
    """
    fd = _open_lock(ledger, "receivers")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise disk_error(error, f"lock a file beside {ledger!r}") from error
    finally:
        os.close(fd)


def is_running(ledger: str, job: JobKey) -> bool:
    """Return whether a run of the job is in progress, as far as `running_since` knows."""
    return running_since(ledger, job) is not None


def running_since(ledger: str, job: JobKey) -> float | None:
    """Return when the run of the job that is in progress began, in seconds since 1970; None if there is none.

    /proc/locks (proc(5)) tells whether there is one. None if that is unreadable.

    This takes no lock, because a run that starts at this moment would fail on it.
    """
    try:
        lock = os.stat(os.path.join(f"{os.path.realpath(ledger)}.locks", _name_of(job)))
        with open("/proc/locks", encoding="ascii") as file:
            held = [line.split() for line in file]
    except (OSError, ValueError):
        return None
    # Compare the inode only: on some file systems (btrfs), /proc/locks has another device number than stat(2).
    is_held = any("FLOCK" in words and any(word.endswith(f":{lock.st_ino}") for word in words) for words in held)
    return lock.st_mtime if is_held else None


def _name_of(job: JobKey) -> str:
    return key_of(*job)[:32]


def _open_lock(ledger: str, name: str) -> int:
    """Open the lock's file, and return its descriptor. The file and its folder are those of the ledger's owner."""
    try:
        with as_owner(ledger):
            return _open_in(way_to(ledger).path, name)
    except OSError as error:
        raise disk_error(error, f"create a lock in {f'{ledger}.locks'!r}") from error


def _open_in(ledger: str, name: str) -> int:
    beside = open_folder(os.path.dirname(ledger))
    try:
        own = f"{os.path.basename(ledger)}.locks"
        with suppress(FileExistsError):
            os.mkdir(own, 0o700, dir_fd=beside)
        folder = os.open(own, FOLDER, dir_fd=beside)
    finally:
        os.close(beside)
    try:
        return os.open(name, _FILE, 0o600, dir_fd=folder)
    finally:
        os.close(folder)


def _running(job: JobKey) -> JobRunning:
    return JobRunning(
        "job_running",
        f"Another run of the job {job.name!r} for the account {job.account!r} is in progress on this host.",
        "Wait until it has ended: two runs of one job could transfer the same files.",
    )
