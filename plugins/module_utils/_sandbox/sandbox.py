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

from .._engine._paramiko import require
from . import billit, hostkeys, state
from . import faults as hooks
from .accounts import Account, by_name
from .api.server import ApiServer
from .catalogue import Chosen, made
from .filesystem import DROP_BOX, Filesystem, Rights
from .ftp import certificate
from .ftp.deps import require as require_ftp
from .ftp.server import FtpServer
from .importer import Importer, Mailbox
from .server import HOST, Server, listen
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
    #: For accounts of Billit: what it has read, if it moves that, and the invoices that it shall write.
    success: Path
    issued: Path


def folders_of(path: str | os.PathLike[str], username: str) -> Folders:
    """Return the folders of an account within a sandbox's folder."""
    top, root = Path(path), Path(path) / "accounts" / username
    return Folders(
        root,
        root / "input",
        root / "pickup",
        top / "imported" / username,
        root / "success",
        top / "issued" / username,
    )


def tls_folder_of(path: str | os.PathLike[str]) -> str:
    """Return the folder of the certificate of FTPS."""
    return os.path.join(path, "tls")


def base_url_of(port: int) -> str:
    """Return the address of the files API on a port. That of its tokens is ``/token`` below it."""
    return f"http://{HOST}:{port}"


class Sandbox:
    """Run a provider on loopback.

    :param path: its folder, created if it is missing. It keeps files, host keys and imported files.
    :param port: 0 for a free one.
    :param import_delay: seconds from the end of an upload until its file is taken; 0: before the client is answered.
    :param folders: the folders in each account's root, with their rights. The import monitor watches only ``input``.
        Accounts of Billit have ``billit.FOLDERS``.
    :param protocols: any of ``sftp``, ``ftps``, ``ftp`` and ``amili_api``. SFTP is always served.
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
        protocols: Iterable[str] = (),
        faults: Sequence[AnyFault] = (),
        max_sessions: int = 10,
        listener: socket.socket | None = None,
    ) -> None:
        require()
        self.path = Path(os.path.abspath(path))
        self.importer = Importer(delay=import_delay)
        self.billit = billit.Billit()
        self._port = port
        self._listener = listener
        self._folders = folders
        self._faults = [made(fault) for fault in faults]
        self._max_sessions = max_sessions
        self._accounts: dict[str, Account] = {}
        self._files: dict[str, Filesystem] = {}
        self._protocols = frozenset(protocols)
        #: The servers that run, by name: "sftp", "ftp" (FTP, and FTPS after AUTH TLS), "implicit" (FTPS from the
        #: first byte), and "amili_api".
        self._servers: dict[str, Server] = {}
        self.host_keys: tuple[str, ...] = ()
        self.set_accounts(accounts)

    def set_accounts(self, accounts: Iterable[Account]) -> None:
        """Allow only these accounts to log in from now on. Sessions continue, and files of other accounts are kept."""
        found = by_name(accounts)
        for username, account in found.items():
            before = self._accounts.get(username)
            of_billit = account.billit is not None
            if before is None or of_billit != (before.billit is not None):
                self._files[username] = self._make_folders(username, of_billit=of_billit)
        self._accounts = found
        self.billit.set_places({self._place(name): one.billit for name, one in found.items() if one.billit is not None})

    def set_faults(self, faults: Sequence[AnyFault]) -> None:
        """Apply only these faults from the next connection on. Active connections keep their faults.

        :raises InputError: the catalogue does not have one of them; then nothing is changed.
        """
        before, self._faults = self._faults, [made(fault) for fault in faults]
        for server in self._servers.values():
            server.faults = tuple(self._faults)
        for fault in before:
            if fault not in self._faults:
                fault.release()

    def start(self) -> None:
        """Listen. :raises OSError: a port is in use, or the folder cannot be used."""
        keys = hostkeys.load_or_create(str(self.path / "host_keys"))
        self.host_keys = hostkeys.lines(keys)
        listener = self._listener or listen(self._port)
        self._port = listener.getsockname()[1]
        self.importer.start()
        self.billit.start()
        ssh = SshServer(host_keys=keys, max_sessions=self._max_sessions, **self._common(listener))
        self._servers["sftp"] = ssh
        ssh.start()
        self.set_protocols(self._protocols)

    def set_protocols(self, protocols: Iterable[str]) -> None:
        """Serve these protocols besides SFTP from now on. Other servers end, with their connections.

        :raises DependencyError: pyftpdlib is missing. :raises OSError: the certificate cannot be written.
        """
        self._protocols = frozenset(protocols)
        tls_folder = tls_folder_of(self.path) if "ftps" in self._protocols else None
        for name in ("ftp", "implicit", "amili_api"):
            if name in self._servers:
                self._servers.pop(name).stop()
        names = [*(["ftp"] if self._protocols & {"ftp", "ftps"} else []), *(["implicit"] if tls_folder else [])]
        if names:
            require_ftp()
        names += ["amili_api"] if "amili_api" in self._protocols else []
        if tls_folder is not None:
            certificate.create_missing(tls_folder)
        ports = state.load_ports(str(self.path))
        for name in names:
            common = self._common(_listen_again(ports.get(name)))
            if name == "amili_api":
                server: Server = ApiServer(**common)
            else:
                cleartext = "ftp" in self._protocols
                server = FtpServer(tls_folder=tls_folder, cleartext=cleartext, implicit=name == "implicit", **common)
            self._servers[name] = server
            server.start()
            ports[name] = server.port
        if names:
            state.save_ports(str(self.path), ports)

    def _common(self, listener: socket.socket) -> dict[str, Any]:
        return {
            "listener": listener,
            "lookup": self._account,
            "files": self._files.__getitem__,
            "faults": self._faults,
        }

    def stop(self) -> None:
        """Cut all connections, import complete files, and end."""
        for fault in self._faults:
            fault.release()
        if self._servers:
            for server in self._servers.values():
                server.stop()
            self._servers.clear()
            self.importer.stop()
            self.billit.stop()

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
        return max((server.last_active for server in self._servers.values()), default=0.0)

    @property
    def ftp_port(self) -> int:
        """The port of FTP, and of FTPS with AUTH TLS."""
        return self._servers["ftp"].port

    @property
    def implicit_port(self) -> int:
        """The port of FTPS in which TLS begins with the connection."""
        return self._servers["implicit"].port

    @property
    def base_url(self) -> str:
        """The address of the files API, for the option of this name."""
        return base_url_of(self._servers["amili_api"].port)

    @property
    def ca_file(self) -> str:
        """The certificate of FTPS, for the option ``ca_file``."""
        return certificate.path_of(tls_folder_of(self.path))

    @property
    def tls_fingerprints(self) -> tuple[str, ...]:
        """The fingerprint of the certificate, for the option of this name."""
        return certificate.stored_fingerprints(tls_folder_of(self.path))

    def folders(self, username: str) -> Folders:
        """Return the folders of an account."""
        return folders_of(self.path, username)

    def cut(self) -> None:
        """Cut all current connections."""
        for server in self._servers.values():
            server.cut()

    def wait(self, timeout: float = 10.0) -> bool:
        """Wait until all complete files are imported and have reports. Return False after ``timeout`` seconds."""
        return self.importer.wait(timeout)

    def poll(self) -> None:
        """Let Billit look at all its accounts now."""
        for name, one in self._accounts.items():
            if one.billit is not None:
                self.billit.poll(self._place(name), one.billit)

    def _place(self, username: str) -> billit.Place:
        where = folders_of(self.path, username)
        names = ("input", "pickup", "success", "issued", "imported")
        return billit.Place(username, *(str(getattr(where, name)) for name in names))

    def _make_folders(self, username: str, *, of_billit: bool) -> Filesystem:
        where = folders_of(self.path, username)
        where.imported.mkdir(mode=0o700, parents=True, exist_ok=True)
        if of_billit:
            where.issued.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = Filesystem(str(where.root), billit.FOLDERS)
        else:
            files = Filesystem(
                str(where.root), self._folders, on_complete=lambda parts: self.importer.completed(mailbox, parts)
            )
            mailbox = Mailbox(username, files, str(where.imported), str(where.pickup), str(self.path / "work"))
        files.create()
        return files

    def _account(self, username: str) -> Account | None:
        return self._accounts.get(username)


def _listen_again(port: int | None) -> socket.socket:
    """Listen on the port of the last time if it is free, else on another one."""
    try:
        return listen(port or 0)
    except OSError:
        return listen(0)
