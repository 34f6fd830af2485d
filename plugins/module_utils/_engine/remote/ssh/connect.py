# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open an SSH connection for an account, with paramiko 2.12 and newer.

The order is a security promise: first the key exchange, then the check of the server's key, and only then any secret.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..._paramiko import paramiko, require
from ...errors import InputError, TrustError, UnreachableError
from ...keys.formats import add_certificate, load_private_key
from .handshake import Dial, agreed_algorithms, banner_of, host_key_of, negotiate
from .hostkeys import SIGNATURES, HostKey, TrustedKeys, signatures_of
from .login import log_in

if TYPE_CHECKING:
    from paramiko import PKey, Transport

    from ...config.accounts.account import Account

__all__ = ["agreed_algorithms", "banner_of", "host_key_of", "offered_host_keys", "open_transport"]

KEEPALIVE = 15  # seconds; shorter than the idle timeout of firewalls on the way


def open_transport(account: Account) -> Transport:
    """Connect, check the host key, and log in. The caller closes the transport.

    :raises InputError: malformed ``host_keys``; ``no_credentials``.
    :raises AuthenticationError: the key cannot be used, or the server refused the user.
    :raises TrustError: ``host_key_unknown``, ``host_key_changed``, ``host_key_unproven``. Nothing secret was sent.
    :raises UnreachableError: ``host_unknown``, ``port_closed``, ``no_answer``, ``no_route``, ``not_ssh``,
        ``no_common_algorithm``, ``host_refused``.
    :raises ServerBusy: the server closed the connection before or during the key exchange.
    :raises ConnectionLost: the connection ended during the login.
    :raises ProtocolError: the server broke the rules of the key exchange.
    """
    require()
    hops = [(hop.host, hop.port) for hop in account.proxy_jump]
    trusted = [TrustedKeys.parse(account.host_keys, whose, hops=hops) for whose in (*hops, None)]
    # Report errors on our side before connecting.
    key = None
    if account.private_key_file is not None:
        key = load_private_key(account.private_key_file, account.passphrase)
        if account.certificate_file is not None:
            add_certificate(key, account.certificate_file)
    elif account.password is None:
        raise InputError(
            "no_credentials",
            f"The account {account.name} has neither a private key nor a password.",
            "Set private_key_file or password.",
        )
    return _open(account, trusted, key)


def _open(account: Account, trusted: Sequence[TrustedKeys], key: PKey | None) -> Transport:
    """Connect through the hops, and log in.

    :param trusted: the keys of each hop, and those of the server.
    """

    dial = partial(_through, account, trusted, key) if account.proxy_jump else None
    transport = _trusted_transport(account, trusted[-1], dial)
    with _closed_on_error(transport):
        log_in(transport, account, key)
        transport.set_keepalive(KEEPALIVE)
    return transport


def _through(account: Account, trusted: Sequence[TrustedKeys], key: PKey | None) -> _Through:
    """Connect to the last hop, and from there to the server. Hops get the key, and never the password."""
    *before, last = account.proxy_jump
    at_hop = replace(account, username=last.username, host=last.host, port=last.port, password=None)
    hop = _open(replace(at_hop, proxy_jump=tuple(before)), trusted[:-1], key)
    with _closed_on_error(hop):
        try:
            where = (account.host, account.port)
            return _Through(hop, hop.open_channel("direct-tcpip", where, ("127.0.0.1", 0), timeout=account.timeout))
        except paramiko.SSHException as error:
            raise UnreachableError(
                "jump_refused",
                f"The hop {last} does not connect to {account.host} port {account.port}: {error or 'no answer'}.",
                "Check host and port, and ask whether the hop may forward to them.",
            ) from error


class _Through:
    """A channel through a hop, in the place of a socket. The connection to the hop ends with it."""

    def __init__(self, hop: Transport, channel: Any) -> None:
        self._hop = hop
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def close(self) -> None:
        self._hop.close()  # the channel ends with it, without a word to a hop that may be gone


def offered_host_keys(host: str, port: int, timeout: float) -> list[HostKey]:
    """Return every host key that a server proves to own: one key exchange for each type that it offers, and no login.

    :raises UnreachableError, ServerBusy, ProtocolError, TrustError: as :func:`open_transport`.
    """
    require()
    keys = []
    for transport, key in _offers(host, port, timeout, ()):
        transport.close()
        keys.append(key)
    return keys


def trusted_host_key(account: Account) -> HostKey:
    """Return the key of the server that the account trusts, by one key exchange or several, and no login.

    :raises UnreachableError, ServerBusy, ProtocolError, TrustError: as :func:`open_transport`.
    """
    require()
    transport = _trusted_transport(account, TrustedKeys.parse(account.host_keys))
    with contextlib.closing(transport):
        return host_key_of(transport)


def _trusted_transport(account: Account, trusted: TrustedKeys, dial: Dial | None = None) -> Transport:
    """Return a transport whose server has proved to own a key that the account trusts."""
    offered = []
    legacy = account.legacy_algorithms
    first = trusted.algorithms(legacy)
    for transport, key in _offers(account.host, account.port, account.timeout, first, legacy=legacy, dial=dial):
        if trusted.trusts(key.type, key.blob):
            return transport
        transport.close()
        offered.append(key)
        if not trusted.digests:
            break  # the pinned types came first, so another exchange cannot show a better key
    raise _not_trusted(account, trusted, offered)


def _not_trusted(account: Account, trusted: TrustedKeys, offered: Sequence[HostKey]) -> TrustError:
    shows = f"The server on {account.host} port {account.port} presents the host key " + ", ".join(
        f"{key.type} {key.fingerprint}" for key in offered
    )
    entry = f"'{offered[0].line}'" if len(offered) == 1 else "the fingerprint"
    if any(trusted.is_revoked(key.blob) for key in offered):
        return TrustError(
            "host_key_revoked",
            f"{shows}, which host_keys of the account revokes. No secret was sent.",
            "Do not connect, and ask the provider for its present key.",
        )
    if not (trusted.keys or trusted.digests):
        if trusted.authorities:
            return TrustError(
                "host_key_unknown",
                f"{shows}, and host_keys of the account has only authorities, whose certificates the transport "
                "paramiko cannot check.",
                "Set transport to openssh, or add the key itself.",
            )
        return TrustError(
            "host_key_unknown",
            f"{shows}, and host_keys of the account is empty.",
            "Compare the fingerprint with the one that the provider published, not with data from this connection. "
            f"If they agree, add {entry} to host_keys.",
        )
    return TrustError(
        "host_key_changed",
        f"{shows}, which the account does not trust (it trusts {trusted}). No secret was sent.",
        "Either another machine answers in place of the provider's, or the provider has changed its key. Ask the "
        f"provider and compare the fingerprint with the published one. Only if they agree, add {entry} to host_keys. "
        "Where Ansible manages the account, run the playbook courier.filedrop.onboard: it compares the keys again, on "
        "all hosts. Then run courier.filedrop.jobs, for all jobs of the account to go on.",
    )


def _offers(
    host: str, port: int, timeout: float, first: Sequence[str], *, legacy: Sequence[str] = (), dial: Dial | None = None
) -> Iterator[tuple[Transport, HostKey]]:
    """Yield a transport after its key exchange for each host key of a server: the preferred one, then each other type.

    The caller closes each transport before asking for the next one.
    """
    transport = negotiate(host, port, timeout, first, legacy=legacy, dial=dial)
    with _closed_on_error(transport):
        seen = host_key_of(transport)
    names = banner_of(transport).algorithms.get("host_key", ())
    yield transport, seen
    for type_name in SIGNATURES:
        wanted = [name for name in signatures_of(type_name, legacy) if name in names]
        if type_name == seen.type or not wanted:
            continue
        transport = negotiate(host, port, timeout, wanted, only=True, legacy=legacy, dial=dial)
        with _closed_on_error(transport):
            key = host_key_of(transport)
        yield transport, key


@contextlib.contextmanager
def _closed_on_error(transport: Transport) -> Iterator[None]:
    try:
        yield
    except BaseException:
        transport.close()
        raise
