# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an account to an authenticated SSH connection, over paramiko 2.12 and newer.

The order is the promise: TCP, key exchange, the server's key compared with the account's, and only then anything secret.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._deps import paramiko, require
from ..errors import (
    AuthenticationError,
    ConnectionLost,
    InputError,
    ProtocolError,
    ServerBusy,
    TrustError,
    UnreachableError,
)
from ..keys import fingerprint, load_private_key, parse_blob
from .hostkeys import SIGNATURES, HostKey, TrustedKeys
from .tcp import connect

if TYPE_CHECKING:
    from ..account import Account

WINDOW = 32 * 1024 * 1024  # bytes that a server may send ahead of our reading: 40 ms of delay at 800 MiB/s
MAX_PACKET = 256 * 1024 + 1024  # a read of 255 KiB, the most that OpenSSH gives, and its framing in one packet
# AES may carry 2**32 blocks under one key (RFC 4344 section 3.2), 64 GiB. paramiko's own limit of 512 MiB stops a fast transfer every second or two.
REKEY_BYTES = 32 * 1024**3
KEEPALIVE = 15  # seconds; shorter than the patience of the firewalls in between
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr", "aes192-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-512")
WEAK = re.compile(r"sha1|md5|-cbc|3des|arcfour|blowfish|-96|dss|group1-|ssh-rsa")
WEAK_SIGNATURES = ("ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "ssh-dss", "ssh-dss-cert-v01@openssh.com")
BUSY = re.compile(
    r"maxstartups|not allowed at this time|too many|try again|busy|overload|connection limit|max.{0,20}(connections|sessions)",
    re.I,
)
TOO_MANY_CONNECTIONS = 12  # RFC 4253 section 11.1
HOST_NOT_ALLOWED = 1
LATER = "Try again later; if it goes on, ask the provider how many connections at once, and from which addresses, are allowed."
SHOWN = 200  # characters of a server's own words


@dataclass
class ServerWords:
    """What a server said about itself on one connection, as far as it came.

    :ivar greeting: its lines before the key exchange; the last one is its version, such as ``SSH-2.0-OpenSSH_9.2``.
    :ivar algorithms: what it offers, best first: ``kex``, ``host_key``, ``cipher``, ``mac``.
    :ivar farewell: reason code and text of its DISCONNECT message (RFC 4253 section 11.1).
    """

    greeting: list[str] = field(default_factory=list)
    algorithms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    farewell: tuple[int, str] | None = None
    unreadable: bool = False

    @property
    def version(self) -> str:
        return next((line for line in self.greeting if line.startswith("SSH-")), "")


def open_transport(account: Account) -> paramiko.Transport:
    """Connect, check the host key, authenticate. The caller closes the transport.

    :raises InputError: malformed ``host_keys``, no key and no password.
    :raises TrustError: ``host_key_unknown``, ``host_key_changed``, ``host_key_unproven``. Nothing secret was sent.
    :raises AuthenticationError: the key cannot be used, or the server refused the user.
    :raises UnreachableError: ``host_unknown``, ``port_closed``, ``no_answer``, ``no_route``, ``not_ssh``, ``no_common_algorithm``, ``host_refused``.
    :raises ServerBusy: the server closed the connection before or during the key exchange.
    :raises ConnectionLost: the connection ended while the user was authenticated.
    """
    require()
    trusted = TrustedKeys.parse(account.host_keys)
    # What is wrong on our side is told before the server is bothered.
    if account.private_key_file is None and account.password is None:
        raise InputError(
            "no_credentials",
            f"The account {account.name} has neither a private key nor a password.",
            "Set private_key_file, or password.",
        )
    key = (
        load_private_key(account.private_key_file, account.passphrase) if account.private_key_file is not None else None
    )
    transport = _trusted_transport(account, trusted)
    with _closed_on_error(transport):
        _authenticate(transport, account, key)
        transport.set_keepalive(KEEPALIVE)
    return transport


def offered_host_keys(host: str, port: int, timeout: float) -> list[HostKey]:
    """Every host key that a server proves to own, by one key exchange for each type that it names. Nobody authenticates.

    :raises UnreachableError, ServerBusy, ProtocolError, TrustError: as :func:`open_transport`.
    """
    require()
    return [key for transport, key in _offers(host, port, timeout, ()) if _close(transport)]


def words_of(transport: paramiko.Transport) -> ServerWords:
    """What the server of a transport made here said about itself."""
    words = getattr(transport, "filedrop_words", None)
    return words if isinstance(words, ServerWords) else ServerWords()


def host_key_of(transport: paramiko.Transport) -> HostKey:
    """The key that the server has proved to own."""
    try:
        return parse_blob(transport.get_remote_server_key().asbytes())
    except ValueError as error:
        raise ProtocolError(
            "host_key_malformed", f"The server's host key cannot be read: {error}.", "Tell the provider."
        ) from None


def agreed_algorithms(transport: paramiko.Transport) -> dict[str, str]:
    """What both sides settled on: ``kex``, ``host_key``, ``cipher``, ``mac`` (``implicit`` where the cipher authenticates by itself)."""
    offered = words_of(transport).algorithms.get("kex", ())
    kex = next((name for name in transport.get_security_options().kex if name in offered), "")
    mac = (
        "implicit" if "-gcm" in transport.local_cipher or "poly1305" in transport.local_cipher else transport.local_mac
    )
    return {"kex": kex, "host_key": transport.host_key_type, "cipher": transport.local_cipher, "mac": mac}


# Key exchange and trust


def _trusted_transport(account: Account, trusted: TrustedKeys) -> paramiko.Transport:
    """A transport whose server has proved to own a key that the account trusts."""
    offered = []
    for transport, key in _offers(account.host, account.port, account.timeout, trusted.algorithms()):
        if trusted.trusts(key.type, key.blob):
            return transport
        _close(transport)
        offered.append(key)
        if not trusted.digests:
            break  # the pinned types came first, so another exchange has nothing better to show
    raise _not_trusted(account, trusted, offered)


def _not_trusted(account: Account, trusted: TrustedKeys, offered: Sequence[HostKey]) -> TrustError:
    where = f"{account.host} port {account.port}"
    shown = ", ".join(f"{key.type} {key.fingerprint}" for key in offered)
    entry = f"'{offered[0].line}'" if len(offered) == 1 else "the fingerprint"
    if not trusted:
        return TrustError(
            "host_key_unknown",
            f"The server on {where} shows the host key {shown}, and host_keys of the account is empty.",
            f"Compare the fingerprint with what the provider published, not with anything learned over this connection. If they agree, set host_keys to [{entry}].",
        )
    return TrustError(
        "host_key_changed",
        f"The server on {where} shows the host key {shown}, which is not one that the account trusts ({trusted}).",
        "Nothing secret was sent. Either another machine answers in the provider's place, or the provider has changed its key: ask, compare the "
        f"fingerprint with what the provider published, and only if they agree put {entry} into host_keys.",
    )


def _offers(
    host: str, port: int, timeout: float, first: tuple[str, ...]
) -> Iterator[tuple[paramiko.Transport, HostKey]]:
    """A transport after its key exchange for each host key of a server: the one agreed on with ``first`` preferred, then each other type.

    The consumer closes each transport before it asks for the next.
    """
    transport = _negotiate(host, port, timeout, first)
    with _closed_on_error(transport):
        seen = host_key_of(transport)
        names = words_of(transport).algorithms.get("host_key", ())
    yield transport, seen
    for type_name, signatures in SIGNATURES.items():
        wanted = tuple(name for name in signatures if name in names)
        if type_name == seen.type or not wanted:
            continue
        transport = _negotiate(host, port, timeout, wanted, only=True)
        with _closed_on_error(transport):
            key = host_key_of(transport)
        yield transport, key


def _negotiate(
    host: str, port: int, timeout: float, host_key_algorithms: tuple[str, ...], *, only: bool = False
) -> paramiko.Transport:
    """Connect and exchange keys; who the server is has not been judged yet."""
    _quiet()
    connection = connect(host, port, timeout)
    try:
        transport = paramiko.Transport(
            connection,
            default_window_size=WINDOW,
            default_max_packet_size=MAX_PACKET,
            disabled_algorithms={"pubkeys": list(WEAK_SIGNATURES), "keys": list(WEAK_SIGNATURES)},
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
            raise _no_session(f"{host} port {port}", timeout, words, in_time=in_time, error=transport.get_exception())
    except BaseException:
        transport.close()
        connection.close()
        raise
    return transport


def _configure(
    transport: paramiko.Transport, timeout: float, host_key_algorithms: tuple[str, ...], *, only: bool
) -> None:
    """Nothing weak, the fast first, and no time limit that is shorter than ours."""
    options = transport.get_security_options()
    options.ciphers = _ordered(options.ciphers, CIPHERS)
    options.digests = _ordered(options.digests, MACS)
    # A server chooses the group of a group exchange, and paramiko lets it be small: the fixed groups go first.
    options.kex = _ordered(options.kex, [name for name in options.kex if "group-exchange" not in name])
    options.key_types = host_key_algorithms if only else _ordered(options.key_types, host_key_algorithms)
    transport.packetizer.REKEY_BYTES = REKEY_BYTES
    # paramiko would give up on its own; the waiting is done, and told, here.
    transport.banner_timeout = transport.handshake_timeout = timeout + 5
    transport.auth_timeout = timeout
    transport.clear_to_send_timeout = timeout


def _ordered(available: Sequence[str], preferred: Sequence[str]) -> tuple[str, ...]:
    """What this paramiko has and is not weak, the preferred first."""
    sound = [name for name in available if not WEAK.search(name)]
    return tuple([name for name in preferred if name in sound] + [name for name in sound if name not in preferred])


def _listen(transport: paramiko.Transport) -> ServerWords:
    """Keep what paramiko reads and only logs: the greeting, the offered algorithms, the farewell."""
    words = transport.filedrop_words = ServerWords()
    readline, parse_kex_init, parse_disconnect = (
        transport.packetizer.readline,
        transport._parse_kex_init,
        transport._parse_disconnect,
    )

    def hear_line(limit: float) -> str:
        try:
            line = str(readline(limit))
        except UnicodeError:
            words.unreadable = True
            raise
        words.greeting.append(line)
        return line

    def hear_offer(message: paramiko.Message) -> None:
        # The message's type byte is gone already; 16 bytes of cookie come before the lists (RFC 4253 section 7.1).
        copy = paramiko.Message(message.asbytes())
        copy.get_bytes(len(copy.get_so_far()) + 16)
        names = [tuple(copy.get_list()) for _ in range(6)]
        words.algorithms = {"kex": names[0], "host_key": names[1], "cipher": names[2], "mac": names[4]}
        parse_kex_init(message)

    def hear_farewell(message: paramiko.Message) -> None:
        copy = paramiko.Message(message.asbytes())
        words.farewell = (copy.get_int(), _shown(copy.get_string().decode("utf-8", "backslashreplace")))
        parse_disconnect(message)

    transport.packetizer.readline = hear_line
    transport._parse_kex_init = hear_offer
    transport._parse_disconnect = hear_farewell
    return words


def _no_session(
    where: str, timeout: float, words: ServerWords, *, in_time: bool, error: BaseException | None
) -> UnreachableError | ServerBusy | TrustError | ProtocolError:
    """Why there is no key exchange, in the user's terms."""
    if not in_time:
        stage = "accepts connections and says nothing" if not words.greeting else "greets and then does not go on"
        return UnreachableError(
            "no_answer",
            f"The server on {where} {stage} for {timeout:g} s.",
            "Check that an SSH server listens there; if it is only slow, raise timeout.",
        )
    if not words.version:
        return _no_greeting(where, words)
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        offered = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in words.algorithms.items()) or words.version
        return UnreachableError(
            "no_common_algorithm",
            f"The server on {where} offers nothing that is still sound: {_shown(str(error))}. It offers {offered}.",
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
    return ProtocolError(
        "key_exchange_failed",
        f"The key exchange with {where} failed: {_shown(str(error) or type(error).__name__)}.",
        "Tell the provider.",
    )


def _no_greeting(where: str, words: ServerWords) -> UnreachableError | ServerBusy:
    said = _shown(" ".join(words.greeting))
    if BUSY.search(said):
        return ServerBusy("server_busy", f"The server on {where} takes no connection now. It says: {said}", LATER)
    if said or words.unreadable:
        return UnreachableError(
            "not_ssh",
            f"What listens on {where} is no SSH server. It says: {said or 'bytes that are no text'}",
            "Check host, port and protocol.",
        )
    return ServerBusy(
        "server_busy",
        f"The server on {where} closed the connection before greeting: it has too many connections, blocks this address, or is no SSH server.",
        LATER,
    )


def _dismissed(where: str, farewell: tuple[int, str]) -> UnreachableError | ServerBusy:
    code, text = farewell
    finding = f"The server on {where} ended the connection (reason {code}). It says: {text}"
    if code == HOST_NOT_ALLOWED:
        return UnreachableError("host_refused", finding, "Ask the provider to allow the address of this host.")
    return ServerBusy("server_busy", finding, LATER)


# Authentication


@dataclass(frozen=True)
class _Answer:
    """A server's answer to one attempt. ``methods`` are those that it names for going on; empty if it named none."""

    accepted: bool
    partial: bool = False
    methods: tuple[str, ...] = ()


def _authenticate(transport: paramiko.Transport, account: Account, key: paramiko.PKey | None) -> None:
    """By key, then by password if there is one and the key was not enough."""
    offered = []
    answer = _Answer(accepted=False)
    if key is not None:
        answer = _try_key(transport, account, key)
        blob = key.asbytes()
        offered.append(f"the key {account.private_key_file} ({parse_blob(blob).type} {fingerprint(blob)})")
    password = account.password
    if not answer.accepted and password is not None:
        offered.append("the password")
        answer = _attempt(transport, account, lambda: transport.auth_password(account.username, password))
    if not answer.accepted:
        raise _refused(transport, account, offered, answer)


def _try_key(transport: paramiko.Transport, account: Account, key: paramiko.PKey) -> _Answer:
    answer = _attempt(transport, account, lambda: transport.auth_publickey(account.username, key))
    if (
        not answer.accepted
        and not answer.methods
        and "rsa" in key.get_name()
        and "server-sig-algs" not in transport.server_extensions
    ):
        # A server that does not say how keys may sign (RFC 8308) got our first guess, SHA-512. Some know only SHA-256.
        transport.disabled_algorithms = {**transport.disabled_algorithms, "pubkeys": [*WEAK_SIGNATURES, "rsa-sha2-512"]}
        answer = _attempt(transport, account, lambda: transport.auth_publickey(account.username, key))
    return answer


def _attempt(transport: paramiko.Transport, account: Account, action: Callable[[], Sequence[str]]) -> _Answer:
    started = time.monotonic()
    where = f"{account.host} port {account.port}"
    try:
        left = tuple(action())
    except paramiko.BadAuthenticationType as error:
        return _Answer(accepted=False, methods=tuple(error.allowed_types))
    except (paramiko.SSHException, EOFError, OSError) as error:
        if transport.is_active():
            if time.monotonic() - started >= account.timeout * 0.99:
                raise UnreachableError(
                    "no_answer",
                    f"The server on {where} did not answer to the authentication within {account.timeout:g} s.",
                    "Raise timeout, or ask the provider.",
                ) from None
            return _Answer(accepted=False)
        raise _ended(where, account, words_of(transport), transport, error) from None
    return _Answer(accepted=not left, partial=bool(left), methods=left)


def _ended(
    where: str, account: Account, words: ServerWords, transport: paramiko.Transport, error: BaseException
) -> AuthenticationError | ServerBusy | ConnectionLost:
    """The connection ended during the authentication."""
    if "pubkey algorithm" in str(error):
        taken = transport.server_extensions.get("server-sig-algs", b"")
        names = taken.decode("ascii", "backslashreplace") if isinstance(taken, bytes) else str(taken)
        return AuthenticationError(
            "key_type_refused",
            f"The server on {where} takes no signature that the key {account.private_key_file} can make soundly. It takes: {_shown(names)}.",
            "Register a key of another type, such as ed25519.",
        )
    if words.farewell is None:
        return ConnectionLost(
            "connection_lost", f"The server on {where} closed the connection during the authentication.", LATER
        )
    code, text = words.farewell
    if code == TOO_MANY_CONNECTIONS:
        return ServerBusy("server_busy", f"The server on {where} takes no connection now. It says: {text}", LATER)
    return AuthenticationError(
        "user_refused",
        f"The server on {where} refused the user {account.username!r} and ended the connection. It says: {text}",
        "Check the user name, and that the provider has registered this key.",
    )


def _refused(
    transport: paramiko.Transport, account: Account, offered: list[str], answer: _Answer
) -> AuthenticationError:
    where = f"{account.host} port {account.port}"
    methods = answer.methods or _allowed_methods(transport, account.username)
    allowed = f" It allows: {_shown(', '.join(methods))}." if methods else ""
    banner = transport.get_banner()
    said = f" It says: {_shown(banner.decode('utf-8', 'backslashreplace'))}" if banner else ""
    if answer.partial:
        return AuthenticationError(
            "more_needed",
            f"The server on {where} accepted {' and '.join(offered)} of the user {account.username!r}, and asks for more.{allowed}{said}",
            "Set what it asks for as well, such as password.",
        )
    return AuthenticationError(
        "user_refused",
        f"The server on {where} refused the user {account.username!r} with {' and '.join(offered)}.{allowed}{said}",
        "Check the user name, and that the provider has registered exactly this key for it; a new key can take a while to be known there.",
    )


def _allowed_methods(transport: paramiko.Transport, username: str) -> tuple[str, ...]:
    """What the server would take instead; asked only once it has refused. Many servers end the connection rather than tell."""
    try:
        transport.auth_none(username)
    except paramiko.BadAuthenticationType as error:
        return tuple(error.allowed_types)
    except (paramiko.SSHException, EOFError, OSError):
        pass
    return ()


# Small things


@contextlib.contextmanager
def _closed_on_error(transport: paramiko.Transport) -> Iterator[None]:
    try:
        yield
    except BaseException:
        transport.close()
        raise


def _close(transport: paramiko.Transport) -> bool:
    transport.close()
    return True


def _quiet() -> None:
    """Without any handler, Python prints paramiko's warnings and tracebacks to the standard error."""
    logger = logging.getLogger("paramiko")
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())


def _shown(text: str) -> str:
    """A server's own words, on one line, without control characters, not endless."""
    line = " ".join(text.split())
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in line)
    return safe if len(safe) <= SHOWN else safe[:SHOWN] + "..."
