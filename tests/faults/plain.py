# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP without SSH around it: the engine's session on a local socket, with a real server at the other end.

A key exchange takes longer than everything else that happens to one file, so thousands of crashes are only affordable
without. What is left out stands between the engine and the network and never decides anything; the matrix over SSH
crashes there too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import faults as hooks
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import Filesystem, Parts
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.importer import Importer, Mailbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sftp_server import Session
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Handle, Kind, Status

HIDDEN = b".in."
"""How the names begin under which a hiding provider keeps uploads until they are completed."""


_WAS_CUT, _BROKEN = 3, 4  # how a relay ends


class Cut(NamedTuple):
    """Where a connection ends: at the request of this number, which is ``lost`` with all that follow it, or ``done`` by
    the server, but its answer is lost, or comes ``late``: the server gets it, and what follows it, when the client has
    long been doing something else.
    """

    number: int
    fate: str

    def __str__(self) -> str:
        return f"{self.fate}@{self.number}"


FATES = ("lost", "done", "late")


class PlainServer:
    """Listens on a local socket; every connection gets a server process of its own, as with sshd.

    :param serve: starts one, given the socket.
    """

    def __init__(self, address: Path, serve: Callable[[socket.socket], int]) -> None:
        self.address = str(address)
        self._serve = serve
        self._processes: list[int] = []
        self._late: list[int] = []
        self.was_late = False  # whether the latest connection that was to be late came to that
        self._gate = -1  # closing it lets the late connection go on
        self.cut: Cut | None = None  # for the next connection
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen(8)
        self._listener.setblocking(False)

    def fileno(self) -> int:
        """Readable when somebody wants to be let in."""
        return self._listener.fileno()

    def accept(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except BlockingIOError:
            return  # another run's watcher was faster
        with connection:
            connection.setblocking(True)
            cut, self.cut = self.cut, None
            if cut is None:
                self._processes.append(self._serve(connection))
            elif cut.fate == "late":
                gate, self._gate = os.pipe()
                self._late = _with_relay(connection, cut, self._serve, gate)
                os.close(gate)
            else:
                self._processes += _with_relay(connection, cut, self._serve, -1)

    def settle(self) -> bool:
        """Wait until every server has seen the end of its connection, and done what had been asked before that.

        Returns whether a connection was cut.
        """
        return self._end(self._processes)

    @staticmethod
    def _end(processes: list[int]) -> bool:
        statuses = []
        while processes:
            statuses.append(os.waitpid(processes.pop(), 0)[1])
        return any(os.WIFEXITED(status) and os.WEXITSTATUS(status) == _WAS_CUT for status in statuses)

    def release(self) -> None:
        """Let a late connection deliver what it holds back, and wait until the server has done it."""
        if self._gate >= 0:
            os.close(self._gate)
            self._gate = -1
            self.was_late = self._end(self._late)

    def close(self) -> None:
        self.release()
        self.settle()
        self._listener.close()
        os.unlink(self.address)


def _with_relay(connection: socket.socket, cut: Cut, serve: Callable[[socket.socket], int], gate: int) -> list[int]:
    """Put a process between a client and its server that ends the connection at a request.

    :param gate: what it waits for, before it delivers what is late, is the end of this pipe.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = serve(theirs)
        theirs.close()
        relay = os.fork()
        if relay == 0:
            status = _BROKEN
            try:
                keep_only(connection.fileno(), ours.fileno(), gate)
                status = _WAS_CUT if _relay(connection, ours, cut, gate) else 0
            finally:
                os._exit(status)
    return [server, relay]


def keep_only(*descriptors: int) -> None:
    """Close whatever else a forked process has open: the end of a connection that it holds would keep that alive."""
    kept = {0, 1, 2, *descriptors}
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):  # the folder itself
                os.close(int(name))


def _relay(client: socket.socket, server: socket.socket, cut: Cut, gate: int) -> bool:
    """Say whether the connection was cut, or came to its own end before."""
    pending, passed = b"", 0
    while True:
        ready, _writable, _wrong = select.select([client, server], [], [])
        if server in ready:
            data = server.recv(1 << 20)
            if not data:
                return False
            client.sendall(data)
        if client in ready:
            data = client.recv(1 << 20)
            if not data:
                return False
            pending += data
        while len(pending) >= 4 and len(pending) >= 4 + int.from_bytes(pending[:4], "big"):
            length = 4 + int.from_bytes(pending[:4], "big")
            passed += 1
            if passed == cut.number:
                _end_there(client, server, cut, pending[:length], pending, gate)
                return True
            server.sendall(pending[:length])
            pending = pending[length:]


def _end_there(
    client: socket.socket, server: socket.socket, cut: Cut, request: bytes, pending: bytes, gate: int
) -> None:
    if cut.fate == "late":
        client.close()
        os.read(gate, 1)
    if cut.fate != "lost":
        server.sendall(request if cut.fate == "done" else pending)
    server.shutdown(socket.SHUT_WR)
    while server.recv(1 << 20):
        pass


def openssh(root: Path) -> Callable[[socket.socket], int]:
    """OpenSSH's own SFTP server, started in a folder."""
    program = _sftp_server()

    def serve(connection: socket.socket) -> int:
        process = subprocess.Popen([program, "-d", str(root)], stdin=connection.fileno(), stdout=connection.fileno())
        process.returncode = 0  # we wait for it ourselves
        return process.pid

    return serve


def sandbox(root: Path, imported: Path, *, hiding: bool) -> Callable[[socket.socket], int]:
    """The sandbox's server with its import monitor, which takes each file the moment that it is completed.

    :param hiding: an upload is not to be seen before it is completed, and removed when it is not.
    """

    def serve(connection: socket.socket) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                keep_only(connection.fileno())
                _serve_sandbox(connection, root, imported, hiding)
            finally:
                os._exit(0)
        return pid

    return serve


def _serve_sandbox(connection: socket.socket, root: Path, imported: Path, hiding: bool) -> None:
    importer = Importer()  # never started: files are taken at once, and no reports are written

    def completed(parts: Parts) -> None:
        if not parts[-1].startswith(HIDDEN):
            importer.completed(mailbox, parts)

    files = Filesystem(str(root), on_complete=completed)
    mailbox = Mailbox("matrix", files, str(imported), str(root / "pickup"), str(imported))
    try:
        Session(files, faults=[Hiding()] if hiding else []).run(connection)
    finally:
        for path in (root / "input").glob(f"{os.fsdecode(HIDDEN)}*"):
            path.unlink()


class Hiding(hooks.Fault):
    """Keeps uploads under another name until they are completed, as ProFTPD does with HiddenStores."""

    def __init__(self) -> None:
        self._open: dict[bytes, tuple[bytes, bytes]] = {}

    def serve(self, call: hooks.Call, go: hooks.Serve) -> Answer | None:
        request = call.request
        if request.kind == Kind.OPEN and request.flags & wire.CREATE:
            return self._open_hidden(call, go)
        answer = go(request)
        if request.kind == Kind.CLOSE and request.handle in self._open:
            call.files.rename(*self._open.pop(request.handle))
        return answer

    def _open_hidden(self, call: hooks.Call, go: hooks.Serve) -> Answer | None:
        folder, name = os.path.split(call.path)
        if os.path.lexists(os.path.join(call.files.root, call.path.lstrip(b"/"))):
            return Status(Code.FAILURE, "it exists")
        hidden = os.path.join(folder, HIDDEN + name)
        answer = go(dataclasses.replace(call.request, path=hidden))
        if isinstance(answer, Handle):
            self._open[answer.handle] = (hidden, call.path)
        return answer


def _sftp_server() -> str:
    for folder in ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec"):
        if os.access(f"{folder}/sftp-server", os.X_OK):
            return f"{folder}/sftp-server"
    found = shutil.which("sftp-server")
    if found is None:
        raise RuntimeError("no sftp-server here: install the package openssh-sftp-server")
    return found
