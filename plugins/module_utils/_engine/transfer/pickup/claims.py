# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claim files: if several hosts share a mailbox, the host whose rename succeeds fetches the file.

Shares alone separate hosts only while all hosts have the same share settings. So before a host fetches a file, it
renames it to a hidden name. No selection takes that name, and it identifies the claim. The server lets only one rename
succeed. In the ledger, the file keeps its own name.

`states.STEPS` and `states.RECOVERY` (``pickup``) define the steps and what happens after a crash. If a server does not
allow the rename, the first file of a connection detects that. Then only the shares separate the hosts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import (
    DiskError,
    OriginalStays,
    RemoteError,
    RemoteMissing,
    Replaced,
    SkipError,
    TransferError,
    WaitError,
)
from ...ledger.ledger import NAMES_A_QUERY, Row, slices
from ...local import names
from ...remote.interface import Entry, Remote, join
from ...states import State
from ..canary import CanaryGate
from ..capabilities import CLAIM
from .item import row_of

if TYPE_CHECKING:
    from types import TracebackType

    from ...config.jobs.job import Pickup
    from ...ledger.ledger import Ledger
    from ...loop.deadline import Deadline
    from .item import PickupItem


@dataclass
class Claims:
    """Manage the claims of one job over one connection.

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
        """Return whether this job claims files. A job with ``after: keep`` does not: its files stay for all hosts.

        A claim has a hidden name. Where listings leave such names out, a later run would not find it.
        """
        may_claim = self.remote.features.lists_hidden and not self.refused
        return self.job.share is not None and self.job.after != "keep" and may_claim

    @cached_property
    def renaming(self) -> CanaryGate:
        return CanaryGate(self.ledger, self.account, CLAIM, self.deadline, is_needed=self.are_taken)

    def hold(self, item: PickupItem) -> Claim:
        """Return the claim of one file, as a scope: ``async with claims.hold(item) as claim``. See `Claim.take`."""
        return Claim(self, item)

    # --- claims of earlier runs

    def among(self, listed: Sequence[Entry]) -> dict[str, Entry]:
        """Return the listed files that this job has claimed: their current entries, by their own names."""
        by_path = {entry.path: entry for entry in listed}
        return {row.name: by_path[row.remote_path]._replace(name=row.name) for row in self._rows(by_path)}

    def _rows(self, paths: Iterable[str]) -> Iterator[Row]:
        """Yield the rows of these claims, history included: a claimed file that was replaced later is ours too."""
        key = (self.account, self.job.direction, self.job.remote_dir, self.job.name)
        where = "WHERE account = ? AND direction = ? AND folder = ? AND job = ? AND remote_path IN ({}) ORDER BY id"
        for some in slices(list(paths), NAMES_A_QUERY):
            yield from self.ledger.rows(where.format(", ".join("?" * len(some))), (*key, *some))

    async def is_there(self, row: Row) -> bool:
        """Return whether a claim exists that was not listed. It may have been renamed during the listing."""
        return names.is_claim(os.path.basename(row.remote_path)) and await self.remote.stat(row.remote_path) is not None


@dataclass
class Claim:
    """Hold the claim of one file, as a scope.

    If the scope fails before the copy is safe, the file gets its own name again. If the scope succeeds, the claim ends.

    :ivar entry: the file under its current path.
    :ivar row: the row of the claim. It exists before the rename is requested.
    """

    claims: Claims
    item: PickupItem
    entry: Entry = field(init=False)
    row: Row | None = field(init=False)
    _is_safe: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.entry = self.item.claimed or self.item.entry
        self.row = self.item.claim_row

    async def __aenter__(self) -> Claim:
        return self

    async def take(self) -> None:
        """Claim the file, if this job claims files and an earlier run has not claimed it.

        :raises ClaimedElsewhere: another host was faster.
        :raises TransferError: ``not_claimed``: this file cannot be renamed.
        """
        async with self.claims.renaming:
            if self.claims.are_taken and not self.is_taken:
                await self._rename()

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._end()
        elif isinstance(error, Replaced) or (not self._is_safe and _may_be_given_back(error)):
            await self._give_back()

    def secure(self, row: Row) -> None:
        """Keep the claim from now on, even after a failure: the copy is durable and will be published as ``row``."""
        self._is_safe = True
        self.continue_as(row)

    def continue_as(self, row: Row) -> None:
        """Use this object from now on for the row of the claim, if both are the same row."""
        if self.row is not None and self.row.id == row.id:
            self.row = row

    def let_go(self) -> None:
        """The copy is lost, and the row forgotten: if the scope fails now, the file gets its own name again."""
        self._is_safe = False

    async def release(self) -> bool:
        """Give the file its own name again; return whether this succeeded. The row of the claim is not changed."""
        own = self.item.entry
        try:
            if not self.is_taken or await self.claims.remote.stat(own.path) is not None:
                return False
            await self.claims.remote.rename(self.entry.path, own.path)
        except RemoteError:
            return False
        self.entry = own
        return True

    @property
    def is_taken(self) -> bool:
        """Return whether the file has the name of the claim on the server."""
        return self.entry.path != self.item.entry.path

    async def _rename(self) -> None:
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
        """Record the claim in the ledger before the rename is requested; return its row."""
        item, job = self.item, self.claims.job
        if self.row is None:
            is_open = item.latest is not None and item.latest.open
            self.row = item.latest if is_open else row_of(job, self.claims.account, item.entry)
        row = self.row
        if row is None:
            raise RuntimeError("a claim without a row")
        path = row.remote_path
        if not names.is_claim(os.path.basename(path)):
            path = join(job.remote_dir, names.claim(self.claims.ledger.identity, item.entry.name))
        await self.claims.ledger.commit(row, row.state or State.CLAIMING, remote_path=path)
        return row

    async def _not_taken(self, row: Row, error: RemoteError) -> None:
        """Return if the file can be fetched without a claim, because this server does not allow renames.

        :raises ClaimedElsewhere: the file is missing under its own name.
        :raises TransferError: ``not_claimed``: the server allows renames, but not of this file.
        """
        path = self.item.entry.path
        gone = isinstance(error, RemoteMissing) or await self.claims.remote.stat(path) is None
        await self._let_go(row)
        if gone:
            raise ClaimedElsewhere(path) from error
        if self.claims.renaming.is_proven:
            raise TransferError(
                "not_claimed",
                f"{path!r} cannot be renamed, so another host may be fetching it: {error.finding}",
                "The file stays on the server, and the next run retries. If this continues, ask the provider.",
            ) from error
        self.claims.renaming.failed()
        self.claims.refused = True

    async def _give_back(self) -> None:
        """Give a file that could not be fetched its own name again. If that name is taken, the claim stays."""
        if await self.release() and self.row is not None:
            await self._let_go(self.row)

    async def _let_go(self, row: Row) -> None:
        self.row = None
        if row.state is State.CLAIMING:
            await self.claims.ledger.commit(row, State.FORGOTTEN)
        else:
            await self.claims.ledger.commit(row, row.state, remote_path=self.item.entry.path)

    async def _end(self) -> None:
        """End the claim after success. Delete its row if the row has no other purpose than the claim."""
        if self.row is not None and self.row.state is State.CLAIMING:
            await self._let_go(self.row)


def _may_be_given_back(error: BaseException) -> bool:
    """Return whether the connection and the ledger still work after an error, so that the file can be released."""
    return isinstance(error, (DiskError, RemoteError, TransferError)) and not isinstance(error, OriginalStays)


class ClaimedElsewhere(SkipError):
    """Raised when another host that shares the mailbox has claimed a file, or the file was removed."""

    def __init__(self, path: str) -> None:
        finding = f"{path!r} was listed, but another host has claimed it since."
        super().__init__("claimed_elsewhere", finding, "That host fetches it.")


def earlier_first() -> WaitError:
    return WaitError(
        "earlier_first",
        "This host has claimed an earlier file of the same name, and fetches that file first.",
        "The next run fetches this file.",
    )


REFUSED = (
    "The server does not allow renaming files in `remote_dir`, so this host cannot claim them before it fetches them. "
    "Only the file names decide which host fetches a file. Stop the job on all hosts before you change `share` on any."
)
