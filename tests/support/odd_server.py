# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An SFTP server whose every answer a test can change: over a pipe, or over real SSH on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop, done_future
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Remote, Uploaded
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import sessions
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import sftp_server
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Fault, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, BadMessage, Kind, packet

from .pipe import PipeConnection
from .sandbox_client import USERNAME, make_key

T = TypeVar("T")

Hook = Callable[[Call, Serve], Optional[Answer]]


@dataclass(frozen=True)
class Bytes:
    """Sent as they are, in the place of a packet."""

    data: bytes = field(repr=False)

    def encode(self, number: int) -> bytes:
        return self.data


@dataclass(frozen=True)
class Packet:
    """A packet of any type with any body, to the request that was made, or to one so many numbers further on."""

    kind: int
    body: bytes = b""
    further: int = 0

    def encode(self, number: int) -> bytes:
        return packet(self.kind, number + self.further, self.body)


class OddServer(Fault):
    """A sandbox that does what ``hooks`` say: for some kinds of requests, in the place of its own service.

    It serves over a pipe: nothing listens, and there is no SSH.

    :ivar is_openssh: whether it says that it is OpenSSH.
    :ivar seen: the kinds of all requests so far, and of those with a length also that.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.hooks: dict[Kind, Hook] = {}
        self.seen: list[tuple[Kind, int]] = []
        self.is_openssh = False
        self._stack = stack
        self._ends: list[socket.socket] = []
        self._key = make_key(folder / "keys")
        users = [account(USERNAME, public_keys=[self._key.public])]
        self.sandbox = Sandbox(folder / "sandbox", accounts=users, faults=[self], import_delay=3600)
        self.input = self.sandbox.folders(USERNAME).input
        self.pickup = self.sandbox.folders(USERNAME).pickup

    def serve(self, call: Call, go: Serve) -> Answer | None:
        kind = Kind(call.request.kind)
        self.seen.append((kind, call.request.length or len(call.request.data)))
        hook = self.hooks.get(kind)
        return hook(call, go) if hook else go(call.request)

    def answer(self, kind: Kind, *answers: Answer | None) -> None:
        """Answer the first requests of a kind with these, the last one for ever."""
        rest = list(answers)
        self.hooks[kind] = lambda _call, _go: rest.pop(0) if len(rest) > 1 else rest[0]

    def account(self, *, timeout: float = 20.0, connections: int = 1) -> Account:
        return Account(
            name="odd",
            protocol="sftp",
            host=self.sandbox.host,
            port=self.sandbox.port,
            username=USERNAME,
            private_key_file=str(self._key.path),
            host_keys=self.sandbox.host_keys,
            timeout=timeout,
            connections=connections,
        )

    def connect(self, *, timeout: float = 20.0, connections: int = 1) -> SftpRemote:
        """A session; closed at the end of the test."""
        remote = SftpRemote(self.account(timeout=timeout, connections=connections))
        self._stack.callback(remote.close)
        return remote

    def cut(self) -> None:
        """Cut all connections that are there now."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def open_connection(self, who: Account) -> PipeConnection:
        return PipeConnection(self._open_pipe, timeout=who.timeout, is_openssh=self.is_openssh)

    def _open_pipe(self) -> socket.socket:
        theirs, ours = socket.socketpair()
        self._ends.append(ours)
        thread = threading.Thread(target=self._serve_pipe, args=(ours,), daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(theirs.close)
        return theirs

    def _serve_pipe(self, end: socket.socket) -> None:
        files = self.sandbox._files[USERNAME]
        with end, suppress(OSError, Cut, BadMessage):
            sftp_server.Session(files, username=USERNAME, faults=[self]).run(end)


class OddSshServer(OddServer):
    """The same over real SSH on loopback."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__(folder, stack)
        stack.enter_context(self.sandbox)

    def cut(self) -> None:
        self.sandbox.cut()


@dataclass
class Sink:
    """Takes a download."""

    content: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes | memoryview) -> None:
        self.content += data


@dataclass
class Memory:
    """A file to upload."""

    content: bytes
    position: int = 0

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, length: int) -> bytes:
        start, self.position = self.position, self.position + length
        return self.content[start : self.position]

    def check_unchanged(self) -> None:
        pass


async def upload(
    remote: Remote, path: str, source: bytes | Memory, *, over: bool = False, temporary: bool = False
) -> Uploaded:
    """Upload a file that nobody keeps a ledger of."""
    memory = Memory(source) if isinstance(source, bytes) else source
    return await remote.upload(path, memory, over=over, temporary=temporary, created=lambda _upload: done_future(None))


def drive(remote: SftpRemote, coroutine: Coroutine[Any, Any, T]) -> T:
    return Loop(remote).run(coroutine)


def failure(remote: SftpRemote, coroutine: Any) -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        drive(remote, coroutine)
    return caught.value


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OddServer]:
    """A server over a pipe, to which every account leads."""
    with ExitStack() as stack:
        server = OddServer(tmp_path, stack)
        monkeypatch.setattr(sessions, "open_connection", server.open_connection)
        yield server


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[OddSshServer]:
    """A server over SSH."""
    with ExitStack() as stack:
        yield OddSshServer(tmp_path, stack)
