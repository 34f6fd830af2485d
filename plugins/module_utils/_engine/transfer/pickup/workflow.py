# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pickup workflow: what happens to one remote file on its way here.

    download to a part -> compare with the server -> group and mode -> sync it and its name -> `placing` -> publish
    -> sync the folder -> `placed` -> delete there -> `fetched`

After a crash:

    last state   here                  so
    (none)       a part of this job    not verified: remove it, fetch again
    placing      the part is there     verified and durable: publish it, go on as `placed`
    placing      the part is gone      it was published, even if somebody took it away since: go on as `placed`
    placed       -                     the original goes once a fresh download shows that it is still the same file

So what the server shows later under the name of a file that was placed is never deleted on the word of its size and
time alone. That goes for a duplicate, too, of which a person says that it was delivered: it becomes ``placed``
(decisions.py).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import DiskError, HoldError, OriginalStays, RemoteError, RemoteMissing, Replaced, TransferError
from ...ledger.decisions import way_out
from ...ledger.ledger import CLAIMING, SECOND, Row
from ...local import names
from ...local.folder import Folder, Part, publish, remove_parts
from ...remote import Entry, Remote, join
from ..selection import vouched_by
from .item import Item, row_of
from .verify import compare_with_sidecar, download_whole, require_unchanged, reread

if TYPE_CHECKING:
    from ...config.job import Pickup
    from ...ledger.ledger import Ledger
    from ...local.fsync import Syncer
    from ...local.permissions import Permissions
    from .claims import Claims
    from .disk_space import SpaceReservation

CAME = ("fetched", "kept", "discarded")
"""The states of history that say that a file has been here."""


@dataclass(frozen=True)
class PickupWorkflow:
    """The pickup workflow of one run: the same tools for every file."""

    job: Pickup
    account: str
    remote: Remote
    ledger: Ledger
    syncer: Syncer
    dest: Folder
    access: Permissions
    room: SpaceReservation
    claims: Claims
    places: set[str] = field(default_factory=set)

    async def fetch(self, item: Item) -> Row:
        """See one remote file through to its end; return its row.

        :raises HoldError: a person has to decide.
        :raises FiledropError: it was not fetched, or not deleted there; nothing is lost by it.
        """
        try:
            row = await self._bring(item)
        except (DiskError, RemoteError, TransferError):
            if not item.is_safe:
                await self.claims.give_back(item)
            raise
        try:
            await self._dispose_of_source(row, item)
        except Replaced:
            await self.claims.give_back(item)
            raise
        await self.claims.end(item, row)
        return row

    async def _bring(self, item: Item) -> Row:
        """Have a copy in its place, or the one that came before."""
        part = Part(self.dest, names.part_prefix(self.account, self.job.name))
        try:
            await self._download(item, part)
            if self._was_placed(item, part):
                row = self._known(item)
            elif self._is_duplicate(item, part):
                row = await self._on_duplicate(item, part)
            else:
                row = self._row(item, part)
        except BaseException:
            part.discard()
            raise
        if row.state:
            part.discard()
        else:
            await self._place(item, part, row)
        return row

    # --- here it comes

    async def _download(self, item: Item, part: Part) -> None:
        """Fetch what is there whole and durable, with the access that it will have, or not at all."""
        with self.room.taken_by(part, item.entry.size or 0):
            await self.claims.take(item)
            look = await download_whole(self.remote, item.there, part)
        self.access.give(part.fd)
        await self.syncer.sync_new(part.fd, self.dest.fd)  # meanwhile the server answers
        require_unchanged(item.there, await look)
        if self.job.verify == "reread":
            await reread(self.remote, item.there, part)
        elif self.job.verify == "sidecar" and not vouched_by(item.entry.name):
            await compare_with_sidecar(self.remote, item.there, item.sidecar, part, self.dest)

    # --- has it been here before?

    def _was_placed(self, item: Item, part: Part) -> bool:
        """Whether an earlier run placed this very content and did not delete it, be it that it was cut off or that it
        kept it.
        """
        latest = item.latest
        return latest is not None and latest.state in ("placed", "kept") and latest.sha256 == part.sha256

    def _is_duplicate(self, item: Item, part: Part) -> bool:
        latest = item.latest
        if latest is None or latest.state not in CAME or self.job.on_duplicate == "deliver":
            return False
        return latest.sha256 == part.sha256

    async def _on_duplicate(self, item: Item, part: Part) -> Row:
        """The same name and content as a file that was fetched and deleted: the server has put it back, or sent it
        again.
        """
        item.is_duplicate = True
        if self.job.on_duplicate == "hold":
            earlier = self._known(item).local_path
            await self.claims.release(item)
            row = self._row(item, part)
            await self.ledger.commit(row, "held", reason="duplicate", temporary=None, local_path=earlier)
            item.goes_on_as(row)
            finding = f"{item.entry.path!r} has come before, with the same content."
            raise HoldError("duplicate", finding, way_out(row, self.ledger.path))
        return self._known(item)

    def _known(self, item: Item) -> Row:
        if item.latest is None:
            raise RuntimeError("no earlier row to go on with")
        return item.latest

    # --- and in its place

    async def _place(self, item: Item, part: Part, row: Row) -> None:
        """Publish a verified part.

        From the moment that ``placing`` is asked for the part is never removed: whether the commit failed or only its
        answer did, the next run goes by what is in the ledger.
        """
        try:
            if item.latest is not None and item.latest.open:
                await self.ledger.commit(item.latest, "fetched", open=False)
        except BaseException:
            part.discard()
            raise
        part.close()
        item.is_safe = True
        item.goes_on_as(row)
        await self._publish(row, self.dest)

    async def _publish(self, row: Row, folder: Folder) -> None:
        """Give a row's part a name that is free, make that durable, and bring the row to ``placed``."""
        part = row.temporary or ""
        published = False
        while not published:
            final = folder.free_name(row.name)
            await self.ledger.commit(row, "placing", local_path=folder.path_of(final))
            published = publish(folder, part, final)
        await self._placed(row, folder)

    async def _placed(self, row: Row, folder: Folder) -> None:
        await self.syncer.sync(folder.fd)
        await self.ledger.commit(row, "placed")

    def _row(self, item: Item, part: Part) -> Row:
        """A new row; or the one that a person has decided to fetch again by, or of the claim."""
        row = row_of(self.job, self.account, item.there)
        row.temporary, row.sha256 = part.name, part.sha256
        if item.latest is not None and item.latest.state == "resend":
            row.id, item.latest = item.latest.id, None
        elif item.claim is not None and item.claim.state == CLAIMING:
            row.id = item.claim.id
        return row

    # --- what an earlier run left here

    async def take_up(self, row: Row) -> None:
        """Bring a row in ``placing`` to ``placed``: publish its part if that is still there.

        :raises DiskError: the folder that it was about to be published in, be it no longer that of the job, is gone.
        """
        folder = self.dest
        if row.local_path and os.path.dirname(row.local_path) != self.dest.path:
            folder = Folder(os.path.dirname(row.local_path))
        if row.temporary and _is_published(folder, row):
            await self.syncer.sync(folder.fd)
            folder.remove(row.temporary)
        if row.temporary and folder.file(row.temporary):
            await self._publish(row, folder)
        else:
            await self._placed(row, folder)

    def remove_leftovers(self, keep: set[str]) -> None:
        """Remove this job's parts that no row speaks of: they were never verified."""
        remove_parts(self.dest, names.part_prefix(self.account, self.job.name), keep)

    # --- the original

    async def _dispose_of_source(self, row: Row, item: Item) -> None:
        """Do with the original what the job says, if it is still what was fetched; then the row is history."""
        entry = item.there
        if self.job.after != "keep":
            try:
                await self._delete_or_move(row, entry)
            except RemoteError as error:
                raise OriginalStays(
                    "not_removed",
                    f"{entry.path!r} was fetched to {row.local_path!r}, and stays on the server: {error.finding}",
                    "Ask the provider for the right to delete, or set `after: keep`.",
                ) from error
        else:
            await self.claims.release(item)
        state = "kept" if self.job.after == "keep" else "fetched"
        if self.job.after != "keep" or item.claimed is None:
            row.remote_path = item.entry.path
        await self.ledger.commit(row, state, open=False, size=entry.size, mtime_ns=(entry.mtime or 0) * SECOND)

    async def _require_same(self, row: Row, entry: Entry) -> None:
        now = await self.remote.stat(entry.path)
        if now is not None and (now.size, now.mtime) != (entry.size, entry.mtime):
            await self.ledger.commit(row, "fetched", open=False)
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
            if await self.remote.stat(entry.path) is not None:  # it is the folder to move to that is not there
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


def _is_published(folder: Folder, row: Row) -> bool:
    """Whether the part and the final name are one file: a run was killed between the two steps that stand for a rename
    where the file system has none.
    """
    part = folder.file(row.temporary or "")
    final = folder.file(os.path.basename(row.local_path or ""))
    return part is not None and final is not None and (part.device, part.inode) == (final.device, final.inode)
