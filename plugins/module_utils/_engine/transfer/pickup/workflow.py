# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetch one remote file: the pickup workflow.

    download to a part -> compare with the server -> group and mode -> sync it and its name -> `placing` -> publish
    -> sync the folder -> `placed` -> delete on the server -> `fetched`

`states.RECOVERY` (``pickup``) defines what happens after a crash. After a file was placed, a file of the same name on
the server is never deleted only because size and time are equal. It is deleted only if a fresh download has the same
content. This also applies to a duplicate that a person resolved as delivered.
"""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from ...errors import (
    DiskError,
    HoldError,
    OriginalStays,
    RemoteError,
    RemoteMissing,
    Replaced,
    TransferError,
    WaitError,
)
from ...ledger.decisions import RESOLVED, held_error
from ...local import names
from ...local.folder import Folder, make_durable, sha256_of
from ...local.parts import Part, PartMissing, digest_of, publish, remove_parts
from ...remote.interface import Entry, Remote
from ...states import CAME, NAME_TAKEN, LocalPart, Original, State, Verdict, verdict_on
from ..hashes import BY_HASH, require_same_hash
from ..selection import vouched_by
from .item import PickupItem, mtime_ns_of, row_of
from .verify import changed_while_read, compare_with_sidecar, download_whole, reread

if TYPE_CHECKING:
    from ...config.jobs.job import Pickup
    from ...ledger.ledger import Ledger, Row
    from ...local.disk_space import SpaceReservation
    from ...local.fsync import Syncer
    from ...local.permissions import Permissions
    from ..result import FileOutcome
    from .claims import Claim, Claims
    from .looks import Looks
    from .move_folder import MoveFolder


@dataclass(frozen=True)
class PickupWorkflow:
    """Hold the tools of one run's pickup workflow; all files share them."""

    job: Pickup
    account: str
    remote: Remote
    ledger: Ledger
    syncer: Syncer
    dest: Folder
    permissions: Permissions
    space: SpaceReservation
    claims: Claims
    looks: Looks
    move_folder: MoveFolder

    async def fetch(self, item: PickupItem) -> FileOutcome:
        """Fetch one remote file completely: the copy is published, and the original is disposed of.

        :raises ClaimedElsewhere: another host fetches the file.
        :raises HoldError: a person has to decide.
        :raises FiledropError: the file was not fetched, or not deleted on the server. No data is lost.
        """
        async with self.claims.hold(item) as claim:
            return await self._complete(item, claim, await self._copy(item, claim))

    def require_free_name(self, item: PickupItem) -> None:
        """Require that a file of a set can have its own name in `dest`.

        :raises WaitError: the name is taken.
        """
        is_ours = item.latest is not None and item.latest.state is State.KEPT
        if not is_ours and self.dest.status(item.entry.name) is not None:
            raise WaitError(
                NAME_TAKEN,
                f"{self.dest.path_of(item.entry.name)!r} exists, and a file of a set keeps its name.",
                "The set is fetched once the name is free. Move the existing file away.",
            )

    async def copy(self, item: PickupItem) -> tuple[FileOutcome, Opened]:
        """Do the first part of `fetch`: the copy is published. The claim stays until `complete`, or the next run."""
        async with AsyncExitStack() as scope:
            claim = await scope.enter_async_context(self.claims.hold(item))
            copy = await self._copy(item, claim)
            return self._outcome_of(item, copy), Opened(claim, copy, scope.pop_all())

    async def complete(self, item: PickupItem, opened: Opened) -> FileOutcome:
        """Do the second part of `fetch`: dispose of the original."""
        async with opened.scope:
            return await self._complete(item, opened.claim, opened.copy)

    async def _copy(self, item: PickupItem, claim: Claim) -> Copy:
        with Part(self.dest, self.part_prefix) as part, self.space.reserve(part, item.size):
            await claim.take()
            before, is_gone = await self._download(item, claim, part)
            row = self._came_before(item, part) or self._published_elsewhere(item, claim, part)
            was_kept = _was_kept(item, part)
            is_duplicate = row is not None and row.state is not State.PLACED and not was_kept
            if row is None:
                row = await self._place(item, claim, part)
            elif is_duplicate and self.job.on_duplicate == "hold":
                raise await self._hold_duplicate(item, claim, part, row)
            elif row.id is None or row.state is State.CLAIMING:
                await self._adopt_copy(row, claim)
            part.discard()
        return Copy(row, None if is_gone else before, is_new=not (is_duplicate or was_kept))

    async def _complete(self, item: PickupItem, claim: Claim, copy: Copy) -> FileOutcome:
        await self._dispose_of_source(copy.row, item, claim, copy.before)
        return self._outcome_of(item, copy)

    def _outcome_of(self, item: PickupItem, copy: Copy) -> FileOutcome:
        outcome = item.outcome.deliver()
        outcome.verified_by = self.job.verify
        if not copy.is_new or copy.row.reason == RESOLVED:
            outcome.skip(DUPLICATE)
            outcome.changed = self.job.after != "keep"
        elif copy.before is None:
            outcome.reason, outcome.message = GONE.reason, str(GONE)
        outcome.sha256, outcome.local_path = copy.row.sha256, copy.row.local_path or ""
        return outcome

    # --- download

    async def _download(self, item: PickupItem, claim: Claim, part: Part) -> tuple[Entry, bool]:
        """Download the file to a durable part with its final group and mode, and verify it.

        Return what the original is compared with from now on, and whether it is gone.

        :raises TransferError: the file is incomplete or changed; see `verify`.
        :raises HoldError: the file is whole and gone, and nobody can tell whether it was verified or taken by another.
        """
        before = await self.looks.before(claim.entry)
        look = await download_whole(self.remote, before, part)
        self.permissions.give(part.fd)
        await self.syncer.sync_new(part.fd, self.dest.fd)  # meanwhile the server answers
        now = await self.looks.after(before, look)
        if now is not None and not self.looks.is_unchanged(before, now):
            raise changed_while_read(before)
        if now is None and self.job.share is not None and not claim.is_taken:
            raise await self._hold_copy(item, claim, part, "another host may have fetched it as well")
        try:
            await self._compare_content(item, before, part)
        except (RemoteError, TransferError) as error:
            if now is not None:
                raise
            raise await self._hold_copy(item, claim, part, error.finding) from error
        return before, now is None

    async def _compare_content(self, item: PickupItem, entry: Entry, part: Part) -> None:
        if self.job.verify == "reread":
            await reread(self.remote, entry, part)
        elif self.job.verify == BY_HASH and part.size:  # an empty file is proven by its size; ProFTPD hashes none
            other = partial(digest_of, self.dest, part.name)
            await require_same_hash(self.remote, entry.path, part.sha256, other)
        elif self.job.verify == "sidecar" and not vouched_by(item.entry.name):
            await compare_with_sidecar(self.remote, item.entry, item.sidecar, part, self.dest)

    async def _hold_copy(self, item: PickupItem, claim: Claim, part: Part, why: str) -> HoldError:
        """Hold a whole copy whose original is gone, and keep its part; return the error to raise."""
        row = self._row(item, claim, part)
        row.local_path = self.dest.path_of(part.name)
        part.keep()
        claim.secure(row)
        return await self._hold(
            row,
            "source_gone",
            f"{item.entry.path!r} was read completely, and is no longer on the server: {why} The copy is kept as "
            f"{self.dest.path_of(part.name)!r}.",
        )

    # --- duplicates

    def _came_before(self, item: PickupItem, part: Part) -> Row | None:
        """Return the row of an earlier file with this name and content, if the new file is not delivered; else None."""
        latest = item.latest
        if latest is None or latest.sha256 != part.sha256:
            return None
        if latest.state is State.PLACED or _was_kept(item, part):
            return latest
        return latest if latest.state in CAME and self.job.on_duplicate != "deliver" else None

    async def _hold_duplicate(self, item: PickupItem, claim: Claim, part: Part, earlier: Row) -> HoldError:
        """Hold a file that appeared again with the same content; return the error to raise."""
        await claim.release()
        row = self._row(item, claim, part)
        await self.ledger.commit(row, State.HELD, reason="duplicate", temporary=None, local_path=earlier.local_path)
        claim.continue_as(row)
        finding = f"{item.entry.path!r} was fetched before, with the same content."
        return held_error(row, "duplicate", finding, self.ledger)

    def _published_elsewhere(self, item: PickupItem, claim: Claim, part: Part) -> Row | None:
        """Return a row for a file that this ledger does not know, but whose content has its name in `dest` already.

        Another ledger has published it there, or an earlier ledger of this host that was lost. A copy that this ledger
        may have published, and forgotten by `retention`, does not count: then the job delivers the file again.
        """
        status = self.dest.status(item.entry.name) if item.latest is None else None
        if status is None or self.ledger.made_at < status.st_ctime < time.time() - RECENT:
            return None
        if not _has_content(self.dest, item.entry.name, part.size, part.sha256):
            return None
        row = self._row(item, claim, part)
        row.verified_by = self.job.verify
        row.temporary, row.local_path = None, self.dest.path_of(item.entry.name)
        return row

    async def _adopt_copy(self, row: Row, claim: Claim) -> None:
        """Record a copy that another ledger has published, after making it durable."""
        make_durable(self.dest, os.path.basename(row.local_path or ""))
        claim.secure(row)
        await self.ledger.commit(row, State.PLACED)

    # --- publish

    async def _place(self, item: PickupItem, claim: Claim, part: Part) -> Row:
        """Publish a verified part; return its row.

        The part is kept from the commit of ``placing`` on, even if that commit fails. The commit may have reached the
        disk all the same, and the next run continues from the state in the ledger.
        """
        row = self._row(item, claim, part)
        row.verified_by = self.job.verify
        if item.latest is not None and item.latest.open and item.latest.id != row.id:
            await self.ledger.commit(item.latest, State.FETCHED)
        part.keep()
        claim.secure(row)
        try:
            await self._publish(row)
        except PartMissing:
            claim.let_go()
            raise
        return row

    async def _publish(self, row: Row) -> None:
        """Publish a row's part under a free name, sync the folder, and commit ``placed``.

        :raises PartMissing: somebody removed the part. The row is forgotten, so the file is fetched again.
        """
        published = False
        while not published:
            final = self.dest.free_name(row.name)
            await self.ledger.commit(row, State.PLACING, local_path=self.dest.path_of(final))
            try:
                published = publish(self.dest, row.temporary or "", final)
            except PartMissing:
                if _left_of(self.dest, row) is not LocalPart.PUBLISHED:  # NFS may say so after it has renamed the part
                    is_claimed = names.is_claim(os.path.basename(row.remote_path))
                    await self.ledger.commit(row, State.CLAIMING if is_claimed else State.FORGOTTEN)
                    raise
                published = True
        await self._placed(row)

    async def _placed(self, row: Row) -> None:
        await self.syncer.sync(self.dest.fd)
        await self.ledger.commit(row, State.PLACED)

    def _row(self, item: PickupItem, claim: Claim, part: Part) -> Row:
        """Build the row of a file. It replaces a row that was resolved with `resend`, or the row of the claim."""
        row = row_of(self.job, self.account, claim.entry)
        row.temporary, row.sha256 = part.name, part.sha256
        if item.latest is not None and item.latest.state is State.RESEND:
            row.id, row.state = item.latest.id, State.RESEND
        elif claim.row is not None and claim.row.state is State.CLAIMING:
            row.id, row.state = claim.row.id, State.CLAIMING
        return row

    # --- unfinished work of an earlier run

    async def publish_kept(self, row: Row, *, is_gone: bool) -> None:
        """Publish the copy of a held file after a person has decided to move it.

        :param is_gone: whether its name is free on the server. If not, the file there may be the original. Then the
            content decides, as after a crash.
        :raises DiskError: the part cannot be published.
        """
        names.check_name(row.name)
        await self._publish(row)
        if is_gone:
            await self.ledger.commit(row, State.FETCHED)

    async def hold_elsewhere(self, row: Row) -> HoldError:
        """Hold a row again whose copy was kept in a folder that is no longer the job's `dest`; return the error."""
        return await self._hold(
            row,
            "dest_changed",
            f"The copy was kept as {row.local_path!r}, which is not in `dest`, and it may be the only one. A run with "
            "that folder as `dest` can publish it.",
        )

    def is_kept_elsewhere(self, row: Row) -> bool:
        """Return whether the copy of a row was kept in another folder than `dest`."""
        folder, name = os.path.split(row.local_path or "")
        return name == row.temporary and folder != self.dest.path

    def part_of(self, row: Row) -> LocalPart:
        """Return what is left in `dest` of a file that an earlier run fetched."""
        return _left_of(self.dest, row)

    async def resume(self, row: Row) -> None:
        """Bring a row from ``placing`` to ``placed``: publish its part if it still exists.

        :raises HoldError: there is no evidence whether the part was published, so a person decides.
        :raises PartMissing: somebody removed the part.
        :raises TransferError: ``name_refused``: the ledger was changed by somebody else.
        """
        names.check_name(row.name)
        if os.path.dirname(row.local_path or "") != self.dest.path:
            await self._resume_elsewhere(row)
            return
        if row.temporary and _is_published(self.dest, row):
            await self.syncer.sync(self.dest.fd)
            self.dest.remove(row.temporary)
        verdict = verdict_on(row.track, row.state, _left_of(self.dest, row), Original.LISTED)
        if verdict is Verdict.PUBLISH:
            await self._publish(row)
        elif verdict is Verdict.PUBLISHED:
            await self._placed(row)
        else:
            raise await self._hold(
                row, "no_copy", f"An earlier run was publishing {row.local_path!r}, and neither it nor its part exists."
            )

    async def _resume_elsewhere(self, row: Row) -> None:
        """Resume a row whose folder is no longer the job's `dest`. Nothing is changed in a folder of another job.

        :raises HoldError: the file is not there yet, so a person decides.
        """
        path = os.path.dirname(row.local_path or "")
        with suppress(DiskError), closing(Folder(path)) as folder:
            if _left_of(folder, row) is LocalPart.PUBLISHED:
                await self._placed(row)
                return
        raise await self._hold(
            row,
            "dest_changed",
            f"An earlier run was publishing {row.local_path!r}, which is not in `dest`. If the part "
            f"{os.path.join(path, row.temporary or '')!r} exists, it has the whole content.",
        )

    async def _hold(self, row: Row, reason: str, finding: str) -> HoldError:
        """Hold a row; return the error to raise."""
        await self.ledger.commit(row, State.HELD, reason=reason)
        return held_error(row, reason, finding, self.ledger)

    def remove_leftovers(self, keep: set[str]) -> None:
        """Remove this job's parts that are not in ``keep``: they were never verified.

        :param keep: the names of the parts of rows in ``placing``.
        """
        remove_parts(self.dest, self.part_prefix, keep)

    # --- the original

    async def _dispose_of_source(self, row: Row, item: PickupItem, claim: Claim, before: Entry | None) -> None:
        """Apply `after` to the original if it is still the file that was fetched; then the row is history.

        :param before: what the original is compared with; None if it is gone.
        :raises OriginalStays: the server refuses to delete or move the original.
        :raises Replaced: the original was replaced after the download.
        """
        entry = claim.entry
        if self.job.after == "keep":
            await claim.release()
        elif before is not None:
            try:
                await self._delete_or_move(row, before)
            except RemoteError as error:
                raise OriginalStays(
                    "not_removed",
                    f"{entry.path!r} was fetched to {row.local_path!r}, but stays on the server: {error.finding}",
                    f"Ask the provider for the permission to {self.job.after} files, or set `after: keep`.",
                ) from error
        if self.job.after != "keep" or claim.entry.path == item.entry.path:
            row.remote_path = item.entry.path
        state = State.KEPT if self.job.after == "keep" else State.FETCHED
        await self.ledger.commit(row, state, size=entry.size or 0, mtime_ns=mtime_ns_of(entry) or 0)

    async def _require_same(self, row: Row, entry: Entry) -> None:
        now = await self.looks.again(entry)
        if now is not None and not self.looks.is_unchanged(entry, now):
            await self.ledger.commit(row, State.FETCHED)
            raise Replaced(
                "changed_before_delete",
                f"{entry.path!r} was fetched, but was replaced on the server before it could be deleted, so the new "
                "file stays.",
                "The next run fetches the new file.",
            )

    async def _delete_or_move(self, row: Row, entry: Entry) -> None:
        """Delete or move the original. The last check of the original comes directly before that request."""
        place = await self.move_folder.place_for(entry) if self.job.after == "move" else None
        await self._require_same(row, entry)
        try:
            await (self.remote.rename(entry.path, place) if place else self.remote.remove(entry.path))
        except RemoteMissing:
            if await self.looks.again(entry) is not None:  # the target folder is missing, not the file
                raise

    @cached_property
    def part_prefix(self) -> str:
        return names.part_prefix(self.ledger.identity, self.account, self.job.name)


class Copy(NamedTuple):
    """A published copy.

    :ivar before: what the original is compared with; None if it is gone.
    :ivar is_new: whether this run published it.
    """

    row: Row
    before: Entry | None
    is_new: bool


class Opened(NamedTuple):
    """A published copy whose original is not disposed of. The scope holds its claim."""

    claim: Claim
    copy: Copy
    scope: AsyncExitStack


RECENT = 24 * 3600.0
"""Seconds for which a copy in `dest` that the ledger does not know is taken for that of another ledger."""

GONE = TransferError(
    "source_gone",
    "The file was read completely. After that it was no longer on the server: the server, or another reader, took it.",
    "If the server does not remove files that were read, find out who else reads them.",
)
DUPLICATE = TransferError(
    "duplicate",
    "The file was fetched before with the same content, so it is not delivered again.",
    "To deliver such files again, set `on_duplicate: deliver`.",
)


def _was_kept(item: PickupItem, part: Part) -> bool:
    """Return whether an earlier run published this content and left the original on the server."""
    latest = item.latest
    return latest is not None and latest.state is State.KEPT and latest.sha256 == part.sha256


def _left_of(folder: Folder, row: Row) -> LocalPart:
    """Return what is left in a folder of a file that was being published."""
    part = row.temporary or ""
    if names.is_part(part) and folder.file(part) is not None:
        return LocalPart.THERE
    final = os.path.basename(row.local_path or "")
    is_published = final and row.sha256 and _has_content(folder, final, row.size, row.sha256)
    return LocalPart.PUBLISHED if is_published else LocalPart.GONE


def _has_content(folder: Folder, name: str, size: int, sha256: str) -> bool:
    """Return whether a regular file has this name, size in bytes and content."""
    file = folder.file(name)
    try:
        return file is not None and file.size == size and sha256_of(folder, file) == sha256
    except (DiskError, TransferError):
        return False  # it is not ours to read, or its reader is changing it


def _is_published(folder: Folder, row: Row) -> bool:
    """Return whether the part and the final name are the same file.

    On a file system without an exclusive rename, publishing has two steps, and a run may be killed between them.
    """
    part = folder.file(row.temporary or "") if names.is_part(row.temporary or "") else None
    final = folder.file(os.path.basename(row.local_path or ""))
    return part is not None and final is not None and (part.device, part.inode) == (final.device, final.inode)
