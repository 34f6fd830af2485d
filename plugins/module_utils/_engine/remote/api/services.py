# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe the services of an account for people: token, health, latency and certificates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import ConnectionLost, UnreachableError

if TYPE_CHECKING:
    from .https import HttpsClient
    from .token import Tokens

LARGEST = 64 * 1024  # bytes of an answer

_AUTHORIZED = {True: "yes", False: "no"}


def describe(client: HttpsClient, tokens: Tokens) -> Mapping[str, Any]:
    """Ask ``/health`` and ``/verify`` beside the account's ``token_url``; return what is known.

    A service that does not answer them is described as ``unknown``.
    """
    token = tokens.usable(client)
    beside = client.account.api.token_url.rpartition("/")[0]
    health, seconds = _ask(client, f"{beside}/health", {})
    verified, _seconds = _ask(client, f"{beside}/verify", {"Authorization": f"Bearer {token}"})
    is_known = health not in (None, 404, 405)
    expires_at = tokens.latest.use_until if tokens.latest else 0.0
    return {
        "token": {
            "verified": "unknown" if verified in (None, 404, 405) else _AUTHORIZED[200 <= (verified or 0) < 300],
            "seconds_left": max(0, int(expires_at - time.time())),
        },
        "health": ("ok" if health == 200 else f"status {health}") if is_known else "unknown",
        "latency": round(seconds, 6),
        "certificates": [
            {
                "host": host,
                "port": port,
                "fingerprint": found.fingerprint,
                "days_left": None if found.expires is None else int((found.expires - time.time()) // 86400),
                "tls": found.tls,
            }
            for (host, port), found in sorted(client.certificates.items())
        ],
    }


def _ask(client: HttpsClient, url: str, headers: Mapping[str, str]) -> tuple[int | None, float]:
    """Return the status of an answer (None: there was none), and the seconds that it took."""
    began = time.monotonic()
    try:
        status: int | None = client.send("GET", url, headers, largest=LARGEST).status
    except (ConnectionLost, UnreachableError):
        status = None
    return status, time.monotonic() - began
