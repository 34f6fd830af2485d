# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data connections of FTP: how they are opened, files over them, and what the lines of listings say."""

from __future__ import annotations

import calendar
import ftplib
import re
import select
import socket
import ssl
import stat as modes
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from ...errors import ConnectionLost, FiledropError, RemoteError, TrustError
from ..channel import ended, silent
from ..interface import Entry, UploadRefused, join
from ..tcp import detect_dead_peer
from .control import PORT_BLOCKED, Control, OutOfStep, Refused, Reply, broken, is_silence

GRACE = 5.0  # seconds for what should have come already: the end after all data, or the reason of a failure

_OTHER = modes.S_IFCHR  # neither a file, nor a folder, nor a link
_UNIX = re.compile(
    r"(?P<kind>[-dlbcps])[-rwxsStTlL]{9}[+.@]?\s+\d+\s+(?:\S+\s+){1,2}(?P<size>\d+)\s+"
    r"(?:[A-Z][a-z]{2}\s+\d{1,2}|\d{1,2}\s+[A-Z][a-z]{2})\s+(?:\d{1,2}:\d{2}|\d{4})\s(?P<name>.+)",
    re.DOTALL | re.ASCII,
)
_WINDOWS = re.compile(
    r"\d{1,2}-\d{1,2}-\d{2,4}\s+\d{1,2}:\d{2}(?:[AP]M)?\s+(?:<(?P<kind>[A-Z]+)>|(?P<size>[\d,.]+))\s+(?P<name>.+)",
    re.DOTALL | re.ASCII,
)
_UNIX_KINDS = {"-": modes.S_IFREG, "d": modes.S_IFDIR, "l": modes.S_IFLNK}
_WINDOWS_KINDS = {None: modes.S_IFREG, "DIR": modes.S_IFDIR}
_TOTAL = re.compile(r"total\s+\d+", re.IGNORECASE)
_DIGITS = {"sha256": 64, "sha1": 40}
_TIME = re.compile(r"(\d{14})(?:\.\d+)?")
TRUNCATED = re.compile(
    r"truncat|incomplete|cut short|only the first|limit (?:was )?(?:reached|exceeded)"
    r"|fail|denied|could not|cannot|unable",
    re.IGNORECASE,
)
"""What a reply says of a listing that is not whole, although its code says that all is well."""


# --- opening


def begin(control: Control, command: str, *, ours: bool = False) -> Begun:
    """Begin a transfer; return its data connection, and its last reply if that has come already.

    :param ours: the command writes a temporary name of ours, so that it may follow EPSV in one write.
    :raises Refused: the server does not begin the transfer.
    :raises OutOfStep: EPSV was refused after it had worked before.
    """
    if ours and control.epsv and control.in_one_write:
        control.send("EPSV", command)
        answer = control.reply()
        if answer.code != 229:
            raise OutOfStep
        address = control.peer, _extended_port(control, answer)
    else:
        address = _passive(control)
        control.send(command)
    raw = None
    try:
        raw = _connected(control, address)
        answer = _begun(control, raw)
        if answer.code >= 300:
            control.catch_up(answer)
            raise Refused(answer)
        if isinstance(raw, ConnectionLost):
            raise raw
        if answer.code >= 200 and command.startswith("STOR"):
            raise broken(f"The server has a file before it was sent: {answer.said}")
        _secure_data(control, raw)
    except BaseException as error:
        if isinstance(raw, socket.socket):
            raw.close()
        if not isinstance(error, Refused):  # the next reply would be taken for that to another command
            control.drop()
        raise
    return raw, answer if answer.code >= 200 else None


def _connected(control: Control, address: tuple[str, int]) -> socket.socket | ConnectionLost:
    """Open a data connection; return it, or why that failed. The server may know more of it."""
    try:
        return _said_hello(control, socket.create_connection(address, timeout=control.seconds))
    except OSError as error:
        return _no_data(f"{address[0]} port {address[1]}: {error.strerror or error}")


def _begun(control: Control, raw: socket.socket | ConnectionLost) -> Reply:
    """Read the reply to the command. Many servers wait for the data connection before they say anything."""
    if not isinstance(raw, ConnectionLost):
        return control.reply()
    try:
        return control.reply(GRACE)
    except ConnectionLost as error:
        if is_silence(error):
            raise raw from error
        raise


def _passive(control: Control) -> tuple[str, int]:
    """Ask for a port of the server; return the address to connect to."""
    if control.epsv is not False:
        answer = control.ask("EPSV")
        if answer.code == 229:
            control.epsv = True
            return control.peer, _extended_port(control, answer)
        if answer.code < 500:
            raise Refused(answer)
        control.epsv = False
    answer = control.ask("PASV")
    if answer.code != 227:
        raise Refused(answer)
    try:
        host, port = ftplib.parse227(answer.text)
    except (ftplib.Error, ValueError) as error:
        raise broken(f"PASV was answered without an address: {answer.said}") from error
    return (host if control.account.passive_host == "given" else control.peer), _port(port, answer)


def _extended_port(control: Control, answer: Reply) -> int:
    try:
        return _port(ftplib.parse229(answer.text, (control.peer, 0))[1], answer)
    except (ftplib.Error, ValueError) as error:
        raise broken(f"EPSV was answered without a port: {answer.said}") from error


def _said_hello(control: Control, raw: socket.socket) -> socket.socket:
    """Prepare a data connection. With TLS, our first message leaves at once, and meanwhile the server answers."""
    detect_dead_peer(raw, control.seconds)
    if not control.context:
        return raw
    # With TLS 1.3 a session can be resumed only once its ticket has come, which is after the first read.
    secured = control.wrapped(raw, control.sock.session, do_handshake_on_connect=False)
    secured.settimeout(0)
    try:
        secured.do_handshake()
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(control, error) from error
    except (OSError, EOFError):  # it is still to be continued; an error comes again then
        pass
    secured.settimeout(control.seconds)
    return secured


def _secure_data(control: Control, data: socket.socket) -> None:
    """Complete TLS on a data connection."""
    if not isinstance(data, ssl.SSLSocket):
        return
    with control.lost():
        try:
            data.do_handshake()
        except ssl.SSLCertVerificationError as error:
            raise _untrusted(control, error) from error
        except (ssl.SSLError, ConnectionError, EOFError) as error:
            said = f"TLS: {error}"
            with suppress(ConnectionLost):
                said = control.reply(GRACE).said
            raise _no_data(said) from error
    control.check_pin(data)


def _untrusted(control: Control, error: ssl.SSLCertVerificationError) -> TrustError:
    return TrustError(
        "certificate_untrusted",
        f"The certificate of a data connection of {control.account.host} is not trusted: "
        f"{error.verify_message or error}. Nothing was sent over it.",
        "It is not that of the login. Ask the provider which certificates the server has for data connections.",
    )


def _port(port: int, answer: Reply) -> int:
    if not 0 < port < 65536:
        raise broken(f"The server names the port {port}, which does not exist: {answer.said}")
    return port


def _no_data(why: str) -> ConnectionLost:
    return ConnectionLost("data_connection_failed", f"The data connection could not be opened ({why}).", PORT_BLOCKED)


Begun = tuple[socket.socket, "Reply | None"]
"""A data connection, and the last reply of the transfer if it has come already."""


# --- files


class Owner(Protocol):
    """What a transfer needs of the connection that it is on."""

    def begun(self, transfer: Transfer) -> None:
        """Record that a transfer has begun."""

    def ended(self, transfer: Transfer) -> None:
        """Record that a transfer has ended."""

    def note(self, text: str) -> None:
        """Add a note to the result of the run."""

    def refusal(self, doing: str, reply: Reply) -> FiledropError:
        """Build the error for a reply that refuses something."""

    def sizes(self, path: str, final: str | None) -> int | None:
        """Return the size of a complete upload, and look at its final name."""


class Transfer:
    """One data connection.

    :param begun: the result of `begin`.
    :ivar is_ragged: its end was not sent: TLS without close_notify, or no end at all.
    :ivar was_reset: the server did not end it in peace.
    :ivar is_over: it was finished or abandoned.
    """

    def __init__(self, owner: Owner, control: Control, begun: Begun) -> None:
        self._owner = owner
        self._control = control
        self._connection, self._done = begun
        self._has_answer = self._done is not None
        self._is_at_end = self.is_ragged = self.was_reset = False
        self.is_over = False
        owner.begun(self)

    def send(self, data: bytes) -> None:
        with self._control.lost():
            self._connection.sendall(data)

    def receive(self, length: int) -> bytes:
        """Return the next bytes; none at the end. One byte is only wanted to see whether this is the end."""
        patience = min(GRACE if length == 1 else self._control.seconds, self._control.seconds)
        block = b"" if self._is_at_end else self._received(length, patience)
        self._is_at_end = not block
        return block

    def _received(self, length: int, patience: float) -> bytes:
        pending = getattr(self._connection, "pending", int)
        try:
            if not pending():
                self._wait(patience)
            return self._connection.recv(length)
        except (socket.timeout, TimeoutError) as error:
            if self._has_answer:  # some servers never end the data connection
                self.is_ragged = True
                return b""
            raise silent(self._control.seconds) from error
        except ssl.SSLError as error:
            if isinstance(error, ssl.SSLEOFError) or "EOF" in str(error):
                self.is_ragged = True
                return b""
            raise ended(error) from error
        except OSError:  # the reply and the size decide
            self.was_reset = True
            return b""

    def _wait(self, patience: float) -> None:
        """Wait for data. Once the last reply has come, the rest must come in so many seconds."""
        end = time.monotonic() + self._control.seconds
        ready: Sequence[Any] = ()
        while not self._has_answer:
            self._has_answer = self._control.has_last_reply(bool(ready))
            if not self._has_answer:
                both = (self._connection, self._control.sock)
                ready = select.select(both, [], [], max(0.0, end - time.monotonic()))[0]
                if not ready:
                    raise TimeoutError
                if self._connection in ready:
                    return
        self._connection.settimeout(patience)

    def _over(self) -> None:
        self.is_over = True
        self._owner.ended(self)

    def finish(self) -> Reply:
        """End the data connection, and return the last reply of the transfer."""
        connection = self._connection
        try:
            if isinstance(connection, ssl.SSLSocket) and self._done is None:
                connection.settimeout(0)
                with suppress(OSError, ValueError):  # our close_notify is sent; the server's may never come
                    connection.unwrap()
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            # It is closed after the reply: closing with unread bytes would reset it, and the server could lose data.
            return self._done or self._control.last_reply()
        finally:
            connection.close()
            self._over()

    def abandon(self) -> None:
        """Close both connections in the middle of a transfer.

        The data connection is reset. To a server, one that ends politely is a complete upload.
        """
        if self.is_over:
            return
        self._over()
        with suppress(OSError):
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._connection.close()
        self._control.drop()


class Reader(Transfer):
    """See `threaded.Reader`."""

    def __init__(self, owner: Owner, control: Control, begun: Begun, path: str) -> None:
        super().__init__(owner, control, begun)
        self._path = path

    def read(self, length: int) -> bytes:
        parts, left = [], 0 if self.is_over else length
        end = time.monotonic() + self._control.seconds
        while left and (part := self.receive(left)):  # TLS gives 16 KiB at once
            if time.monotonic() > end:
                raise silent(self._control.seconds)
            parts.append(part)
            left -= len(part)
        data = b"".join(parts)
        if not data and not self.is_over:
            reply = self.finish()
            if not reply.is_ok:
                raise self._owner.refusal(f"to read {self._path!r} to its end", reply)
            if self.is_ragged:
                self._owner.note(
                    "The server ends downloads without the end of TLS (close_notify), or does not end them. Only the "
                    "size and the server's reply show that they are whole."
                )
        return data

    def close(self) -> None:
        self.abandon()


class Writer(Transfer):
    """See `threaded.Writer`."""

    def __init__(self, owner: Owner, control: Control, begun: Begun, path: str, *, temporary: bool) -> None:
        super().__init__(owner, control, begun)
        self._path = path
        self._temporary = temporary

    def write(self, data: bytes) -> None:
        try:
            self.send(data)
        except ConnectionLost as error:
            with suppress(ConnectionLost):  # the server may have said why it takes no more
                reply = self._control.reply(GRACE)
                self.abandon()
                raise self._refused(reply) from error
            raise

    def size(self, final: str | None) -> int | None:
        if not self._temporary:  # it must not be complete before this is recorded
            return None
        try:
            self.close()
        except RemoteError as error:
            raise UploadRefused(error.reason, error.finding, error.way_out) from error
        return self._owner.sizes(self._path, final)

    def close(self) -> None:
        if not self.is_over:
            reply = self.finish()
            if not reply.is_ok:
                raise self._refused(reply)

    def _refused(self, reply: Reply) -> FiledropError:
        return self._owner.refusal(f"to complete {self._path!r}", reply)

    def abort(self) -> None:
        self.abandon()


# --- listings


def machine_entry(folder: str, line: str) -> Entry | None:
    """Return the entry of a line of MLSD; None for the folder itself and the one above.

    A line that cannot be read becomes a file of unknown size whose name is the line. So nobody overlooks it, and it
    cannot be fetched.
    """
    facts, space, name = line.partition(" ")
    found = _facts(facts)
    if not space or not name or found is None:
        return unreadable(folder, line)
    if found.get("type", "").lower() in ("cdir", "pdir") or name in (".", ".."):
        return None
    return entry_of(name, join(folder, name), found)


def looked_entry(path: str, reply: str) -> Entry | None:
    """Return what the reply to MLST says of a path; None if it says nothing."""
    for line in reply.split("\n")[1:-1]:
        found = _facts(line.strip().partition(" ")[0])
        if found:
            return entry_of(path.rstrip("/").rpartition("/")[2], path, found)
    return None


def _facts(text: str) -> Mapping[str, str] | None:
    """Return facts by their names in lower case."""
    if not text.endswith(";"):
        return None
    pairs = [fact.partition("=") for fact in text[:-1].split(";")]
    return {name.lower(): value for name, equals, value in pairs if equals}


def entry_of(name: str, path: str, facts: Mapping[str, str]) -> Entry:
    kind = facts.get("type", "file").lower()
    if kind == "file":
        permissions = modes.S_IFREG
    elif kind in ("dir", "cdir", "pdir"):
        permissions = modes.S_IFDIR
    else:
        permissions = modes.S_IFLNK if "link" in kind else _OTHER
    return Entry(name, path, size_of(facts.get("size", "")), time_of(facts.get("modify", "")), permissions)


def named_entry(folder: str, line: str) -> Entry | None:
    """Return the entry of a line of NLST. It may be a file or a folder."""
    return None if line in ("", ".", "..") else Entry(line, join(folder, line), None, None, None)


def text_entry(folder: str, line: str) -> Entry | None:
    """Return the entry of a line of LIST; None for lines that are no entries. It has no time: its zone is unknown."""
    if not line.strip() or _TOTAL.fullmatch(line.strip()):
        return None
    unix = _UNIX.fullmatch(line)
    windows = None if unix else _WINDOWS.fullmatch(line)
    if unix:
        kind, name = _UNIX_KINDS.get(unix["kind"], _OTHER), unix["name"]
        if kind == modes.S_IFLNK:
            name = name.partition(" -> ")[0]
        size = size_of(unix["size"])
    elif windows:
        kind, name = _WINDOWS_KINDS.get(windows["kind"], _OTHER), windows["name"]
        size = size_of(re.sub(r"[,.]", "", windows["size"] or ""))
    else:
        return unreadable(folder, line)
    if name in ("", ".", ".."):
        return None
    return Entry(name, join(folder, name), size if kind == modes.S_IFREG else None, None, kind)


def unreadable(folder: str, line: str) -> Entry | None:
    """Return a file of unknown size with the line as its name; None for a line that says nothing."""
    if line.strip() in ("", ".", ".."):
        return None
    return Entry(line, join(folder, line), None, None, modes.S_IFREG)


def is_unreadable(entry: Entry) -> bool:
    """Return whether a listing did not tell what this is."""
    return entry.size is None and entry.permissions == modes.S_IFREG


def size_of(text: str) -> int | None:
    """Read a size in bytes."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def digest_in(reply: str, algorithm: str) -> str | None:
    """Return the digest in a reply to HASH or XSHA256; None if there is none. A name may follow it."""
    found = re.search(rf"(?<![0-9A-Za-z])[0-9A-Fa-f]{{{_DIGITS[algorithm]}}}(?![0-9A-Za-z])", reply)
    return found[0] if found else None


def time_of(text: str) -> int | None:
    """Read a time such as ``20261129013000.123`` (UTC), in whole seconds since 1970."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    try:
        return calendar.timegm(time.strptime(found[1], "%Y%m%d%H%M%S"))
    except (ValueError, OverflowError):
        return None
