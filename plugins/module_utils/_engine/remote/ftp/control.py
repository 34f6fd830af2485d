# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control connection of FTP, logged in, and its data connections (RFC 959, 2228, 2428, 4217).

Python's ftplib reads replies of any length, decodes strictly, and raises errors without their code. So what reads and
writes lines is replaced here. Every reply stays visible to the caller.
"""

from __future__ import annotations

import ftplib
import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, cast

from ...errors import (
    UNSTATED,
    AuthenticationError,
    ConnectionLost,
    FiledropError,
    ProtocolError,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
    RemoteUnsupported,
    ServerBusy,
    TrustError,
    UnreachableError,
)
from ..channel import ended, silent
from ..tcp import CLOSED, open_connection
from ..tls import expiry_of, fingerprint_of, tls_context

if TYPE_CHECKING:
    from ...config.accounts.account import Account

LONGEST_LINE = 16 * 1024  # bytes
LONGEST_SHOWN = 500  # characters of a reply in a message
LONGEST_REPLY = 256 * 1024  # bytes of all its lines
TLS_FAILED = "Ask the provider for TLS 1.2 or newer, for its kind (explicit or implicit), and for client certificates."
PORT_BLOCKED = "Ask the provider which ports are for passive FTP, and let the firewalls pass them."

_FORBIDDEN = re.compile(rb"[\r\n\0\xff]")
"""What must not be in a command: the ends of lines, NUL, and the escape of Telnet (IAC)."""

_NOT_1XX = re.compile(rb"^(?!1\d\d)[^\n]*\n", re.MULTILINE)

_ONE_BY_ONE: set[tuple[str, int]] = set()
"""Servers that do not. Later sessions of this process know, and by the ledger those of others."""


MISSING = re.compile(r"no such|not found|(does not|doesn't) exist|cannot find|can't find|not exist", re.IGNORECASE)
DENIED = re.compile(
    r"denied|privilege|not permitted|permission|not allowed|forbidden|read.only|unauthorized", re.IGNORECASE
)
TROUBLE = re.compile(r"internal|error|try again|temporar|busy|lock", re.IGNORECASE)
_FULL = re.compile(r"quota|no space|disk full|exceeded", re.IGNORECASE)
_EXISTS = re.compile(r"exists|already", re.IGNORECASE)
_NO_FILES = re.compile(r"no files|no such file|not found|empty", re.IGNORECASE)
UNKNOWN = (500, 502, 504)
_NO_DATA = (425, 521, 522, 534)


class Reply(NamedTuple):
    """An answer of the server: its code, all its lines, and the same in one line for people, without the password.

    :ivar words: the text without the names that we sent. Many servers repeat a name, and it may be any word.
    """

    code: int
    text: str
    said: str
    words: str

    @property
    def is_ok(self) -> bool:
        """Return whether the command is done. A code of 3xx asks for another one."""
        return 200 <= self.code < 300


class Refused(Exception):
    """A command that the server refused. It never leaves this folder."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.said)
        self.reply = reply


class OutOfStep(Exception):
    """A server answered commands of one write in another way than one by one. It never leaves this folder."""


class Control(ftplib.FTP):
    """One control connection.

    :param account: where to connect, and as whom.
    :ivar sent: how many commands were sent.
    :raises TrustError, AuthenticationError, UnreachableError, ServerBusy, InputError: see `errors`.
    """

    sock: Any

    def __init__(self, account: Account) -> None:
        super().__init__(timeout=account.timeout, encoding=account.encoding)
        self.account = account
        self.seconds = account.timeout
        self._buffer = bytearray()
        self._arguments: deque[str] = deque(maxlen=4)
        self.sent = 0
        self._together = self._heard = 0  # commands of the latest write, and replies since
        self.context = None if account.protocol == "ftp" else tls_context(account)
        self.fingerprint: str | None = None
        self.certificate_expires: int | None = None
        self.tls: Mapping[str, str] = {}
        self.greeting = ""
        self.features: Mapping[str, str] = {}
        self.home: str | None = None
        self.epsv: bool | None = None
        try:
            self._open()
        except ConnectionLost as error:
            self.drop()
            raise self._not_opened(error) from error
        except BaseException:
            self.drop()
            raise

    # --- login

    def _not_opened(self, error: ConnectionLost) -> FiledropError:
        where = f"{self.account.host} port {self.account.port}"
        if error.reason == "protocol_error":
            return ProtocolError(error.reason, error.finding)
        if _is_of_tls(error.__cause__):
            return UnreachableError("tls_failed", f"TLS with {where} failed: {error.finding}", TLS_FAILED)
        if is_silence(error):
            is_silent = self.context is not None and not self.greeting and self.account.tls == "explicit"
            way_out = f"{CLOSED} If the server begins with TLS, set tls to implicit." if is_silent else CLOSED
            return UnreachableError("no_answer", f"No answer from {where}. {error.finding}", way_out)
        return _busy(error.finding)

    def _open(self) -> None:
        account = self.account
        self.sock = open_connection(account.host, account.port, self.seconds, socket.socket)
        self.sock.settimeout(self.seconds)
        self.peer = self.sock.getpeername()[0]
        self.af = self.sock.family
        if self.context and account.tls == "implicit":
            self._secure()
        greeting = self.last_reply()  # 120: it is ready in some minutes
        self.greeting = greeting.said
        if not greeting.is_ok:
            raise _busy(f"The server greets with a refusal: {greeting.said}")
        if self.context and account.tls == "explicit":
            answer = self.ask("AUTH TLS")
            if answer.code != 234:
                raise UnreachableError(
                    "tls_refused",
                    f"The server refuses to use TLS ({answer.said}), so neither user name nor password were sent.",
                    "Ask the provider how TLS begins: `tls: implicit` (usually port 990) or explicit.",
                )
            self._secure()
        if self.is_vsftpd and self.context:
            self.context.set_ecdh_curve("prime256v1")  # the only one it has: each data connection saves a round trip
        self._log_in()
        if self.context:
            for command in ("PBSZ 0", "PROT P"):
                answer = self.ask(command)
                if not answer.is_ok:
                    finding = f"The server refuses to protect data connections with TLS ({command}: {answer.said})."
                    raise UnreachableError("tls_refused", finding, "Ask the provider to allow PROT P.")
        self._learn()

    def _log_in(self) -> None:
        answer = self.ask(f"USER {self.account.username}")
        if answer.code == 331:
            answer = self.ask(f"PASS {self.account.password}")
        if answer.code in (230, 202, 232):
            return
        finding = f"The server refuses the login of {self.account.username!r}: {answer.said}"
        if 400 <= answer.code < 500 or any(word in answer.words.lower() for word in ("too many", "maximum", "limit")):
            raise _busy(finding)
        needs_tls = self.context is None and re.search(r"tls|ssl|encrypt", answer.words, re.IGNORECASE)
        way_out = "Set protocol to ftps." if needs_tls else "Check username and password with the provider."
        raise AuthenticationError("login_refused", finding, way_out)

    def _learn(self) -> None:
        answer = self.ask("FEAT")
        if answer.code == 211:
            lines = [line.strip().partition(" ") for line in answer.text.split("\n")[1:-1]]
            self.features = {name.upper(): parameters for name, _space, parameters in lines if name}
        if "UTF8" in self.features and self.account.encoding == "utf-8":
            self.ask("OPTS UTF8 ON")  # needed by IIS; others refuse it, and use UTF-8 all the same
        self.use_binary()
        answer = self.ask("PWD")
        if answer.code == 257:
            with suppress(ftplib.Error, ValueError):
                self.home = ftplib.parse257(answer.text) or None

    @property
    def is_vsftpd(self) -> bool:
        return "vsftpd" in self.greeting.lower()

    def use_binary(self) -> None:
        answer = self.ask("TYPE I")
        if not answer.is_ok:
            raise ProtocolError("protocol_error", f"The server refuses binary transfers (TYPE I: {answer.said}).")

    # --- TLS

    def _secure(self) -> None:
        """Begin TLS, and check the certificate before anything else is sent."""
        if self._buffer:
            raise ProtocolError("protocol_error", "The server sent text between its answer to AUTH TLS and TLS.")
        try:
            self.sock = self.wrapped(self.sock, None)
        except ssl.SSLCertVerificationError as error:
            raise self._untrusted(error) from error
        except OSError as error:
            if not _is_of_tls(error):
                raise ended(error) from error
            finding = f"TLS cannot be started with {self.account.host}: {error}."
            raise UnreachableError("tls_failed", finding, TLS_FAILED) from error
        self.check_pin(self.sock)
        self.fingerprint = fingerprint_of(self.sock)
        self.certificate_expires = expiry_of(self.sock)
        self.tls = {"version": self.sock.version() or "", "cipher": (self.sock.cipher() or ("",))[0]}

    def wrapped(self, raw: socket.socket, session: ssl.SSLSession | None, **options: bool) -> ssl.SSLSocket:
        return cast("ssl.SSLContext", self.context).wrap_socket(
            raw, server_hostname=self.account.host, session=session, suppress_ragged_eofs=False, **options
        )

    def check_pin(self, connection: ssl.SSLSocket) -> None:
        pins = self.account.tls_fingerprints
        found = fingerprint_of(connection)
        if pins and found not in pins:
            raise TrustError(
                "certificate_not_pinned",
                f"The server shows the certificate {found}, which is not in tls_fingerprints.",
                "Ask the provider whether the certificate was replaced. Add its fingerprint only if that is confirmed.",
            )

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> TrustError:
        why = error.verify_message or str(error)
        shown = _fingerprint_offered(self.account)
        which = f" (fingerprint {shown})" if shown else ""
        return TrustError(
            "certificate_untrusted",
            f"The certificate of {self.account.host}{which} is not trusted: {why}. Neither user name nor password "
            "were sent.",
            "Set ca_file to the authority that issued it. Or compare the fingerprint with the one that the provider "
            "published, and set tls_fingerprints.",
        )

    # --- commands and replies

    def putline(self, line: str) -> None:
        self._send([line])

    def send(self, *commands: str) -> None:
        """Send commands in one write."""
        self._send(commands)

    def _send(self, lines: Sequence[str]) -> None:
        data = b"".join(self.encoded(line) + b"\r\n" for line in lines)
        self._arguments.extend(argument for line in lines if (argument := line.partition(" ")[2]))
        self.sent += len(lines)
        with self.lost():
            self._check_step()
            self.sock.settimeout(self.seconds)
            self.sock.sendall(data)
        self._together, self._heard = len(lines), 0

    def _check_step(self) -> None:
        """Require that the server has said no more than it was asked for: every later reply would be out of step.

        :raises ConnectionLost: it has.
        """
        self._take_in()
        if self._buffer:
            if not self._buffer.startswith(b"421"):  # it may end a session that is idle for too long
                self.go_one_by_one()
            raise ended(f"it sent what nothing had asked for: {self._for_people(self._buffer.decode('latin-1'))}")

    def _take_in(self) -> None:
        """Read what has come, without waiting."""
        self.sock.settimeout(0)
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            data = self.sock.recv(8192)
            if not data:
                raise ended("it was closed by the server")
            self._buffer += data

    def has_last_reply(self, is_readable: bool) -> bool:
        """Return whether the reply that ends a transfer has come, or none can come. It is left to be read."""
        try:
            if is_readable:
                self._take_in()
        except (ConnectionLost, OSError, EOFError):
            return True
        return len(self._buffer) > LONGEST_LINE or bool(_NOT_1XX.search(self._buffer))

    def catch_up(self, refused: Reply) -> None:
        """Read what else the server says of a refused transfer: ProFTPD refuses one beyond its limits twice."""
        if refused.code < 500:
            with self.lost():
                self.sock.settimeout(self.seconds)
                self.sock.sendall(b"NOOP\r\n")
            self._reply_after(lambda reply: reply.code == refused.code)

    def encoded(self, line: str) -> bytes:
        """Return a command in the encoding of the account.

        :raises RemoteError: ``name_refused``: it has a character that FTP cannot carry.
        """
        command, space, argument = line.partition(" ")
        if argument.startswith("~") and command not in (
            "USER",
            "PASS",
        ):  # some servers would expand it, as a shell does
            line = f"{command}{space}./{argument}"
        try:
            data = line.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError:
            data = b"\0"
        if _FORBIDDEN.search(data):
            argument = "The password" if line.startswith("PASS ") else repr(line.partition(" ")[2])
            raise RemoteError(
                "name_refused",
                f"{argument} has a character that a command of FTP cannot have in the encoding {self.encoding}.",
                "Rename the file, or exclude it. Other files are not affected.",
            )
        return data

    def ask(self, command: str) -> Reply:
        """Send a command, and return the reply that ends it, whatever it is."""
        self._send([command])
        return self.last_reply()

    def reply(self, seconds: float | None = None) -> Reply:
        """Read one reply. If none comes to the second of two commands of one write, they go one by one from then on.

        :param seconds: a shorter time than the account's timeout.
        :raises ConnectionLost: the server ended the session (421), or did not answer in time. It is no reply, or too
            long: ``protocol_error``.
        """
        is_second, self._heard = 0 < self._heard < self._together, self._heard + 1
        try:
            return self._reply(seconds)
        except ConnectionLost as error:
            if is_second and not (seconds and is_silence(error)):
                self.go_one_by_one()
            raise

    def _reply(self, seconds: float | None) -> Reply:
        self._deadline = time.monotonic() + min(self.seconds, seconds or self.seconds)
        with self.lost():
            text = self.getmultiline()
        if not (text[:3].isdecimal() and text[:3].isascii()) or not "1" <= text[0] <= "6":
            raise broken(f"The server sent no reply of FTP: {text[:200]!r}.")
        reply = Reply(int(text[:3]), text, self._for_people(text), self._without_names(text))
        if reply.code == 421:
            raise ended(reply.said)
        return reply

    def last_reply(self) -> Reply:
        """Read the reply that ends a command. Any number of 1xx may come before it, for the account's timeout."""
        return self._reply_after(lambda reply: reply.code < 200)

    def _reply_after(self, is_passed_over: Callable[[Reply], bool]) -> Reply:
        end = time.monotonic() + self.seconds
        while is_passed_over(reply := self.reply()):
            if time.monotonic() >= end:
                raise ended(f"for {self.seconds:g} seconds it said nothing else than {reply.said}")
        return reply

    def _for_people(self, text: str) -> str:
        password = self.account.password
        masked = text.replace(password, "***") if password else text
        return masked[:LONGEST_SHOWN].replace("\n", " ")

    def _without_names(self, text: str) -> str:
        """Remove what the latest commands were about: paths, each with its name and its folder, and the user's name."""
        for argument in self._arguments:
            for name in (argument, *argument.rstrip("/").rsplit("/", 1)):
                if name.strip("./"):
                    text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "", text)
        return text

    def getmultiline(self) -> str:
        """Read the lines of one reply; the first and the last have the same code."""
        lines = [self.getline()]
        length = len(lines[0])
        is_open = lines[0][:3].isdecimal() and lines[0][3:4] == "-"
        while is_open and (len(lines) == 1 or not _is_last(lines[-1], lines[0])):
            lines.append(self.getline())
            length += len(lines[-1]) + 1
            if length > LONGEST_REPLY:
                raise broken(f"A reply of the server has more than {LONGEST_REPLY} bytes.")
        return "\n".join(lines)

    def getline(self) -> str:
        """Read one line, without its end."""
        checked = 0
        while (end := self._buffer.find(b"\n", checked)) < 0:
            checked = len(self._buffer)
            if checked > LONGEST_LINE:
                raise broken(f"A line of the server has more than {LONGEST_LINE} bytes.")
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            data = self.sock.recv(8192)
            if not data:
                raise ended("it was closed by the server")
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.rstrip(b"\r").decode(self.encoding, "surrogateescape")

    @contextmanager
    def lost(self) -> Iterator[None]:
        """Turn an error of the connection into ConnectionLost."""
        try:
            yield
        except (socket.timeout, TimeoutError) as error:
            raise silent(self.seconds) from error
        except (OSError, EOFError, ValueError) as error:
            raise ended(error) from error

    def drop(self) -> None:
        """Close the connection without a word. A transfer that is under way ends (no ABOR: servers differ too much)."""
        with suppress(OSError):
            if self.sock is not None:
                self.sock.close()
        self.sock = None

    def leave(self) -> None:
        """Say goodbye, and close the connection; nobody waits for the answer."""
        with suppress(OSError, ConnectionLost, RemoteError):
            if self.sock is not None:
                self.sock.settimeout(0.2)
                self.sock.sendall(b"QUIT\r\n")
        self.drop()

    # --- several commands in one write

    @property
    def in_one_write(self) -> bool:
        """Return whether several commands may be sent in one write."""
        return self.account.in_one_write and (self.account.host, self.account.port) not in _ONE_BY_ONE

    def go_one_by_one(self) -> None:
        _ONE_BY_ONE.add((self.account.host, self.account.port))


def _fingerprint_offered(account: Account) -> str | None:
    """Ask once more for a certificate that is not trusted, to show its fingerprint. Nothing else is sent."""
    found: list[str] = []

    class _Asking(Control):
        def check_pin(self, connection: ssl.SSLSocket) -> None:
            found.append(fingerprint_of(connection))
            raise ValueError("it was seen, and nothing else is wanted")

    pinned = replace(account, tls_fingerprints=("",), client_certificate_file=None, client_key_file=None)
    with suppress(Exception):
        _Asking(pinned)
    return found[0] if found else None


def _is_last(line: str, first: str) -> bool:
    return line[:3] == first[:3] and line[3:4] != "-"


def is_silence(error: ConnectionLost) -> bool:
    return isinstance(error.__cause__, (socket.timeout, TimeoutError))


def _is_of_tls(error: BaseException | None) -> bool:
    """Return whether TLS has failed, and not only the connection."""
    lost = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, socket.timeout)
    return isinstance(error, ssl.SSLError) and not isinstance(error, lost)


def broken(finding: str) -> ConnectionLost:
    """The error for a reply that breaks the rules. It ends the session; another one may serve the other files."""
    return ConnectionLost("protocol_error", finding, ProtocolError.USUAL_WAY_OUT)


def _busy(finding: str) -> ServerBusy:
    way_out = "Try again later. If it persists, ask the provider how many connections it allows."
    return ServerBusy("server_busy", finding, way_out)


def refusal(doing: str, reply: Reply, *, missing: bool = False) -> FiledropError:
    """Build the error for a refused command.

    :param missing: what the command is about is not there.
    """
    finding, code = f"The server refused {doing}: {reply.said}", reply.code
    if code in _NO_DATA:
        return ConnectionLost("data_connection_failed", finding, PORT_BLOCKED)
    if code in UNKNOWN:
        return RemoteUnsupported("remote_unsupported", finding)
    if code in (452, 552) or _FULL.search(reply.words):
        return RemoteError("remote_full", finding)
    if missing and code in (450, 501, 550, 553):
        return RemoteMissing("remote_missing", finding)
    if _EXISTS.search(reply.words):
        return RemoteError("remote_exists", finding)
    if code in (501, 530, 532, 553) or DENIED.search(reply.words):
        return RemoteDenied("remote_denied", finding)
    return RemoteError(UNSTATED, finding)


def may_be_missing(reply: Reply) -> bool:
    """Return whether a folder that cannot be listed is missing, for all that the server says."""
    return bool(MISSING.search(reply.words)) or (reply.code >= 500 and not DENIED.search(reply.words))


def is_empty(reply: Reply) -> bool:
    """Return whether a refusal to list names says that there are none. The folder was entered before."""
    return reply.code in (450, 550) and bool(_NO_FILES.search(reply.words))
