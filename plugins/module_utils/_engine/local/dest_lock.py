# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep two ledgers apart that fetch from one remote folder into one `dest`.

Each of them would fetch every file, because a ledger knows only its own work. So a run locks a hidden file in `dest`,
and writes into it which ledger it belongs to. Runs of the same ledger may work at the same time, and so may all runs
with `share`.

The file is removed when a run ends. It stays if a run was killed, or ended early with a published file whose original
is still on the server. Then only the same ledger may continue: another one would fetch that file again.

A mailbox is recognised by the server's key and the user name (`Remote.identity`). Limit: two pins of different host
keys of one server look like two mailboxes. A folder is recognised by the last part of its path, because ``pickup`` and
``/home/user/pickup`` may be one folder. So two folders of one name and one mailbox count as one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat as modes
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import DiskError, JobRunning, JobStopped
from . import names
from .folder import disk_error

if TYPE_CHECKING:
    from ..errors import FiledropError
    from .folder import Folder

_SHARED = "shared"
_MODE = 0o644  # other users have to read the mark, and to lock the file, also after a crash
_LONGEST_MARK = 4096  # bytes
_LOCK_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TRIES, _PAUSE = 50, 0.02  # for the moment in which another run takes or releases the lock; seconds


@dataclass
class DestLock:
    """Hold the lock of one remote folder in `dest`.

    :ivar mailbox: what identifies the mailbox; see `Remote.identity`.
    :ivar ledger: the identity of the ledger, and ``ledger_path`` its path, for messages.
    :ivar is_shared: whether the job has `share`. Then claims and shares keep the hosts apart.
    """

    dest: Folder
    mailbox: str
    remote_dir: str
    ledger: str
    ledger_path: str
    is_shared: bool
    _fd: int = field(init=False, default=-1)

    @property
    def name(self) -> str:
        folder = os.path.basename(os.path.normpath(self.remote_dir or "."))
        return f"{names.LOCK}{names.key_of(self.mailbox, folder)[:12]}.part"

    @property
    def _owner(self) -> str:
        return _SHARED if self.is_shared else self.ledger

    def take(self) -> None:
        """Take the lock.

        :raises JobRunning: a run with another ledger has it.
        :raises JobStopped: a run with another ledger was interrupted, and its work is unfinished.
        :raises DiskError: the lock file cannot be created.
        """
        for _try in range(_TRIES):
            self._fd = self._open()
            if self._is_mine():
                return
            self._close()
            time.sleep(_PAUSE)
        raise self._in_use({})

    def make_durable(self) -> None:
        """Make the lock file durable, so that its mark survives a power cut. Call this before the first file."""
        try:
            os.fsync(self._fd)
            os.fsync(self.dest.fd)
        except OSError as error:
            raise disk_error(error, f"make the lock {self.dest.path_of(self.name)!r} durable") from error

    def release(self, *, is_finished: bool) -> None:
        """Release the lock.

        :param is_finished: whether another ledger may fetch from this remote folder now.
        """
        if self._fd < 0:
            return
        try:
            if is_finished and self._lock(fcntl.LOCK_EX):  # else another run of this ledger has it, and removes it
                self.dest.remove(self.name)
        except DiskError:
            pass  # the file of another user, in a folder such as /tmp
        finally:
            self._close()

    def _open(self) -> int:
        for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
            try:
                fd = os.open(self.name, flags | _LOCK_FLAGS, _MODE, dir_fd=self.dest.fd)
            except PermissionError as error:
                failure: OSError = error
            except OSError as error:
                failure = error
                break
            else:
                if modes.S_ISREG(os.fstat(fd).st_mode):
                    return fd
                os.close(fd)
                failure = OSError(0, "it is not a regular file")
                break
        raise disk_error(failure, f"open the lock {self.dest.path_of(self.name)!r}")

    def _is_mine(self) -> bool:
        """Return whether the lock was taken; False to try again."""
        if self._lock(fcntl.LOCK_EX):
            if not self._is_current():
                return False
            mark = self._mark()
            self._require_finished(mark)
            if mark.get("owner") != self._owner and not self._write_mark():
                self.dest.remove(self.name)
                return False
        # Without a lock at first: even a shared one could keep the owner from removing the file at its end.
        if not self._is_current() or not self._is_marked_as_mine() or not self._lock(fcntl.LOCK_SH):
            return False
        return self._is_current() and self._is_marked_as_mine()

    def _is_marked_as_mine(self) -> bool:
        """Return False if there is no mark yet.

        :raises JobRunning: the mark is another ledger's.
        """
        mark = self._mark()
        if mark and mark.get("owner") != self._owner:
            self._close()
            raise self._in_use(mark)
        return bool(mark)

    def _lock(self, kind: int) -> bool:
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # this file system has no locks: the mark alone has to do
        return True

    def _is_current(self) -> bool:
        """Return whether the open file still has its name. A run that ended may have removed it."""
        found, opened = self.dest.status(self.name), os.fstat(self._fd)
        return found is not None and (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)

    def _mark(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            mark = json.loads(os.pread(self._fd, _LONGEST_MARK, 0))
            return mark if isinstance(mark, dict) else {}
        return {}

    def _write_mark(self) -> bool:
        """Write whose lock this is; return False if the file is another user's, and cannot be written."""
        mark = {"owner": self._owner, "ledger": self.ledger_path[:500], "host": os.uname().nodename}
        try:
            with suppress(PermissionError):  # the file of another user
                os.fchmod(self._fd, _MODE)  # os.open has applied the umask
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, json.dumps(mark).encode("utf-8", "surrogateescape"), 0)
        except OSError as error:
            if error.errno in (errno.EBADF, errno.EINVAL):
                return False
            self._close()
            raise disk_error(error, f"write the lock {self.dest.path_of(self.name)!r}") from error
        return True

    def _require_finished(self, mark: dict[str, Any]) -> None:
        if not mark or mark.get("owner") in (self.ledger, _SHARED):
            return
        self._close()
        raise JobStopped(
            "dest_unfinished",
            f"A run {_of(mark)} was interrupted while it fetched from this folder into {self.dest.path!r}. "
            "Files that it has published would be fetched again.",
            "Run that job first. If its ledger is lost, compare `dest` with the remote folder, remove the files that "
            f"came from there, and delete {self.dest.path_of(self.name)!r}.",
        )

    def _in_use(self, mark: dict[str, Any]) -> FiledropError:
        return JobRunning(
            "dest_in_use",
            f"Another run {_of(mark)} fetches from this folder into {self.dest.path!r} now.",
            "Wait until it has ended. For several hosts with one mailbox, set `share` on each.",
        )

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _of(mark: dict[str, Any]) -> str:
    ledger, host = (names.quoted(str(mark.get(key, "unknown"))[:300]) for key in ("ledger", "host"))
    return f"with another ledger ({ledger} on the host {host})"
