# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long to wait for a busy server, and when to give up."""

from __future__ import annotations

import time
from datetime import timezone
from email.utils import parsedate_to_datetime

LONGEST = 60.0
"""Seconds for which a server may be busy, from its first such answer."""

FIRST = 0.5
"""Seconds of the first pause. Each further one is twice as long, unless the server says how long."""


class Backoff:
    """The pauses of one session."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._until = 0.0
        self._next = FIRST

    @property
    def rest(self) -> float:
        """Return the seconds until the next request may be sent."""
        return max(0.0, self._until - time.monotonic())

    def end(self) -> None:
        """Note that the server is not busy any more."""
        self._since, self._next = None, FIRST

    def pause(self, retry_after: str | None) -> bool:
        """Begin a pause after a busy answer. Return False if it would be too long: then give up.

        :param retry_after: what the server says: seconds, or a date.
        """
        now = time.monotonic()
        if self._since is None:
            self._since = now
        asked = _seconds(retry_after)
        seconds = self._next if asked is None else asked
        self._next *= 2
        if now + seconds > self._since + LONGEST:
            return False
        self._until = max(self._until, now + seconds)
        return True


def _seconds(retry_after: str | None) -> float | None:
    """Read Retry-After (RFC 9110); None if it says nothing."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, moment.timestamp() - time.time())
