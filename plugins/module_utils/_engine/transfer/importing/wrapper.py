# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run one handler, and record how it ended. This is a program of its own: it imports nothing of this package.

A run starts it for each file, and both may be killed at any time. So it does not need the run: it ends the handler
after its time limit, and writes the end durably into a record, which the next run reads. It holds a lock on the record
for as long as a process of the handler is alive.

The record has one JSON object a line: ``{"started": true}`` before the handler starts, and one line when it has ended
(see `end_of`).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL for processes that do not end."""

MOST_OUTPUT = 32768
"""Bytes that are kept of the beginning of the output, and of its end."""

_PR_SET_CHILD_SUBREAPER = 36


class Output:
    """Keep the beginning and the end of a text of any length."""

    def __init__(self) -> None:
        self._first = b""
        self._last = b""
        self._left_out = 0

    def add(self, data: bytes) -> None:
        room = MOST_OUTPUT - len(self._first)
        self._first += data[:room]
        self._last += data[room:]
        too_many = max(0, len(self._last) - MOST_OUTPUT)
        self._left_out += too_many
        self._last = self._last[too_many:]

    def __str__(self) -> str:
        between = f"\n[{self._left_out} bytes left out]\n".encode() if self._left_out else b""
        return (self._first + between + self._last).decode("utf-8", "backslashreplace")


class Handler:
    """A handler, with all processes that it starts: they cannot leave this process, which adopts every orphan."""

    def __init__(self, command: list[str], lock: int) -> None:
        self.output = Output()
        self.status: int | None = None
        self._has_children = True
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        signal.set_wakeup_fd(self._woken)
        signal.signal(signal.SIGCHLD, lambda *_signal: None)
        # pylint: disable-next=ansible-bad-function  # Ansible's run_command is for its modules
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            pass_fds=(lock,),
            cwd="/",
        )
        self._pid = child.pid
        child.returncode = 0  # it is reaped here
        self._pipe: int | None = None if child.stdout is None else os.dup(child.stdout.fileno())

    def wait(self, until: float) -> bool:
        """Wait until the handler itself has ended, or until a monotonic time; return whether it has ended."""
        while self.status is None and (left := until - time.monotonic()) > 0:
            self._wait_for_news(left)
        return self.status is not None

    def end_all(self) -> None:
        """End every process that is left: politely, and then at once."""
        self._reap()
        until = time.monotonic() + GRACE
        asked: set[int] = set()
        while self._has_children:
            is_time_up = time.monotonic() >= until
            for pid in _children():
                if is_time_up:
                    _send(pid, signal.SIGKILL)
                elif pid not in asked:  # many programs take a second SIGTERM for an order to end at once
                    asked.add(pid)
                    _send(pid, signal.SIGTERM)
            self._wait_for_news(0.05)
        self._read_rest()

    def _wait_for_news(self, timeout: float) -> None:
        """Read output, and reap processes that have ended."""
        pipes = [self._wake, *([] if self._pipe is None else [self._pipe])]
        ready = select.select(pipes, [], [], timeout)[0]
        if self._wake in ready:
            os.read(self._wake, 4096)
        if self._pipe in ready:
            self._read()
        self._reap()

    def _read(self) -> bool:
        data = b"" if self._pipe is None else os.read(self._pipe, 65536)
        if not data and self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        self.output.add(data)
        return bool(data)

    def _read_rest(self) -> None:
        while self._pipe is not None and select.select([self._pipe], [], [], 0)[0]:
            self._read()

    def _reap(self) -> None:
        try:
            while (found := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if found[0] == self._pid:
                    self.status = found[1]
        except ChildProcessError:
            self._has_children = False


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _children() -> list[int]:
    """Return the processes whose parent is this one."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                if int(fields[1]) == os.getpid():
                    found.append(int(name))
    return found


def end_of(handler: Handler, *, limit: float, is_late: bool) -> dict[str, object]:
    """Return how a handler ended: ``exit`` (its status), ``signal`` (its number) or ``timeout`` (in s)."""
    status = handler.status or 0
    if is_late:
        how: dict[str, object] = {"timeout": limit}
    elif os.WIFSIGNALED(status):
        how = {"signal": os.WTERMSIG(status)}
    else:
        how = {"exit": os.WEXITSTATUS(status)}
    return {**how, "output": str(handler.output)}


def _record(fd: int, what: dict[str, object]) -> None:
    data = json.dumps(what).encode() + b"\n"
    while data:
        data = data[os.write(fd, data) :]
    os.fsync(fd)


def main(record: int, limit: float, command: list[str]) -> int:
    """Run the handler. The caller has locked the record, and passes its descriptor on."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_signal: None)  # unlike SIG_IGN, the handler does not inherit this
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _record(record, {"started": True})
    try:
        handler = Handler(command, record)
    except OSError as error:
        _record(record, {"refused": error.strerror or str(error)})
        return 0
    is_late = not handler.wait(time.monotonic() + limit)
    handler.end_all()
    _record(record, end_of(handler, limit=limit, is_late=is_late))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
