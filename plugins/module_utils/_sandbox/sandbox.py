# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The local provider as one object: for tests in the same process, and what the daemon runs.

with Sandbox(folder, accounts=[account("alice", public_keys=[line])]) as sandbox:
    connect(sandbox.host, sandbox.port, sandbox.host_keys)
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from .._engine._deps import require
from . import faults as hooks
from . import hostkeys
from .accounts import Account, by_name
from .catalogue import Chosen, made
from .filesystem import DROP_BOX, Filesystem, Rights
from .importer import Importer, Mailbox
from .ssh_server import HOST, SshServer, listen

#: A fault itself, or one of the catalogue: as ``{"name": "write_fails", "bytes": 100}`` or "write_fails:bytes=100".
AnyFault = Union[hooks.Fault, Chosen, Mapping[str, Any], str]


@dataclass(frozen=True)
class Folders:
    """An account's folders on this machine. Clients see only what is under ``root``."""

    root: Path
    input: Path
    pickup: Path
    imported: Path


def folders_of(path: str | os.PathLike[str], username: str) -> Folders:
    """Where the files of an account are in a sandbox's folder."""
    root = Path(path) / "accounts" / username
    return Folders(root, root / "input", root / "pickup", Path(path) / "imported" / username)


class Sandbox:
    """A provider on loopback.

    :param path: its folder; made where it is missing. Files, host keys and imported files are kept there.
    :param port: 0 for a free one.
    :param import_delay: seconds from the end of an upload until its file is taken; 0: before the client has its answer.
    :param folders: what each account's root holds, and the rights there. An import monitor watches ``input`` only.
    :param faults: faults of the catalogue, or others; the first one sees a request first and its answer last.
    :param listener: a socket that listens already, in the place of ``port``.
    """

    host = HOST

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        accounts: Iterable[Account] = (),
        port: int = 0,
        import_delay: float = 0.0,
        folders: Mapping[str, Rights] = DROP_BOX,
        faults: Sequence[AnyFault] = (),
        max_sessions: int = 10,
        listener: socket.socket | None = None,
    ) -> None:
        require()
        self.path = Path(os.path.abspath(path))
        self.importer = Importer(delay=import_delay)
        self._port = port
        self._listener = listener
        self._folders = folders
        self._faults = [made(fault) for fault in faults]
        self._max_sessions = max_sessions
        self._accounts: dict[str, Account] = {}
        self._files: dict[str, Filesystem] = {}
        self._server: SshServer | None = None
        self.host_keys: tuple[str, ...] = ()
        self.set_accounts(accounts)

    def set_accounts(self, accounts: Iterable[Account]) -> None:
        """Let exactly these accounts log in from now on. Sessions go on; the files of accounts that are gone stay."""
        found = by_name(accounts)
        for username in found:
            if username not in self._files:
                self._files[username] = self._make_folders(username)
        self._accounts = found

    def set_faults(self, faults: Sequence[AnyFault]) -> None:
        """Misbehave in exactly these ways from the next connection on; those that are there go on as they began.

        :raises InputError: the catalogue does not know one of them; then nothing is changed.
        """
        before, self._faults = self._faults, [made(fault) for fault in faults]
        if self._server is not None:
            self._server.faults = tuple(self._faults)
        for fault in before:
            if fault not in self._faults:
                fault.release()

    def start(self) -> None:
        """Listen. :raises OSError: the port is taken, or the folder cannot be used."""
        keys = hostkeys.load_or_create(str(self.path / "host_keys"))
        self.host_keys = hostkeys.lines(keys)
        listener = self._listener or listen(self._port)
        self._port = listener.getsockname()[1]
        self._server = SshServer(
            listener=listener,
            host_keys=keys,
            lookup=self._account,
            files=self._files.__getitem__,
            faults=self._faults,
            max_sessions=self._max_sessions,
        )
        self.importer.start()
        self._server.start()

    def stop(self) -> None:
        """Cut all connections, import what is complete, and end."""
        for fault in self._faults:
            fault.release()
        if self._server is not None:
            self._server.stop()
            self._server = None
            self.importer.stop()

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port; the one that was free once it has been started."""
        return self._port

    @property
    def last_active(self) -> float:
        """When a client last wanted something, by the monotonic clock."""
        return self._server.last_active if self._server is not None else 0.0

    def folders(self, username: str) -> Folders:
        """The folders of an account."""
        return folders_of(self.path, username)

    def cut(self) -> None:
        """Cut all connections that are there now."""
        if self._server is not None:
            self._server.cut()

    def wait(self, timeout: float = 10.0) -> bool:
        """Wait until every complete file is imported and its report placed. False after ``timeout`` seconds."""
        return self.importer.wait(timeout)

    def _make_folders(self, username: str) -> Filesystem:
        where = folders_of(self.path, username)
        files = Filesystem(
            str(where.root), self._folders, on_complete=lambda parts: self.importer.completed(mailbox, parts)
        )
        mailbox = Mailbox(username, files, str(where.imported), str(where.pickup), str(self.path / "work"))
        files.create()
        where.imported.mkdir(mode=0o700, parents=True, exist_ok=True)
        return files

    def _account(self, username: str) -> Account | None:
        return self._accounts.get(username)
