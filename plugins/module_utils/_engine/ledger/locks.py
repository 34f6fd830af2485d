# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of a job at a time on a host.

A lock is an empty file in a folder beside the ledger, locked by flock(2): it ends with its owner, however that ends.
The files stay; they say nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ..errors import JobRunning
from ..local.folder import disk_error
from ..local.ownership import leave_to_owner

if TYPE_CHECKING:
    from .ledger import Row

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class JobKey(NamedTuple):
    """What tells a job from all others of a ledger."""

    account: str
    direction: str
    name: str

    @classmethod
    def of(cls, row: Row) -> JobKey:
        """The job whose runs work on a row."""
        return cls(row.account, row.direction, row.job)


@contextmanager
def only_run(ledger: str, job: JobKey) -> Iterator[None]:
    """Hold the lock of a job.

    :param ledger: path of the ledger, which is there.
    :raises JobRunning: another process has it.
    :raises DiskError: there can be no lock.
    """
    fd = _open_lock(os.path.realpath(ledger), _name_of(job))
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _running(job) from error
        except OSError as error:
            raise disk_error(error, f"lock a file beside {ledger!r}") from error
        yield
    finally:
        os.close(fd)


def is_running(ledger: str, job: JobKey) -> bool:
    """Whether a run of the job is at work, as far as the system tells (proc(5), /proc/locks).

    Takes no lock: a run that is just starting would stumble over it.
    """
    try:
        lock = os.stat(os.path.join(f"{os.path.realpath(ledger)}.locks", _name_of(job)))
        with open("/proc/locks", encoding="ascii") as file:
            held = [line.split() for line in file]
    except (OSError, ValueError):
        return False
    # By the inode alone: some file systems (btrfs) tell another device there than stat(2) does.
    return any("FLOCK" in words and any(word.endswith(f":{lock.st_ino}") for word in words) for words in held)


def _name_of(job: JobKey) -> str:
    return hashlib.sha256("\0".join(job).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _open_lock(ledger: str, name: str) -> int:
    """A descriptor of the lock's file; both it and its folder belong to whom the ledger belongs to."""
    path = f"{ledger}.locks"
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        folder = os.open(path, _FOLDER)
        try:
            leave_to_owner(folder, ledger)
            fd = os.open(name, _FILE, 0o600, dir_fd=folder)
        finally:
            os.close(folder)
        leave_to_owner(fd, ledger)
    except OSError as error:
        raise disk_error(error, f"make a lock in {path!r}") from error
    return fd


def _running(job: JobKey) -> JobRunning:
    return JobRunning(
        "job_running",
        f"Another run of the job {job.name!r} for the account {job.account!r} is at work on this host.",
        "Wait until it has ended; two at once would get in each other's way.",
    )
