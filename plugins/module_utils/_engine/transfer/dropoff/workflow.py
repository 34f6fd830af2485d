# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drop-off workflow: what happens to one local file on its way to the server.

Every irreversible step stands between two commits to the ledger, so that a run that is cut anywhere can be taken up by
the next one (recovery.py). Nothing here knows the protocol, and the local original is not touched before the server
has confirmed its copy.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ...errors import (
    DiskError,
    FiledropError,
    HoldError,
    JobStopped,
    OriginalStays,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
    RemoteUnsupported,
    TransferError,
)
from ...ledger import decisions
from ...ledger.ledger import Row
from ...local import names
from ...local.folder import Folder, Outgoing, remove_parts, sha256_of
from ...remote import Remote, join
from ..canary import CanaryGate
from .archive import archive, delete
from .recovery import NAME_TAKEN, Verdict, judge, waits_for_name

if TYPE_CHECKING:
    from ...config.job import Dropoff
    from ...ledger.ledger import Ledger
    from ...local.folder import Folder, LocalFile
    from ...local.fsync import Syncer
    from ...loop.deadline import Deadline
    from ...remote import Entry, Uploaded

RENAME = "rename"
"""The capability that `upload: rename` needs."""

PARTIAL_UPLOADS = "partial_uploads"
"""Whether a server shows a file under its name while it is written, so that it may be taken before it is complete."""


@dataclass
class Item:
    """One name to see to: a file that is there now, what an earlier run left unfinished, or both."""

    folder: Folder
    name: str
    file: LocalFile | None
    row: Row | None = None

    @property
    def is_same(self) -> bool:
        """Whether the file that is there is the one that the row is about, by size, time and what was read of it."""
        file, row = self.file, self.row
        if file is None or row is None or (file.size, file.mtime_ns) != (row.size, row.mtime_ns):
            return False
        return row.sha256 is None or sha256_of(self.folder, file) == row.sha256


@dataclass(frozen=True)
class DropoffWorkflow:
    """The drop-off workflow of one run: the same tools for every file."""

    job: Dropoff
    account: str
    remote: Remote
    ledger: Ledger
    syncer: Syncer
    deadline: Deadline
    archives: dict[str, Folder] = field(default_factory=dict)

    async def deliver(self, item: Item) -> Row:
        """See one item through to its end; return its row once the server has the file and the original is settled.

        :raises HoldError: a person has to decide.
        :raises FiledropError: it could not be delivered, and its original stands where it stood.
        """
        if item.row is None:
            await self._require_free_name(item.name)
        async with self._renaming:
            row = await self._bring(item)
        return await self._dispose_of_source(item, row)

    async def _bring(self, item: Item) -> Row:
        """Have the server have it. What an earlier run left is judged in its turn, for every look at it ages."""
        is_new = item.row is None
        verdict = await self._take_up(item)
        if verdict is Verdict.DELIVERED and item.row:
            return item.row
        if verdict is Verdict.DISCARDED and item.row:
            await self.ledger.commit(item.row, "discarded", open=False)
            raise decisions.Discarded
        if item.file is None:
            raise TransferError("local_missing", f"{item.folder.path_of(item.name)!r} is gone, and was not sent.")
        over_own_part = verdict is Verdict.REWRITE
        if not (is_new or over_own_part):
            await self._require_free_name(item.name)
        return await self._send(item, item.file, over_own_part=over_own_part)

    async def predict(self, item: Item) -> Verdict:
        """What `deliver` would find, for check mode: looks at the server, changes nothing.

        :raises HoldError: as `deliver` would.
        """
        verdict = await self._judge(item.row) if item.row else Verdict.SEND
        if verdict is Verdict.SEND:
            await self._require_free_name(item.name)
        return verdict

    @cached_property
    def _renaming(self) -> CanaryGate:
        return CanaryGate(self.ledger, self.account, RENAME, self.deadline, is_needed=self.job.upload == "rename")

    # --- what an earlier run left

    async def _judge(self, row: Row) -> Verdict:
        """:raises HoldError: if only a person can decide."""
        if row.state == "held" and not waits_for_name(row):
            raise self._held(
                row, row.reason or "held", f"{names.quoted(row.name)} waits for a decision since an earlier run."
            )
        look_final = self.remote.stat(row.remote_path)
        look_temporary = self.remote.stat(row.temporary) if row.temporary else None
        final = await look_final
        temporary = await look_temporary if look_temporary else None
        verdict = judge(row, final, temporary, partial_uploads=self._shows_what_is_written)
        if verdict is Verdict.AMBIGUOUS and self.job.ambiguous == "resend":
            return Verdict.SEND
        if verdict in _HOLDS:
            reason, finding = _HOLDS[verdict]
            raise self._held(row, reason, f"{names.quoted(row.name)} was cut off in an earlier run, and {finding}.")
        return verdict

    def _held(self, row: Row, reason: str, finding: str) -> HoldError:
        return HoldError(reason, finding, decisions.way_out(row, self.ledger.path))

    async def _take_up(self, item: Item) -> Verdict:
        """Bring what an earlier run left to where DELIVERED, SEND or REWRITE says how to go on, for the file that is
        there now.
        """
        row = item.row
        if row is None:
            return Verdict.SEND
        try:
            verdict = await self._judge(row)
        except HoldError as error:
            if row.state != "held":
                await self.ledger.commit(row, "held", reason=error.reason)
            raise
        if verdict is Verdict.FINISH_RENAME:
            await self._finish_rename(row)
            verdict = Verdict.DELIVERED
        confirmed = "renamed" if row.temporary else "closed"
        if verdict is Verdict.DELIVERED and row.open and row.state != confirmed:
            # The evidence may be gone by the time that the original is settled.
            await self.ledger.commit(row, confirmed)
        if verdict is Verdict.SEND_ANEW and row.temporary:
            await self._remove_own(row.temporary)
            verdict = Verdict.SEND
        if row.open and row.reason == decisions.RESOLVED and row.temporary:
            await _succeeds(self.remote.remove(row.temporary))
        if item.is_same or (verdict in _ENDS and item.file is None):
            return verdict
        if verdict is Verdict.REWRITE:
            await self._remove_own(row.remote_path)
        await self.ledger.commit(row, _ENDS.get(verdict, "abandoned"), open=False)
        item.row = None
        return Verdict.SEND

    async def _finish_rename(self, row: Row) -> None:
        if row.state == "held":
            await self.ledger.commit(row, "closed", reason=None)
        await self._see_renamed(row, self.remote.rename(row.temporary or "", row.remote_path))

    async def _remove_own(self, path: str) -> None:
        with suppress(RemoteMissing):
            await self.remote.remove(path)

    # --- the upload

    async def _send(self, item: Item, file: LocalFile, *, over_own_part: bool) -> Row:
        """Upload one file under a name that is free: whole, and confirmed by the server."""
        with closing(Outgoing(item.folder, file)) as source:
            if over_own_part and item.row:
                row, was_asked_for = item.row, True
            else:
                was_asked_for = item.row is not None and item.row.state == "intent"
                row = item.row = await self._intend(item, file)
            uploaded: Uploaded | None = None

            async def created(upload: Uploaded) -> None:
                nonlocal uploaded
                uploaded = upload
                await self.ledger.commit(row, "created", visible=await self._is_visible(row))

            try:
                upload = await self.remote.upload(
                    row.temporary or row.remote_path,
                    source,
                    over=over_own_part,
                    temporary=row.temporary is not None,
                    created=created,
                )
                visible = await self._check_size(upload, row)
            except FiledropError as error:
                if uploaded is not None:
                    # What is held is no longer ours to remove.
                    if row.state == "created" and await uploaded.discard():
                        await self.ledger.commit(row, "abandoned", open=False)
                elif isinstance(error, RemoteError) and not over_own_part:
                    await self._was_not_created(row, may_be_ours=was_asked_for)
                raise
            await self.ledger.commit(row, "written", visible=visible, sha256=source.sha256)
        await self._see_closed(row, upload)
        await self.ledger.commit(row, "closed")
        renaming = self.remote.rename(row.temporary, row.remote_path) if row.temporary else None
        look = self.remote.stat(row.remote_path)
        if renaming:
            await self._see_renamed(row, renaming)
        await self._check_delivered(row, look)
        return row

    async def _intend(self, item: Item, file: LocalFile) -> Row:
        remote_path = join(self.job.remote_dir, item.name)
        row = item.row or Row(
            account=self.account,
            direction=self.job.direction,
            folder=item.folder.path,
            name=item.name,
            size=file.size,
            mtime_ns=file.mtime_ns,
            job=self.job.name,
            remote_path=remote_path,
        )
        await self.ledger.commit(
            row,
            "intent",
            temporary=self._temporary_for(row),
            remote_path=remote_path,
            visible=None,
            sha256=None,
            reason=None,
        )
        return row

    def _temporary_for(self, row: Row) -> str | None:
        """The name to upload under. One that was asked for, with no answer, may still come to be: it stays ours."""
        if self.job.upload != "rename":
            return None
        if row.state == "intent" and row.temporary:
            return row.temporary
        return join(self.job.remote_dir, names.temporary(self.job.temp_name, row.name))

    async def _was_not_created(self, row: Row, *, may_be_ours: bool) -> None:
        """Where a new file is refused, nothing of ours is on the server.

        :param may_be_ours: it was asked for before, over a connection that was lost. What is in the way may have come
            of that, late; so the next run looks at it.
        """
        if not (may_be_ours and await self._is_empty(row.temporary or row.remote_path)):
            await self.ledger.commit(row, "abandoned", open=False)

    async def _is_empty(self, path: str) -> bool:
        """Whether an empty file can be seen there."""
        try:
            there = await self.remote.stat(path)
        except RemoteError:
            return False
        return there is not None and not there.size

    async def _is_visible(self, row: Row) -> bool | None:
        """Whether others can see, and take, the file while it is written; of no interest under a temporary name."""
        if row.temporary:
            return None
        seen = await self.remote.stat(row.remote_path) is not None
        if seen and not self._shows_what_is_written:
            self.ledger.learn(self.account, PARTIAL_UPLOADS, allowed=True)
        return seen

    @property
    def _shows_what_is_written(self) -> bool:
        return self.ledger.capability(self.account, PARTIAL_UPLOADS) is True

    async def _require_free_name(self, name: str) -> None:
        path = join(self.job.remote_dir, name)
        try:
            taken = await self.remote.stat(path)
        except (RemoteDenied, RemoteUnsupported) as error:
            raise JobStopped(
                "stat_refused",
                f"The server does not let us look whether a name is taken ({error.finding}).",
                "Without that a drop-off could overwrite files unseen; ask the provider for the right to look at "
                "files.",
            ) from error
        if taken is not None:
            raise _name_taken(path)

    async def _check_size(self, upload: Uploaded, row: Row) -> bool:
        """The server must hold as many bytes as we sent; return whether the final name can be seen by now."""
        look = self.remote.stat(row.remote_path)
        size, refusal = None, None
        try:
            size = await upload.size()
        except RemoteError as error:
            refusal = error
        if size is None and row.visible and await look is None:
            raise await self._taken_too_early(row)
        if size is None:
            raise refusal or JobStopped(
                "unverified",
                f"The server does not tell how much of {row.remote_path!r} it has received, so nothing can be "
                "verified.",
                "Ask the provider for the right to look at files that are being written.",
            )
        final = await look
        if size != row.size:
            raise TransferError(
                "incomplete",
                f"The server has {size} of the {row.size} bytes that were sent to {row.remote_path!r}.",
                "The next run sends it again.",
            )
        if row.temporary and final is not None:
            raise _name_taken(row.remote_path)
        if row.visible and final is None:
            raise await self._taken_too_early(row)
        return final is not None

    async def _taken_too_early(self, row: Row) -> HoldError:
        reason, finding = _HOLDS[Verdict.HOLD_INCOMPLETE]
        await self.ledger.commit(row, "held", reason=reason)
        return self._held(row, reason, f"{row.remote_path!r} is gone before it was complete, so {finding}.")

    async def _see_closed(self, row: Row, upload: Uploaded) -> None:
        """See the upload closed; a server that refuses that has not taken the file."""
        try:
            await upload.close()
        except RemoteError as error:
            if await upload.discard():
                await self.ledger.commit(row, "abandoned", open=False)
                raise TransferError(
                    "not_completed", str(error), "What was uploaded was removed; the next run sends it again."
                ) from error
            await self.ledger.commit(row, "held", reason="not_completed")
            raise self._held(row, "not_completed", f"{error} The file is no longer under its name there.") from error

    async def _see_renamed(self, row: Row, renaming: Awaitable[None]) -> None:
        """See that the whole file gets its final name, and remember that this server allows it."""
        try:
            await renaming
        except RemoteError as error:
            await self._rename_refused(row, error)
        self._renaming.succeeded()
        await self.ledger.commit(row, "renamed")

    async def _rename_refused(self, row: Row, error: RemoteError) -> None:
        """Return if it was renamed all the same; else take the file back and say why it cannot go."""
        temporary = row.temporary or ""
        look_final, look_temporary = self.remote.stat(row.remote_path), self.remote.stat(temporary)
        final = await look_final
        verdict = judge(row, final, await look_temporary)
        if verdict is Verdict.DELIVERED:
            return
        if verdict is Verdict.AMBIGUOUS:
            await self.ledger.commit(row, "held", reason="vanished")
            raise self._held(row, "vanished", f"{error} Neither name is there any more.") from error
        if await _succeeds(self.remote.remove(temporary)):
            await self.ledger.commit(row, "abandoned", open=False)
        if final is not None:
            raise _name_taken(row.remote_path) from error
        if self._renaming.is_proven:
            raise TransferError("rename_failed", str(error), "The next run sends it again.") from error
        self._renaming.failed()
        raise JobStopped(
            "rename_refused",
            f"{error} The uploaded file was removed again.",
            "Set `upload: direct` if the provider takes files as they are written, or ask for the right to rename.",
        ) from error

    async def _check_delivered(self, row: Row, look: Awaitable[Entry | None]) -> None:
        """What stands under the final name now is ours, or the provider has taken it already."""
        final = await look
        if final is None and row.temporary:  # who works at several requests at once may have looked too early
            final = await self.remote.stat(row.remote_path)
        if row.visible is False and not row.temporary and self._shows_what_is_written:
            # It was never seen, on a server that shows what is written: taken at once, or the server has changed.
            if final is None:
                raise await self._taken_too_early(row)
            self.ledger.learn(self.account, PARTIAL_UPLOADS, allowed=False)
        if final is not None and final.size != row.size:
            await self.ledger.commit(row, "held", reason="size_changed")
            raise self._held(
                row,
                "size_changed",
                f"{row.remote_path!r} had {row.size} bytes before it was completed, and has {final.size} now.",
            )

    # --- the original

    async def _dispose_of_source(self, item: Item, row: Row) -> Row:
        """Do with the local original what the job says, if it is still what was sent; then the row is history."""
        archived = None
        try:
            if item.file is not None and self.job.after == "archive":
                archived = await self._archive(item.folder, item.file)
            elif item.file is not None and self.job.after == "delete":
                delete(item.folder, item.file)
                await self.syncer.sync(item.folder.fd)
        except DiskError as error:
            raise OriginalStays(
                error.reason, f"{names.quoted(item.name)} was sent. {error.finding}", error.way_out
            ) from error
        finally:
            await self.ledger.commit(
                row, "delivered", open=False, local_path=archived or item.folder.path_of(item.name)
            )
        return row

    async def _archive(self, folder: Folder, file: LocalFile) -> str:
        into = self._archive_of(folder)
        name = archive(folder, file, into, part_prefix=self._part_prefix)
        await self.syncer.sync_move(into.fd, folder.fd)
        return into.path_of(name)

    def _archive_of(self, folder: Folder) -> Folder:
        path = self.job.archive_dir or folder.path
        if path not in self.archives:
            given = self.job.archive_dir
            self.archives[path] = Folder(given, option="archive_dir") if given else folder.make(names.ARCHIVE)
            remove_parts(self.archives[path], self._part_prefix)
        return self.archives[path]

    @cached_property
    def _part_prefix(self) -> str:
        return names.part_prefix(self.account, self.job.name)


_ENDS = {Verdict.DELIVERED: "delivered", Verdict.DISCARDED: "discarded"}
"""What ends a row, whatever became of its original."""

_HOLDS = {
    Verdict.HOLD_TAKEN_NAME: (NAME_TAKEN, "what stands under its name on the server now is not what was sent"),
    Verdict.HOLD_INCOMPLETE: ("maybe_incomplete", "an incomplete file may have been taken from the server since"),
    Verdict.AMBIGUOUS: ("ambiguous", "nothing tells whether it was taken from the server or lost"),
}


def _name_taken(path: str) -> HoldError:
    return HoldError(
        NAME_TAKEN,
        f"There is a file {path!r} on the server already, and it is not overwritten.",
        "It is sent once that name is free; rename it if that never happens.",
    )


async def _succeeds(request: Awaitable[None]) -> bool:
    """Whether the server does it; a refusal is no news to the caller, who is cleaning up."""
    try:
        await request
    except RemoteError:
        return False
    return True
