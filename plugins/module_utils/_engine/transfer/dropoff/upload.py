# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upload one file, from a free name to the complete file under its final name.

Each irreversible step is between two commits to the ledger. So the next run can continue a run that was killed at any
point; `states.RECOVERY` defines how. This module does not depend on the protocol.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn, cast

from ...errors import (
    UNSTATED,
    HoldError,
    JobStopped,
    RemoteBusy,
    RemoteDenied,
    RemoteError,
    RemoteUnsupported,
    TransferError,
)
from ...ledger.decisions import held_error
from ...ledger.ledger import Row
from ...local import names
from ...local.folder import LocalFile, SourceFile
from ...local.parts import digest_of
from ...loop.loop import done_future
from ...remote.interface import Entry, Found, join, succeeds, try_look
from ...states import State, Verdict
from ..capabilities import PARTIAL_UPLOADS
from ..hashes import BY_HASH, require_same_hash
from .evidence import BY_CLOSE, BY_HANDLE, BY_SIZE, WRITE_ONLY, incomplete, name_taken, unverified
from .recovery import HOLDS, judge, shows_whole
from .requests.sending import Requests

if TYPE_CHECKING:
    from ...config.jobs.job import Dropoff
    from ...ledger.ledger import Ledger
    from ...remote.interface import Remote, RequestRemote, Uploaded
    from ..canary import CanaryGate
    from .item import DropoffItem


SMALL = 256 * 1024
"""Bytes that may be sent in vain, in place of a question for each file."""

_RENAME_NEEDED = (
    "Ask the provider for the permission to rename. Or set `upload: direct`, if the provider does not take files "
    "before they are complete."
)


class _Written(NamedTuple):
    """An upload that is complete and not closed yet. The names are those of the columns of a row."""

    upload: Uploaded
    visible: bool | None
    verified_by: str | None


@dataclass(frozen=True)
class Uploads:
    """Hold the tools for the uploads of one run; all files share them.

    :ivar renaming: the canary gate of renames. Until one file proves that the server allows them, files pass one at a
        time.
    """

    job: Dropoff
    account: str
    remote: Remote
    ledger: Ledger
    renaming: CanaryGate

    async def send(self, item: DropoffItem, file: LocalFile, earlier: Row | None, *, over: bool) -> Row:
        """Upload a complete file, and verify it on the server; return its row.

        :param earlier: the row that an earlier run left for the same file.
        :param over: overwrite our own unfinished upload under the final name.
        :raises HoldError: a person has to decide.
        :raises WaitError: the name is taken.
        :raises FiledropError: the file was not delivered, and its original is unchanged.
        """
        if self.remote.features.many_per_request:
            return await self._requests.send(item, file, earlier or self.new_row(item))
        with closing(SourceFile(item.folder, file)) as source:
            asked_before = earlier is not None and (over or earlier.state is State.INTENT)
            row = earlier if over and earlier is not None else await self._intend(item, earlier)
            written = await self._write(row, source, over=over, asked_before=asked_before)
            await self.ledger.commit(
                row,
                State.WRITTEN,
                visible=written.visible,
                verified_by=written.verified_by,
                sha256=source.sha256,
            )
        await self._close(item, row, written.upload)
        await self._rename_and_check(row)
        return row

    @cached_property
    def _requests(self) -> Requests:
        return Requests(self.job, cast("RequestRemote", self.remote), self.ledger)

    async def require_free_name(self, path: str) -> None:
        """Require that no file on the server has this path. With `verify: close`, the exclusive create has to do.

        :raises WaitError: the name is taken.
        :raises JobStopped: the server refuses the check.
        """
        if self.looks and await self.seen(self.remote.stat(path)) is not None:
            raise name_taken(path)

    async def require_likely_name(self, item: DropoffItem) -> None:
        """Do the same before a new upload. A small file is not worth a question that is asked again behind it.

        :raises WaitError, JobStopped: see `require_free_name`.
        """
        asks_again = self.job.upload == "rename" and self.remote.features.size_is_final
        if not (asks_again and item.size <= SMALL):
            await self.require_free_name(item.remote_path)

    def _is_final(self, row: Row) -> bool:
        """Return whether the size that was told is that of the complete file."""
        return row.temporary is not None and self.looks and self.remote.features.size_is_final

    @property
    def looks(self) -> bool:
        """Return whether the job may look at files on the server."""
        return self.job.verify != "close"

    async def seen(self, asked: Awaitable[Entry | None]) -> Found:
        """Return what the server shows under a name.

        :raises JobStopped: the server does not allow it, and the job cannot do without.
        """
        if not self.looks:
            return await try_look(asked)
        try:
            return await asked
        except (RemoteDenied, RemoteUnsupported) as error:
            raise JobStopped(
                "stat_refused",
                f"The server does not allow checking whether a name is taken ({error.finding}).",
                "Without this check, a drop-off could overwrite files. Ask the provider for the permission to stat "
                f"files. {WRITE_ONLY}",
            ) from error

    async def finish_rename(self, row: Row) -> None:
        """Rename a complete upload of an earlier run to its final name."""
        if row.state is State.AWAITING_NAME:
            await self.ledger.commit(row, State.CLOSED, reason=None)
        await self._confirm_rename(row, self.remote.rename(row.temporary or "", row.remote_path), again=True)

    def held(self, row: Row, reason: str, finding: str) -> HoldError:
        """Build the error for a row that needs a person's decision."""
        return held_error(row, reason, finding, self.ledger)

    @property
    def shows_partial_uploads(self) -> bool:
        """Return whether the server is known to show a file under its name during the upload."""
        return self.partial_uploads is True

    @property
    def partial_uploads(self) -> bool | None:
        """Return what is known about that; None if nothing is known."""
        known = self.remote.features.partial_uploads
        if known is None and not self.remote.features.stat_while_open:
            return None
        return self.ledger.capability(self.account, PARTIAL_UPLOADS) if known is None else known

    # --- intent, created

    def new_row(self, item: DropoffItem) -> Row:
        """Build the row of a file that is there, for the ledger."""
        return Row(
            account=self.account,
            direction=self.job.direction,
            folder=item.folder.path,
            name=item.name,
            size=item.size,
            mtime_ns=item.file.mtime_ns if item.file else 0,
            job=self.job.name,
            remote_path=item.remote_path,
        )

    async def _intend(self, item: DropoffItem, earlier: Row | None) -> Row:
        row = earlier or self.new_row(item)
        await self.ledger.commit(
            row,
            State.INTENT,
            temporary=self._temporary_for(row),
            file_id=None,
            request=None,
            remote_path=item.remote_path,
            visible=None,
            verified_by=None,
            sha256=None,
            reason=None,
        )
        return row

    def _temporary_for(self, row: Row) -> str | None:
        """Return the temporary path for an upload, or None without `upload: rename`.

        An earlier request to create a name may have got no answer. Its file may still appear, so the same name is used.
        """
        if self.job.upload != "rename":
            return None
        if row.state is State.INTENT and row.temporary:
            return row.temporary
        return join(self.job.remote_dir, names.temporary(self.job.temp_name, self.job.remote_name or row.name))

    async def _write(self, row: Row, source: SourceFile, *, over: bool, asked_before: bool) -> _Written:
        """Send all bytes, and check that the server has them."""
        begun: Uploaded | None = None

        async def created(upload: Uploaded) -> None:
            nonlocal begun
            begun = upload
            await self.ledger.commit(row, State.CREATED, visible=await self._is_visible(row))

        path = row.temporary or row.remote_path
        try:
            upload = await self.remote.upload(
                path,
                source,
                over=over,
                temporary=row.temporary is not None,
                created=created,
                ask_size=self.looks,
                final=row.remote_path,
            )
            return await self._check_size(upload, row)
        except Exception as error:
            if begun is None:
                if isinstance(error, RemoteError) and not over:
                    await self._not_created(row, asked_before=asked_before)
            elif row.state is State.CREATED and await begun.discard():  # a held file must not be removed
                await self.ledger.commit(row, State.ABANDONED)
            raise

    async def _not_created(self, row: Row, *, asked_before: bool) -> None:
        """Abandon the row, because the server refused to create the file.

        :param asked_before: an earlier request to create this name was lost with its connection. An empty file under
            the name may be its late result. Then the row stays open, and the next run checks the file.
        """
        if not (asked_before and await self._is_empty(row.temporary or row.remote_path)):
            await self.ledger.commit(row, State.ABANDONED)

    async def _is_empty(self, path: str) -> bool:
        """Return whether the server shows an empty file under this path."""
        try:
            there = await self.remote.stat(path)
        except RemoteError:
            return False
        return there is not None and not there.size

    async def _is_visible(self, row: Row) -> bool | None:
        """Return whether others can see, and take, the file during the upload; None if we do not look.

        We look only at a server that is known to show it. On some others, the look fails, and a request that fails
        spoils the upload.
        """
        if row.temporary or not self.looks or self.partial_uploads is None:
            return None
        return self.shows_partial_uploads and await self.remote.stat(row.remote_path) is not None

    # --- written, closed

    async def _check_size(self, upload: Uploaded, row: Row) -> _Written:
        """Require that the server has all the bytes that we sent, as far as it tells while the file is open.

        Some servers show 0 bytes, or nothing, until the close. What they have is checked after it.
        """
        looks = self.looks and (row.temporary is not None or self.shows_partial_uploads)
        asked = self.remote.stat(row.remote_path) if looks else done_future(None)
        size = await upload.size()
        final = await asked
        if row.visible and final is None:
            await self._taken_too_early(row)
        if size is None and self._is_final(row):
            size = await self._size_by_look(row)
        if size == row.size:
            verified_by = BY_SIZE if self._is_final(row) else BY_HANDLE
        elif not self.looks:
            verified_by = BY_CLOSE
        elif size is None and row.temporary:
            raise unverified(row)
        elif row.temporary or size:
            raise incomplete(row, size or 0)
        else:
            return _Written(upload, row.visible, None)
        if row.temporary and final is not None:
            raise name_taken(row.remote_path)
        return _Written(upload, final is not None if looks and not row.temporary else row.visible, verified_by)

    async def _size_by_look(self, row: Row) -> int | None:
        """Look at a complete upload whose size the server has not told; None if the look does not tell it either.

        :raises HoldError: it is not there any more. Somebody has taken it under its temporary name.
        """
        found = await try_look(self.remote.stat(row.temporary or ""))
        if found is None:
            await self._hold(row, "vanished", f"{row.temporary!r} disappeared when it was complete, before its rename.")
        if isinstance(found, RemoteError) and not isinstance(found, (RemoteDenied, RemoteUnsupported)):
            raise found  # it may pass, and concerns this file alone
        return found.size if isinstance(found, Entry) else None

    async def _taken_too_early(self, row: Row) -> NoReturn:
        reason, finding = HOLDS[Verdict.HOLD_INCOMPLETE]
        await self._hold(row, reason, f"{row.remote_path!r} disappeared before it was complete, so {finding}.")

    async def _close(self, item: DropoffItem, row: Row, upload: Uploaded) -> None:
        """Close the upload. If the server refuses, it has not accepted the file.

        If the size is not confirmed yet, look for it now.
        """
        try:
            await upload.close()
            if row.verified_by is None:
                await self._find_late_size(row, upload)
            if self.job.verify == BY_HASH and row.size:  # an empty file is proven by its size; ProFTPD hashes none
                await self._compare_hash(item, row, upload)
        except RemoteError as error:
            if await upload.discard():
                await self.ledger.commit(row, State.ABANDONED)
                raise TransferError(
                    "not_completed",
                    error.finding,
                    "The upload was removed from the server. The next run sends it again.",
                ) from error
            await self.ledger.commit(row, State.HELD, reason="not_completed")
            raise self.held(row, "not_completed", f"{error.finding} The file is missing on the server.") from error
        await self.ledger.commit(row, State.CLOSED)

    async def _compare_hash(self, item: DropoffItem, row: Row, upload: Uploaded) -> None:
        """Require that the server's digest of the closed file is that of the local one.

        :raises HoldError: it is another one, and the file cannot be removed from the server.
        """
        path = row.temporary or row.remote_path
        try:
            await require_same_hash(self.remote, path, row.sha256 or "", partial(digest_of, item.folder, item.name))
        except (JobStopped, TransferError) as error:
            if await upload.discard():
                await self.ledger.commit(row, State.ABANDONED)
                raise
            await self._hold(row, error.reason, f"{error.finding} It cannot be removed from the server.")
        row.verified_by = BY_HASH  # written with the next commit

    async def _find_late_size(self, row: Row, upload: Uploaded) -> None:
        """Require that the closed file has the right size.

        :raises HoldError: the server shows nothing that tells, and `ambiguous` does not say to send it again.
        """
        final = await try_look(self.remote.stat(row.remote_path))
        if shows_whole(row, final):
            row.verified_by = BY_SIZE  # written with the next commit
            return
        if isinstance(final, Entry) and final.size is not None:
            if await upload.discard():
                await self.ledger.commit(row, State.ABANDONED)
                raise incomplete(row, final.size)
            await self._hold(row, "size_changed", f"{incomplete(row, final.size).finding} It cannot be removed.")
        reason, finding = HOLDS[Verdict.AMBIGUOUS]
        finding = f"The server closed {row.remote_path!r}, but never told its size: {finding}. {WRITE_ONLY}"
        if self.job.ambiguous == "resend":
            await self.ledger.commit(row, State.ABANDONED)
            raise TransferError(reason, finding, "The next run sends it again.")
        await self._hold(row, reason, finding)

    async def _hold(self, row: Row, reason: str, finding: str) -> NoReturn:
        """Let a person decide about a row.

        :raises HoldError: always.
        """
        await self.ledger.commit(row, State.HELD, reason=reason)
        raise self.held(row, reason, finding)

    # --- renamed

    async def _rename_and_check(self, row: Row) -> None:
        """Rename the file to its final name if it has a temporary one, and check the file under the final name."""
        renaming = self.remote.rename(row.temporary, row.remote_path) if row.temporary else None
        looks = self.looks and not self._is_final(row)
        asked = self.remote.stat(row.remote_path) if looks else None
        if renaming:
            await self._confirm_rename(row, renaming)
        if asked:
            await self._check_delivered(row, await try_look(asked))

    async def _confirm_rename(self, row: Row, renaming: Awaitable[None], *, again: bool = False) -> None:
        """Ensure that the complete file has its final name, and record that this server allows renames.

        :param again: an earlier run has tried that in vain.
        """
        try:
            await renaming
        except RemoteError as error:
            await self._rename_refused(row, error, again=again)
        self.renaming.succeeded()
        await self.ledger.commit(row, State.RENAMED)

    async def _rename_refused(self, row: Row, error: RemoteError, *, again: bool) -> None:
        """Return if the rename happened in spite of the error; else remove the upload, and raise the reason.

        A failure without a reason may pass: some servers lock a new file while they scan it. Then the upload stays, and
        the next run tries once more to rename it.
        """
        if isinstance(error, RemoteBusy):  # the next attempt finishes it
            raise error
        temporary = row.temporary or ""
        asked_final, asked_temporary = self.remote.stat(row.remote_path), self.remote.stat(temporary)
        final = await try_look(asked_final)
        there = await try_look(asked_temporary)
        verdict = judge(row, final, there)
        if verdict is Verdict.DELIVERED:
            return
        if verdict is Verdict.AMBIGUOUS or isinstance(there, RemoteError):
            await self._hold(row, "vanished", f"{error.finding} The file is not to be seen under either name.")
        if verdict is Verdict.FINISH_RENAME and not again and error.reason == UNSTATED:
            finding = f"{error.finding} The complete upload stays there as {temporary!r}."
            way_out = "The next run renames it, or else removes it."
            if self.renaming.is_proven:
                raise TransferError("rename_failed", finding, way_out) from error
            raise JobStopped("rename_refused", finding, f"{way_out} {_RENAME_NEEDED}") from error
        if await succeeds(self.remote.remove(temporary)):
            await self.ledger.commit(row, State.ABANDONED)
        if isinstance(final, Entry):
            raise name_taken(row.remote_path) from error
        if self.renaming.is_proven:
            raise TransferError("rename_failed", error.finding, "The next run sends it again.") from error
        self.renaming.failed()
        raise JobStopped(
            "rename_refused",
            f"{error.finding} The uploaded file was removed.",
            _RENAME_NEEDED,
        ) from error

    async def _check_delivered(self, row: Row, final: Found) -> None:
        """Check that the file under the final name is ours, or that the provider has taken it already.

        A server that refuses the look has confirmed the size before.
        """
        if isinstance(final, RemoteError):
            return
        if final is None and row.temporary:  # a server that handles requests in parallel may have looked too early
            final = await self.remote.stat(row.remote_path)
        if row.visible is False and not row.temporary and self.shows_partial_uploads:
            # Never visible, although this server shows partial uploads: taken at once, or the server has changed.
            if final is None:
                await self._taken_too_early(row)
            self.ledger.learn(self.account, PARTIAL_UPLOADS, allowed=False)
        if shows_whole(row, final):
            row.verified_by = BY_HASH if row.verified_by == BY_HASH else BY_SIZE  # written with the next commit
        elif final is not None and final.size is None:
            row.visible = True  # it is there, so that nobody needs to ask whether it arrived
        elif final is not None:
            finding = f"{row.remote_path!r} had {row.size} bytes when it was written, but has {final.size} bytes now."
            await self._hold(row, "size_changed", finding)
