# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deliver one local file to the server: the drop-off workflow.

The local original is not changed before the server has confirmed its copy.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ...config.jobs.job import ARCHIVE
from ...errors import (
    DiskError,
    HoldError,
    OriginalStays,
    Rejected,
    RemoteError,
    RemoteMissing,
    Replaced,
    SkipError,
    TransferError,
    WaitError,
)
from ...ledger.decisions import RESOLVED, Discarded
from ...local import names
from ...local.folder import Folder, sha256_of
from ...local.parts import remove_parts
from ...states import SETTLED, State, Verdict
from .archive import archive, delete
from .evidence import BY_SIZE, NOT_SEEN, is_unseen, name_still_taken
from .item import DELETED, DropoffItem
from .recovery import HOLDS, judge, shows_whole
from .requests.rejected import is_rejected, set_aside
from .requests.sending import unknown
from .upload import Uploads

if TYPE_CHECKING:
    from ...config.jobs.job import Dropoff
    from ...ledger.ledger import Ledger, Row
    from ...local.folder import LocalFile
    from ...local.fsync import Syncer
    from ...remote.interface import Remote
    from ..result import FileOutcome
    from ..selection import Only


@dataclass(frozen=True)
class DropoffWorkflow:
    """Hold the tools of one run's drop-off workflow; all files share them."""

    job: Dropoff
    account: str
    remote: Remote
    ledger: Ledger
    syncer: Syncer
    uploads: Uploads
    only: Only
    archives: dict[str, Folder] = field(default_factory=dict)

    async def deliver(self, item: DropoffItem) -> FileOutcome:
        """Deliver one item completely: the server has the file, and the original is disposed of.

        :raises HoldError: a person has to decide.
        :raises WaitError: the name is taken.
        :raises Discarded: a person has decided to discard the file.
        :raises OriginalStays: the file was delivered, but its original could not be disposed of.
        :raises FiledropError: the file was not delivered, and its original is unchanged.
        """
        past = self.past_of(item)
        return await self.complete(item, await self.send(item), past)

    async def send(self, item: DropoffItem) -> Row:
        """Do the first part of `deliver`: ensure that the server has the file; return its row."""
        if item.is_back:
            await self._hold_sent_before(item)
        if item.row is None:
            await self.uploads.require_likely_name(item)
        async with self.uploads.renaming:
            return await self._ensure_delivered(item)

    async def complete(self, item: DropoffItem, row: Row, past: TransferError | None) -> FileOutcome:
        """Do the second part of `deliver`: dispose of the original.

        :param past: what was `past_of` the item before the first part.
        """
        await self._dispose_of_source(item, row)
        outcome = self.outcome_of(item, row)
        if past is not None and row is item.row:
            outcome.skip(past)
        return outcome

    async def require_startable(self, item: DropoffItem) -> None:
        """Require that a file of a set can go as soon as its turn comes, as far as that can be seen now.

        :raises HoldError, WaitError: in the same cases as `deliver`.
        """
        if item.is_back:
            await self._hold_sent_before(item)
        elif item.row is None:
            await self.uploads.require_free_name(item.remote_path)
        elif item.row.state is State.HELD and not self._is_outdated(item):
            raise self._still_held(item.row)

    async def keep_open(self, row: Row) -> None:
        """Record that a delivered file waits for the rest of its set."""
        if row.open and row.state is not State.SENT:
            await self.ledger.commit(row, State.SENT)

    def outcome_of(self, item: DropoffItem, row: Row) -> FileOutcome:
        """Return the outcome of a file that the server has."""
        outcome = item.outcome.deliver()
        outcome.size, outcome.sha256, outcome.local_path = row.size, row.sha256, row.local_path or outcome.local_path
        if row.reason != RESOLVED:
            outcome.verified_by = row.verified_by
        if outcome.outcome == "delivered" and is_unseen(row):
            outcome.message = NOT_SEEN
        return outcome

    async def predict(self, item: DropoffItem) -> FileOutcome:
        """Predict what `deliver` would do, for check mode. This looks at the server, and changes nothing.

        :raises HoldError, WaitError: in the same cases as `deliver`.
        """
        try:
            if item.is_back:
                raise self._sent_before(self.uploads.new_row(item))
            verdict = await self._judge(item.row) if item.row and not self._is_outdated(item) else Verdict.SEND
        except HoldError as error:
            if item.row is not None and item.row.state is State.HELD:
                raise
            raise HoldError(error.reason, error.finding, "A run holds it. Then a person decides.") from error
        if verdict is Verdict.SEND:
            await self.uploads.require_free_name(item.remote_path)
        outcome = item.outcome.deliver()
        outcome.reason = "predicted"
        past = self.past_of(item)
        if verdict is Verdict.DELIVERED and past is not None:
            outcome.skip(past)
        elif verdict is Verdict.DISCARDED:
            outcome.skip(Discarded())
        return outcome

    def past_of(self, item: DropoffItem) -> TransferError | None:
        """Return the reason to skip a file that an earlier run delivered, of which only the original is left."""
        row = item.row
        if row is None or row.state not in SETTLED:
            return None
        is_past = self.job.after == "keep" and row.reason != RESOLVED
        return self.only.moved_before(row.changed_at) if is_past else _already_delivered(row)

    async def _hold_sent_before(self, item: DropoffItem) -> None:
        """Let a person decide about a file that was moved back out of the archive.

        :raises HoldError: always.
        """
        row = self.uploads.new_row(item)
        error = self._sent_before(row)
        digest = sha256_of(item.folder, item.file) if item.file else None
        await self.ledger.commit(row, State.HELD, reason=error.reason, sha256=digest)
        raise error

    def _sent_before(self, row: Row) -> HoldError:
        return self.uploads.held(
            row,
            "sent_before",
            f"{names.quoted(row.name)} was delivered and archived before, with the same size, time and content. "
            "Somebody has moved it back, so it is not known whether it is to be sent again.",
        )

    async def _ensure_delivered(self, item: DropoffItem) -> Row:
        """Ensure that the server has the file; return its row."""
        row, verdict = item.row, Verdict.SEND
        if row is not None and is_rejected(row):
            row = await self._rejected_before(item, row)
        if row is not None:
            verdict = await self._resume(row)
            is_same = item.is_about(row)
            if verdict in _ENDS and (is_same or item.file is None):
                return await self._end(row, verdict)
            if not is_same:
                await self._give_up(row, verdict)
                row, verdict = None, Verdict.SEND
        if item.file is None:
            finding = f"{item.path!r} does not exist any more, and was not sent."
            raise TransferError("local_missing", finding, "Put it back there if it is to be sent.")
        if item.row is not None and verdict is Verdict.SEND:
            await self.uploads.require_free_name(item.remote_path)
        try:
            return await self.uploads.send(item, item.file, row, over=verdict is Verdict.REWRITE)
        except Rejected as error:
            raise await self._set_aside(item, error) from error

    # --- files that the provider refused

    def _is_outdated(self, item: DropoffItem) -> bool:
        """Return whether the provider refused a file that has changed since. It is sent as a new one."""
        return item.row is not None and is_rejected(item.row) and item.file is not None and not item.is_about(item.row)

    async def _rejected_before(self, item: DropoffItem, row: Row) -> Row | None:
        """Return the row of a file that an earlier run heard refused; None if another file is to be sent instead.

        :raises SkipError: the file is gone.
        """
        if item.file is not None and not self._is_outdated(item):
            return row
        await self.ledger.commit(row, State.ABANDONED)
        if item.file is not None:
            return None
        finding = f"The provider refused {names.quoted(row.name)}, and it is not in its folder any more."
        raise SkipError("rejected_gone", finding, "Nothing more has to be done.")

    async def _set_aside(self, item: DropoffItem, error: Rejected) -> Rejected:
        """Move a refused file to `rejected_dir`, if the job has one; return the error of the file.

        Its row is held by now. So the file is not sent again, even if it cannot be moved.
        """
        row = self.ledger.latest(self.account, self.job.direction, item.folder.path, [item.name]).get(item.name)
        if self.job.rejected_dir is None or item.file is None or row is None:
            return error
        into = self._folder("rejected_dir", self.job.rejected_dir)
        why = f"{error.reason}: {error.finding}\nfileId: {row.file_id}\nrequest: {row.request}"
        try:
            name = set_aside(item.folder, item.file, into, why, part_prefix=self._part_prefix)
            await self.syncer.sync_move(into.fd, item.folder.fd)
        except (DiskError, Replaced) as trouble:
            finding = f"{error.finding} It was not moved to rejected_dir: {trouble.finding}"
            return Rejected(error.reason, finding, error.way_out)
        await self.ledger.commit(row, State.REJECTED, local_path=into.path_of(name))
        return Rejected(error.reason, f"{error.finding} It was moved to {into.path_of(name)!r}.", "Correct the file.")

    # --- unfinished work of an earlier run

    async def _judge(self, row: Row) -> Verdict:
        """Look at both names on the server, and return the verdict on a row.

        :raises HoldError: only a person can decide.
        :raises WaitError: the upload is whole, and the name is taken.
        """
        if row.state is State.HELD:
            raise self._still_held(row)
        asked = self.remote.stat(row.remote_path)
        asked_temporary = self.remote.stat(row.temporary) if row.temporary else None
        final = await self.uploads.seen(asked)
        temporary = await self.uploads.seen(asked_temporary) if asked_temporary else None
        verdict = judge(row, final, temporary, partial_uploads=self.uploads.shows_partial_uploads)
        if verdict is Verdict.DELIVERED and shows_whole(row, final):
            row.verified_by = BY_SIZE  # written with the next commit
        if verdict is Verdict.AMBIGUOUS and self.job.ambiguous == "resend":
            return Verdict.SEND
        if verdict is Verdict.AWAIT_NAME:
            raise name_still_taken(row, self.ledger)
        if verdict in HOLDS:
            reason, finding = HOLDS[verdict]
            if row.request is not None:
                raise self.uploads.held(row, reason, f"{unknown(row)}.")
            cut_off = f"{names.quoted(row.name)} was interrupted in an earlier run, and {finding}."
            raise self.uploads.held(row, reason, cut_off)
        return verdict

    def _still_held(self, row: Row) -> HoldError:
        finding = f"{names.quoted(row.name)} was held by an earlier run and needs a decision."
        if row.said:
            finding = f"{finding[:-1]}. The provider said{row.said}."
        return self.uploads.held(row, row.reason or "held", finding)

    async def _resume(self, row: Row) -> Verdict:
        """Finish an earlier run's work as far as possible; return DELIVERED, DISCARDED, SEND or REWRITE.

        The row is judged here and not in the plan, because a look at the server soon is out of date.
        """
        decided = row.reason == RESOLVED and row.state.is_open
        try:
            verdict = await self._judge(row)
        except (HoldError, WaitError) as error:
            state = State.HELD if isinstance(error, HoldError) else State.AWAITING_NAME
            if row.state is not state:
                await self.ledger.commit(row, state, reason=error.reason)
            raise
        if verdict is Verdict.FINISH_RENAME:
            await self.uploads.finish_rename(row)
            verdict = Verdict.DELIVERED
        confirmed = State.RENAMED if row.temporary else State.CLOSED
        if verdict is Verdict.DELIVERED and row.open and row.state not in (confirmed, State.SENT):
            # Record it now: the file on the server may be gone before the original is disposed of.
            await self.ledger.commit(row, confirmed)
        if verdict is Verdict.SEND_ANEW:
            await self._remove_own(row.temporary or "")
            verdict = Verdict.SEND
        if decided and row.temporary:
            with suppress(RemoteError):
                await self.remote.remove(row.temporary)
        return verdict

    async def _end(self, row: Row, verdict: Verdict) -> Row:
        """Return the row of a delivered file.

        :raises Discarded: a person has decided to discard the file.
        """
        if verdict is Verdict.DISCARDED:
            await self.ledger.commit(row, State.DISCARDED)
            raise Discarded
        return row

    async def _give_up(self, row: Row, verdict: Verdict) -> None:
        """Make the row history, because another file has replaced the original since."""
        if verdict is Verdict.REWRITE:
            await self._remove_own(row.remote_path)
        await self.ledger.commit(row, _ENDS.get(verdict, State.ABANDONED))

    async def _remove_own(self, path: str) -> None:
        with suppress(RemoteMissing):
            await self.remote.remove(path)

    # --- the original

    async def _dispose_of_source(self, item: DropoffItem, row: Row) -> None:
        """Apply `after` to the local original if it is still the file that was sent; then the row is history.

        :raises OriginalStays: the original could not be archived or deleted.
        :raises Replaced: the original was changed since it was read.
        """
        local_path: str | None = item.path
        row.mtime_ns = item.file.mtime_ns if item.file else row.mtime_ns
        try:
            if item.file is None:
                local_path = None
            elif self.job.after == "archive":
                local_path = await self._archive(item.folder, item.file)
            elif self.job.after == "delete":
                delete(item.folder, item.file)
                await self.syncer.sync(item.folder.fd)
                local_path = DELETED
        except DiskError as error:
            raise OriginalStays(
                error.reason, f"{names.quoted(item.name)} was sent. {error.finding}", error.way_out
            ) from error
        finally:
            await self.ledger.commit(row, State.DELIVERED, local_path=local_path)

    async def _archive(self, folder: Folder, file: LocalFile) -> str:
        into = self._archive_of(folder)
        name = archive(folder, file, into, part_prefix=self._part_prefix)
        await self.syncer.sync_move(into.fd, folder.fd)
        return into.path_of(name)

    def _archive_of(self, folder: Folder) -> Folder:
        if self.job.archive_dir:
            return self._folder("archive_dir", self.job.archive_dir)
        return self._folder("", folder.path, inside=folder)

    def _folder(self, option: str, path: str, *, inside: Folder | None = None) -> Folder:
        """Return a folder for originals: the one of an option, or the archive inside a source. It is opened once."""
        if path not in self.archives:
            self.archives[path] = inside.make(ARCHIVE) if inside else Folder(path, option=option)
            remove_parts(self.archives[path], self._part_prefix)
        return self.archives[path]

    @cached_property
    def _part_prefix(self) -> str:
        return names.part_prefix(self.ledger.identity, self.account, self.job.name)


_ENDS = {Verdict.DELIVERED: State.DELIVERED, Verdict.DISCARDED: State.DISCARDED}
"""Verdicts after which nothing is sent, and the final state of the row."""


def _already_delivered(row: Row) -> TransferError:
    who = "A person resolved it as delivered" if row.reason == RESOLVED else "An earlier run delivered it"
    finding = f"{who}; this run only disposed of the original."
    return TransferError("already_delivered", finding, "Nothing more has to be done.")
