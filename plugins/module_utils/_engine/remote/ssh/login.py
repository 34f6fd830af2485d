# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log in on a connection whose server is trusted: with the key, then with the password if the key is not enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union, cast

from ..._deps import paramiko
from ...errors import AuthenticationError, ConnectionLost, ServerBusy, UnreachableError
from ...keys.formats import parse_blob
from .handshake import TRY_LATER, WEAK_SIGNATURES, banner_of, printable, quoted

if TYPE_CHECKING:
    from paramiko import PKey, Transport

    from ...config.account import Account

NotAccepted = Union[AuthenticationError, ConnectionLost, ServerBusy, UnreachableError]

TOO_MANY_CONNECTIONS = 12  # RFC 4253 section 11.1
FAREWELL_TIMEOUT = 1.0  # seconds to wait for the server's DISCONNECT message


@dataclass(frozen=True)
class _Answer:
    """Record the answer to one login attempt. ``methods`` are those that the server names to continue; may be empty."""

    accepted: bool
    partial: bool = False
    methods: tuple[str, ...] = ()


def log_in(transport: Transport, account: Account, key: PKey | None) -> None:
    """Authenticate the account's user. Keys of an agent or from a home folder are never used.

    :raises AuthenticationError: ``user_refused``, ``key_type_refused``, ``more_needed``.
    :raises UnreachableError: ``no_answer``.
    :raises ServerBusy, ConnectionLost: the connection ended.
    """
    offered = []
    answer = _Answer(accepted=False)
    if key is not None:
        answer = _try_key(transport, account, key)
        public = parse_blob(key.asbytes())
        offered.append(f"the key {account.private_key_file} ({public.type} {public.fingerprint})")
    password = account.password
    if not answer.accepted and password is not None:
        offered.append("the password")
        answer = _attempt(transport, account, lambda: transport.auth_password(account.username, password))
    if not answer.accepted:
        raise _login_refused(transport, account, " and ".join(offered), answer)


def _try_key(transport: Transport, account: Account, key: PKey) -> _Answer:
    """Offer the key. For RSA, try both secure signature algorithms.

    What the server announces is not reliable: OpenSSH 9.2 names all algorithms that it knows (RFC 8308), even if its
    configuration does not accept them, and other servers name none.
    """
    answer = _attempt(transport, account, lambda: transport.auth_publickey(account.username, key))
    inner = cast(Any, transport)
    taken = inner.server_extensions.get("server-sig-algs", b"rsa-sha2-256")
    taken = taken if isinstance(taken, bytes) else str(taken).encode()
    if not (answer.accepted or answer.methods) and "rsa" in key.get_name() and b"rsa-sha2-256" in taken.split(b","):
        inner.disabled_algorithms = {"pubkeys": (*WEAK_SIGNATURES, "rsa-sha2-512")}
        answer = _attempt(transport, account, lambda: transport.auth_publickey(account.username, key))
    return answer


def _attempt(transport: Transport, account: Account, action: Callable[[], Sequence[str]]) -> _Answer:
    started = time.monotonic()
    try:
        left = tuple(action())
    except paramiko.BadAuthenticationType as error:
        return _Answer(accepted=False, methods=tuple(error.allowed_types))
    except paramiko.AuthenticationException as error:
        if not transport.is_active():
            raise _connection_ended(transport, account, error) from None
        if time.monotonic() - started >= account.timeout * 0.99:
            raise UnreachableError(
                "no_answer",
                f"The server on {_where(account)} did not answer the login within {account.timeout:g} s.",
                "If it is only slow, raise timeout. Otherwise ask the provider.",
            ) from None
        return _Answer(accepted=False)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _connection_ended(transport, account, error) from None
    return _Answer(accepted=not left, partial=bool(left), methods=left)


def _where(account: Account) -> str:
    return f"{account.host} port {account.port}"


def _connection_ended(transport: Transport, account: Account, error: BaseException) -> NotAccepted:
    """Return the error for a connection that ended during the login."""
    transport.join(FAREWELL_TIMEOUT)  # its thread may still be reading the DISCONNECT message
    where = _where(account)
    if "pubkey algorithm" in str(error):
        names = cast(Any, transport).server_extensions.get("server-sig-algs", b"")
        taken = names.decode("ascii", "backslashreplace") if isinstance(names, bytes) else str(names)
        return AuthenticationError(
            "key_type_refused",
            f"The server on {where} accepts no secure signature of the key {account.private_key_file}. "
            f"It accepts: {printable(taken)}.",
            "Register a key of another type, such as ed25519.",
        )
    farewell = banner_of(transport).farewell
    if farewell is None:
        return ConnectionLost(
            "connection_lost", f"The server on {where} closed the connection during the login.", TRY_LATER
        )
    code, text = farewell
    if code == TOO_MANY_CONNECTIONS:
        return ServerBusy("server_busy", f"The server on {where} accepts no connection now. {quoted(text)}", TRY_LATER)
    return AuthenticationError(
        "user_refused",
        f"The server on {where} refused the user {account.username!r} and ended the connection. {quoted(text)}",
        _check_registration(account),
    )


def _login_refused(transport: Transport, account: Account, offered: str, answer: _Answer) -> AuthenticationError:
    methods = answer.methods or _allowed_methods(transport, account.username)
    said = f" It allows: {printable(', '.join(methods))}." if methods else ""
    banner = transport.get_banner()
    if banner:
        said += " " + quoted(banner.decode("utf-8", "backslashreplace"))
    who = f"the user {account.username!r}"
    if answer.partial:
        return AuthenticationError(
            "more_needed",
            f"The server on {_where(account)} accepted {offered} of {who}, but requires more.{said}",
            "Set the other credentials as well, such as password.",
        )
    return AuthenticationError(
        "user_refused",
        f"The server on {_where(account)} refused {who} with {offered}.{said}",
        _check_registration(account),
    )


def _check_registration(account: Account) -> str:
    if account.private_key_file is None:
        return "Check the user name and the password."
    return (
        "Check the user name, and check that the provider has registered exactly this key for it. "
        "A new key may become valid only after some time."
    )


def _allowed_methods(transport: Transport, username: str) -> tuple[str, ...]:
    """Ask which methods the server accepts. Only after a refusal, because some servers end the connection."""
    try:
        transport.auth_none(username)
    except paramiko.BadAuthenticationType as error:
        return tuple(error.allowed_types)
    except (paramiko.SSHException, EOFError, OSError):
        return ()
    return ()
