# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system's ``ssh -s sftp`` as a `Connection`: encryption in another process, and all that OpenSSH can do.

The child has no terminal, and its session is its own, so no signal of a terminal reaches it. It ends when its standard
input ends: with the channel, or with this process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import AuthenticationError, FiledropError, InputError, ServerBusy, UnreachableError
from ...local.identity import as_started
from ..channel import ChannelEnded, ended, silent
from .connect import open_transport, trusted_host_key
from .handshake import printable, quoted
from .hostkeys import TrustedKeys
from .openssh_config import TARGET, OpenSshFiles

if TYPE_CHECKING:
    from ...config.accounts.account import Account

OLDEST = (8, 5)
"""The oldest release of OpenSSH that has all the options of the configuration."""

WINDOW = 2 * 1024 * 1024  # bytes of a session that ssh lets a server send ahead
PIPE = 1024 * 1024  # bytes, the most that Linux lets everyone have
PIECE = 256 * 1024  # bytes of one write
MOST_LINES = 200  # of what ssh tells; a server can make it tell more
LONGEST_LINE = 4096  # bytes
FAREWELL = 2.0  # seconds that ssh may take to end
FAILED = 255  # the status of ssh when it fails itself

_SET_PIPE_SIZE: int = getattr(fcntl, "F_SETPIPE_SZ", 1031)  # Python 3.9 has no name for it

_AUTHENTICATED = "Authenticated to "
_CHATTER = ("debug1:", "OpenSSH_", _AUTHENTICATED, "Transferred:", "Bytes per second:", "Killed by signal")
_FACTS = {
    "server_version": re.compile(r"debug1: Remote protocol version [\d.]+, remote software version (.*)"),
    "kex": re.compile(r"debug1: kex: algorithm: (\S+)"),
    "host_key": re.compile(r"debug1: kex: host key algorithm: (\S+)"),
    "fingerprint": re.compile(r"debug1: Server host (?:key|certificate): \S+ (SHA256:[^\s,]+)"),
    "cipher": re.compile(r"debug1: kex: client->server cipher: (\S+)"),
    "mac": re.compile(r"debug1: kex: client->server cipher: \S+ MAC: (\S+)"),
    "key": re.compile(r"debug1: Offering public key: .* (\S+ SHA256:\S+)"),
    "partial": re.compile(r"Authenticated using (.*) with partial success"),
}
SHA1 = "ssh-rsa"
_DENIED = re.compile(r"Permission denied \((.*)\)")
_CUT = re.compile(
    r"Connection (?:closed|reset|aborted|timed out|to \S+ closed)|Broken pipe|kex_exchange_identification"
)
_OTHER_KEY = "Host key verification failed"
_NO_SFTP = re.compile(r"subsystem request failed|Session open refused|open failed", re.IGNORECASE)


def openssh_release() -> tuple[int, int] | None:
    """Return the release of the system's ssh; None if there is none."""
    try:
        # pylint: disable-next=ansible-bad-function  # Ansible's run_command is for its modules
        ran = subprocess.run(["ssh", "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return None
    found = re.match(r"OpenSSH_(\d+)\.(\d+)", ran.stderr)
    return (int(found[1]), int(found[2])) if found else None


class _Words:
    """What a child writes to its standard error, read by a thread until it ends.

    :ivar facts: what it tells of the connection.
    :ivar lines: what it tells besides, the last ones.
    :ivar is_in: whether the user is logged in.
    :ivar is_decided: set once the user is logged in, or the child has ended.
    """

    def __init__(self, fd: int) -> None:
        self.facts: dict[str, str] = {}
        self.lines: list[str] = []
        self.is_in = False
        self.is_decided = threading.Event()
        self.has_ended = threading.Event()
        self._fd = fd
        self._thread = threading.Thread(target=self._read, name="filedrop-ssh", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with os.fdopen(self._fd, "rb") as stream:
            while line := stream.readline(LONGEST_LINE):
                self._take(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
        self.has_ended.set()
        self.is_decided.set()

    def _take(self, line: str) -> None:
        if line.startswith(_AUTHENTICATED):
            self.is_in = True
            self.is_decided.set()
        for name, pattern in _FACTS.items():
            found = pattern.match(line)
            if found:
                self.facts.setdefault(name, found[1])
        if line and not line.startswith(_CHATTER):
            self.lines = [*self.lines[-MOST_LINES:], line]

    @property
    def text(self) -> str:
        return " ".join(self.lines)


class OpenSshConnection:
    """A connection by the system's ssh; see `channel.Connection`.

    Each channel would be a connection of its own, so there is one.

    :raises InputError: ``host_keys`` has only fingerprints.
    :raises TrustError: ``host_key_unknown``: it has nothing for a host on the way.
    :raises AuthenticationError: the private key cannot be used.
    """

    def __init__(self, account: Account) -> None:
        hops = [(hop.host, hop.port) for hop in account.proxy_jump]
        self._account = account
        self._trusted = TrustedKeys.parse(account.host_keys, hops=hops)
        try:
            self._files = OpenSshFiles(account)
        except InputError:
            open_transport(account).close()  # it shows the key of the host that has no pinned one
            raise
        self._channel: OpenSshChannel | None = None

    def open_channel(self) -> OpenSshChannel:
        if self._channel is not None:
            raise ServerBusy(
                "session_refused",
                "The transport openssh has one session for each connection.",
                "Set connections to a larger number if the provider allows more.",
            )
        channel = self._channel = self._logged_in()
        if not channel.words.is_in and SHA1 in self._account.legacy_algorithms:
            # Servers name algorithms that they do not take, and ssh tries only the best one that is named.
            channel = self._channel = self._logged_in("-o", f"PubkeyAcceptedAlgorithms={SHA1}")
        if _OTHER_KEY in channel.words.text and self._trusted.digests and not self._account.proxy_jump:
            # The server has a key that is pinned by a fingerprint, and not the one that the ledger knows.
            only = (trusted_host_key(self._account).line,)
            self._trusted = TrustedKeys.parse(only)
            self._files.close()
            self._files = OpenSshFiles(replace(self._account, host_keys=only))
            channel = self._channel = self._logged_in()
        if not channel.words.is_in:
            raise self._why(channel.words)
        return channel

    def _logged_in(self, *options: str) -> OpenSshChannel:
        """Start ssh, and wait until the user is logged in, or that has failed."""
        try:
            child = _start(self._files, *options)
        except OSError as error:
            raise UnreachableError(
                "ssh_failed", f"ssh cannot be started: {(error.strerror or str(error)).lower()}.", _OTHER
            ) from error
        channel = OpenSshChannel(child, timeout=self._account.timeout)
        try:
            channel.words.is_decided.wait(2 * self._account.timeout)
        except BaseException:
            channel.close()
            raise
        if not channel.words.is_in:
            channel.close()
        return channel

    def _why(self, words: _Words) -> FiledropError:
        """Find out why there is no login. ssh tells it in words; the key exchange of our own tells the exact reason."""
        account = self._account
        where = f"{account.host} port {account.port}"
        denied = next((line for line in words.lines if _DENIED.search(line)), None)
        if denied is not None and not account.proxy_jump:
            return _refusal(account, words, denied)
        try:
            open_transport(account).close()
        except AuthenticationError as error:
            if not error.reason.startswith(("key_", "certificate_")):  # ssh reads keys that paramiko does not
                return error
        except FiledropError as error:
            if not (error.reason == "no_common_algorithm" and account.legacy_algorithms):  # ssh has more of them
                return error
        if _CUT.search(words.text):
            return ended(printable(words.text))  # our own key exchange went well, so another attempt may
        said = f" {quoted(words.text)}".replace("The server says", "It says") if words.lines else ""
        return UnreachableError("ssh_failed", f"ssh cannot log in on {where}.{said}", _OTHER)

    @property
    def _facts(self) -> Mapping[str, str]:
        return self._channel.words.facts if self._channel is not None else {}

    @property
    def is_openssh(self) -> bool:
        return self._facts.get("server_version", "").startswith("OpenSSH_")

    def info(self) -> Mapping[str, Any]:
        facts = self._facts
        fingerprint = facts.get("fingerprint", "")
        pinned = next((key for key in self._trusted.keys if key.fingerprint == fingerprint), None)
        algorithms = {name: facts.get(name, "") for name in ("kex", "host_key", "cipher", "mac")}
        algorithms["mac"] = algorithms["mac"].strip("<>")
        return {
            "host_key": {
                "type": pinned.type if pinned else facts.get("host_key", ""),
                "fingerprint": fingerprint,
                "line": pinned.line if pinned else "",  # a certificate of an authority
            },
            "server_version": f"SSH-2.0-{facts.get('server_version', '')}",
            "algorithms": algorithms,
        }

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._files.close()


def _refusal(account: Account, words: _Words, denied: str) -> AuthenticationError:
    """Return the error for a login that the server has refused.

    :param denied: the line of ssh that says so.
    """
    who = f"the user {account.username!r}"
    key = f"the key {account.private_key_file}"
    if "key" in words.facts:
        key += f" ({words.facts['key']})"
    is_partial = "partial" in words.facts
    what = f"accepted {key} of {who}, but requires more" if is_partial else f"refused {who} with {key}"
    methods = ", ".join(_DENIED.findall(denied))
    said = " ".join(line for line in words.lines if line != denied and not _FACTS["partial"].match(line))
    return AuthenticationError(
        "more_needed" if is_partial else "user_refused",
        f"The server on {account.host} port {account.port} {what}. It allows: {printable(methods)}."
        + (f" {quoted(said)}" if said else ""),
        "If it requires a password too, set password, and transport to auto. Otherwise ask the provider for a login "
        "with only a key."
        if is_partial
        else "Check the user name, and check that the provider has registered exactly this key for it. "
        "A new key may become valid only after some time.",
    )


_OTHER = "Look at what ssh says, or set transport to paramiko."


class _Pipes(NamedTuple):
    to_child: int
    from_child: int


class OpenSshChannel:
    """The standard input and output of ``ssh``; see `channel.Channel`."""

    window = WINDOW
    send_size = PIECE

    def __init__(self, child: subprocess.Popen[bytes], *, timeout: float) -> None:
        if child.stdin is None or child.stdout is None or child.stderr is None:
            raise ValueError("the child has no pipes")
        self._child = child
        self._timeout = timeout
        self._pipes = _Pipes(child.stdin.fileno(), child.stdout.fileno())
        for fd in self._pipes:
            os.set_blocking(fd, False)
            with suppress(OSError):  # the user has too many large pipes already
                fcntl.fcntl(fd, _SET_PIPE_SIZE, PIPE)
        self.words = _Words(os.dup(child.stderr.fileno()))

    def fileno(self) -> int:
        return self._pipes.from_child

    def send(self, data: bytes) -> int:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return os.write(self._pipes.to_child, data)
            except BlockingIOError:
                if not _is_ready(self._pipes.to_child, select.POLLOUT, deadline - time.monotonic()):
                    raise silent(self._timeout) from None
            except OSError as error:
                raise self._end() from error

    def receive(self, timeout: float) -> bytes | None:
        if not _is_ready(self._pipes.from_child, select.POLLIN, timeout):
            return None
        try:
            data = os.read(self._pipes.from_child, PIPE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ended(error) from error
        if not data:
            raise self._end()
        return data

    def _end(self) -> FiledropError:
        """Return the error for a child that has ended."""
        self.words.has_ended.wait(FAREWELL)
        if _NO_SFTP.search(self.words.text):
            return UnreachableError(
                "sftp_refused",
                f"The server accepted the login and refused SFTP ({printable(self.words.text)}).",
                "Ask the provider whether the account may use SFTP.",
            )
        with suppress(subprocess.TimeoutExpired):
            if 0 <= self._child.wait(FAREWELL) < FAILED:  # the status of the SFTP server, which has ended by itself
                return ChannelEnded(
                    "connection_lost", "The connection to the server ended (the server closed the channel)."
                )
        return ended(printable(self.words.text) or f"ssh ended with status {self._child.poll()}")

    def close(self) -> None:
        """End the child: its input ends, and it is killed if it does not end itself soon."""
        child = self._child
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        child.terminate()
        try:
            child.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _start(files: OpenSshFiles, *options: str) -> subprocess.Popen[bytes]:
    names = ("PATH", "SSH_AUTH_SOCK") if files.uses_agent else ("PATH",)
    environment = {name: os.environ[name] for name in names if name in os.environ}
    with as_started():  # the system shows the files of a process that works as another user to nobody else
        # pylint: disable-next=ansible-bad-function  # Ansible's run_command is for its modules
        return subprocess.Popen(
            ["ssh", "-F", files.configuration, *options, "-s", TARGET, "sftp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.defpath, **environment, "LC_ALL": "C"},
        )


def _is_ready(fd: int, event: int, timeout: float) -> bool:
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(max(0.0, timeout) * 1000))
