# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key exchange with an SSH server: nothing weak, the fast first, and a plain reason where there is none.

Figures for the order of ciphers and MACs: seconds of our CPU for 192 MiB to and from OpenSSH 9.2 on loopback.

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
from typing import TYPE_CHECKING, Any, Union, cast

from ..._deps import paramiko
from ...errors import ProtocolError, ServerBusy, TrustError, UnreachableError
from ...keys.formats import PublicKey, parse_blob
from .tcp import connect

if TYPE_CHECKING:
    from paramiko import Message, Transport

NoSession = Union[UnreachableError, ServerBusy, TrustError, ProtocolError]

WINDOW = 32 * 1024 * 1024  # bytes that a server may send ahead, on a channel that asks for no other window
MAX_PACKET = 256 * 1024 + 1024  # a read of 255 KiB, the most that OpenSSH gives, with its framing
LONGEST_READ = (
    1024 * 1024
)  # bytes of one packet; what claims to be longer is no SSH packet, or meant to fill our memory
# One AES key may serve 2**32 blocks, 64 GiB (RFC 4344 section 3.2), and OpenSSH uses that. paramiko would stop for new
# keys every 512 MiB.
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
LATER = "Try again later; if it goes on, ask the provider how many connections are allowed, and from which addresses."
SHOWN = 200  # characters of a server's own words


@dataclass
class ServerBanner:
    """What a server said about itself on one connection, as far as it came.

    :ivar greeting: its lines before the key exchange; the last one is its version, such as ``SSH-2.0-OpenSSH_9.2``.
    :ivar algorithms: what it offers, best first: ``kex``, ``host_key``, ``cipher``, ``mac``.
    :ivar farewell: reason code and text of its DISCONNECT message (RFC 4253 section 11.1).
    :ivar unreadable: it greeted with bytes that are no text.
    """

    greeting: list[str] = field(default_factory=list)
    algorithms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    farewell: tuple[int, str] | None = None
    unreadable: bool = False

    @property
    def version(self) -> str:
        return next((line for line in self.greeting if line.startswith("SSH-")), "")


def banner_of(transport: Transport) -> ServerBanner:
    """What the server of a transport made here said about itself."""
    words = getattr(transport, "filedrop_words", None)
    return words if isinstance(words, ServerBanner) else ServerBanner()


def host_key_of(transport: Transport) -> PublicKey:
    """The key that the server has proved to own.

    :raises ProtocolError: ``host_key_malformed``.
    """
    try:
        return parse_blob(transport.get_remote_server_key().asbytes())
    except ValueError as error:
        raise ProtocolError(
            "host_key_malformed", f"The server's host key cannot be read: {error}.", "Tell the provider."
        ) from None


def agreed_algorithms(transport: Transport) -> dict[str, str]:
    """What both sides settled on: ``kex``, ``host_key``, ``cipher``, ``mac`` (``implicit`` if the cipher does that)."""
    offered = banner_of(transport).algorithms.get("kex", ())
    cipher = transport.local_cipher
    return {
        "kex": next((name for name in transport.get_security_options().kex if name in offered), ""),
        "host_key": transport.host_key_type or "",
        "cipher": cipher,
        "mac": "implicit" if "-gcm" in cipher or "poly1305" in cipher else transport.local_mac or "",
    }


def negotiate(
    host: str, port: int, timeout: float, host_key_algorithms: Sequence[str] = (), *, only: bool = False
) -> Transport:
    """Connect and exchange keys. Who the server is has not been judged, and nobody has logged in. The caller closes.

    :param timeout: seconds for the connection, and again for the key exchange.
    :param host_key_algorithms: how the server should preferably prove who it is; with ``only``, the only ways to.
    :raises UnreachableError, ServerBusy, TrustError, ProtocolError: see :func:`.ssh.open_transport`.
    """
    _quiet()
    connection = connect(host, port, timeout)
    try:
        transport = paramiko.Transport(
            connection,
            default_window_size=WINDOW,
            default_max_packet_size=MAX_PACKET,
            disabled_algorithms={"pubkeys": WEAK_SIGNATURES, "keys": WEAK_SIGNATURES},
        )
    except BaseException:
        connection.close()
        raise
    try:
        _configure(transport, timeout, host_key_algorithms, only=only)
        words = _listen(transport)
        done = threading.Event()
        transport.start_client(event=done)
        in_time = done.wait(timeout)
        if not (in_time and transport.is_active() and transport.initial_kex_done):
            raise _no_session(f"{host} port {port}", timeout, words, in_time, transport.saved_exception)
    except BaseException:
        cast(Any, transport).packetizer.complete_handshake()  # ends a timer that would outlive the transport
        transport.close()
        connection.close()
        raise
    return transport


def shown(text: str) -> str:
    """A server's own words: on one line, without control characters, not endless."""
    line = " ".join(text.split())
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in line)
    return safe if len(safe) <= SHOWN else safe[:SHOWN] + "..."


def quoted(text: str) -> str:
    """A sentence with a server's own words."""
    return f'It says: "{shown(text)}".'


def _configure(transport: Transport, timeout: float, host_key_algorithms: Sequence[str], *, only: bool) -> None:
    options = transport.get_security_options()
    options.ciphers = _sound(options.ciphers, CIPHERS)
    options.digests = _sound(options.digests, _macs(transport))
    # A server chooses the group of a group exchange, and paramiko lets it be small: the fixed groups go first.
    options.kex = _sound(options.kex, [name for name in options.kex if "group-exchange" not in name])
    options.key_types = tuple(host_key_algorithms) if only else _sound(options.key_types, host_key_algorithms)
    inner = cast(Any, transport)
    inner.packetizer.REKEY_BYTES = REKEY_BYTES
    # paramiko would give up on its own; the waiting is done, and told, here.
    inner.banner_timeout = inner.handshake_timeout = timeout + 5
    inner.auth_timeout = inner.clear_to_send_timeout = timeout
    _limit_packets(inner)
    _spare_old_paramiko(inner)


def _limit_packets(transport: Any) -> None:
    """paramiko believes any length that a packet claims, and reads on until it has that much."""
    read_all = transport.packetizer.read_all

    def read_some(length: int, check_rekey: bool = False) -> bytes:
        if length > LONGEST_READ:
            raise paramiko.SSHException(f"the server sends a packet of {length} bytes")
        return cast(bytes, read_all(length, check_rekey))

    transport.packetizer.read_all = read_some


def _macs(transport: Transport) -> Sequence[str]:
    """Encrypt-then-MAC first, except where paramiko (before 3.4) cannot notice messages cut out by CVE-2023-48795."""
    if hasattr(transport, "advertise_strict_kex"):
        return MACS
    return sorted(MACS, key=lambda name: "-etm" in name)


def _sound(available: Sequence[str], preferred: Sequence[str]) -> tuple[str, ...]:
    """What this paramiko has and is not weak, the preferred first."""
    sound = [name for name in available if not WEAK.search(name)]
    return tuple([name for name in preferred if name in sound] + [name for name in sound if name not in preferred])


def _spare_old_paramiko(transport: Any) -> None:
    """paramiko 2 formats every message for an error text that nobody sees: more than half of the work of sending."""
    if not hasattr(paramiko, "py3compat"):
        return
    send = transport.packetizer.send_message

    def send_bytes(message: Any) -> None:
        send(message.asbytes() if isinstance(message, paramiko.Message) else message)

    transport.packetizer.send_message = send_bytes


def _listen(transport: Transport) -> ServerBanner:
    """Keep what paramiko reads and then only logs: the greeting, the offered algorithms, the farewell."""
    inner = cast(Any, transport)
    words = ServerBanner()
    inner.filedrop_words = words
    readline, parse_kex_init, parse_disconnect = (
        inner.packetizer.readline,
        inner._parse_kex_init,
        inner._parse_disconnect,
    )

    def hear_line(limit: float) -> str:
        try:
            line = str(readline(limit))
        except UnicodeError:
            words.unreadable = True
            raise
        words.greeting.append(line)
        return line

    def hear_offer(message: Message) -> None:
        # The lists come after a cookie of 16 bytes; the type byte is gone already (RFC 4253 section 7.1).
        copy = paramiko.Message(message.get_remainder())
        copy.get_bytes(16)
        lists = [tuple(copy.get_list()) for _number in range(6)]
        words.algorithms = {"kex": lists[0], "host_key": lists[1], "cipher": lists[3], "mac": lists[5]}
        parse_kex_init(message)

    def hear_farewell(message: Message) -> None:
        copy = paramiko.Message(message.get_remainder())
        words.farewell = (copy.get_int(), copy.get_string().decode("utf-8", "backslashreplace"))
        parse_disconnect(message)

    inner.packetizer.readline = hear_line
    inner._parse_kex_init = hear_offer
    inner._parse_disconnect = hear_farewell
    return words


def _no_session(
    where: str, timeout: float, words: ServerBanner, in_time: bool, error: BaseException | None
) -> NoSession:
    """Why there is no session, in the user's terms."""
    if not in_time:
        stage = "greets and then does not go on" if words.greeting else "accepts connections and says nothing"
        return UnreachableError(
            "no_answer",
            f"The server on {where} {stage} for {timeout:g} s.",
            "Check that an SSH server listens there; if it is only slow, raise timeout.",
        )
    if not words.version:
        return _no_greeting(where, words)
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        offer = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in words.algorithms.items())
        return UnreachableError(
            "no_common_algorithm",
            f"The server on {where} offers nothing that is still sound: {shown(str(error))}. "
            f"It offers {offer or words.version}.",
            "Ask the provider to support current algorithms; filedrop uses no SHA-1, MD5, DSA, 3DES or CBC.",
        )
    if words.farewell is not None:
        return _dismissed(where, words.farewell)
    if error is None or isinstance(error, (EOFError, OSError)):
        return ServerBusy("server_busy", f"The server on {where} closed the connection during the key exchange.", LATER)
    if "ignature" in str(error):
        return TrustError(
            "host_key_unproven",
            f"The server on {where} shows a host key that it cannot prove to own.",
            "Do not connect; tell the provider.",
        )
    what = shown(str(error) or type(error).__name__)
    return ProtocolError("key_exchange_failed", f"The key exchange with {where} failed: {what}.", "Tell the provider.")


def _no_greeting(where: str, words: ServerBanner) -> UnreachableError | ServerBusy:
    said = " ".join(words.greeting)
    if BUSY.search(said):
        return ServerBusy("server_busy", f"The server on {where} takes no connection now. {quoted(said)}", LATER)
    if said or words.unreadable:
        return UnreachableError(
            "not_ssh",
            f"What listens on {where} is no SSH server. {quoted(said) if said else 'It sends bytes that are no text.'}",
            "Check host, port and protocol.",
        )
    return ServerBusy(
        "server_busy",
        f"The server on {where} closed the connection before greeting: "
        "it has too many connections, blocks this address, or is no SSH server.",
        LATER,
    )


def _dismissed(where: str, farewell: tuple[int, str]) -> UnreachableError | ServerBusy:
    code, text = farewell
    finding = f"The server on {where} ended the connection (reason {code}). {quoted(text)}"
    if code == HOST_NOT_ALLOWED:
        return UnreachableError("host_refused", finding, "Ask the provider to allow the address of this host.")
    return ServerBusy("server_busy", finding, LATER)


def _quiet() -> None:
    """Without any handler, Python prints paramiko's warnings and tracebacks to the standard error."""
    logger = logging.getLogger("paramiko")
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
