# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hand one file to the handler, and move it to where its outcome sends it.

The ledger records the start before it happens, and the handler's wrapper records the end. So the same judgement
(`states.RECOVERY`) serves a handler that this run has waited for, and one that an earlier run has started.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Callable

from ...errors import DiskError, JobStopped, OriginalStays, Replaced, TransferError, WaitError
from ...ledger.decisions import RESOLVED, Discarded, held_error
from ...ledger.ledger import Row
from ...local import names
from ...local.folder import Folder, sha256_of
from ...local.parts import remove_parts
from ...loop.limiter import CapacityLimiter
from ...states import HandlerEnd, State, TriesLeft, Verdict, verdict_on
from ..dropoff.archive import archive
from .handlers import Ended, claim, write_output
from .sidecar import require_sidecar, sidecars_of

if TYPE_CHECKING:
    from ...config.jobs.importing import Import
    from ...errors import HoldError
    from ...ledger.ledger import Ledger
    from ...local.fsync import Syncer
    from ..dropoff.item import DropoffItem
    from ..result import FileOutcome
    from .handlers import Handlers, Records

FIRST_PAUSE = 2.0
"""Seconds before the second try of a file; each later pause is four times as long."""

LONGEST_PAUSE = 60.0
"""Seconds that a run waits for the next try. It leaves later tries to the next run."""

_NEVER_ENDED = Ended(HandlerEnd.UNKNOWN, "")


@dataclass
class ImportWorkflow:
    """The tools of one run, which all its files share."""

    job: Import
    account: str
    ledger: Ledger
    syncer: Syncer
    handlers: Handlers
    records: Records
    check_deadline: Callable[[], None]
    archives: dict[str, Folder] = field(default_factory=dict)

    @cached_property
    def _workers(self) -> CapacityLimiter:
        return CapacityLimiter(self.job.workers)

    async def accept(self, item: DropoffItem) -> Row:
        """Ensure that the handler has accepted a file; return its row.

        :raises HoldError: a person has to decide.
        :raises WaitError: another run goes on with the file.
        :raises Discarded: a person has decided to leave the file alone.
        :raises TransferError: the handler has refused the file for the last time, and it was set aside.
        """
        row = item.row
        if item.is_back:
            await self._hold_sent_before(item)
        while True:
            verdict, ended = self.judge(row)
            if row is not None and verdict is Verdict.HAND_OVER and not item.is_about(row):
                await self.ledger.commit(row, State.ABANDONED)
                raise _gone(item)
            if verdict is Verdict.HAND_OVER:
                row = await self._hand_over(item, row, _number_of_try(row, ended))
            elif row is not None and await self._act(item, row, verdict, ended):
                return row

    async def _act(self, item: DropoffItem, row: Row, verdict: Verdict, ended: Ended) -> bool:
        """Do what is to be done with a file whose handler has ended; return whether the handler has accepted it."""
        if verdict is Verdict.ACCEPTED:
            if row.state is State.BEGUN:
                await self.ledger.commit(row, State.HANDLED, reason=None, verified_by="handler")
            return True
        if verdict is Verdict.TRY_AGAIN:
            await self.ledger.commit(row, State.RETRY, reason="handler_failed")
        elif verdict is Verdict.SET_ASIDE:
            if row.state is State.BEGUN:
                await self.ledger.commit(row, State.REFUSED, reason=ended.how)
            await self._set_aside(item, row)
        elif verdict is Verdict.STILL_RUNNING:
            raise _still_running(item.name)
        elif verdict is Verdict.NO_HANDLER:
            await self.ledger.commit(row, State.RETRY, reason="handler_unusable", tries=row.tries - 1)
            raise unusable(self.job.handler[0], ended.how)
        elif verdict is Verdict.DISCARDED:
            raise Discarded
        elif verdict is Verdict.AMBIGUOUS and self.job.ambiguous == "again":
            await self.ledger.commit(row, State.RETRY, reason="handler_unknown")
        else:
            await self._hold(row, verdict, ended)
        return False

    def judge(self, row: Row | None) -> tuple[Verdict, Ended]:
        """Return what to do with a file, and what its handler's record says."""
        if row is None:
            return Verdict.HAND_OVER, _NEVER_ENDED
        ended = self.records.read(row.temporary) if row.state is not State.HELD else _NEVER_ENDED
        tries = TriesLeft.SOME if row.tries < self.job.tries else TriesLeft.NONE
        return verdict_on(row.track, row.state, ended.end, tries), ended

    async def _hand_over(self, item: DropoffItem, row: Row | None, number: int) -> Row:
        """Start the handler, and wait for its end.

        :param number: of this try, from 1.
        """
        if item.file is None:
            raise _gone(item)
        if row is not None and row.reason == "handler_failed":
            await self._pause(row)
        digest = sha256_of(item.folder, item.file)
        self.require_complete(item)
        await self._workers.acquire(1)
        try:
            self.check_deadline()
            held = claim(item.folder, item.name)
            if held is None:
                raise _claimed(item.name)
            try:
                return await self._start(item, row, number, digest, held)
            finally:
                os.close(held)
        finally:
            self._workers.release(1)

    def require_complete(self, item: DropoffItem) -> None:
        """Require what the job demands of a file before the handler may have it.

        :raises WaitError: ``sidecar_missing``.
        :raises TransferError: ``checksum_missing``, ``checksum_differs``.
        """
        if self.job.verify == "sidecar" and item.file is not None:
            require_sidecar(item.folder, item.file)

    async def _start(self, item: DropoffItem, row: Row | None, number: int, digest: str, held: int) -> Row:
        if item.folder.file(item.name) != item.file:
            raise _changed(item)
        before = None if row is None else row.temporary
        row = row or self.new_row(item)
        record = self.records.make()
        await self.ledger.commit(row, State.BEGUN, temporary=record, tries=number, sha256=digest, reason=None)
        self.records.forget(before)
        lock = self.records.lock(record)
        if lock is None:
            raise DiskError("record_missing", f"The record {record!r} was removed.", "Leave the ledger's folder alone.")
        try:
            ended: Awaitable[None] = self.handlers.start(lock, held, self.job.command_for(item.path), self.job.limit)
        finally:
            os.close(lock)
        await ended
        return row

    def new_row(self, item: DropoffItem) -> Row:
        """Build the row of a file that no run has begun with."""
        file = item.file
        size, mtime_ns = (0, 0) if file is None else (file.size, file.mtime_ns)
        key = (self.account, self.job.direction, item.folder.path, item.name)
        return Row(*key, size=size, mtime_ns=mtime_ns, job=self.job.name, remote_path="")

    async def _pause(self, row: Row) -> None:
        """Wait until the next try of a file that the handler has refused.

        :raises WaitError: that is longer than a run waits.
        """
        pause = FIRST_PAUSE * 4 ** max(0, row.tries - 1)
        rest = min(pause, row.changed_at + pause - time.time())
        if rest > LONGEST_PAUSE:
            finding = f"The handler has refused {names.quoted(row.name)} {row.tries} times, of {self.job.tries}."
            raise WaitError("handler_failed", finding, "A later run tries again.")
        if rest > 0:
            await self.handlers.sleep(rest)

    async def _hold(self, row: Row, verdict: Verdict, ended: Ended) -> None:
        """:raises HoldError: always."""
        reason = row.reason or "held"
        if row.state is not State.HELD:
            reason = "handler_unknown" if verdict is Verdict.AMBIGUOUS else "handler_stopped"
        error = self.held(row, reason, ended)
        if row.state is not State.HELD:
            await self.ledger.commit(row, State.HELD, reason=reason)
        raise error

    def held(self, row: Row, reason: str, ended: Ended) -> HoldError:
        """Build the error of a file that a person decides about."""
        how = f": {ended.how}" if ended.how else ""
        words = _last_words(ended.output)
        finding = f"It is not known whether the handler has processed {names.quoted(row.name)}{how}.{words}"
        return held_error(row, reason, finding, self.ledger)

    async def _hold_sent_before(self, item: DropoffItem) -> None:
        """:raises HoldError: always."""
        row = self.new_row(item)
        error = self.sent_before(row)
        digest = sha256_of(item.folder, item.file) if item.file else None
        await self.ledger.commit(row, State.HELD, reason=error.reason, sha256=digest)
        raise error

    def sent_before(self, row: Row) -> HoldError:
        """Build the error of a file that somebody has moved back out of ``done_dir``."""
        finding = (
            f"{names.quoted(row.name)} was imported before, with the same size, time and content. Somebody has moved "
            "it back, so it is not known whether it is to be imported again."
        )
        return held_error(row, "sent_before", finding, self.ledger)

    # --- where the file goes

    async def complete(self, item: DropoffItem, row: Row) -> FileOutcome:
        """Move a file that the handler has accepted to ``done_dir``; return the outcome."""
        output = self.records.read(row.temporary).output
        local_path = await self._move(item, row, self.job.done_dir, output, State.DELIVERED)
        outcome = item.outcome.deliver()
        outcome.size, outcome.sha256, outcome.local_path = row.size, row.sha256, local_path or outcome.local_path
        outcome.verified_by = None if row.reason == RESOLVED else row.verified_by
        return outcome

    async def _set_aside(self, item: DropoffItem, row: Row) -> None:
        """:raises TransferError: always: the handler has refused the file for the last time."""
        ended = self.records.read(row.temporary)
        text = f"{ended.output}\n[{ended.how}, after {row.tries} tries]\n".lstrip("\n")
        how = row.reason or ended.how
        moved_to = await self._move(item, row, self.job.failed_dir, text, State.REJECTED)
        raise TransferError(
            "handler_failed",
            f"The handler refused {names.quoted(item.name)} {row.tries} times, the last time with {how}."
            f"{_last_words(ended.output)}",
            f"It is now {names.quoted(moved_to)}, with the output beside it. To import it, move it back."
            if moved_to
            else "It is gone from its folder.",
        )

    async def _move(self, item: DropoffItem, row: Row, into: str, output: str, end: State) -> str | None:
        """Move the original if it is still the file that was handed over; return its new path. Then end the row.

        :raises Replaced: another file has its place.
        :raises OriginalStays: it cannot be moved.
        """
        local_path: str | None = None
        is_same = item.file is not None and (item.file.size, item.file.mtime_ns) == (row.size, row.mtime_ns)
        try:
            folder = self._archive(into)
            if item.file is not None and is_same and item.folder.file(item.name) is not None:
                name = archive(item.folder, item.file, folder, part_prefix=self._part_prefix)
                local_path = folder.path_of(name)
                for each in sidecars_of(item.folder, item.name) if self.job.verify == "sidecar" else ():
                    archive(item.folder, each, folder, part_prefix=self._part_prefix)
            elif _is_moved(folder, row):
                local_path = folder.path_of(row.name)
            if output:
                write_output(folder, os.path.basename(local_path or row.name), output)
            await self.syncer.sync_move(folder.fd, item.folder.fd)
        except Replaced:
            await self.ledger.commit(row, end, temporary=None)
            raise
        except DiskError as error:
            finding = f"The handler has ended with {names.quoted(item.name)}. {error.finding}"
            raise OriginalStays(error.reason, finding, f"{error.way_out} The next run moves it.".lstrip()) from error
        record = row.temporary
        await self.ledger.commit(row, end, local_path=local_path, temporary=None)
        self.records.forget(record)
        return local_path

    def _archive(self, path: str) -> Folder:
        if path not in self.archives:
            self.archives[path] = Folder(path, option="done_dir" if path == self.job.done_dir else "failed_dir")
            remove_parts(self.archives[path], self._part_prefix)
        return self.archives[path]

    @cached_property
    def _part_prefix(self) -> str:
        return names.part_prefix(self.ledger.identity, self.account, self.job.name)


def _number_of_try(row: Row | None, ended: Ended) -> int:
    if row is None or row.state is State.RESEND:
        return 1
    return row.tries if ended.end is HandlerEnd.NOT_STARTED else row.tries + 1


def unusable(handler: str, why: str) -> JobStopped:
    finding = f"The handler {names.quoted(handler)} cannot be used: {why}."
    return JobStopped("handler_unusable", finding, "Correct `handler`, or make that file executable. No file is lost.")


def _is_moved(folder: Folder, row: Row) -> bool:
    """Return whether an earlier run has moved the file of a row, and was killed before it recorded that."""
    found = folder.file(row.name)
    return found is not None and (found.size, found.mtime_ns) == (row.size, row.mtime_ns)


def _last_words(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return f" Its last output: {lines[-1].strip()[:300]}" if lines else ""


def _gone(item: DropoffItem) -> TransferError:
    return TransferError("local_missing", f"{item.path!r} does not exist any more.", "Put it back if it is needed.")


def _changed(item: DropoffItem) -> TransferError:
    return TransferError(
        "changed_while_read",
        f"{item.path!r} was changed since it was seen.",
        "The next run takes it once it is settled.",
    )


def _claimed(name: str) -> WaitError:
    finding = f"Another worker of this host has {names.quoted(name)}."
    return WaitError("claimed", finding, "If the file is still there afterwards, a later run takes it.")


def _still_running(name: str) -> WaitError:
    finding = f"The handler of {names.quoted(name)}, which an earlier run has started, is still running."
    return WaitError("handler_running", finding, "A later run goes on once it has ended.")
