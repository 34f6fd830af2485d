# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show what a service says: short, on one line, and without secrets that it repeats."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from ...text import escaped

if TYPE_CHECKING:
    from ...config.accounts.account import Account

LONGEST = 500  # characters of a service's words in a message
BUSY = frozenset({408, 425, 429})
"""Statuses, besides those from 500, after which the same request may succeed later."""

_TELLING = ("title", "detail", "message", "error", "error_description", "result", "status", "reason", "code")
"""The members of an answer that say why, of problem+json (RFC 9457), OAuth 2.0 (RFC 6749) and the files API."""

_NESTED = ("errors", "details")


class Words:
    """Format what a service says.

    :param secrets: besides the account's own secret, what must never be shown, such as tokens.
    """

    def __init__(self, account: Account, *secrets: str | None) -> None:
        found = [secret for secret in (account.client_secret, *secrets) if secret]
        forms = {form for secret in found for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        forms |= {json.dumps(secret)[1:-1] for secret in found}
        self._secrets = sorted(forms, key=len, reverse=True)

    def of_body(self, body: bytes | None) -> str:
        """Return the words of an answer's body as ``: "WORDS"``; empty if it has none."""
        if not body:
            return ""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return self.quoted(body[: 8 * LONGEST].decode("utf-8", "replace"))
        return self.of_members(found) if isinstance(found, Mapping) else self.quoted(str(found)[: 8 * LONGEST])

    def of_members(self, found: Mapping[str, object]) -> str:
        """Return the words of a JSON object in the same form."""
        return self.quoted("; ".join(dict.fromkeys(_told(found))))

    def quoted(self, text: str) -> str:
        text = self.masked(" ".join(text.split()))
        if not text:
            return ""
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
        return f': "{escaped(shown)}"'

    def masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _told(found: Mapping[str, object], *, depth: int = 0) -> Iterator[str]:
    for name in _TELLING:
        value = found.get(name)
        if isinstance(value, str) and value.strip():
            yield value[: 8 * LONGEST]
        elif isinstance(value, Mapping) and depth < 2:
            yield from _told(value, depth=depth + 1)
    for name in _NESTED:
        value = found.get(name)
        if isinstance(value, (list, Mapping)):
            yield json.dumps(value, ensure_ascii=False)[: 8 * LONGEST]
