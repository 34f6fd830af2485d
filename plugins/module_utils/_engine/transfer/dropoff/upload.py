# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upload of one file: from a name that is free to the whole file under its final name.

Each irreversible step stands between two commits to the ledger, so that a run that is cut anywhere can be continued
by the next one: `states.RECOVERY` says how. Nothing here knows the protocol.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import FiledropError, HoldError, JobStopped, RemoteDenied, RemoteError, RemoteUnsupported, TransferError
from ...ledger.decisions import way_out
from ...ledger.ledger import Row
from ...local import names
from ...local.folder import LocalFile, Outgoing
from ...remote import join
from ...states import State, Verdict
from ..capabilities import PARTIAL_UPLOADS
from .recovery import HOLDS, NAME_TAKEN, judge

if TYPE_CHECKING:
    from ...config.job import Dropoff
    from ...ledger.ledger import Ledger
    from ...remote import Entry, Remote, Uploaded
    from ..canary import CanaryGate
    from .item import Item


@dataclass(frozen=True)
class Uploads:
    """The uploads of one run: the same tools for every file.

    :ivar renaming: while nobody knows whether the server renames, one file at a time finds out.
    """

    job: Dropoff
    account: str
    remote: Remote
    ledger: Ledger
    renaming: CanaryGate

    async def send(self, item: Item, file: LocalFile, earlier: Row | None, *, over: bool) -> Row:
        """Upload a file whole, and have the server confirm it; return its row.

        :param earlier: the row that an earlier run left of this very file.
        :param over: our own unfinished part stands under the final name, and is written anew.
        :raises HoldError: a person has to decide.
        :raises FiledropError: the file was not delivered, and its original is untouched.
        """
        with closing(Outgoing(item.folder, file)) as source:
            asked_before = earlier is not None and (over or earlier.state is State.INTENT)
            row = earlier if over and earlier is not None else await self._intend(item, file, earlier)
            upload, visible = await self._write(row, source, over=over, asked_before=asked_before)
            await self.ledger.commit(row, State.WRITTEN, visible=visible, sha256=source.sha256)
        await self._close(row, upload)
        await self._rename_and_check(row)
        return row

    async def require_free_name(self, path: str) -> None:
        """:raises HoldError: the name is taken.
        :raises JobStopped: the server does not let us look.
        """
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

    async def finish_rename(self, row: Row) -> None:
        """Give a whole upload of an earlier run its final name."""
        if row.state is State.AWAITING_NAME:
            await self.ledger.commit(row, State.CLOSED, reason=None)
        await self._confirm_rename(row, self.remote.rename(row.temporary or "", row.remote_path))

    def held(self, row: Row, reason: str, finding: str) -> HoldError:
        """The error that a person has to decide about a row."""
        return HoldError(reason, finding, way_out(row, self.ledger.path))

    @property
    def shows_partial_uploads(self) -> bool:
        """Whether the server is known to show a file under its name while it is written."""
        known = self.remote.features.partial_uploads
        return self.ledger.capability(self.account, PARTIAL_UPLOADS) is True if known is None else known

    # --- intent, created

    async def _intend(self, item: Item, file: LocalFile, earlier: Row | None) -> Row:
        row = earlier or Row(
            account=self.account,
            direction=self.job.direction,
            folder=item.folder.path,
            name=item.name,
            size=file.size,
            mtime_ns=file.mtime_ns,
            job=self.job.name,
            remote_path=item.remote_path,
        )
        await self.ledger.commit(
            row,
            State.INTENT,
            temporary=self._temporary_for(row),
            remote_path=item.remote_path,
            visible=None,
            sha256=None,
            reason=None,
        )
        return row

    def _temporary_for(self, row: Row) -> str | None:
        """The name to upload under. A name that was asked for without an answer may still appear: it stays ours."""
        if self.job.upload != "rename":
            return None
        if row.state is State.INTENT and row.temporary:
            return row.temporary
        return join(self.job.remote_dir, names.temporary(self.job.temp_name, row.name))

    async def _write(self, row: Row, source: Outgoing, *, over: bool, asked_before: bool) -> tuple[Uploaded, bool]:
        """Send every byte; return the upload, still to be closed, and whether the final name is visible by now."""
        begun: Uploaded | None = None

        async def created(upload: Uploaded) -> None:
            nonlocal begun
            begun = upload
            await self.ledger.commit(row, State.CREATED, visible=await self._is_visible(row))

        path = row.temporary or row.remote_path
        try:
            upload = await self.remote.upload(
                path, source, over=over, temporary=row.temporary is not None, created=created
            )
            return upload, await self._check_size(upload, row)
        except FiledropError as error:
            if begun is None:
                if isinstance(error, RemoteError) and not over:
                    await self._not_created(row, asked_before=asked_before)
            elif row.state is State.CREATED and await begun.discard():  # what is held is no longer ours to remove
                await self.ledger.commit(row, State.ABANDONED)
            raise

    async def _not_created(self, row: Row, *, asked_before: bool) -> None:
        """The server refused a new file, so nothing of ours is there.

        :param asked_before: the same name was asked for over a connection that was lost. An empty file in the way may
            be a late result of that, so the next run looks at it.
        """
        if not (asked_before and await self._is_empty(row.temporary or row.remote_path)):
            await self.ledger.commit(row, State.ABANDONED)

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
        visible = await self.remote.stat(row.remote_path) is not None
        if visible and not self.shows_partial_uploads:
            self.ledger.learn(self.account, PARTIAL_UPLOADS, allowed=True)
        return visible

    # --- written, closed

    async def _check_size(self, upload: Uploaded, row: Row) -> bool:
        """Require that the server holds as many bytes as we sent; return whether the final name is visible by now."""
        look = self.remote.stat(row.remote_path)
        size, refusal = None, None
        try:
            size = await upload.size()
        except RemoteError as error:
            refusal = error
        final = await look
        if size is None and row.visible and final is None:
            raise await self._taken_too_early(row)
        if size is None:
            raise refusal or _unverified(row)
        if size != row.size:
            raise _incomplete(row, size)
        if row.temporary and final is not None:
            raise _name_taken(row.remote_path)
        if row.visible and final is None:
            raise await self._taken_too_early(row)
        return final is not None

    async def _taken_too_early(self, row: Row) -> HoldError:
        reason, finding = HOLDS[Verdict.HOLD_INCOMPLETE]
        await self.ledger.commit(row, State.HELD, reason=reason)
        return self.held(row, reason, f"{row.remote_path!r} is gone before it was complete, so {finding}.")

    async def _close(self, row: Row, upload: Uploaded) -> None:
        """Complete the upload. A server that refuses that has not taken the file."""
        try:
            await upload.close()
        except RemoteError as error:
            if await upload.discard():
                await self.ledger.commit(row, State.ABANDONED)
                raise TransferError(
                    "not_completed", str(error), "What was uploaded was removed; the next run sends it again."
                ) from error
            await self.ledger.commit(row, State.HELD, reason="not_completed")
            raise self.held(row, "not_completed", f"{error} The file is no longer under its name there.") from error
        await self.ledger.commit(row, State.CLOSED)

    # --- renamed

    async def _rename_and_check(self, row: Row) -> None:
        """Give the file its final name if it has a temporary one, and look at what stands there now."""
        renaming = self.remote.rename(row.temporary, row.remote_path) if row.temporary else None
        look = self.remote.stat(row.remote_path)
        if renaming:
            await self._confirm_rename(row, renaming)
        await self._check_delivered(row, look)

    async def _confirm_rename(self, row: Row, renaming: Awaitable[None]) -> None:
        """Ensure that the whole file has its final name, and remember that this server allows that."""
        try:
            await renaming
        except RemoteError as error:
            await self._rename_refused(row, error)
        self.renaming.succeeded()
        await self.ledger.commit(row, State.RENAMED)

    async def _rename_refused(self, row: Row, error: RemoteError) -> None:
        """Return if it was renamed all the same; else take the file back and say why it cannot go."""
        temporary = row.temporary or ""
        look_final, look_temporary = self.remote.stat(row.remote_path), self.remote.stat(temporary)
        final = await look_final
        verdict = judge(row, final, await look_temporary)
        if verdict is Verdict.DELIVERED:
            return
        if verdict is Verdict.AMBIGUOUS:
            await self.ledger.commit(row, State.HELD, reason="vanished")
            raise self.held(row, "vanished", f"{error} Neither name is there any more.") from error
        if await _succeeds(self.remote.remove(temporary)):
            await self.ledger.commit(row, State.ABANDONED)
        if final is not None:
            raise _name_taken(row.remote_path) from error
        if self.renaming.is_proven:
            raise TransferError("rename_failed", str(error), "The next run sends it again.") from error
        self.renaming.failed()
        raise JobStopped(
            "rename_refused",
            f"{error} The uploaded file was removed again.",
            "Set `upload: direct` if the provider takes files as they are written, or ask for the right to rename.",
        ) from error

    async def _check_delivered(self, row: Row, look: Awaitable[Entry | None]) -> None:
        """What stands under the final name now is ours, or the provider has taken it already."""
        final = await look
        if final is None and row.temporary:  # a server that works at several requests at once may have looked too early
            final = await self.remote.stat(row.remote_path)
        if row.visible is False and not row.temporary and self.shows_partial_uploads:
            # It was never seen, on a server that shows what is written: taken at once, or the server has changed.
            if final is None:
                raise await self._taken_too_early(row)
            self.ledger.learn(self.account, PARTIAL_UPLOADS, allowed=False)
        if final is not None and final.size != row.size:
            await self.ledger.commit(row, State.HELD, reason="size_changed")
            raise self.held(
                row,
                "size_changed",
                f"{row.remote_path!r} had {row.size} bytes before it was completed, and has {final.size} now.",
            )


def _name_taken(path: str) -> HoldError:
    return HoldError(
        NAME_TAKEN,
        f"There is a file {path!r} on the server already, and it is not overwritten.",
        "It is sent once that name is free; rename it if that never happens.",
    )


def _unverified(row: Row) -> JobStopped:
    return JobStopped(
        "unverified",
        f"The server does not tell how much of {row.remote_path!r} it has received, so nothing can be verified.",
        "Ask the provider for the right to look at files that are being written.",
    )


def _incomplete(row: Row, size: int) -> TransferError:
    return TransferError(
        "incomplete",
        f"The server has {size} of the {row.size} bytes that were sent to {row.remote_path!r}.",
        "The next run sends it again.",
    )


async def _succeeds(request: Awaitable[None]) -> bool:
    """Whether the server does it. The caller is cleaning up, so a refusal is no error."""
    try:
        await request
    except RemoteError:
        return False
    return True
