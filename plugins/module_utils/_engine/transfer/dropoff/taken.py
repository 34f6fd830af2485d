# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look whether the provider has taken the files that earlier runs delivered (`taken_within`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ...config.schedule import DAY, format_duration
from ...errors import RemoteError
from ...local.names import shown
from ...states import State

if TYPE_CHECKING:
    from ...ledger.ledger import Ledger, Row
    from ...ledger.locks import JobKey
    from ...remote.interface import Remote

LONGEST_LOOK = 31 * DAY
"""Seconds after a delivery until which runs look at least. A file that lies for longer is no longer looked at."""


class DeliveredBefore:
    """The files of a job that were delivered before this run, and were still on the server when last looked at.

    :param within: seconds after which a delivered file must be gone.
    :param check: record nothing.
    """

    def __init__(self, ledger: Ledger, job: JobKey, within: int, *, check: bool) -> None:
        self._ledger = ledger
        self._within = within
        self._check = check
        self._now = time.time()
        self._lying: list[Row] = []
        self._taken: list[tuple[float, int | None]] = []  # when, and the number of the row
        self._unknown = 0
        self.rows = self._to_look_at(job)

    def _to_look_at(self, job: JobKey) -> Sequence[Row]:
        """Return the newest row for each path. An older file of the same path was taken before the newer one came."""
        since = self._now - max(LONGEST_LOOK, 3 * self._within)
        where = (
            "WHERE account = ? AND direction = ? AND job = ? AND open = 0 AND changed_at > ? AND state = ?"
            " AND taken_at IS NULL ORDER BY id"
        )
        newest: dict[str, Row] = {}
        for row in self._ledger.rows(where, (*job, since, State.DELIVERED.value)):
            older = newest.get(row.remote_path)
            if older is not None:
                self._taken.append((row.changed_at, older.id))
            newest[row.remote_path] = row
        return list(newest.values())

    async def look(self, remote: Remote, row: Row) -> None:
        """Look at one file on the server."""
        try:
            found = await remote.stat(row.remote_path)
        except RemoteError:
            self._unknown += 1
            return
        if found is None or found.size not in (None, row.size):
            self._taken.append((time.time(), row.id))
        elif self._now - row.changed_at > self._within:
            self._lying.append(row)

    def record(self) -> None:
        """Record the files that are gone, in one transaction."""
        if self._taken and not self._check:
            self._ledger.change("UPDATE transfer SET taken_at = ? WHERE id = ? AND open = 0", self._taken)

    def may_lie(self, row: Row) -> bool:
        """Return whether a row must not be forgotten, because its file may still lie on the server."""
        return row.id in self._looked_at

    @cached_property
    def _looked_at(self) -> set[int | None]:
        return {row.id for row in self.rows} - {number for _when, number in self._taken}

    @property
    def lying(self) -> int:
        """Return how many files lie on the server for longer than they should."""
        return len(self._lying)

    def notes(self) -> Sequence[str]:
        """Return what a person should know."""
        notes = []
        if self._lying:
            first = min(self._lying, key=lambda row: row.changed_at)
            when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(first.changed_at))
            notes.append(
                f"Files that were delivered still lie on the server after {format_duration(self._within)} "
                f"(taken_within): {self.lying}. The first is {shown(first.remote_path)}, delivered {when}. "
                "Ask the provider why it does not take them."
            )
        if self._unknown:
            notes.append(f"The server does not tell of {self._unknown} delivered files whether they were taken.")
        return notes
