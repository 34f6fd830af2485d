# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe the services of an account for people: token, health, latency and certificates."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ...config.accounts.api_account import host_and_port
from ...errors import ConnectionLost, UnreachableError
from ...text import iso_time
from .words import BUSY, Words

if TYPE_CHECKING:
    from ..tls import TlsSession
    from .https import HttpsClient
    from .token import Token, Tokens

LARGEST = 64 * 1024  # bytes of an answer
QUESTIONS = 5  # round trips; the latency is their median
DAY = 86400  # seconds
SOON = 21 * DAY
"""Certificates are renewed weeks before they expire. One that was not needs a person."""

YES, NO, UNKNOWN = "yes", "no", "unknown"


class Services(NamedTuple):
    """What the services beside ``token_url`` say.

    :ivar verified: whether ``/verify`` accepts the token: YES, NO or UNKNOWN.
    :ivar health: ``ok``, UNKNOWN, or the status and the words of ``/health``.
    """

    verified: str
    health: str

    def notes(self) -> Iterator[str]:
        if self.verified == NO:
            yield "The service /verify beside token_url does not accept the token that token_url has given."
        if self.health not in ("ok", UNKNOWN):
            yield f"The service /health beside token_url answers with {self.health}."


def services_of(client: HttpsClient, token: Token) -> Services:
    """Ask ``/verify`` and ``/health`` beside the account's ``token_url``. A service need not have them.

    :raises TrustError: the certificate is not trusted.
    """
    verified, _words = _ask(client, "verify", token)
    status, words = _ask(client, "health", token)
    is_health = status is not None and (status in BUSY or status >= 500) and status != 501
    return Services(
        verified=YES if _is_good(verified) else NO if verified in (401, 403) else UNKNOWN,
        health="ok" if _is_good(status) else f"status {status}{words}" if is_health else UNKNOWN,
    )


def examine(client: HttpsClient, tokens: Tokens) -> Iterator[str]:
    """Yield a note for each thing that speaks against a run.

    :raises FiledropError: a service cannot be reached, or its certificate is not trusted.
    """
    token = tokens.usable(client)
    client.reach(client.account.api.base_url)
    yield from services_of(client, token).notes()
    yield from _expiring(client)


def describe(client: HttpsClient, tokens: Tokens) -> Mapping[str, Any]:
    """Return what is known of the services, for people.

    :raises FiledropError: see `examine`.
    """
    api, token = client.account.api, tokens.usable(client)
    client.reach(api.base_url)
    found = services_of(client, token)
    return {
        "protocol": client.account.protocol,
        "token": {
            "verified": found.verified,
            "expires": iso_time(token.expires_at),
            "seconds_left": max(0, int(token.expires_at - time.time())),
            "certificate": _certificate(client, api.token_url),
        },
        "health": found.health,
        "latency": _latency(client, token),
        "certificate": _certificate(client, api.base_url),
        "tls": _tls(client, api.base_url),
        "notes": [*found.notes(), *_expiring(client)],
    }


def _expiring(client: HttpsClient) -> Iterator[str]:
    """Yield a note for each certificate that expires soon."""
    for (host, port), session in sorted(client.sessions.items()):
        if session.expires is not None and session.expires - time.time() < SOON:
            yield f"The certificate of {host} port {port} expires at {iso_time(session.expires)}."


def _latency(client: HttpsClient, token: Token) -> float | None:
    """Return the median of the seconds that an answer of ``/health`` takes, whatever it says; None without one."""
    seconds = []
    for _question in range(QUESTIONS):
        asked = time.monotonic()
        status, _words = _ask(client, "health", token)
        if status is None:
            return None
        seconds.append(time.monotonic() - asked)
    return round(statistics.median(seconds), 6)


def _certificate(client: HttpsClient, url: str) -> Mapping[str, Any] | None:
    session = _session(client, url)
    if session is None:
        return None
    expires = session.expires
    return {
        "fingerprint": session.fingerprint,
        "subject": session.subject,
        "issuer": session.issuer,
        "expires": None if expires is None else iso_time(expires),
        "days_left": None if expires is None else int((expires - time.time()) // DAY),
    }


def _tls(client: HttpsClient, url: str) -> Mapping[str, str] | None:
    session = _session(client, url)
    return None if session is None else {"version": session.version, "cipher": session.cipher}


def _session(client: HttpsClient, url: str) -> TlsSession | None:
    return client.sessions.get(host_and_port(url))


def _is_good(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def _ask(client: HttpsClient, name: str, token: Token) -> tuple[int | None, str]:
    """Ask a service beside ``token_url``; return the status of its answer (None: there was none), and its words."""
    url = f"{client.account.api.token_url.rpartition('/')[0]}/{name}"
    headers = {"Authorization": f"Bearer {token.value}"} if name == "verify" else {}
    try:
        answer = client.send("GET", url, headers, largest=LARGEST)
    except (ConnectionLost, UnreachableError):
        return None, ""
    return answer.status, Words(client.account, token.value).of_body(answer.body)
