# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a function in a process of its own and stop at each of its steps before it is done.

    with Watched(work) as child:
        for step in child.steps():   # the step has not been done yet; asking for the next one lets it happen
            if step.number == 17:
                child.kill()         # SIGKILL; this step never happens

The kernel finds the steps, not we: a seccomp filter hands every system call of the process, of all its threads and
libraries (SQLite's and OpenSSL's too), to its parent, unless the call is known to change nothing (syscalls.py). See
seccomp(2) and seccomp_unotify(2). No rights are needed for this, only Linux 5.5.

The children of the process (ssh) inherit the filter. Their calls are no steps. They go on after a kill, as they do in
reality: what the process has written to ssh before its end still reaches the server.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Callable

from . import syscalls

HUNG = 120.0  # seconds without a step; nothing waits for this, it only ends a child that hangs

_CONTROL = 900  # the descriptor on which the child talks to us; its own use is no step

# linux/seccomp.h, linux/filter.h, linux/prctl.h
_SET_MODE_FILTER, _NEW_LISTENER, _WAIT_KILLABLE = 1, 1 << 3, 1 << 5
_ALLOW, _NOTIFY, _KILL = 0x7FFF0000, 0x7FC00000, 0x80000000
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NO_NEW_PRIVS = 38
_RECEIVE, _ANSWER = 0xC0502100, 0xC0182101
_CONTINUE = 1
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_NR, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_PATHS = {  # which argument of a call is a path
    "openat": 1, "mkdirat": 1, "unlinkat": 1, "renameat2": 3, "renameat": 3, "linkat": 3, "symlinkat": 2, "unlink": 0,
    "open": 0, "rename": 1, "mkdir": 0, "rmdir": 0, "link": 1, "truncate": 0, "chmod": 0, "fchmodat": 1,
}  # fmt: skip
_SENDS = ("sendto", "write")


class Step:
    """One step, numbered from 1. What it is about can be asked for as long as it has not been done.

    :ivar call: the name of the system call.
    """

    def __init__(self, number: int, call: str, thread: int, arguments: tuple[int, ...]) -> None:
        self.number = number
        self.call = call
        self._thread = thread
        self._arguments = arguments

    @property
    def process(self) -> int:
        """The process that is about to do it: the child, or one that it has started."""
        with open(f"/proc/{self._thread}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("Tgid:"))

    @functools.cached_property
    def target(self) -> str:
        """The path, or what the descriptor stands for."""
        where = _PATHS.get(self.call)
        if where is not None:
            # A text whose length nobody tells must not be read beyond what is mapped.
            address = self._arguments[where]
            return os.fsdecode(self._memory(address, 4096 - address % 4096).split(b"\0")[0])
        try:
            target = os.readlink(f"/proc/{self._thread}/fd/{self._arguments[0]}")
        except OSError:
            return ""
        return "socket" if target.startswith("socket:") else target

    @functools.cached_property
    def data(self) -> bytes:
        """What is about to be sent."""
        if self.call not in _SENDS or self.target != "socket":
            return b""
        return self._memory(self._arguments[1], self._arguments[2])

    def _memory(self, address: int, length: int) -> bytes:
        with open(f"/proc/{self._thread}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(length)

    def __str__(self) -> str:
        return f"{self.number}: {self.call} {self.target}".rstrip()


class Watched:
    """A forked child that does ``work``, and returns what that returns.

    Whatever is imported already need not be imported by the child: a fork costs a few milliseconds.

    :param guests: what to call when a descriptor becomes readable while the child runs.
    """

    def __init__(self, work: Callable[[], object], *, guests: Mapping[int, Callable[[], None]] | None = None) -> None:
        self._count = 0
        self._guests = guests or {}
        self._answer: tuple[bool, Any] | None = None
        self._has_children = False
        self._control, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _child(theirs, work)
        theirs.close()
        self._ended = False
        self._listener = self._take_listener()

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()
        self._control.close()

    def _take_listener(self) -> int:
        _data, descriptors, _flags, _address = socket.recv_fds(self._control, 1, 1)
        if not descriptors:
            os.waitpid(self.pid, 0)
            self._ended = True
            raise RuntimeError("the kernel does not let us watch a process (seccomp user notification)")
        return descriptors[0]

    def steps(self) -> Iterator[Step]:
        """Every step, before it is done. The child goes on when the next one is asked for."""
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        waiting.register(self._control, select.POLLIN)
        for guest in self._guests:
            waiting.register(guest, select.POLLIN)
        while not self._ended:
            ready = dict(waiting.poll(HUNG * 1000))
            if not ready:
                self.kill()
                raise RuntimeError(f"the child hung after step {self._count}")
            for guest in self._guests.keys() & ready.keys():
                self._guests[guest]()
            if self._control.fileno() in ready and self._answer is None:
                waiting.unregister(self._control)
                self._listen()
            elif ready.get(self._listener, 0) & select.POLLIN:
                yield from self._next()
            elif self._listener in ready:
                self._wait()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the child; a step that it waits for is never done."""
        if not self._ended:
            os.kill(self.pid, number)
            if number == signal.SIGKILL:
                self._wait()

    @property
    def result(self) -> Any:
        """What the work returned. :raises RuntimeError: it failed, or was killed before it could tell."""
        if self._answer is None:
            raise RuntimeError("the child ended without a word")
        done, value = self._answer
        if not done:
            raise RuntimeError(f"the child failed:\n{value}")
        return value

    def _wait(self) -> None:
        os.waitpid(self.pid, 0)
        self._ended = True
        if self._has_children:
            threading.Thread(target=_let_go, args=(self._listener,), daemon=True).start()
        else:
            os.close(self._listener)

    def _listen(self) -> None:
        received = b""
        while chunk := self._control.recv(1 << 20):
            received += chunk
            if len(received) >= 8 and len(received) >= 8 + int.from_bytes(received[:8], "big"):
                self._answer = pickle.loads(received[8:])  # noqa: S301 (from our own child)
                return

    def _next(self) -> Iterator[Step]:
        notice = _notice(self._listener)
        if notice is None:
            return
        identity, thread, _flags, number, _machine = struct.unpack_from("QIIiI", notice)
        if os.path.exists(f"/proc/{self.pid}/task/{thread}"):
            arguments = struct.unpack_from("6Q", notice, 32)
            self._count += 1
            yield Step(self._count, syscalls.name_of(number), thread, arguments)
        else:
            self._has_children = True
        if not self._ended:
            _go_on(self._listener, identity)


def _notice(listener: int) -> bytearray | None:
    """Return the next call that waits; None if its thread is gone."""
    notice = bytearray(80)
    try:
        fcntl.ioctl(listener, _RECEIVE, notice)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINTR):
            return None
        raise
    return notice


def _go_on(listener: int, identity: int) -> None:
    """Let a call happen."""
    try:
        fcntl.ioctl(listener, _ANSWER, struct.pack("QqiI", identity, 0, 0, _CONTINUE))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


def _let_go(listener: int) -> None:
    """Let the children of a process that has ended do whatever they do, until the last one ends."""
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    while any(event & select.POLLIN for _fd, event in waiting.poll()):
        notice = _notice(listener)
        if notice is not None:
            _go_on(listener, struct.unpack_from("Q", notice)[0])
    os.close(listener)


def _child(control: socket.socket, work: Callable[[], object]) -> None:
    """The child's whole life."""
    try:
        gc.disable()
        os.dup2(control.fileno(), _CONTROL, inheritable=False)
        ours = socket.socket(fileno=_CONTROL)
        listener = _filter()
        socket.send_fds(ours, [b"."], [listener])
        os.close(listener)
        try:
            answer = pickle.dumps((True, work()))
        except BaseException:
            answer = pickle.dumps((False, traceback.format_exc()))
        ours.sendall(len(answer).to_bytes(8, "big") + answer)
    finally:
        os._exit(0)


def _filter() -> int:
    """Have every step of this process from now on told to whoever holds the descriptor that is returned."""
    program = _program()
    code = ctypes.create_string_buffer(b"".join(program))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    pointer = ctypes.byref(Program(len(program), ctypes.addressof(code)))
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    number = _SECCOMP[os.uname().machine]
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
        listener = library.syscall(number, _SET_MODE_FILTER, flags, pointer)
        if listener >= 0:
            return int(listener)
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _program() -> list[bytes]:
    """The filter, in the kernel's classic BPF."""
    opens = [(number, argument) for name, argument in (("open", 1), ("openat", 2)) if (number := _number(name))]
    harmless = list(syscalls.harmless().values())
    lines: list[tuple[int, int, str, str]] = [  # operation, operand, where to if true, where to if false
        (_LOAD, _ARCH, "", ""),
        (_IF_EQUAL, syscalls.machine(), "", "kill"),
        (_LOAD, _NR, "", ""),
        *((_IF_EQUAL, number, "allow", "") for number in harmless),
        *((_IF_EQUAL, number, f"open{number}", "") for number, _argument in opens),
        (_LOAD, _ARGUMENTS, "", ""),
        (_IF_EQUAL, _CONTROL, "allow", "notify"),
    ]
    labels = {}
    for number, argument in opens:
        labels[f"open{number}"] = len(lines)
        lines += [
            (_LOAD, _ARGUMENTS + 8 * argument, "", ""),
            (_IF_ANY_BIT, os.O_CREAT | os.O_TRUNC, "notify", "allow"),
        ]
    for label, verdict in (("allow", _ALLOW), ("notify", _NOTIFY), ("kill", _KILL)):
        labels[label] = len(lines)
        lines.append((_RETURN, verdict, "", ""))

    def distance(position: int, label: str) -> int:
        return labels[label] - position - 1 if label else 0

    return [
        struct.pack("HBBI", operation, distance(at, yes), distance(at, no), operand)
        for at, (operation, operand, yes, no) in enumerate(lines)
    ]


def _number(name: str) -> int | None:
    return syscalls.steps().get(name)
