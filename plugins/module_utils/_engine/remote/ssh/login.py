# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log in on a connection whose server is trusted: with the key, the password or both, in the order the server wants.

A server may want several methods, one after the other (RFC 4252 section 5.1). It names those that may come next.

1. The key comes first, then the password, as far as the server has not named other methods.
2. After each partial success, what the server refused before is tried again: it may have come too early.
3. The password also answers a question for it (keyboard-interactive), where the server takes it no other way.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Union, cast

from ..._paramiko import paramiko
from ...errors import AuthenticationError, ConnectionLost, ServerBusy, UnreachableError
from ...keys.formats import parse_blob
from .handshake import TRY_LATER, WEAK_SIGNATURES, banner_of, printable, quoted

if TYPE_CHECKING:
    from paramiko import PKey, Transport

    from ...config.accounts.account import Account

NotAccepted = Union[AuthenticationError, ConnectionLost, ServerBusy, UnreachableError]

TOO_MANY_CONNECTIONS = 12  # RFC 4253 section 11.1
FAREWELL_TIMEOUT = 1.0  # seconds to wait for the server's DISCONNECT message
MOST_ATTEMPTS = 12  # a server that always wants one more method gets no more

KEY, PASSWORD, QUESTIONS = "publickey", "password", "keyboard-interactive"

USER_NAME = re.compile(r"user|login|account", re.IGNORECASE)
FOR_A_PERSON = re.compile(r"code|token|otp|one.?time|verification|\bpin\b|\bnew\b|retype|confirm", re.IGNORECASE)
"""Words in questions that the password does not answer: for one-time codes, and for a new password."""


@dataclass(frozen=True)
class _Answer:
    """Record the answer to one login attempt.

    :ivar judged: the server looked at what was offered. Else it does not take this method now.
    :ivar methods: those that the server names to continue with; None if it has not named any.
    """

    accepted: bool
    is_partial: bool = False
    judged: bool = True
    methods: tuple[str, ...] | None = None


def log_in(transport: Transport, account: Account, key: PKey | None) -> None:
    """Authenticate the account's user. Keys of an agent or from a home folder are never used.

    :raises AuthenticationError: ``user_refused``, ``key_type_refused``, ``more_needed``.
    :raises UnreachableError: ``no_answer``.
    :raises ServerBusy, ConnectionLost: the connection ended.
    """
    _Login(transport, account, key).run()


class _Login:
    """One login, of one attempt or several."""

    def __init__(self, transport: Transport, account: Account, key: PKey | None) -> None:
        self._transport = transport
        self._account = account
        self._key = key
        self._methods: tuple[str, ...] | None = None
        self._accepted: list[str] = []
        self._tried: list[str] = []  # since the last method that was accepted
        self._refused: list[str] = []  # those of them that the server has looked at
        self._unanswered = ""  # a question of the server that only a person can answer

    def run(self) -> None:
        for _attempt in range(MOST_ATTEMPTS):
            method = self._next()
            if method is None and self._methods is None:
                self._methods = self._allowed_methods()
                method = self._next()
            if method is None:
                break
            answer = self._try(method)
            if answer.accepted:
                return
            self._methods = answer.methods or self._methods
            if answer.is_partial:
                self._accepted.append(method)
                self._tried, self._refused = [], []
            else:
                self._tried.append(method)
                self._refused += [method] * answer.judged
        raise self._refusal()

    def _next(self) -> str | None:
        """Return the method to try next: one that the server names, that was not tried, and that was not accepted."""
        usable = [KEY] if self._key is not None else []
        if self._account.password is not None:
            usable += [PASSWORD, QUESTIONS] if self._may_answer() else [PASSWORD]
        for method in usable:
            is_done = method in self._tried or (method in self._accepted and method != QUESTIONS)
            if not is_done and (self._methods is None or method in self._methods):
                return method
        return None

    def _may_answer(self) -> bool:
        """Return whether the password may also be the answer to a question.

        A server that names both and refuses the password would refuse it again, and might lock the account.
        """
        named = self._methods or ()
        if PASSWORD not in named or self._accepted:
            return QUESTIONS in named
        return QUESTIONS in named and named.index(QUESTIONS) < named.index(PASSWORD)

    def _try(self, method: str) -> _Answer:
        transport, user = self._transport, self._account.username
        if method == KEY and self._key is not None:
            return self._try_key(self._key)
        if method == PASSWORD:
            return self._attempt(lambda: transport.auth_password(user, self._account.password or "", fallback=False))
        return self._attempt(lambda: transport.auth_interactive(user, self._answers))

    def _try_key(self, key: PKey) -> _Answer:
        """Offer the key. For RSA, try both secure signature algorithms.

        What the server announces is not reliable: OpenSSH 9.2 names all algorithms that it knows (RFC 8308), even if
        its configuration does not accept them, and other servers name none.
        """
        inner = cast(Any, self._transport)
        weak = tuple(name for name in WEAK_SIGNATURES if name not in self._account.legacy_algorithms)
        offer = partial(self._transport.auth_publickey, self._account.username, key)
        strong = ("rsa-sha2-512", "rsa-sha2-256")
        inner.disabled_algorithms = {"pubkeys": WEAK_SIGNATURES}
        answer = self._attempt(offer)
        if answer.accepted or answer.methods or "rsa" not in key.get_name():
            return answer
        if "rsa-sha2-256" in (_signatures(self._transport) or ("rsa-sha2-256",)):
            inner.disabled_algorithms = {"pubkeys": (*WEAK_SIGNATURES, strong[0])}
            answer = self._attempt(offer)
        if answer.accepted or answer.methods or "ssh-rsa" in weak:
            return answer
        inner.disabled_algorithms = {"pubkeys": (*weak, *strong)}
        return self._attempt(offer)

    def _allowed_methods(self) -> tuple[str, ...]:
        """Ask which methods the server accepts. Only after a refusal, because some servers end the connection."""
        try:
            self._transport.auth_none(self._account.username)
        except paramiko.BadAuthenticationType as error:
            return tuple(filter(None, error.allowed_types))
        except Exception:
            return ()
        return ()

    def _answers(self, _title: str, _instructions: str, questions: Sequence[tuple[str, bool]]) -> list[str]:
        """Answer the server's questions: the password to the only one, or to the only one whose answer is hidden.

        A question that only a person can answer gets an empty answer, and the password is not sent. paramiko calls
        this in its own thread.
        """
        names = [text for text, is_shown in questions if is_shown and USER_NAME.search(text)]
        others = [text for text, _is_shown in questions if text not in names]
        if len(others) > 1 or any(FOR_A_PERSON.search(text) for text in others):
            self._unanswered = " ".join(others)
            return [""] * len(questions)
        password = self._account.password or ""
        return [self._account.username if text in names else password for text, _is_shown in questions]

    def _attempt(self, action: Callable[[], Sequence[str]]) -> _Answer:
        account = self._account
        started = time.monotonic()
        try:
            methods = tuple(action())
        except paramiko.BadAuthenticationType as error:
            methods = tuple(filter(None, error.allowed_types))
            return _Answer(accepted=False, judged=not methods, methods=methods)
        except paramiko.AuthenticationException as error:
            if not self._transport.is_active():
                raise self._connection_ended(error) from None
            if time.monotonic() - started >= account.timeout * 0.99:
                raise UnreachableError(
                    "no_answer",
                    f"The server on {_where(account)} did not answer the login within {account.timeout:g} s.",
                    "If it is only slow, raise timeout. Otherwise ask the provider.",
                ) from None
            return _Answer(accepted=False)
        except Exception as error:  # paramiko raises what has ended its thread, of whatever kind
            raise self._connection_ended(error) from None
        accepted = bool(self._transport.is_authenticated())
        return _Answer(accepted=accepted, is_partial=not accepted, methods=methods)

    def _connection_ended(self, error: BaseException) -> NotAccepted:
        """Return the error for a connection that ended during the login."""
        account, transport = self._account, self._transport
        transport.join(FAREWELL_TIMEOUT)  # its thread may still be reading the DISCONNECT message
        where = _where(account)
        if "pubkey algorithm" in str(error):
            taken = _signatures(transport) or ()
            weak = (
                " Of RSA keys it takes only signatures with SHA-1, which is not secure." if "ssh-rsa" in taken else ""
            )
            return AuthenticationError(
                "key_type_refused",
                f"The server on {where} accepts no secure signature of the key {account.private_key_file}. "
                f"It accepts: {printable(','.join(taken))}.{weak}",
                OTHER_KEY,
            )
        if "info request" in str(error):  # RFC 4252 section 8: PASSWD_CHANGEREQ, which paramiko does not know
            return AuthenticationError(
                "user_refused",
                f"The server on {where} wants a new password of the user {account.username!r}: this one has expired.",
                "Log in by hand to change the password, then set the new one.",
            )
        farewell = banner_of(transport).farewell
        if farewell is None:
            return ConnectionLost(
                "connection_lost", f"The server on {where} closed the connection during the login.", TRY_LATER
            )
        code, text = farewell
        if code == TOO_MANY_CONNECTIONS:
            return ServerBusy(
                "server_busy", f"The server on {where} accepts no connection now. {quoted(text)}", TRY_LATER
            )
        return AuthenticationError(
            "user_refused",
            f"The server on {where} refused the user {account.username!r} and ended the connection. {quoted(text)}",
            self._check([KEY] if self._key is not None else [PASSWORD]),
        )

    def _refusal(self) -> AuthenticationError:
        """Return the error for a login whose every possible attempt was refused."""
        methods = self._methods or ()
        who = f"the user {self._account.username!r}"
        accepted, refused, tried = (self._named(some) for some in (self._accepted, self._refused, self._tried))
        if accepted and refused:
            what = f"accepted {accepted} of {who}, and refused {refused}"
        elif accepted:
            what = f"accepted {accepted} of {who}, but requires more"
        elif refused:
            what = f"refused {who} with {refused}"
        else:
            what = f"does not take {tried or 'these credentials'} of {who} now"
        said = f" It allows: {printable(', '.join(methods))}." if methods else ""
        if self._unanswered:
            said += f' It asks: "{printable(self._unanswered)}". Only a person can answer that.'
        if KEY in self._refused and self._may_know_only_sha1():
            said += " It may know only SHA-1 for RSA keys, which is not secure and is not used."
        banner = self._transport.get_banner()
        if banner:
            said += " " + quoted(banner.decode("utf-8", "backslashreplace"))
        return AuthenticationError(
            "more_needed" if accepted and not refused else "user_refused",
            f"The server on {_where(self._account)} {what}.{said}",
            self._check(self._refused) if refused else self._complete(methods),
        )

    def _named(self, methods: Sequence[str]) -> str:
        """Return what was offered with these methods, in words."""
        words = []
        for method in methods:
            if method == KEY and self._key is not None:
                public = parse_blob(self._key.asbytes())
                words.append(f"the key {self._account.private_key_file} ({public.type} {public.fingerprint})")
            elif "the password" not in words:
                words.append("the password")
        return " and ".join(words)

    def _check(self, refused: Sequence[str]) -> str:
        """Return what to do about credentials that the server has refused."""
        if KEY not in refused:
            return "Check the user name and the password."
        registered = (
            "Check the user name, and check that the provider has registered exactly this key for it. "
            "A new key may become valid only after some time."
        )
        return f"{registered} {OTHER_KEY}" if self._may_know_only_sha1() else registered

    def _complete(self, methods: Sequence[str]) -> str:
        """Return what to do where the server wants more than it was offered."""
        if self._unanswered:
            return "Ask the provider for a login without such questions, such as with a key."
        if KEY in methods and self._key is None:
            return "Set private_key_file as well."
        if {PASSWORD, QUESTIONS} & set(methods) and self._account.password is None:
            return "Set password as well."
        return "Ask the provider which credentials the account needs. filedrop has a key and a password."

    def _may_know_only_sha1(self) -> bool:
        """Return whether the reason of a refusal may be that the server takes only SHA-1 signatures of an RSA key.

        Servers that know SHA-2 name it, for the keys of users (RFC 8308) or for their own (RFC 8332).
        """
        if self._key is None or "rsa" not in self._key.get_name() or _signatures(self._transport) is not None:
            return False
        return not {"rsa-sha2-256", "rsa-sha2-512"} & set(banner_of(self._transport).algorithms.get("host_key", ()))


OTHER_KEY = (
    "Register a key of another type, such as ed25519, or ask the provider to accept rsa-sha2-256. If neither is "
    "possible, set transport to openssh and legacy_algorithms to ssh-rsa: that is weak."
)


def _signatures(transport: Transport) -> tuple[str, ...] | None:
    """Return the signature algorithms that the server names for the keys of users; None if it names none (RFC 8308)."""
    named = cast(Any, transport).server_extensions.get("server-sig-algs")
    if named is None:
        return None
    text = named.decode("ascii", "backslashreplace") if isinstance(named, bytes) else str(named)
    return tuple(text.split(","))


def _where(account: Account) -> str:
    return f"{account.host} port {account.port}"
