# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers that storms rage over.

The sandbox without SSH; the same over SSH, OpenSSH, and FTPS, all behind a relay; and a folder without any server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Cut, Fault
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import DROP_BOX, Filesystem, Rights
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sftp_server import Session
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import BadMessage
from support import relay
from support.ftpd import FtpServer
from support.sandbox_client import USERNAME, Key
from support.sshd import SshServer

from ..world import World, fast_folder

PATIENCE = 30.0  # seconds for a server to see the end of its connections
_RIGHTS = {**DROP_BOX, "pickup": Rights(True, True, True, True), "done": Rights(True, True, True, True)}


class Server(Protocol):
    """One server for one storm.

    :ivar world: the folders on both sides.
    :ivar has_hooks: whether it leads its requests past the storm's fault.
    :ivar by_request: whether files go to it in requests, and nothing else is possible.
    """

    world: World
    has_hooks: bool
    by_request: bool

    @contextlib.contextmanager
    def reached(self, faults: Sequence[relay.Fault]) -> Iterator[dict[str, Any]]:
        """Account options under which it can be reached.

        :param faults: of the first connections, where there is a network in between.
        """

    def settle(self) -> None:
        """Wait until it has seen the end of every connection."""

    def take(self, name: str, destination: str) -> bool:
        """Take a file out of ``input`` if it is complete, as far as the server knows."""


class PlainSandbox:
    """The sandbox's SFTP on a local socket."""

    has_hooks = True
    by_request = False

    def __init__(self, world: World, folder: Path, fault: Fault) -> None:
        self.world = world
        self._address = str(folder / "socket")
        self._fault = fault
        self._files = Filesystem(str(world.there), _RIGHTS)
        self._busy = 0
        self._changed = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._address)
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    @contextlib.contextmanager
    def reached(self, faults: Sequence[relay.Fault]) -> Iterator[dict[str, Any]]:
        yield {"socket": self._address}

    def settle(self) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: not self._busy, PATIENCE):
                raise RuntimeError("the sandbox does not see the end of a connection")

    def take(self, name: str, destination: str) -> bool:
        return self._files.take((b"input", os.fsencode(name)), destination)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._busy += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            # A run that is killed, or that has given up, takes no answers any more.
            with connection, contextlib.suppress(Cut, BadMessage, OSError):
                Session(self._files, faults=[self._fault]).run(connection)
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()


class SshSandbox:
    """The sandbox over SSH, behind a relay."""

    has_hooks = True
    by_request = False

    def __init__(self, world: World, sandbox: Sandbox, key: Key) -> None:
        self.world = world
        self._sandbox = sandbox
        self._key = key

    @contextlib.contextmanager
    def reached(self, faults: Sequence[relay.Fault]) -> Iterator[dict[str, Any]]:
        with relay.Relay(self._sandbox.port, faults=faults) as way:
            yield {
                "host": way.host, "port": way.port, "username": USERNAME, "account": "storm",
                "private_key_file": str(self._key.path), "host_keys": list(self._sandbox.host_keys),
            }  # fmt: skip

    def settle(self) -> None:
        deadline = time.monotonic() + PATIENCE
        server = self._sandbox._servers["sftp"]
        while server._current():
            if time.monotonic() > deadline:
                raise RuntimeError("the sandbox does not see the end of a connection")
            time.sleep(0.005)

    def take(self, name: str, destination: str) -> bool:
        return self._sandbox._files[USERNAME].take((b"input", os.fsencode(name)), destination)


class _Unaware:
    """A server that does not know which uploads are complete, and has no hooks for the storm's fault."""

    has_hooks = False
    by_request = False

    def __init__(self, world: World) -> None:
        self.world = world

    def take(self, name: str, destination: str) -> bool:
        """Take what is there."""
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.world.input / name, destination)
            return True
        return False


class Daemon(_Unaware):
    """OpenSSH's server or one of FTPS, behind a relay: of FTPS, only the control connections are behind it."""

    def __init__(self, world: World, server: SshServer | FtpServer, **options: object) -> None:
        super().__init__(world)
        self._server = server
        self._options = options

    @contextlib.contextmanager
    def reached(self, faults: Sequence[relay.Fault]) -> Iterator[dict[str, Any]]:
        with relay.Relay(self._server.port, faults=faults) as way:
            yield {**self._server.account_options(**self._options), "port": way.port, "account": "storm"}

    def settle(self) -> None:
        self._server.wait_idle()


class Folder(_Unaware):
    """No server: the mailbox is a folder of the same host."""

    @contextlib.contextmanager
    def reached(self, faults: Sequence[relay.Fault]) -> Iterator[dict[str, Any]]:
        yield {"protocol": "folder", "root": str(self.world.there), "account": "storm"}

    def settle(self) -> None:
        """What a run does is done when it ends."""


@contextlib.contextmanager
def folder() -> Iterator[Server]:
    with base_folder() as base:
        yield Folder(World(base / "here", base / "there", base / "kept", base / "shelf").make())


@contextlib.contextmanager
def plain_sandbox(fault: Fault) -> Iterator[Server]:
    with base_folder() as base:
        world = World(base / "here", base / "there", base / "kept", base / "shelf").make()
        with contextlib.closing(PlainSandbox(world, base, fault)) as server:
            yield server


@contextlib.contextmanager
def ssh_sandbox(fault: Fault, key: Key, host_keys: Path) -> Iterator[Server]:
    """:param host_keys: those of an earlier sandbox: they take a while to make."""
    with base_folder() as base:
        shutil.copytree(host_keys, base / "sandbox" / "host_keys")
        users = [account(USERNAME, public_keys=[key.public])]
        sandbox = Sandbox(base / "sandbox", accounts=users, faults=[fault], folders=_RIGHTS, import_delay=86400.0)
        root = sandbox.folders(USERNAME).root
        world = World(base / "here", root, base / "kept", base / "shelf").make()
        with sandbox:
            yield SshSandbox(world, sandbox, key)
            sandbox.importer._tasks.clear()  # nobody waits for what it would take at the end


@contextlib.contextmanager
def openssh(server: SshServer, **options: object) -> Iterator[Server]:
    """:param server: one that runs already, and is used by one storm after the other.
    :param options: of the account, such as ``transport``.
    """
    with base_folder() as base:
        status, kept = server.input.stat(), server.folder / "kept"
        for folder in (server.input, server.pickup, server.root / "done", kept):
            shutil.rmtree(folder, ignore_errors=True)
        owner = (status.st_uid, status.st_gid)
        # It makes folders that the root of a chroot, which belongs to root, does not let the user make.
        world = World(base / "here", server.root, kept, base / "shelf", owner).make()
        yield Daemon(world, server, **options)


@contextlib.contextmanager
def ftps(kind: str) -> Iterator[Server]:
    """:param kind: one of `ftpd.KINDS`."""
    with base_folder() as base, FtpServer(kind) as server:
        status = server.input.stat()
        owner = (status.st_uid, status.st_gid)
        world = World(base / "here", server.root, server.folder / "kept", base / "shelf", owner).make()
        yield Daemon(world, server, connections=2)


@contextlib.contextmanager
def base_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="filedrop-storm-", dir=fast_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
