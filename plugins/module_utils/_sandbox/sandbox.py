# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The local provider as one object, for tests in the same process and for the daemon.

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
from .server import HOST, listen
from .ssh_server import SshServer

#: A fault object, or a fault of the catalogue: as ``{"name": "write_fails", "bytes": 100}`` or "write_fails:bytes=100".
AnyFault = Union[hooks.Fault, Chosen, Mapping[str, Any], str]


@dataclass(frozen=True)
class Folders:
    """The local folders of an account. Clients see only the content of ``root``."""

    root: Path
    input: Path
    pickup: Path
    imported: Path


def folders_of(path: str | os.PathLike[str], username: str) -> Folders:
    """Return the folders of an account within a sandbox's folder."""
    root = Path(path) / "accounts" / username
    return Folders(root, root / "input", root / "pickup", Path(path) / "imported" / username)


class Sandbox:
    """Run a provider on loopback.

    :param path: its folder, created if it is missing. It keeps files, host keys and imported files.
    :param port: 0 for a free one.
    :param import_delay: seconds from the end of an upload until its file is taken; 0: before the client is answered.
    :param folders: the folders in each account's root, with their rights. The import monitor watches only ``input``.
    :param faults: faults, or names of the catalogue; the first one sees a request first and its answer last.
    :param listener: a listening socket to use instead of ``port``.
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
        """Allow only these accounts to log in from now on. Sessions continue, and files of other accounts are kept."""
        found = by_name(accounts)
        for username in found:
            if username not in self._files:
                self._files[username] = self._make_folders(username)
        self._accounts = found

    def set_faults(self, faults: Sequence[AnyFault]) -> None:
        """Apply only these faults from the next connection on. Active connections keep their faults.

        :raises InputError: the catalogue does not have one of them; then nothing is changed.
        """
        before, self._faults = self._faults, [made(fault) for fault in faults]
        if self._server is not None:
            self._server.faults = tuple(self._faults)
        for fault in before:
            if fault not in self._faults:
                fault.release()

    def start(self) -> None:
        """Listen. :raises OSError: the port is in use, or the folder cannot be used."""
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
        """Cut all connections, import complete files, and end."""
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
        """The port; for port 0, the chosen port after the start."""
        return self._port

    @property
    def last_active(self) -> float:
        """When a client last sent a request, by the monotonic clock."""
        return self._server.last_active if self._server is not None else 0.0

    def folders(self, username: str) -> Folders:
        """Return the folders of an account."""
        return folders_of(self.path, username)

    def cut(self) -> None:
        """Cut all current connections."""
        if self._server is not None:
            self._server.cut()

    def wait(self, timeout: float = 10.0) -> bool:
        """Wait until all complete files are imported and have reports. Return False after ``timeout`` seconds."""
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
