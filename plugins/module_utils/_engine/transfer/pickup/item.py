# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe one remote file of a pickup, with everything that is known about it before it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...ledger.ledger import SECOND, Row
from ...local.folder import bounded_time
from ...states import State
from ..result import FileOutcome

if TYPE_CHECKING:
    from ...config.jobs.job import Pickup
    from ...remote.interface import Entry


@dataclass(frozen=True)
class PickupItem:
    """Hold one remote file to fetch.

    :ivar entry: the file under its own name, as listed.
    :ivar latest: the newest row of that name in the ledger, without claims.
    :ivar claim_row: the row of this host's claim to the file, if an earlier run left one.
    :ivar claimed: the file under the name of that claim, if it was listed.
    :ivar sidecar: the checksum file, if the job needs one.
    """

    entry: Entry
    latest: Row | None = None
    claim_row: Row | None = None
    claimed: Entry | None = None
    sidecar: Entry | None = None

    @property
    def size(self) -> int:
        """Return the size in bytes; 0 if the server does not report it."""
        return self.entry.size or 0

    @property
    def is_copied(self) -> bool:
        """Return whether an earlier run has published the file, so only its original is left."""
        return self.latest is not None and self.latest.state is State.PLACED

    @property
    def outcome(self) -> FileOutcome:
        """Return a new outcome that identifies the file and has no other content."""
        return outcome_of(self.entry)


def outcome_of(entry: Entry) -> FileOutcome:
    """Build an outcome that identifies the file and has no other content."""
    return FileOutcome(entry.name, entry.path, remote_path=entry.path, size=entry.size)


def row_of(job: Pickup, account: str, entry: Entry) -> Row:
    """Build a new row for a file on the server."""
    return Row(
        account=account,
        direction=job.direction,
        folder=job.remote_dir,
        name=entry.name,
        size=entry.size or 0,
        mtime_ns=mtime_ns_of(entry) or 0,
        job=job.name,
        remote_path=entry.path,
    )


def mtime_ns_of(entry: Entry) -> int | None:
    """Return the mtime of a remote file in ns since 1970, bounded; None if the server does not report it."""
    return None if entry.mtime is None else bounded_time(entry.mtime * SECOND)


def is_same(entry: Entry, size: int, mtime_ns: int) -> bool:
    """Return whether a listed file has this size in bytes and this mtime in ns (0: unknown)."""
    return (entry.size or 0) == size and (mtime_ns_of(entry) or 0) == mtime_ns
