# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One remote file on its way here, with all that is known of it before it is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...ledger.ledger import SECOND, Row
from ..result import FileOutcome

if TYPE_CHECKING:
    from ...config.job import Pickup
    from ...remote import Entry


@dataclass(frozen=True)
class Item:
    """A remote file to fetch.

    :ivar entry: the file, under its own name, as the server listed it.
    :ivar latest: what the ledger last knew of that name, claims left aside.
    :ivar claim_row: the row that names this host's claim of it, where an earlier run left one.
    :ivar claimed: the file under the name of that claim, if the server listed it there.
    :ivar sidecar: the file with its checksum, where the job needs one.
    """

    entry: Entry
    latest: Row | None = None
    claim_row: Row | None = None
    claimed: Entry | None = None
    sidecar: Entry | None = None

    @property
    def size(self) -> int:
        """In bytes; 0 where the server does not tell."""
        return self.entry.size or 0

    @property
    def outcome(self) -> FileOutcome:
        """An outcome which says no more than which file it is about."""
        return outcome_of(self.entry)


def outcome_of(entry: Entry) -> FileOutcome:
    """An outcome which says no more than which file it is about."""
    return FileOutcome(entry.name, entry.path, remote_path=entry.path, size=entry.size)


def row_of(job: Pickup, account: str, entry: Entry) -> Row:
    """A new row for a file on the server."""
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
    """The time of a remote file in ns since 1970; None where the server does not tell."""
    return None if entry.mtime is None else entry.mtime * SECOND


def is_same(entry: Entry, size: int, mtime_ns: int) -> bool:
    """Whether the file that is listed now is still the one of this size and time."""
    return entry.size == size and (mtime_ns_of(entry) or 0) == mtime_ns
