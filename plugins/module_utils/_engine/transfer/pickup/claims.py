# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims: of hosts that share a mailbox, the one that gets to rename a file fetches it.

Shares alone keep hosts apart as long as all of them go by the same ones. So before it fetches a file, a host renames it
to a hidden name that nobody's selection takes, and that says which host it was. Of several that try, the server lets
one succeed. The file keeps its place in the ledger under the name that it had.

    ``claiming`` -> RENAME -> as any pickup, from the claim -> deleted or moved
                           -> could not be fetched: renamed back, and forgotten

After a crash:

    the ledger names a claim    on the server             so
    yes                         the claim                 it is ours: fetch it from there
    yes                         the file's own name       the rename has not happened: claim it again, by the same name
    yes                         neither                   somebody else was faster: forget it

A server that does not let files be renamed is found out with the first file of a connection; then shares have to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import RemoteError, RemoteMissing, TransferError
from ...ledger.ledger import CLAIMING, FORGOTTEN, NAMES_A_QUERY, Row, slices
from ...local import names
from ...remote import Entry, Remote, join
from ..canary import CanaryGate
from .item import row_of

if TYPE_CHECKING:
    from ...config.job import Pickup
    from ...ledger.ledger import Ledger
    from ...loop.deadline import Deadline
    from .item import Item

CLAIM = "claim"
"""The capability to rename files in the folder that they are fetched from."""


@dataclass
class Claims:
    """The claims of one job over one connection.

    :ivar refused: the server does not let us rename.
    """

    job: Pickup
    account: str
    remote: Remote
    ledger: Ledger
    deadline: Deadline
    refused: bool = False

    @property
    def are_taken(self) -> bool:
        """Whether this job claims files. One that stays on the server is everybody's, and keeps its name."""
        return self.job.share is not None and self.job.after != "keep" and not self.refused

    @cached_property
    def _renaming(self) -> CanaryGate:
        return CanaryGate(self.ledger, self.account, CLAIM, self.deadline, is_needed=self.are_taken)

    # --- what earlier runs have claimed

    def among(self, entries: Sequence[Entry]) -> dict[str, Entry]:
        """What of a listing this job has claimed: by the names that the files had, where they are now."""
        listed = {entry.path: entry for entry in entries if names.is_claim(entry.name) and entry.kind == "file"}
        return {row.name: listed[row.remote_path]._replace(name=row.name) for row in self._rows(listed)}

    def unmasked(
        self, entries: Sequence[Entry], claimed: Mapping[str, Entry]
    ) -> tuple[Sequence[Entry], Sequence[Entry]]:
        """The listing with these claims under the names that they had; and other files of such names, which wait."""
        ours = [entry._replace(path=join(self.job.remote_dir, name)) for name, entry in claimed.items()]
        others = [entry for entry in entries if entry.name not in claimed]
        return [*ours, *others], [entry for entry in entries if entry.name in claimed]

    def _rows(self, paths: Iterable[str]) -> Iterator[Row]:
        """The rows that name these claims, be they history: what was replaced after it was fetched is still ours."""
        key = (self.account, self.job.direction, self.job.remote_dir, self.job.name)
        where = "WHERE account = ? AND direction = ? AND folder = ? AND job = ? AND remote_path IN ({}) ORDER BY id"
        for some in slices(list(paths), NAMES_A_QUERY):
            yield from self.ledger.rows(where.format(", ".join("?" * len(some))), (*key, *some))

    async def is_there(self, row: Row) -> bool:
        """Whether a claim stands that no listing has shown: it may have been renamed in that very moment."""
        return names.is_claim(os.path.basename(row.remote_path)) and await self.remote.stat(row.remote_path) is not None

    # --- those of this run

    async def take(self, item: Item) -> None:
        """Rename a file so that it is ours; or leave it as it is where this job or this server knows no claims.

        :raises ClaimedElsewhere: somebody else was faster.
        :raises TransferError: ``not_claimed``: this one cannot be renamed.
        """
        async with self._renaming:
            if item.claimed is None and self.are_taken:
                await self._take(item)

    async def _take(self, item: Item) -> None:
        row = await self._intend(item)
        try:
            await self.remote.rename(item.entry.path, row.remote_path)
        except RemoteError as error:
            if await self.remote.stat(row.remote_path) is None:
                await self._not_taken(item, row, error)
                return
        self._renaming.succeeded()
        item.claimed = item.entry._replace(path=row.remote_path)

    async def _intend(self, item: Item) -> Row:
        """Have the ledger know the claim before the server does."""
        if item.claim is None:
            item.claim = (
                item.latest
                if item.latest is not None and item.latest.open
                else row_of(self.job, self.account, item.entry)
            )
        row, path = item.claim, item.claim.remote_path
        if not names.is_claim(os.path.basename(path)):
            path = join(self.job.remote_dir, names.claim(item.entry.name))
        await self.ledger.commit(row, row.state or CLAIMING, remote_path=path)
        return row

    async def _not_taken(self, item: Item, row: Row, error: RemoteError) -> None:
        """Return if the file can be fetched without a claim, because this server knows none."""
        gone = isinstance(error, RemoteMissing) or await self.remote.stat(item.entry.path) is None
        await self._let_go(item, row)
        if gone:
            raise ClaimedElsewhere(item.entry.path) from error
        if self._renaming.is_proven:
            raise TransferError(
                "not_claimed",
                f"{item.entry.path!r} cannot be renamed, so another host may be fetching it: {error.finding}",
                "It stays there; the next run tries again. If it goes on, ask the provider.",
            ) from error
        self._renaming.failed()
        self.refused = True

    # --- and their end

    async def give_back(self, item: Item) -> None:
        """Give a file that could not be fetched its own name again, if that is free; else it stays ours."""
        if item.claimed is not None and await self.release(item) and item.claim is not None:
            await self._let_go(item, item.claim)

    async def release(self, item: Item) -> bool:
        """Rename a claim back, and say whether that could be done; the ledger goes on knowing it."""
        try:
            if item.claimed is None or await self.remote.stat(item.entry.path) is not None:
                return False
            await self.remote.rename(item.claimed.path, item.entry.path)
        except RemoteError:
            return False
        item.claimed = None
        return True

    async def _let_go(self, item: Item, row: Row) -> None:
        item.claim = None
        if row.state == CLAIMING:
            await self.ledger.commit(row, FORGOTTEN)
        else:
            await self.ledger.commit(row, row.state, remote_path=item.entry.path)

    async def end(self, item: Item, row: Row) -> None:
        """A file has been seen through to its end, by the row of its claim or by another one."""
        if item.claim is not None and item.claim.state == CLAIMING and item.claim.id != row.id:
            await self._let_go(item, item.claim)


class ClaimedElsewhere(TransferError):
    """Another host that shares the mailbox has taken a file, or it was taken away."""

    def __init__(self, path: str) -> None:
        super().__init__("claimed_elsewhere", f"{path!r} was there a moment ago; another host has claimed it since.")


def earlier_first() -> TransferError:
    return TransferError(
        "earlier_first",
        "This host has claimed an earlier file of this name, and fetches that one first.",
        "The next run takes this one.",
    )


REFUSED = (
    "The server does not let files be renamed in `remote_dir`, so this host cannot claim them before it fetches them: "
    "they are shared out by their names alone. Stop the job on all hosts before you change `share` on any of them."
)
