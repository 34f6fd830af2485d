# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims: of several hosts that share a mailbox, the one whose rename succeeds fetches the file.

Shares alone keep hosts apart only while all of them have the same ones. So before a host fetches a file, it renames it
to a hidden name which no selection takes and which says whose claim it is. The server lets one rename succeed. In the
ledger the file keeps its own name.

`states.STEPS` and `states.RECOVERY` (``pickup``) say what follows and what a crash leads to. Where a server does not
allow the rename, the first file of a connection finds that out; then shares have to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import DiskError, FiledropError, OriginalStays, RemoteError, RemoteMissing, Replaced, TransferError
from ...ledger.ledger import NAMES_A_QUERY, Row, slices
from ...local import names
from ...remote import Entry, Remote, join
from ...states import State
from ..canary import CanaryGate
from ..capabilities import CLAIM
from .item import row_of

if TYPE_CHECKING:
    from types import TracebackType

    from ...config.job import Pickup
    from ...ledger.ledger import Ledger
    from ...loop.deadline import Deadline
    from .item import Item


@dataclass
class Claims:
    """The claims of one job over one connection.

    :ivar refused: the server does not allow the rename.
    """

    job: Pickup
    account: str
    remote: Remote
    ledger: Ledger
    deadline: Deadline
    refused: bool = False

    @property
    def are_taken(self) -> bool:
        """Whether this job claims files. A file that stays on the server is for every host, and keeps its name."""
        return self.job.share is not None and self.job.after != "keep" and not self.refused

    @cached_property
    def renaming(self) -> CanaryGate:
        return CanaryGate(self.ledger, self.account, CLAIM, self.deadline, is_needed=self.are_taken)

    def hold(self, item: Item) -> Claim:
        """The claim of one file, as a scope: ``async with claims.hold(item) as claim``."""
        return Claim(self, item)

    # --- what earlier runs have claimed

    def among(self, listed: Sequence[Entry]) -> dict[str, Entry]:
        """Which of these files this job claimed: where they are now, by their own names."""
        by_path = {entry.path: entry for entry in listed}
        return {row.name: by_path[row.remote_path]._replace(name=row.name) for row in self._rows(by_path)}

    def _rows(self, paths: Iterable[str]) -> Iterator[Row]:
        """The rows that name these claims. History counts: a file that was replaced after it was fetched is ours."""
        key = (self.account, self.job.direction, self.job.remote_dir, self.job.name)
        where = "WHERE account = ? AND direction = ? AND folder = ? AND job = ? AND remote_path IN ({}) ORDER BY id"
        for some in slices(list(paths), NAMES_A_QUERY):
            yield from self.ledger.rows(where.format(", ".join("?" * len(some))), (*key, *some))

    async def is_there(self, row: Row) -> bool:
        """Whether there is a claim that no listing showed: it may have been renamed while the folder was listed."""
        return names.is_claim(os.path.basename(row.remote_path)) and await self.remote.stat(row.remote_path) is not None


@dataclass
class Claim:
    """The claim of one file, as a scope.

    It gives the file back if the scope fails before the copy is safe, and ends the claim if the scope succeeds.

    :ivar entry: the file where it is now.
    :ivar row: the row that names the claim, from the moment that it is intended.
    """

    claims: Claims
    item: Item
    entry: Entry = field(init=False)
    row: Row | None = field(init=False)
    _is_safe: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.entry = self.item.claimed or self.item.entry
        self.row = self.item.claim_row

    async def __aenter__(self) -> Claim:
        """:raises ClaimedElsewhere: another host was faster.
        :raises TransferError: ``not_claimed``: this file cannot be renamed.
        """
        async with self.claims.renaming:
            if self.claims.are_taken and not self._is_taken:
                await self._take()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._end()
        elif isinstance(error, Replaced) or (not self._is_safe and _may_be_given_back(error)):
            await self._give_back()

    def secure(self, row: Row) -> None:
        """The copy is whole and durable and about to be published: from now on the claim stays, known by this row."""
        self._is_safe = True
        self.continue_as(row)

    def continue_as(self, row: Row) -> None:
        """What becomes of the claim's own row is known from now on by this object of it."""
        if self.row is not None and self.row.id == row.id:
            self.row = row

    async def release(self) -> bool:
        """Give the file its own name again; return whether that was done. The ledger still knows the claim."""
        own = self.item.entry
        try:
            if not self._is_taken or await self.claims.remote.stat(own.path) is not None:
                return False
            await self.claims.remote.rename(self.entry.path, own.path)
        except RemoteError:
            return False
        self.entry = own
        return True

    @property
    def _is_taken(self) -> bool:
        return self.entry.path != self.item.entry.path

    async def _take(self) -> None:
        own, remote = self.item.entry, self.claims.remote
        row = await self._intend()
        try:
            await remote.rename(own.path, row.remote_path)
        except RemoteError as error:
            if await remote.stat(row.remote_path) is None:
                await self._not_taken(row, error)
                return
        self.claims.renaming.succeeded()
        self.entry = own._replace(path=row.remote_path)

    async def _intend(self) -> Row:
        """Note the claim in the ledger before the server knows of it."""
        item, job = self.item, self.claims.job
        if self.row is None:
            is_open = item.latest is not None and item.latest.open
            self.row = item.latest if is_open else row_of(job, self.claims.account, item.entry)
        row = self.row
        if row is None:
            raise RuntimeError("a claim without a row")
        path = row.remote_path
        if not names.is_claim(os.path.basename(path)):
            path = join(job.remote_dir, names.claim(item.entry.name))
        await self.claims.ledger.commit(row, row.state or State.CLAIMING, remote_path=path)
        return row

    async def _not_taken(self, row: Row, error: RemoteError) -> None:
        """Return if the file can be fetched without a claim, because this server does not allow the rename."""
        path = self.item.entry.path
        gone = isinstance(error, RemoteMissing) or await self.claims.remote.stat(path) is None
        await self._let_go(row)
        if gone:
            raise ClaimedElsewhere(path) from error
        if self.claims.renaming.is_proven:
            raise TransferError(
                "not_claimed",
                f"{path!r} cannot be renamed, so another host may be fetching it: {error.finding}",
                "It stays there; the next run tries again. If this continues, ask the provider.",
            ) from error
        self.claims.renaming.failed()
        self.claims.refused = True

    async def _give_back(self) -> None:
        """Give a file that could not be fetched its own name again, if that is free; else it stays ours."""
        if await self.release() and self.row is not None:
            await self._let_go(self.row)

    async def _let_go(self, row: Row) -> None:
        self.row = None
        if row.state is State.CLAIMING:
            await self.claims.ledger.commit(row, State.FORGOTTEN)
        else:
            await self.claims.ledger.commit(row, row.state, remote_path=self.item.entry.path)

    async def _end(self) -> None:
        """The file is done. A row that only names the claim goes, if another row knows of the file."""
        if self.row is not None and self.row.state is State.CLAIMING:
            await self._let_go(self.row)


def _may_be_given_back(error: BaseException) -> bool:
    """Whether the connection and the ledger still work, so that another host may fetch the file."""
    return isinstance(error, (DiskError, RemoteError, TransferError)) and not isinstance(error, OriginalStays)


class ClaimedElsewhere(TransferError):
    """Another host that shares the mailbox has taken a file, or it was taken away."""

    def __init__(self, path: str) -> None:
        super().__init__("claimed_elsewhere", f"{path!r} was there a moment ago; another host has claimed it since.")


def earlier_first() -> FiledropError:
    return TransferError(
        "earlier_first",
        "This host has claimed an earlier file of this name, and fetches that one first.",
        "The next run takes this one.",
    )


REFUSED = (
    "The server does not let files be renamed in `remote_dir`, so this host cannot claim them before it fetches them: "
    "they are shared out by their names alone. Stop the job on all hosts before you change `share` on any of them."
)
