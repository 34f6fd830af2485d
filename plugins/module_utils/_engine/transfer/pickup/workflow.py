# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pickup workflow: what happens to one remote file on its way here.

    download to a part -> compare with the server -> group and mode -> sync it and its name -> `placing` -> publish
    -> sync the folder -> `placed` -> delete there -> `fetched`

`states.RECOVERY` (``pickup``) says what follows after a crash. What the server shows later under the name of a file
that was placed is never deleted because of its size and time alone: a fresh download has to have the same content. That
holds for a duplicate, too, of which a person says that it was delivered.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import HoldError, OriginalStays, RemoteError, RemoteMissing, Replaced, TransferError
from ...ledger.decisions import RESOLVED, way_out
from ...local import names
from ...local.folder import Folder, Part, publish, remove_parts
from ...remote import Entry, Remote, join
from ...states import CAME, LocalPart, Original, State, Verdict, verdict_on
from ..selection import vouched_by
from .item import Item, mtime_ns_of, row_of
from .verify import compare_with_sidecar, download_whole, require_unchanged, reread

if TYPE_CHECKING:
    from ...config.job import Pickup
    from ...ledger.ledger import Ledger, Row
    from ...local.fsync import Syncer
    from ..result import FileOutcome
    from .claims import Claim, Claims
    from .disk_space import SpaceReservation
    from .permissions import Access


@dataclass(frozen=True)
class PickupWorkflow:
    """The pickup workflow of one run: the same tools for every file."""

    job: Pickup
    account: str
    remote: Remote
    ledger: Ledger
    syncer: Syncer
    dest: Folder
    access: Access
    space: SpaceReservation
    claims: Claims
    places: set[str] = field(default_factory=set)

    async def fetch(self, item: Item) -> FileOutcome:
        """See one remote file through to its end: the copy is published, and the original is disposed of.

        :raises ClaimedElsewhere: another host fetches it.
        :raises HoldError: a person has to decide.
        :raises FiledropError: it was not fetched, or not deleted there; nothing is lost by it.
        """
        with Part(self.dest, self._part_prefix) as part, self.space.reserve(part, item.size):
            async with self.claims.hold(item) as claim:
                await self._download(item, claim, part)
                row = self._came_before(item, part)
                is_duplicate = row is not None and row.state in CAME and not _was_kept(item, part)
                if row is None:
                    row = await self._place(item, claim, part)
                elif is_duplicate and self.job.on_duplicate == "hold":
                    raise await self._hold_duplicate(item, claim, part, row)
                part.discard()
                await self._dispose_of_source(row, item, claim)
        outcome = item.outcome.deliver()
        if is_duplicate or row.reason == RESOLVED:
            outcome.skip(DUPLICATE)
            outcome.changed = self.job.after != "keep"
        outcome.sha256, outcome.local_path = row.sha256, row.local_path or ""
        return outcome

    # --- here it comes

    async def _download(self, item: Item, claim: Claim, part: Part) -> None:
        """Fetch the file whole and durable, with the group and mode that it will have, or not at all."""
        entry = claim.entry
        look = await download_whole(self.remote, entry, part)
        self.access.give(part.fd)
        await self.syncer.sync_new(part.fd, self.dest.fd)  # meanwhile the server answers
        require_unchanged(entry, await look)
        if self.job.verify == "reread":
            await reread(self.remote, entry, part)
        elif self.job.verify == "sidecar" and not vouched_by(item.entry.name):
            await compare_with_sidecar(self.remote, entry, item.sidecar, part, self.dest)

    # --- has it been here before?

    def _came_before(self, item: Item, part: Part) -> Row | None:
        """The row of an earlier file of this name with the same content, if that file is to count for this one."""
        latest = item.latest
        if latest is None or latest.sha256 != part.sha256:
            return None
        if latest.state is State.PLACED or _was_kept(item, part):
            return latest
        return latest if latest.state in CAME and self.job.on_duplicate != "deliver" else None

    async def _hold_duplicate(self, item: Item, claim: Claim, part: Part, earlier: Row) -> HoldError:
        """The server has put a file back, or sent it again, and the job holds such files."""
        await claim.release()
        row = self._row(item, claim, part)
        await self.ledger.commit(row, State.HELD, reason="duplicate", temporary=None, local_path=earlier.local_path)
        claim.continue_as(row)
        finding = f"{item.entry.path!r} has come before, with the same content."
        return HoldError("duplicate", finding, way_out(row, self.ledger.path))

    # --- and in its place

    async def _place(self, item: Item, claim: Claim, part: Part) -> Row:
        """Publish a verified part; return its row.

        From the moment that ``placing`` is asked for, the part is never removed: whether the commit failed or only its
        answer did, the next run goes by what the ledger has.
        """
        row = self._row(item, claim, part)
        if item.latest is not None and item.latest.open and item.latest.id != row.id:
            await self.ledger.commit(item.latest, State.FETCHED)
        part.keep()
        claim.secure(row)
        await self._publish(row, self.dest)
        return row

    async def _publish(self, row: Row, folder: Folder) -> None:
        """Give a row's part a name that is free, make that durable, and bring the row to ``placed``."""
        part = row.temporary or ""
        published = False
        while not published:
            final = folder.free_name(row.name)
            await self.ledger.commit(row, State.PLACING, local_path=folder.path_of(final))
            published = publish(folder, part, final)
        await self._placed(row, folder)

    async def _placed(self, row: Row, folder: Folder) -> None:
        await self.syncer.sync(folder.fd)
        await self.ledger.commit(row, State.PLACED)

    def _row(self, item: Item, claim: Claim, part: Part) -> Row:
        """A new row; or the one that a person decided to fetch again, or that names the claim."""
        row = row_of(self.job, self.account, claim.entry)
        row.temporary, row.sha256 = part.name, part.sha256
        if item.latest is not None and item.latest.state is State.RESEND:
            row.id, row.state = item.latest.id, State.RESEND
        elif claim.row is not None and claim.row.state is State.CLAIMING:
            row.id, row.state = claim.row.id, State.CLAIMING
        return row

    # --- what an earlier run left here

    async def resume(self, row: Row) -> None:
        """Bring a row in ``placing`` to ``placed``: publish its part if that is still there.

        :raises DiskError: the folder in which it was about to be published is gone. It need not be the job's any more.
        """
        folder = self.dest
        if row.local_path and os.path.dirname(row.local_path) != self.dest.path:
            folder = Folder(os.path.dirname(row.local_path))
        if row.temporary and _is_published(folder, row):
            await self.syncer.sync(folder.fd)
            folder.remove(row.temporary)
        part = LocalPart.THERE if row.temporary and folder.file(row.temporary) else LocalPart.GONE
        if verdict_on(row.track, row.state, part, Original.LISTED) is Verdict.PUBLISH:
            await self._publish(row, folder)
        else:
            await self._placed(row, folder)

    def remove_leftovers(self, keep: set[str]) -> None:
        """Remove this job's parts that no row names: they were never verified."""
        remove_parts(self.dest, self._part_prefix, keep)

    # --- the original

    async def _dispose_of_source(self, row: Row, item: Item, claim: Claim) -> None:
        """Do with the original what the job says, if it is still what was fetched; then the row is history."""
        entry = claim.entry
        if self.job.after == "keep":
            await claim.release()
        else:
            try:
                await self._delete_or_move(row, entry)
            except RemoteError as error:
                raise OriginalStays(
                    "not_removed",
                    f"{entry.path!r} was fetched to {row.local_path!r}, and stays on the server: {error.finding}",
                    "Ask the provider for the right to delete, or set `after: keep`.",
                ) from error
        if self.job.after != "keep" or claim.entry.path == item.entry.path:
            row.remote_path = item.entry.path
        state = State.KEPT if self.job.after == "keep" else State.FETCHED
        await self.ledger.commit(row, state, size=entry.size, mtime_ns=mtime_ns_of(entry) or 0)

    async def _require_same(self, row: Row, entry: Entry) -> None:
        now = await self.remote.stat(entry.path)
        if now is not None and (now.size, now.mtime) != (entry.size, entry.mtime):
            await self.ledger.commit(row, State.FETCHED)
            raise Replaced(
                "changed_before_delete",
                f"{entry.path!r} was fetched, and was replaced on the server before it could be deleted there, so "
                "it stays.",
                "The next run fetches what stands there now.",
            )

    async def _delete_or_move(self, row: Row, entry: Entry) -> None:
        """The last look at the original comes right before the request that takes it away."""
        place = await self._free_place(entry) if self.job.after == "move" else None
        await self._require_same(row, entry)
        try:
            await (self.remote.rename(entry.path, place) if place else self.remote.remove(entry.path))
        except RemoteMissing:
            if await self.remote.stat(entry.path) is not None:  # it is the folder to move to that is missing
                raise

    async def _free_place(self, entry: Entry) -> str:
        """A path in ``move_dir`` that nobody has, nor is about to take in this run: some servers overwrite."""
        folder, name, number = self.job.move_dir or "", entry.name, 1
        while True:
            place = join(folder, name)
            if place not in self.places:
                self.places.add(place)
                if await self.remote.stat(place) is None:
                    return place
            number += 1
            name = names.version(entry.name, number)

    @cached_property
    def _part_prefix(self) -> str:
        return names.part_prefix(self.account, self.job.name)


DUPLICATE = TransferError("duplicate", "It has come before with the same content, and is not delivered again.")


def _was_kept(item: Item, part: Part) -> bool:
    """Whether an earlier run published this content and left the original where it was."""
    latest = item.latest
    return latest is not None and latest.state is State.KEPT and latest.sha256 == part.sha256


def _is_published(folder: Folder, row: Row) -> bool:
    """Whether the part and the final name are one file: a run was killed between the two steps that replace a rename
    where the file system has none.
    """
    part = folder.file(row.temporary or "")
    final = folder.file(os.path.basename(row.local_path or ""))
    return part is not None and final is not None and (part.device, part.inode) == (final.device, final.inode)
