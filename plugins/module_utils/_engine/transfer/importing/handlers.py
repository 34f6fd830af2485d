# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start handlers, wait for their ends, and read what their wrappers have recorded.

A handler is a program of the administrator's that processes one received file. `wrapper` runs it, and writes a record.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ...errors import DiskError
from ...local.folder import Folder, disk_error
from ...local.identity import for_good
from ...loop.loop import Batch, Future
from ...remote.interface import Features
from ...states import HandlerEnd
from . import wrapper

RECORDS = "handlers"
"""The folder beside the ledger with the records of handlers."""

_NAME = re.compile(r"[0-9a-f]{24}")
_LONGEST_RECORD = 1024 * 1024  # bytes; JSON may need six for each byte of output
_FEATURES = Features(
    stat=False, rename=False, exclusive_create=False, partial_uploads=None, max_in_flight=32, stat_while_open=False
)


class Ended(NamedTuple):
    """What the record of one start of a handler says.

    :ivar how: in words for people, such as ``exit status 2``.
    :ivar output: what the handler wrote, shortened.
    """

    end: HandlerEnd
    how: str
    output: str = ""


class Records:
    """The records of handlers that were started, each a file in a folder beside the ledger.

    :raises DiskError: from every method.
    """

    def __init__(self, ledger: str) -> None:
        self._path = os.path.join(os.path.dirname(os.path.abspath(ledger)), RECORDS)

    @cached_property
    def folder(self) -> Folder:
        """The folder; it is created when the first record is made."""
        return Folder(self._path)

    @property
    def _is_there(self) -> bool:
        return os.path.isdir(self._path)

    def make(self) -> str:
        """Create a record of a handler that is about to be started; return its name. It is durable."""
        name = secrets.token_hex(12)
        try:
            os.makedirs(self._path, mode=0o700, exist_ok=True)
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.folder.fd)
            os.close(fd)
            os.fsync(self.folder.fd)
        except OSError as error:
            raise disk_error(error, f"create a file in {self._path!r}") from error
        return name

    def lock(self, name: str) -> int | None:
        """Open a record, and lock it; None if a process of its handler holds the lock, or it is missing."""
        try:
            fd = os.open(name, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.folder.fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error(error, f"open {self.folder.path_of(name)!r}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return None
        return fd

    def read(self, name: str | None) -> Ended:
        """Return what is known of a handler's end."""
        if not name or not self._is_there or self.folder.file(name) is None:
            return Ended(HandlerEnd.UNKNOWN, "its record is missing")
        fd = self.lock(name)
        if fd is None:
            return Ended(HandlerEnd.RUNNING, "it is still running")
        try:
            return _ended(os.read(fd, _LONGEST_RECORD))
        finally:
            os.close(fd)

    def forget(self, name: str | None) -> None:
        """Remove the record of a handler whose end is in the ledger."""
        if name and self._is_there:
            self.folder.remove(name)

    def forget_others(self, known: Container[str | None]) -> None:
        """Remove the records that a killed run has made and not used."""
        for name in self.folder.names() if self._is_there else ():
            if _NAME.fullmatch(name) and name not in known and (fd := self.lock(name)) is not None:
                self.folder.remove(name)
                os.close(fd)


def _ended(content: bytes) -> Ended:
    """Read a record whose handler and wrapper have ended."""
    lines = content.split(b"\n")
    if len(lines) == 1:  # not even the first line is complete, and the handler starts after it
        return Ended(HandlerEnd.NOT_STARTED, "it was not started")
    try:
        found = json.loads(lines[1])
    except ValueError:
        return Ended(HandlerEnd.UNKNOWN, "it was started, and its end was not recorded")
    return _described(found, str(found.get("output", "")))


def _described(found: Mapping[str, Any], output: str) -> Ended:
    if "refused" in found:
        return Ended(HandlerEnd.REFUSED, f"it could not be started: {found['refused']}", output)
    if "timeout" in found:
        return Ended(HandlerEnd.STOPPED, f"it was ended after {found['timeout']:g} s (`handler_time_limit`)", output)
    if "signal" in found:
        return Ended(HandlerEnd.STOPPED, f"signal {found['signal']}", output)
    end = {0: HandlerEnd.ACCEPTED, 1: HandlerEnd.FAILED}.get(found["exit"], HandlerEnd.STOPPED)
    return Ended(end, f"exit status {found['exit']}", output)


@dataclass
class _Started:
    """A wrapper that runs. Its end of ``pipe`` is closed when it ends."""

    child: subprocess.Popen[bytes]
    pipe: int
    future: Future[None]


class Handlers:
    """All handlers that a run has started: the source of its loop, in the place of a remote.

    Closing it leaves handlers that still run to themselves: the next run reads their records.
    """

    features = _FEATURES
    batches: Sequence[Batch] = ()
    most_open = 0
    notes: Sequence[str] = ()
    learned: Mapping[str, bool] = {}
    certificate_expires: int | None = None

    def __init__(self) -> None:
        self._started: dict[int, _Started] = {}
        self._sleepers: list[tuple[float, Future[None]]] = []

    def start(self, lock: int, claim: int, command: Sequence[str], limit: float) -> Future[None]:
        """Start a handler. The future is done when its wrapper has ended.

        :param lock: the locked record; ``claim``: the locked file. The wrapper holds both locks.
        :param limit: seconds.
        :raises DiskError: the system cannot start a process.
        """
        source = wrapper.__loader__.get_source(wrapper.__name__)  # type: ignore[union-attr]
        reader, writer = os.pipe()
        try:
            # pylint: disable-next=ansible-bad-function  # Ansible's run_command is for its modules
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", source or "", str(lock), str(limit), *command],
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=subprocess.DEVNULL,
                pass_fds=(lock, claim),
                start_new_session=True,
                cwd="/",
                **for_good(),
            )
        except OSError as error:
            os.close(reader)
            raise disk_error(error, "start a process") from error
        finally:
            os.close(writer)
        started = self._started[reader] = _Started(child, reader, Future())
        return started.future

    def sleep(self, seconds: float) -> Future[None]:
        """Return a future that is done after some seconds."""
        future: Future[None] = Future()
        self._sleepers.append((time.monotonic() + seconds, future))
        return future

    @property
    def pending(self) -> int:
        return len(self._started) + len(self._sleepers)

    def poll(self, timeout: float | None) -> bool:
        """See `loop.Source`."""
        now = time.monotonic()
        waits = [max(0.0, at - now) for at, _future in self._sleepers] + ([] if timeout is None else [timeout])
        poller = select.poll()
        for fd in self._started:
            poller.register(fd, select.POLLIN)
        ended = poller.poll(min(waits) * 1000 if waits else None)
        for fd, _event in ended:
            self._end(self._started.pop(fd))
        return self._wake(time.monotonic()) or bool(ended)

    def _end(self, started: _Started) -> None:
        os.close(started.pipe)
        started.child.wait()
        started.future.set_result(None)

    def _wake(self, now: float) -> bool:
        awake = [one for one in self._sleepers if one[0] <= now]
        self._sleepers = [one for one in self._sleepers if one[0] > now]
        for _at, future in awake:
            future.set_result(None)
        return bool(awake)

    def close(self) -> None:
        for started in self._started.values():
            os.close(started.pipe)
            started.child.returncode = 0  # nobody waits for it, and that is no mistake
        self._started.clear()


def claim(folder: Folder, name: str) -> int | None:
    """Open a received file, and lock it; None if another worker of this host has it.

    A file system without locks leaves only the ledger.

    :raises DiskError: it cannot be opened.
    """
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
    except OSError as error:
        raise disk_error(error, f"open {folder.path_of(name)!r}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError:
        pass
    return fd


def write_output(into: Folder, name: str, text: str) -> None:
    """Write what a handler has said beside a file, unless a file of that name is there.

    :raises DiskError: it cannot be written.
    """
    path = f"{name}.output"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=into.fd)
    except FileExistsError:
        return
    except OSError as error:
        raise disk_error(error, f"create {into.path_of(path)!r}") from error
    with suppress(DiskError), os.fdopen(fd, "wb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
        os.fsync(fd)
