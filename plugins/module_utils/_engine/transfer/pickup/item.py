# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One remote file on its way here, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...ledger.ledger import SECOND, Row

if TYPE_CHECKING:
    from ...config.job import Pickup
    from ...remote import Entry


@dataclass
class Item:
    """A remote file to fetch, with what the ledger last knew of that name.

    :ivar claim: the row that names its claim, from the moment that it is intended; ``claimed``: the file, under the
        name of its claim.
    :ivar is_safe: its copy is whole and durable, and about to be published.
    """

    entry: Entry
    latest: Row | None = None
    sidecar: Entry | None = None
    claim: Row | None = None
    claimed: Entry | None = None
    is_duplicate: bool = False
    is_safe: bool = False

    @property
    def there(self) -> Entry:
        """The file where it is now."""
        return self.claimed or self.entry

    def goes_on_as(self, row: Row) -> None:
        """The claim is known by what has become of its row."""
        if self.claim is not None and self.claim.id == row.id:
            self.claim = row


def row_of(job: Pickup, account: str, entry: Entry) -> Row:
    """A new row for a file on the server."""
    return Row(
        account=account,
        direction=job.direction,
        folder=job.remote_dir,
        name=entry.name,
        size=entry.size or 0,
        mtime_ns=(entry.mtime or 0) * SECOND,
        job=job.name,
        remote_path=entry.path,
    )
