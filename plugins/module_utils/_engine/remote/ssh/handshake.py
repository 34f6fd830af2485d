# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exchange keys with an SSH server: no weak algorithms, the fastest first, and a clear reason for a failure.

The order of ciphers and MACs is by seconds of our CPU for 192 MiB to and from OpenSSH 9.2 on loopback:

==================================  ============  ============
cipher and MAC                      send          receive
==================================  ============  ============
aes128-gcm (paramiko 3.5 and 5.1)   0.20 to 0.28  0.27 to 0.28
aes256-gcm                          0.18 to 0.21  0.29 to 0.34
aes128-ctr, hmac-sha2-256 (or -etm) 0.32 to 0.39  0.40 to 0.45
aes256-ctr, hmac-sha2-256 (or -etm) 0.32 to 0.34  0.39 to 0.48
aes128-ctr, hmac-sha2-512 (or -etm) 0.46 to 0.49  0.53 to 0.61
==================================  ============  ============
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Union, cast

from ..._paramiko import paramiko
from ...errors import ProtocolError, ServerBusy, TrustError, UnreachableError
from ...keys.formats import PublicKey, parse_blob
from ..channel import ended
from ..tcp import open_connection

if TYPE_CHECKING:
    from paramiko import Message, Transport

NoSession = Union[UnreachableError, ServerBusy, TrustError, ProtocolError]

WINDOW = 32 * 1024 * 1024  # bytes that a server may send ahead, on a channel that does not set its own window
MAX_PACKET = 256 * 1024 + 1024  # bytes: a read of 255 KiB, the most that OpenSSH returns, with its framing
LONGEST_READ = 1024 * 1024  # bytes of one packet; a longer one is not an SSH packet, or an attempt to fill our memory
# One AES key may encrypt 2**32 blocks, 64 GiB (RFC 4344 section 3.2), and OpenSSH uses this limit. paramiko would pause
# for new keys every 512 MiB.
REKEY_BYTES = 32 * 1024**3
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr", "aes192-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-512")
WEAK = re.compile(r"sha1|md5|-cbc|3des|arcfour|blowfish|-96|dss|group1-|ssh-rsa")
WEAK_SIGNATURES = ("ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "ssh-dss", "ssh-dss-cert-v01@openssh.com")
BUSY = re.compile(
    r"maxstartups|not allowed at this time|too many|try again|busy|overload|(max|limit).{0,20}(connection|session)",
    re.IGNORECASE,
)
HOST_NOT_ALLOWED = 1  # RFC 4253 section 11.1
TRY_LATER = (
    "Try again later. If it persists, ask the provider how many connections it allows, and from which addresses."
)
MAX_SHOWN = 200  # characters of a text from the server


@dataclass
class ServerBanner:
    """Record what a server said about itself on one connection, as far as it was received.

    :ivar greeting: its lines before the key exchange; the last one is its version, such as ``SSH-2.0-OpenSSH_9.2``.
    :ivar algorithms: its algorithms, best first: ``kex``, ``host_key``, ``cipher``, ``mac``.
    :ivar farewell: reason code and text of its DISCONNECT message (RFC 4253 section 11.1).
    :ivar unreadable: its greeting was not text.
    """

    greeting: list[str] = field(default_factory=list)
    algorithms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    farewell: tuple[int, str] | None = None
    unreadable: bool = False

    @property
    def version(self) -> str:
        return next((line for line in self.greeting if line.startswith("SSH-")), "")


def banner_of(transport: Transport) -> ServerBanner:
    """Return what the server of a transport made by `negotiate` said about itself."""
    banner = getattr(transport, "filedrop_banner", None)
    return banner if isinstance(banner, ServerBanner) else ServerBanner()


def host_key_of(transport: Transport) -> PublicKey:
    """Return the key that the server has proved to own.

    :raises ProtocolError: ``host_key_malformed``.
    :raises ConnectionLost: the connection has ended since.
    """
    try:
        return parse_blob(transport.get_remote_server_key().asbytes())
    except paramiko.SSHException:
        raise ended(transport.saved_exception or "right after the key exchange") from None
    except ValueError as error:
        raise ProtocolError(
            "host_key_malformed", f"The server's host key cannot be parsed: {error}.", "Report it to the provider."
        ) from None


def agreed_algorithms(transport: Transport) -> dict[str, str]:
    """Return the negotiated ``kex``, ``host_key``, ``cipher`` and ``mac`` (``implicit`` if the cipher includes it)."""
    offered = banner_of(transport).algorithms.get("kex", ())
    cipher = transport.local_cipher
    return {
        "kex": next((name for name in transport.get_security_options().kex if name in offered), ""),
        "host_key": transport.host_key_type or "",
        "cipher": cipher,
        "mac": "implicit" if "-gcm" in cipher or "poly1305" in cipher else transport.local_mac or "",
    }


Dial = Callable[[], Any]
"""Connects to a server, and returns the socket, or what stands for it."""


def negotiate(
    host: str,
    port: int,
    timeout: float,
    host_key_algorithms: Sequence[str] = (),
    *,
    only: bool = False,
    legacy: Sequence[str] = (),
    dial: Dial | None = None,
) -> Transport:
    """Connect and exchange keys. The host key is not checked yet, and nobody is logged in. The caller closes it.

    :param timeout: seconds for the connection, and again for the key exchange.
    :param host_key_algorithms: preferred signature algorithms for the host key; with ``only``, no others are allowed.
    :param legacy: weak algorithms that are allowed.
    :param dial: connects in another way than directly.
    :raises UnreachableError, ServerBusy, TrustError, ProtocolError: see :func:`.connect.open_transport`.
    """
    _silence_paramiko()
    connection = dial() if dial else open_connection(host, port, timeout)
    weak = [name for name in WEAK_SIGNATURES if name not in legacy]
    try:
        transport = paramiko.Transport(
            connection,
            default_window_size=WINDOW,
            default_max_packet_size=MAX_PACKET,
            disabled_algorithms={"pubkeys": weak, "keys": weak},
        )
    except BaseException:
        connection.close()
        raise
    try:
        _configure(transport, timeout, host_key_algorithms, only=only, legacy=legacy)
        banner = _record_banner(transport)
        done = threading.Event()
        transport.start_client(event=done)
        in_time = done.wait(timeout)
        if not (in_time and transport.is_active() and transport.initial_kex_done):
            raise _no_session(f"{host} port {port}", timeout, banner, in_time, transport.saved_exception)
    except BaseException:
        cast(Any, transport).packetizer.complete_handshake()  # stops a timer that would outlive the transport
        transport.close()
        connection.close()
        raise
    return transport


def printable(text: str) -> str:
    """Make a text from a server safe to show: on one line, without control characters, at most 200 characters."""
    line = " ".join(text.split())
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in line)
    return safe if len(safe) <= MAX_SHOWN else safe[:MAX_SHOWN] + "..."


def quoted(text: str) -> str:
    """Format a text from the server as a sentence."""
    return f'The server says: "{printable(text)}".'


def _configure(
    transport: Transport, timeout: float, host_key_algorithms: Sequence[str], *, only: bool, legacy: Sequence[str] = ()
) -> None:
    options = transport.get_security_options()
    options.ciphers = _without_weak(options.ciphers, CIPHERS, legacy)
    options.digests = _without_weak(options.digests, _macs(transport), legacy)
    # In a group exchange the server chooses the group, and paramiko accepts small ones. So fixed groups go first.
    fixed = [name for name in options.kex if "group-exchange" not in name and name not in legacy]
    options.kex = _without_weak(options.kex, fixed, legacy)
    wanted = [name for name in host_key_algorithms if name in options.key_types or not only]
    options.key_types = tuple(wanted) if only else _without_weak(options.key_types, wanted, legacy)
    inner = cast(Any, transport)
    inner.packetizer.REKEY_BYTES = REKEY_BYTES
    # paramiko has time limits of its own; ours are shorter, so that the error is ours.
    inner.banner_timeout = inner.handshake_timeout = timeout + 5
    inner.auth_timeout = inner.clear_to_send_timeout = timeout
    _limit_packets(inner)
    _skip_log_formatting(inner)


def _limit_packets(transport: Any) -> None:
    """Limit the length of a packet. paramiko accepts any length and reads until it has that many bytes."""
    read_all = transport.packetizer.read_all

    def read_some(length: int, check_rekey: bool = False) -> bytes:
        if length > LONGEST_READ:
            raise paramiko.SSHException(f"the server sends a packet of {length} bytes")
        return cast(bytes, read_all(length, check_rekey))

    transport.packetizer.read_all = read_some


def _macs(transport: Transport) -> Sequence[str]:
    """Prefer encrypt-then-MAC, except with paramiko before 3.4, which cannot detect the attack of CVE-2023-48795."""
    if hasattr(transport, "advertise_strict_kex"):
        return MACS
    return sorted(MACS, key=lambda name: "-etm" in name)


def _without_weak(available: Sequence[str], preferred: Sequence[str], legacy: Sequence[str]) -> tuple[str, ...]:
    """Return the available algorithms that are not weak, the preferred ones first, and those that are allowed last."""
    sound = [name for name in available if not WEAK.search(name)]
    sound = [name for name in preferred if name in sound] + [name for name in sound if name not in preferred]
    return (*sound, *(name for name in legacy if name in available))


def _skip_log_formatting(transport: Any) -> None:
    """Skip needless work in paramiko 2: it formats every message for a log text, at over half the cost of sending."""
    if not hasattr(paramiko, "py3compat"):
        return
    send = transport.packetizer.send_message

    def send_bytes(message: Any) -> None:
        send(message.asbytes() if isinstance(message, paramiko.Message) else message)

    transport.packetizer.send_message = send_bytes


def _record_banner(transport: Transport) -> ServerBanner:
    """Record what paramiko reads and only logs: the greeting, the offered algorithms, the DISCONNECT message."""
    inner = cast(Any, transport)
    banner = ServerBanner()
    inner.filedrop_banner = banner
    readline, parse_kex_init, parse_disconnect = (
        inner.packetizer.readline,
        inner._parse_kex_init,
        inner._parse_disconnect,
    )

    def record_line(limit: float) -> str:
        try:
            line = str(readline(limit))
        except UnicodeError:
            banner.unreadable = True
            raise
        banner.greeting.append(line)
        return line

    def record_algorithms(message: Message) -> None:
        # The lists follow a cookie of 16 bytes; the type byte is already consumed (RFC 4253 section 7.1).
        copy = paramiko.Message(message.get_remainder())
        copy.get_bytes(16)
        lists = [tuple(copy.get_list()) for _number in range(6)]
        banner.algorithms = {"kex": lists[0], "host_key": lists[1], "cipher": lists[3], "mac": lists[5]}
        parse_kex_init(message)

    def record_farewell(message: Message) -> None:
        copy = paramiko.Message(message.get_remainder())
        banner.farewell = (copy.get_int(), copy.get_string().decode("utf-8", "backslashreplace"))
        parse_disconnect(message)

    inner.packetizer.readline = record_line
    inner._parse_kex_init = record_algorithms
    inner._parse_disconnect = record_farewell
    return banner


def _no_session(
    where: str, timeout: float, banner: ServerBanner, in_time: bool, error: BaseException | None
) -> NoSession:
    """Return the error that says why the key exchange failed."""
    if not in_time:
        stage = "sends its greeting and then nothing" if banner.greeting else "accepts connections but sends nothing"
        return UnreachableError(
            "no_answer",
            f"The server on {where} {stage} for {timeout:g} s.",
            "Check that an SSH server listens there. If it is only slow, raise timeout.",
        )
    if not banner.version:
        return _no_greeting(where, banner)
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        offer = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in banner.algorithms.items())
        return UnreachableError(
            "no_common_algorithm",
            f"The server on {where} offers no secure algorithm: {printable(str(error))}. "
            f"It offers {offer or banner.version}.",
            "Ask the provider to support current algorithms. If it cannot, legacy_algorithms allows weak ones for this "
            "account: SHA-1, MD5, DSA, 3DES or CBC, as far as the transport still has them (openssh has more).",
        )
    if banner.farewell is not None:
        return _disconnected(where, banner.farewell)
    if error is None or isinstance(error, (EOFError, OSError)):
        return ServerBusy(
            "server_busy", f"The server on {where} closed the connection during the key exchange.", TRY_LATER
        )
    if "ignature" in str(error):
        return TrustError(
            "host_key_unproven",
            f"The server on {where} presents a host key, but cannot prove to own it.",
            "Do not connect, and inform the provider.",
        )
    what = printable(str(error) or type(error).__name__)
    return ProtocolError(
        "key_exchange_failed", f"The key exchange with {where} failed: {what}.", "Report it to the provider."
    )


def _no_greeting(where: str, banner: ServerBanner) -> UnreachableError | ServerBusy:
    said = " ".join(banner.greeting)
    if BUSY.search(said):
        return ServerBusy("server_busy", f"The server on {where} accepts no connection now. {quoted(said)}", TRY_LATER)
    if said or banner.unreadable:
        return UnreachableError(
            "not_ssh",
            f"The server on {where} is not an SSH server. {quoted(said) if said else 'It does not send text.'}",
            "Check host, port and protocol.",
        )
    return ServerBusy(
        "server_busy",
        f"The server on {where} closed the connection before greeting: "
        "it has too many connections, blocks this address, or is not an SSH server.",
        TRY_LATER,
    )


def _disconnected(where: str, farewell: tuple[int, str]) -> UnreachableError | ServerBusy:
    code, text = farewell
    finding = f"The server on {where} ended the connection (reason {code}). {quoted(text)}"
    if code == HOST_NOT_ALLOWED:
        return UnreachableError("host_refused", finding, "Ask the provider to allow the address of this host.")
    return ServerBusy("server_busy", finding, TRY_LATER)


def _silence_paramiko() -> None:
    """Attach a handler to paramiko's logger. Without one, Python prints its warnings and tracebacks to stderr."""
    logger = logging.getLogger("paramiko")
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
