# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FTP as a Remote: files, names and listings over control connections. See `threaded.BlockingConnection`."""

from __future__ import annotations

import stat as modes
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ...config.accounts.account import IN_ONE_WRITE
from ...errors import (
    ConnectionLost,
    FiledropError,
    ProtocolError,
    RemoteError,
    RemoteMissing,
    RemoteUnsupported,
    TrustError,
)
from ..channel import ended
from ..interface import Entry, Features
from ..threaded import ThreadedRemote
from . import data
from .control import (
    DENIED,
    LONGEST_LINE,
    MISSING,
    TROUBLE,
    UNKNOWN,
    Control,
    OutOfStep,
    Refused,
    Reply,
    broken,
    is_empty,
    may_be_missing,
    refusal,
)

if TYPE_CHECKING:
    from ...config.accounts.account import Account
    from ...local.permissions import Permissions

FEATURES = Features(
    stat=True,
    rename=True,
    exclusive_create=False,
    partial_uploads=None,
    max_in_flight=8,
    stat_while_open=False,
    size_is_final=True,
)
CHUNK = 64 * 1024
"""Bytes of one call: so many must pass within the account's timeout."""

LONGEST_CALL = 20
"""Commands and data connections of one call, each within the account's timeout: a login, and a transfer begun."""

FRESH = 0.25  # seconds for which a look at a name is right before a rename to it, if nothing was sent after it


class _Session:
    """What all connections of a session know.

    :ivar notes: for people, each once.
    :ivar with_files: folders in which there are files, so that a name there is hardly one of a folder.
    :ivar lacks: commands that the server does not know, whatever it says of itself.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.notes: dict[str, None] = dict.fromkeys(account.weaknesses)
        self.with_files: set[str] = set()
        self.lacks: set[str] = set()

    def note(self, text: str) -> None:
        self.notes.setdefault(text)

    def connect(self) -> _FtpConnection | None:
        """Make a further connection; None where the server allows no more.

        :raises TrustError: its certificate is another one.
        """
        try:
            return _FtpConnection(self, Control(self.account))
        except TrustError:
            raise
        except FiledropError as error:
            self.note(f"The server accepts fewer connections than `connections` says. The reason: {error.finding}")
        return None


def ftp_remote(account: Account, permissions: Permissions) -> ThreadedRemote:
    """A mailbox over FTP or FTPS as a Remote.

    :param permissions: not used; the server decides.
    :raises TrustError, AuthenticationError, UnreachableError, ServerBusy, InputError: see `errors`.
    """
    del permissions
    session = _Session(account)
    control = Control(account)
    return ThreadedRemote(
        [_FtpConnection(session, control)],
        features=FEATURES._replace(
            max_in_flight=max(FEATURES.max_in_flight, 3 * account.connections),
            lists_hidden="MLST" in control.features or control.is_vsftpd,
            has_digests=_digest_command(control) is not None,
        ),
        identity=f"ftp {account.host} {account.port} {account.username}",
        clock=None,
        info=lambda: {**_info(control, account), "notes": list(session.notes)},
        notes=lambda: tuple(session.notes),
        learned=lambda: {} if control.in_one_write else {IN_ONE_WRITE: False},
        certificate_expires=control.certificate_expires,
        timeout=LONGEST_CALL * account.timeout,
        bandwidth_limit=account.bandwidth_limit,
        exclusive=True,
        more=[session.connect] * (account.connections - 1),
        chunk=CHUNK,
    )


def _info(control: Control, account: Account) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "protocol": account.protocol,
        "server_version": control.greeting,
        "extensions": dict(control.features),
    }
    if control.fingerprint is not None:
        found["certificate"] = {"fingerprint": control.fingerprint}
        found["tls"] = control.tls
    return found


class _Look(NamedTuple):
    """A look at a name that is free: how many commands had been sent by then, and when it was, in seconds."""

    name: str
    sent: int
    at: float

    def is_right_before(self, name: str, sent: int) -> bool:
        """Return whether a look is the latest thing that was asked of this connection, and not old."""
        return (self.name, self.sent) == (name, sent) and time.monotonic() - self.at < FRESH


class _FtpConnection:
    """The calls of one thread; see `threaded.BlockingConnection`."""

    def __init__(self, session: _Session, control: Control) -> None:
        self.session = session
        self._control = control
        self._transfer: data.Transfer | None = None
        self._ahead: tuple[str, Entry | None] | None = None
        self._free: _Look | None = None

    @property
    def control(self) -> Control:
        """The control connection, free for a command. One that was dropped is made again."""
        self._ahead = None
        if self._transfer is not None:
            self._transfer.abandon()
        if self._control.sock is None:
            try:
                self._control = Control(self.session.account)
            except FiledropError as error:
                raise ConnectionLost("connection_lost", error.finding, error.way_out) from error
        return self._control

    def close(self) -> None:
        if self._transfer is not None:
            self._transfer.abandon()
        self._control.leave()

    # --- looks

    def stat(self, path: str) -> Entry | None:
        if self._ahead is not None and self._ahead[0] == path:
            found, self._ahead = self._ahead[1], None
            return found
        if isinstance(self._transfer, data.Writer):
            raise RemoteUnsupported("remote_unsupported", f"FTP cannot look at {path!r} while a file is uploaded.")
        control = self.control
        if self._has("MLST"):
            reply = control.ask(f"MLST {path or '.'}")
            if reply.is_ok:
                return data.looked_entry(path, reply.text) or self._unread(path)
            if not self._is_unknown("MLST", reply) and reply.code != 501:
                self._nothing(reply, path)
                return None
        if not self._has("SIZE"):
            return self._listed(path)
        found = self._sized(path)
        return self._folder(path) if found is None else found._replace(mtime=self._mtime(path))

    def _unread(self, path: str) -> Entry:
        """Return what is there although the answer to MLST says nothing that can be read."""
        found = None
        if self._has("SIZE"):
            with suppress(RemoteError):
                found = self._sized(path)
        return found or Entry(_name(path), path, None, None, None)

    def _has(self, command: str) -> bool:
        """Return whether the server knows a command. A server without FEAT is asked."""
        features = self._control.features
        return command not in self.session.lacks and (command in features or (not features and command != "MLST"))

    def _is_unknown(self, command: str, reply: Reply) -> bool:
        if reply.code in UNKNOWN:
            self.session.lacks.add(command)
        return reply.code in UNKNOWN

    def _nothing(self, reply: Reply, path: str) -> None:
        """Return if a refusal to look means that nothing is there; else raise it."""
        if reply.code in (450, 550, 553) and MISSING.search(reply.words):
            return
        if reply.code not in (550, 553) or DENIED.search(reply.words) or TROUBLE.search(reply.words):
            raise refusal(f"to look at {path!r}", reply)

    def _sized(self, path: str) -> Entry | None:
        """Return a file with its size, if that can be read; None if there is no file of that name."""
        reply = self.control.ask(f"SIZE {path or '.'}")
        if reply.code == 550 and "ascii" in reply.words.lower():
            self._control.use_binary()
            reply = self._control.ask(f"SIZE {path}")
        if reply.code == 213:
            return _file(path, reply)
        if reply.is_ok:
            raise broken(f"The server answered SIZE with another code than 213: {reply.said}")
        self._is_unknown("SIZE", reply)
        self._nothing(reply, path)
        return None

    def _mtime(self, path: str) -> int | None:
        if not self._has("MDTM"):
            return None
        reply = self.control.ask(f"MDTM {path}")
        self._is_unknown("MDTM", reply)
        if 400 <= reply.code < 500 or (reply.code >= 500 and TROUBLE.search(reply.words)):
            raise refusal(f"to tell the time of {path!r}", reply)  # no time would look like a file that was replaced
        return data.time_of(reply.text[4:]) if reply.code == 213 else None

    def _folder(self, path: str) -> Entry | None:
        """Return a folder; None if there is none. The only question for a folder that all servers know is CWD."""
        if path.rpartition("/")[0] in self.session.with_files or not self._enter(path or ".").is_ok:
            return None
        return Entry(_name(path), path, None, None, modes.S_IFDIR)

    def _enter(self, folder: str) -> Reply:
        """Try whether a folder can be entered; return the reply."""
        reply = self.control.ask(f"CWD {folder}")
        if reply.is_ok:
            self._go_home()
        return reply

    def _lacks_folder_of(self, path: str, reply: Reply) -> bool:
        """Return whether a refusal to write a file is for a missing folder."""
        folder = path.rpartition("/")[0]
        if DENIED.search(reply.words) or MISSING.search(reply.words) or reply.code not in (550, 553) or not folder:
            return bool(MISSING.search(reply.words))
        entered = self._enter(folder)
        return not entered.is_ok and not DENIED.search(entered.words)

    def _go_home(self) -> None:
        """Go back to the folder of the login. Where it is unknown, a new session begins there."""
        if self._control.home is None or not self._control.ask(f"CWD {self._control.home}").is_ok:
            self._control.drop()

    def _listed(self, path: str) -> Entry | None:
        """Find a file in the listing of its folder, for a server that tells nothing of one file."""
        if path in ("", ".", "/"):
            return Entry(path, path, None, None, modes.S_IFDIR)
        folder, slash, name = path.rstrip("/").rpartition("/")
        with suppress(RemoteMissing):
            for page in self.list(folder or slash):
                for entry in page:
                    if entry.name == name:
                        return entry._replace(path=path)
        return None

    # --- listings

    def list(self, folder: str) -> Generator[Sequence[Entry], None, None]:
        if self._has("MLST"):
            try:
                yield from self._pages(f"MLSD {folder}".rstrip(), folder, data.machine_entry)
                return
            except RemoteUnsupported:
                self.session.lacks.add("MLST")
        reply = self.control.ask(f"CWD {folder or '.'}")  # a path as an argument may be taken for options or a pattern
        if not reply.is_ok:
            raise refusal(f"to list the folder {folder!r}", reply, missing=may_be_missing(reply))
        try:
            yield from self._plain_pages(folder)
        finally:
            if self._control.sock is not None:
                self._go_home()

    def _plain_pages(self, folder: str) -> Iterator[Sequence[Entry]]:
        """List the folder that we are in, with a server that has no MLSD.

        NLST tells names only. Whoever needs more looks at each file, over all connections at once.
        """
        if not self._control.features:
            self._is_unknown("SIZE", self._control.ask("SIZE ."))
        if self._has("SIZE") and self._has("MDTM"):
            command = "NLST -a" if self._control.is_vsftpd else "NLST"
            try:
                yield from self._pages(command, folder, data.named_entry)
                return
            except RemoteUnsupported:
                pass
        yield from self._pages("LIST", folder, data.text_entry)

    def _pages(self, command: str, folder: str, read: Any) -> Iterator[Sequence[Entry]]:
        """List a folder, and read each line."""
        for lines in self._lines(command, folder):
            entries = [read(folder, self._decoded(line)) for line in lines]
            for entry in entries:
                if entry is not None and data.is_unreadable(entry):
                    self.session.note(
                        f"The listing of {folder!r} has lines that cannot be read, such as {entry.name!r}."
                    )
            yield [entry for entry in entries if entry is not None]

    def _decoded(self, line: bytes) -> str:
        return line.decode(self._control.encoding, "surrogateescape")

    def _lines(self, command: str, folder: str) -> Generator[Sequence[bytes], None, None]:
        """The lines of a listing, some at a time.

        :raises RemoteError: the server refuses it, or it is not whole.
        """
        doing = f"to list the folder {folder!r}"
        try:
            transfer = data.Transfer(self, self.control, data.begin(self.control, command))
        except Refused as refused:
            if command.startswith("NLST") and is_empty(refused.reply):
                return
            raise refusal(doing, refused.reply, missing=may_be_missing(refused.reply)) from refused
        rest = b""
        try:
            while block := transfer.receive(CHUNK):
                *lines, rest = (rest + block).split(b"\n")
                if len(rest) > LONGEST_LINE or any(len(line) > LONGEST_LINE for line in lines):
                    raise ProtocolError("protocol_error", f"A line of a listing has more than {LONGEST_LINE} bytes.")
                yield [line.rstrip(b"\r") for line in lines]
            reply = transfer.finish()
            if not reply.is_ok and not (command.startswith("NLST") and not rest and is_empty(reply)):
                raise refusal(doing, reply, missing=may_be_missing(reply))
        finally:
            transfer.abandon()
        if rest or transfer.was_reset or data.TRUNCATED.search(reply.words):
            raise RemoteError(
                "listing_incomplete",
                f"The server sent only a part of the listing of {folder!r}: {reply.said}",
                "No file was judged by it. Ask the provider to raise the limit of listings, or remove old files there.",
            )

    # --- files

    def open(self, path: str) -> data.Reader:
        try:
            return data.Reader(self, self.control, data.begin(self._control, f"RETR {path}"), path)
        except Refused as refused:
            raise self._explained(f"to read {path!r}", refused.reply, path) from refused

    def create(self, path: str, temporary: bool) -> data.Writer:
        if not temporary and self.stat(path) is not None:
            raise RemoteError("remote_exists", f"There is a file {path!r} on the server already.")
        return self._store(path, temporary=temporary)

    def rewrite(self, path: str) -> data.Writer:
        if self.stat(path) is None:
            raise RemoteMissing("remote_missing", f"There is no file {path!r} on the server.")
        return self._store(path, temporary=False)

    def _store(self, path: str, *, temporary: bool) -> data.Writer:
        command = f"STOR {path}"
        try:
            try:
                begun = data.begin(self.control, command, ours=temporary)
            except OutOfStep:
                self._control.go_one_by_one()
                self._control.drop()
                begun = data.begin(self.control, command)
        except Refused as refused:
            is_missing = self._lacks_folder_of(path, refused.reply)
            raise refusal(f"to create {path!r}", refused.reply, missing=is_missing) from refused
        self.session.with_files.add(path.rpartition("/")[0])
        return data.Writer(self, self._control, begun, path, temporary=temporary)

    def sizes(self, path: str, final: str | None) -> int | None:
        """Return the size of a complete upload, and look at its final name ahead of `stat`."""
        control = self.control
        if not self._has("SIZE") or final is None or not control.in_one_write:
            entry = self._sized(path) if self._has("SIZE") else self.stat(path)
            return None if entry is None else entry.size
        control.send(f"SIZE {path}", f"SIZE {final}")
        ours, theirs = control.reply(), control.reply()
        if any(reply.code != 213 and reply.code < 400 for reply in (ours, theirs)):
            control.go_one_by_one()
            control.drop()
            return self.sizes(path, None)
        if theirs.code == 213:
            self._ahead = final, _file(final, theirs)
        else:
            with suppress(RemoteError):  # then `stat` asks once more, and tells the reason
                self._nothing(theirs, final)
                self._ahead = final, None
                self._free = _Look(final, control.sent, time.monotonic())
        return _file(path, ours).size if ours.code == 213 else None

    # --- names

    def rename(self, old: str, new: str) -> None:
        free, self._free = self._free, None
        is_fresh = free is not None and free.is_right_before(new, self._control.sent)
        if not is_fresh and self.stat(new) is not None:
            raise RemoteError("remote_exists", f"There is a file {new!r} on the server already.")
        control = self.control
        if control.in_one_write:
            control.send(f"RNFR {old}", f"RNTO {new}")
            first, second = control.reply(), control.reply()
            if first.code != 350 and second.is_ok:
                control.go_one_by_one()
                raise ended(f"the server answered out of step: {first.said} {second.said}")
        else:
            first = second = control.ask(f"RNFR {old}")
            if first.code == 350:
                second = control.ask(f"RNTO {new}")
        if first.code != 350:
            raise self._explained(f"to rename {old!r}", first, old)
        if not second.is_ok:
            is_missing = self._lacks_folder_of(new, second)
            self.session.with_files.discard(new.rpartition("/")[0])  # the name may be that of a folder
            raise refusal(f"to rename {old!r} to {new!r}", second, missing=is_missing)

    def remove(self, path: str) -> None:
        reply = self.control.ask(f"DELE {path}")
        if not reply.is_ok:
            raise self._explained(f"to delete {path!r}", reply, path)

    def digest(self, path: str) -> tuple[str, str]:
        way = _digest_command(self.control)
        if way is None:
            raise RemoteUnsupported("remote_unsupported", "The server has neither HASH, XSHA256 nor XSHA1.")
        command, algorithm = way
        if command == "HASH":
            self._control.ask(f"OPTS HASH SHA-{algorithm[3:]}")
        reply = self._control.ask(f"{command} {path}")
        found = data.digest_in(reply.text, algorithm) if reply.is_ok else None
        if found is None:
            raise self._explained(f"to compute the digest of {path!r}", reply, path)
        return algorithm, found

    def make_folder(self, path: str) -> None:
        reply = self.control.ask(f"MKD {path}")
        if not reply.is_ok:
            raise refusal(f"to make the folder {path!r}", reply, missing=bool(MISSING.search(reply.words)))

    # --- errors

    def _explained(self, doing: str, reply: Reply, path: str) -> FiledropError:
        """Build the error for a refusal about a file. Many servers have one text for all reasons, so look for it."""
        missing = bool(MISSING.search(reply.words))
        if reply.code == 550 and not missing and not DENIED.search(reply.words):
            with suppress(RemoteError):
                missing = self.stat(path) is None
        return refusal(doing, reply, missing=missing)

    def refusal(self, doing: str, reply: Reply) -> FiledropError:
        return refusal(doing, reply)

    def note(self, text: str) -> None:
        self.session.note(text)

    def begun(self, transfer: data.Transfer) -> None:
        self._transfer = transfer

    def ended(self, transfer: data.Transfer) -> None:
        if self._transfer is transfer:
            self._transfer = None


def _digest_command(control: Control) -> tuple[str, str] | None:
    """Return the best command for a digest that the server announces, and its algorithm; None without one."""
    offered = control.features.get("HASH", "").upper()
    ways = [
        ("HASH", "sha256", "SHA-256" in offered),
        ("XSHA256", "sha256", "XSHA256" in control.features),
        ("HASH", "sha1", "SHA-1" in offered),
        ("XSHA1", "sha1", "XSHA1" in control.features),
    ]
    return next(((command, algorithm) for command, algorithm, is_there in ways if is_there), None)


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _file(path: str, reply: Reply) -> Entry:
    """Return the file that a reply to SIZE is about. A size that cannot be read is unknown."""
    return Entry(_name(path), path, data.size_of(reply.text[4:].strip()), None, modes.S_IFREG)
