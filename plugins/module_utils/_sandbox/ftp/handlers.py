# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sandbox does differently from pyftpdlib, as mixins: pyftpdlib may be missing when this is imported."""

from __future__ import annotations

import functools
import itertools
import stat
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable

from ..faults import Command, Cut, command_chain
from ..wire import Attributes
from . import deps
from .files import Entry, Files, Nonsense, OpenFile, Silence

if TYPE_CHECKING:
    from .server import FtpConnection

#: The address that the fault ``pasv_foreign`` gives: one that no host has (RFC 5737).
FOREIGN = "192.0.2.1"

if TYPE_CHECKING:
    _Mixin: Any = object
else:
    _Mixin = object

_TLS_COMMANDS = ("AUTH", "PBSZ", "PROT")
# Names in one piece of an answer to NLST.
_NAMES = 100


class _Users:
    """Ask the sandbox who may log in. Rights are checked by the session, request by request."""

    def __init__(self, connection: FtpConnection) -> None:
        self._connection = connection

    def validate_authentication(self, username: str, password: str, handler: object) -> None:
        del handler
        if not self._connection.knows_password(username, password):
            raise deps.exceptions.AuthenticationFailed("Login incorrect.")

    def get_home_dir(self, username: str) -> str:
        del username
        return "/"

    def get_msg_login(self, username: str) -> str:
        del username
        return "Login successful."

    def get_msg_quit(self, username: str) -> str:
        del username
        return "Goodbye."

    def get_perms(self, username: str) -> str:
        del username
        return "elradfmwMT"

    def has_perm(self, username: str, perm: str, path: str | None = None) -> bool:
        del username, perm, path
        return True

    def impersonate_user(self, username: str, password: str) -> None:
        """Do nothing: all files belong to the user who runs the sandbox."""

    def terminate_impersonation(self, username: str) -> None:
        """Do nothing."""


class _Listing:
    """Names in the order of the session, one at a time: a listing may have no end, or fail in the middle.

    :param failed: called with the error. The names before it are sent then.
    """

    def __init__(self, names: Iterator[str], failed: Callable[[OSError], None]) -> None:
        # The first request tells whether the folder can be listed, before anything is answered.
        self._first = list(itertools.islice(names, 1))
        self._rest = names
        self._failed = failed

    def __iter__(self) -> Iterator[str]:
        try:
            yield from self._first
            yield from self._rest
        except OSError as error:
            self._failed(error)

    def sort(self) -> None:
        """Do nothing. pyftpdlib sorts listings for LIST."""


class _NamesProducer:
    """Send the lines of NLST piece by piece."""

    def __init__(self, names: Iterator[str]) -> None:
        self._names = names

    def more(self) -> bytes:
        lines = [f"{name}\r\n" for name, _number in zip(self._names, range(_NAMES))]
        return "".join(lines).encode("utf-8", "surrogateescape")


class _Folders(_Mixin):
    """The folders of a user. Paths of clients and of the file system are the same here."""

    def __init__(self, root: str, cmd_channel: Any) -> None:
        super().__init__(root, cmd_channel)
        self._files = Files(cmd_channel.server.connection.session(cmd_channel.username))
        self.open = self._files.open
        self.remove = self._files.remove
        self.rename = self._files.rename
        self.mkdir = self._files.make_folder
        self.rmdir = self._files.remove_folder
        self.stat = self.lstat = self._files.stat

    def ftp2fs(self, ftppath: str) -> str:
        return str(self.ftpnorm(ftppath))

    def fs2ftp(self, fspath: str) -> str:
        return fspath

    def realpath(self, path: str) -> str:
        return path

    def validpath(self, path: str) -> bool:
        del path
        return True

    def chdir(self, path: str) -> None:
        if not stat.S_ISDIR(self.stat(path).st_mode):
            raise NotADirectoryError(20, "Not a directory")
        self.cwd = path

    def listdir(self, path: str) -> _Listing:
        return _Listing(self._files.names(path), self.cmd_channel.listing_failed)

    def isfile(self, path: str) -> bool:
        return self._files.has(path, stat.S_IFREG)

    def isdir(self, path: str) -> bool:
        return self._files.has(path, stat.S_IFDIR)

    def islink(self, path: str) -> bool:
        return self._files.has(path, stat.S_IFLNK)

    def lexists(self, path: str) -> bool:
        return any(self._files.has(path, kind) for kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK))

    def getsize(self, path: str) -> int:
        return self._entry(path).st_size

    def getmtime(self, path: str) -> int:
        return self._entry(path).st_mtime

    def readlink(self, path: str) -> str:
        del path
        raise OSError(22, "links are not followed")

    def mkstemp(self, **options: object) -> None:
        del options
        raise PermissionError(13, "STOU is not served")

    def chmod(self, path: str, mode: int) -> None:
        self._files.set_attributes(path, Attributes(permissions=mode))

    def utime(self, path: str, timeval: float) -> None:
        self._files.set_attributes(path, Attributes(atime=int(time.time()), mtime=int(timeval)))

    def _entry(self, path: str) -> Entry:
        return self._files.stat(path)


class _Passive(_Mixin):
    """Wait for a data connection."""

    def __init__(self, cmd_channel: Any, extmode: bool = False) -> None:
        super().__init__(cmd_channel, extmode)
        if "data_never_opens" in cmd_channel.manners:
            # The kernel accepts the connection, but nobody serves it.
            self.del_channel()

    def handle_accepted(self, sock: Any, addr: Any) -> None:
        super().handle_accepted(self.cmd_channel.server.connection.data_connection(sock), addr)


class _Ending(_Mixin):
    """End a connection where TLS breaks off, as if it had ended well. Most servers cannot tell one from the other."""

    def recv(self, buffer_size: int) -> bytes:
        try:
            return bytes(super().recv(buffer_size))
        except deps.SSL.Error:
            self.handle_close()
            return b""


class _Data(_Ending):
    """Serve a data connection."""

    transfer_finished: bool

    def handle_ssl_established(self) -> None:
        control = self.cmd_channel
        if "session_reuse_required" in control.manners and not deps.lib.SSL_session_reused(self.socket._ssl):
            self._resp = (
                "522 The data connection must reuse the TLS session of the control connection.",
                control.log,
            )
            self._error = True
            self.close()

    def handle_error(self) -> None:
        control, error = self.cmd_channel, sys.exc_info()[1]
        if isinstance(error, Silence):
            self.del_channel()
            return
        if isinstance(error, (Cut, Nonsense)):
            control.guarded(_raiser(error))
        elif isinstance(error, OSError):
            self._resp = (f"451 {error.strerror or error}; transfer aborted.", control.log)
        else:
            self.log_exception(self)
            self._resp = ("451 Internal error; transfer aborted.", control.log)
        self.close()

    def close(self) -> None:
        file: object = self.file_obj
        if isinstance(file, OpenFile) and not file.closed:
            file.finished = self.transfer_finished
            try:
                file.close()
            except (OSError, Cut, Silence, Nonsense):
                self.transfer_finished = False
                self.handle_error()
                return
        if self.cmd_channel.failure is not None:
            self._resp, self.cmd_channel.failure = (self.cmd_channel.failure, self.log), None
        if "no_close_notify" in self.cmd_channel.manners:
            self._error = True
        super().close()


class _Control(_Ending):
    """Serve a control connection."""

    banner = "filedrop sandbox ready."
    proto_cmds: dict[str, Any]
    timeout = None
    auth_failed_timeout = 0
    use_sendfile = False
    unicode_errors = "surrogateescape"

    def __init__(self, conn: Any, server: Any, ioloop: Any = None) -> None:
        self._connection: FtpConnection = server.connection
        listener = self._connection.server
        #: What is wrong with the data connection that the client asked for last.
        self.manners: frozenset[str] = frozenset()
        #: The reply to a transfer that has failed on the server's side, as soon as its data connection is closed.
        self.failure: str | None = None
        self.authorizer = _Users(self._connection)
        self.tls_control_required = self.tls_data_required = not listener.cleartext
        super().__init__(conn, server, ioloop)
        # Entries have no numbers of their own here.
        self._current_facts, self._available_facts = (
            ["type", "perm", "size", "modify"],
            ["type", "perm", "size", "modify"],
        )
        if listener.tls_folder is None:
            self.refuse(*_TLS_COMMANDS)
            self._extra_feats: list[str] = []
            self.tls_control_required = self.tls_data_required = False

    def refuse(self, *commands: str) -> None:
        """Do not know these commands in this connection, nor offer them."""
        self.proto_cmds = {name: known for name, known in self.proto_cmds.items() if name not in commands}

    def listing_failed(self, error: OSError) -> None:
        self.failure = f"451 {error.strerror}; listing aborted."

    def repeat(self) -> None:
        """Send the last reply again."""
        if self._last_response:
            self.respond(self._last_response)

    def get_ssl_context(self) -> Any:
        listener = self._connection.server
        if listener.tls_folder is None:
            return None
        return listener.context(self._connection.certificate_kind())

    def handle(self) -> None:
        if self._connection.server.implicit:
            self.secure_connection(self.ssl_context)
        else:
            super().handle()

    def handle_ssl_established(self) -> None:
        if self._connection.server.implicit:
            super().handle()

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        self._connection.server.touch()
        serve = functools.partial(super().pre_process_command, line, cmd, arg)
        call = Command(cmd, arg, self.username, self)
        self.guarded(lambda: command_chain(self._connection.faults, call, serve))

    def guarded(self, serve: Callable[[], None]) -> None:
        """Serve, and do what a fault wants instead of an answer."""
        try:
            serve()
        except Cut:
            self._connection.cut()
        except Nonsense as nonsense:
            deps.ioloop.AsyncChat.push(self, nonsense.data)
        except Silence:
            return

    def _make_epasv(self, extmode: bool = False) -> None:
        self.manners = frozenset(fault.data(self.username) for fault in self._connection.faults)
        self.masquerade_address = FOREIGN if "pasv_foreign" in self.manners else None
        super()._make_epasv(extmode)

    def ftp_NLST(self, path: str) -> str | None:  # noqa: N802
        try:
            names = iter(self.fs.listdir(path))
        except OSError as error:
            self.respond(f"550 {error.strerror}.")
            return None
        self.push_dtp_data(_NamesProducer(names), isproducer=True, cmd="NLST")
        return path


@functools.cache
def handler_class() -> Any:
    """Return the class that serves a control connection."""
    base = deps.handlers.TLS_FTPHandler
    return type(
        "Control",
        (_Control, base),
        {
            "abstracted_fs": type("Folders", (_Folders, deps.filesystems.AbstractedFS), {}),
            "passive_dtp": type("Passive", (_Passive, base.passive_dtp), {}),
            "dtp_handler": type("Data", (_Data, base.dtp_handler), {}),
        },
    )


def _raiser(error: BaseException) -> Callable[[], None]:
    def again() -> None:
        raise error

    return again
