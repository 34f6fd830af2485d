# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a run before its work is done: by a signal, or by its time limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..errors import RunEnded

if TYPE_CHECKING:
    from .loop import Source

_WAIT = 0.5  # seconds between two looks at the limit

GRACE = 30.0
"""Seconds after the time limit in which files under way can be finished."""


class Interruption(BaseException):
    """The run has to end now.

    It is not an Exception, so no workflow takes it for an error of its own file and goes on. Each workflow leaves its
    file to the next run, as when the process is killed, but it can clean up.

    :ivar error: the reason, for the result.
    """

    def __init__(self, error: RunEnded) -> None:
        super().__init__(str(error))
        self.error = error


class Deadline:
    """When a run has to end. No file is started after it, and `GRACE` seconds later the files under way are ended."""

    def __init__(self, limit: float | None) -> None:
        """:param limit: seconds from now; None for no limit."""
        self._limit = limit
        self._began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds in which files can still be started; negative after the limit."""
        return float("inf") if self._limit is None else self._limit - self.spent

    def check(self) -> None:
        """:raises RunEnded: no other file may be started."""
        if self.left <= 0:
            raise self.error

    def wait(self, seconds: float) -> None:
        """Wait.

        :raises RunEnded: the run has to end before that.
        """
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(rest, _WAIT))

    def watch(self, source: Source) -> Source:
        """The same source, but polling it raises `Interruption` after the limit and the grace time."""
        return source if self._limit is None else _Punctual(source, self)

    @property
    def error(self) -> RunEnded:
        finding = f"The run reached its time limit of {self._limit:g} s."
        return RunEnded("time_limit", finding, "The next run goes on; raise `time_limit` if this happens every time.")


class _Punctual:
    """See `Deadline.watch`."""

    def __init__(self, source: Source, deadline: Deadline) -> None:
        self._source = source
        self._deadline = deadline

    @property
    def pending(self) -> int:
        return self._source.pending

    def poll(self, timeout: float | None) -> bool:
        left = self._deadline.left + GRACE
        if left <= 0:
            raise Interruption(self._deadline.error)
        return self._source.poll(left if timeout is None else min(left, timeout))
