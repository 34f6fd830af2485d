# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every direction has in common: items, one after the other, and an outcome for each."""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Callable, Generic, TypeVar

from ..config.jobs.watch import NOTHING_EXPECTED
from ..errors import (
    ENDS_THE_RUN,
    FiledropError,
    NotReached,
    OriginalStays,
    Rejected,
    RemoteBusy,
    Replaced,
    RunEnded,
    SkipError,
    WaitError,
    unexpected,
)
from ..local.permissions import Permissions, permissions_for
from ..loop.deadline import Deadline, Interruption
from ..remote.registry import connect
from .canary import ALL
from .companions import Copied, SetMove
from .hashes import BY_HASH, require_digests
from .planning.sets import FileSet, Turn, files_of
from .result import FileOutcome, RunResult
from .selection import Only
from .tally import Tally

if TYPE_CHECKING:
    from ..config.accounts.account import Account
    from ..config.jobs.job import Job
    from ..ledger.ledger import Ledger, Row
    from ..local.fsync import Syncer
    from ..remote.interface import Remote
    from .observer import Observer

Item = TypeVar("Item")
Result = TypeVar("Result")


class Allowance:
    """Limit how many files and bytes one run transfers, over all its attempts."""

    def __init__(self, max_files: int | None, max_bytes: int | None) -> None:
        self._files = max_files
        self._bytes = max_bytes
        self._has_moved = False
        self.begin_attempt()

    def begin_attempt(self) -> None:
        """Start a new attempt. What earlier attempts transferred still counts; what they only admitted does not."""
        self._files_now, self._bytes_now = self._files, self._bytes
        self._may_exceed = not self._has_moved
        self._admitted = 0
        self._volume = 0
        self._is_closed = False

    def admit(self, size: int) -> bool:
        """Return whether one more file of this size in bytes may be transferred.

        After the first refusal, all files are refused, so that files are transferred in order. The first file of a run
        may be larger than ``max_bytes``; otherwise it could never be transferred.
        """
        self._volume += size
        if self._files_now is not None and self._admitted >= self._files_now:
            self._is_closed = True
        if self._bytes_now is not None and not self._may_exceed and self._volume > self._bytes_now:
            self._is_closed = True
        if not self._is_closed:
            self._admitted += 1
            self._may_exceed = False
        return not self._is_closed

    def at_most(self, files: int, size: int) -> tuple[int, int]:
        """Return the given number of files and bytes, each reduced to its limit."""
        some = files if self._files_now is None else min(files, self._files_now)
        return some, size if self._bytes_now is None else min(size, self._bytes_now)

    def spend(self, size: int, files: int = 1) -> None:
        """Count one transferred file of this size in bytes.

        :param files: 0 if it is part of a set that counts with another of its files.
        """
        self._has_moved = True
        if self._files is not None:
            self._files = max(0, self._files - files)
        if self._bytes is not None:
            self._bytes = max(0, self._bytes - size)


def beyond_allowance() -> WaitError:
    return WaitError(
        "limit_reached",
        "The run has reached the limit of `max_files` or `max_bytes`.",
        "A later run transfers the file.",
    )


class JobRun(ABC, Generic[Item]):
    """One run of a job. It outlives connections: each attempt plans anew, and what was delivered stays delivered.

    :param account: its name in the ledger.
    :param check: predict only.
    :param only: narrows this run to some files; None: all files.
    :ivar deadline: until when files may be begun.
    :ivar prune_before: older rows of the ledger are forgotten after the run, in seconds since 1970; None: no row.
    :ivar watch: what is expected of the job.
    :ivar tally: the outcomes.
    :ivar width: how many files may be under way at once.
    :ivar permissions: of the copies that the job makes on this host.
    """

    def __init__(
        self, job: Job, account: str, ledger: Ledger, syncer: Syncer, *, check: bool, only: Only | None = None
    ) -> None:
        self.job = job
        self.account = account
        self.deadline = Deadline(None)
        self.prune_before: float | None = None
        self.watch = NOTHING_EXPECTED
        self.tally = Tally(job.max_results)
        self.width = ALL
        self.permissions = Permissions()
        self._ledger = ledger
        self._syncer = syncer
        self._check = check
        self.only = (Only() if only is None else only).of_sets(job.companions)
        self._allowance = Allowance(job.max_files, job.max_bytes)
        self._rounds: Iterator[Iterator[Turn[Item]]] = iter(())
        self._round: Iterator[Turn[Item]] = iter(())
        self._waiting: dict[int, Turn[Item]] = {}  # by identity: handed out, and not begun yet
        self._under_way = 0
        self._cut_off_at = 0  # how many were under way when the attempt began to end
        self._last: dict[str, None] = {}  # paths of originals that go last, in their order

    @property
    def observer(self) -> Observer | None:
        """Who is told how far the run is."""
        return self.tally.observer

    def open(self) -> None:
        """Open what the job needs on this host.

        :raises DiskError: the job cannot begin.
        """
        self.permissions = permissions_for(self.job.group, self.job.file_mode)

    def close(self, *, ended_early: bool) -> None:
        """Release what the job needed for itself alone on this host."""

    def connect(self, account: Account) -> Remote:
        """Open a session; see `remote.connect`."""
        return connect(account, self.permissions)

    def begin_attempt(self) -> bool:
        """Look at what is here before a connection is made; return whether one is needed.

        :raises DiskError: the job cannot work with what is here.
        """
        return self._prepare()

    async def plan(self, remote: Remote) -> None:
        """Find out what is to be done over this connection.

        :raises JobStopped: ``hash_unsupported``: the server cannot verify what the job moves.
        """
        if self.job.verify == BY_HASH:
            await require_digests(remote, self.job.remote_dir)
        await self._plan(remote)
        self._rounds = self._plan_rounds()

    async def finish(self, remote: Remote) -> None:
        """Look again at the server after the last file."""

    def delivered_before(self) -> Sequence[Row]:
        """Return the rows of files of earlier runs that `look_back` looks at."""
        return ()

    async def look_back(self, row: Row) -> None:
        """Look whether a delivered file was taken from the server."""

    def _end_plan(self) -> None:
        """Forget the plan of the attempt before. Until then, its files are those whose turn did not come."""
        self._allowance.begin_attempt()
        self._round, self._rounds = iter(()), iter(())
        self._waiting.clear()

    def rounds(self) -> Iterator[Iterator[Turn[Item]]]:
        """The turns, in rounds that follow one another. Each is made when it comes."""
        for items in self._rounds:
            self._round = items
            yield self._handed_out(items)

    def _handed_out(self, turns: Iterator[Turn[Item]]) -> Iterator[Turn[Item]]:
        """The turns, each of which waits until `process` begins it."""
        last: dict[str, Turn[Item]] = {}
        for turn in turns:
            self._waiting[id(turn)] = turn
            origin = next((one for one in self._origins(turn) if one in self._last), "") if self._last else ""
            if origin:
                last[origin] = turn
            else:
                yield turn
        yield from (last[origin] for origin in self._last if origin in last)

    def _origins(self, turn: Turn[Item]) -> Iterator[str]:
        return (self.outcome_of(item).origin for item in files_of(turn))

    def reduce(self) -> bool:
        """Let the next attempt have less under way, because sessions end before a file is through.

        Half as many files are moved at once, and the largest of those that were under way goes last. Return whether
        that is a change.
        """
        cut_off = self.tally.cut_off
        if not cut_off:
            return False
        largest = max(cut_off, key=lambda one: one.size or 0).origin
        is_change = self._cut_off_at > 1 or largest not in self._last
        self.width = max(1, self._cut_off_at // 2)
        self._cut_off_at = 0
        self._last.pop(largest, None)
        self._last[largest] = None
        return is_change

    @abstractmethod
    def _prepare(self) -> bool:
        """See `begin_attempt`. A direction that plans here calls `tally.begin_attempt` before, and `_end_plan` after
        it knows the files."""

    @abstractmethod
    async def _plan(self, remote: Remote) -> None:
        """See `plan`, and for a direction that plans here `_prepare`."""

    @abstractmethod
    def _plan_rounds(self) -> Iterator[Iterator[Turn[Item]]]:
        """See `rounds`."""

    @abstractmethod
    def outcome_of(self, item: Item) -> FileOutcome:
        """An outcome which says no more than which file it is about."""

    @abstractmethod
    async def transfer(self, item: Item) -> FileOutcome:
        """Do what is to be done with one item; return its outcome."""

    @abstractmethod
    async def predict(self, item: Item) -> FileOutcome:
        """Find out what `transfer` would do; change nothing."""

    @abstractmethod
    async def require_startable(self, item: Item) -> bool:
        """Require that the copy of a file of a set can be begun: its name is free. Return True."""

    async def require_taken(self, names: Sequence[str]) -> None:
        """Require that delivered files of a set are gone from the server.

        :raises WaitError: ``companion_not_taken``.
        """

    async def copy(self, item: Item) -> Copied:
        """Do the first part of `transfer` with a file of a set: all but the disposal of its original."""
        return Copied(await self.predict(item), None) if self._check else await self._copy(item)

    async def complete(self, item: Item, copied: Copied) -> FileOutcome:
        """Do the second part: dispose of the original; return the outcome."""
        return copied.outcome if self._check else await self._complete(item, copied)

    @abstractmethod
    async def _copy(self, item: Item) -> Copied:
        """See `copy`."""

    @abstractmethod
    async def _complete(self, item: Item, copied: Copied) -> FileOutcome:
        """See `complete`."""

    @property
    @abstractmethod
    def part_folder(self) -> tuple[str, str] | None:
        """The folder in which the job's parts lie, and the option that names it; None if that is inside a source."""

    @abstractmethod
    def asks_for(self, row: Row) -> bool:
        """Whether the job would move the file of a row of another job."""

    @abstractmethod
    def has_to_remember(self, row: Row) -> bool:
        """Whether forgetting a row that is history could make its file move again."""

    def covers(self, path: str) -> bool:
        """Whether this run looks at the file of a path, if it exists."""
        return not self.only.is_part and posixpath.basename(path) in self.only

    def remove_archived(self, _row: Row) -> bool:
        """Remove the file that the job archived, if it is unchanged; return whether one was removed."""
        return False

    async def process(self, turn: Turn[Item]) -> None:
        """See one file, or one set of files, through to an outcome.

        :raises FiledropError: what ends the attempt.
        """
        self._waiting.pop(id(turn), None)
        self._under_way += 1
        try:
            if isinstance(turn, FileSet):
                await SetMove(turn, self).move()
            else:
                outcome = await self.attempt(turn, self.predict if self._check else self.transfer)
                if outcome is not None:
                    self.count(outcome)
        except Exception:
            self._cut_off_at = self._cut_off_at or self._under_way
            raise
        finally:
            self._under_way -= 1

    async def attempt(self, item: Item, work: Callable[[Item], Awaitable[Result]]) -> Result | None:
        """Do some work with one item, and return the result. If it fails, tell the outcome, and return None.

        :raises FiledropError: what ends the attempt.
        """
        if self.observer is not None:
            self.observer.began(self.outcome_of(item).name)
        try:
            self.deadline.check()
            return await work(item)
        except (NotReached, RunEnded):  # nothing of it was begun
            self.tally.interrupt(self.outcome_of(item).blame(NotReached()))
            raise
        except Interruption as interruption:
            self.tally.interrupt(self.outcome_of(item).blame(interruption.error))
            raise
        except ENDS_THE_RUN as error:
            self.tally.interrupt(self.outcome_of(item).blame(error))
            raise
        except FiledropError as error:
            if isinstance(error, RemoteBusy) and self._under_way > 1:
                self.tally.interrupt(self.outcome_of(item).blame(error))
                raise
            self.count(_blamed(self.outcome_of(item), error))
        except Exception as error:  # a mistake in the code; the next run recovers the file from its row
            self.count(_blamed(self.outcome_of(item), unexpected(error)))
        return None

    def result(self, error: FiledropError | None) -> RunResult:
        """All outcomes. Files whose turn did not come wait."""
        return self.tally.result(error, self._not_reached())

    def _not_reached(self) -> Iterator[FileOutcome]:
        with suppress(FiledropError):  # a ledger that has just failed
            for turn in chain(self._waiting.values(), self._round, *self._rounds):
                for item in files_of(turn):
                    yield self.outcome_of(item).blame(NotReached())

    def _allowed(self, turn: Turn[Item]) -> bool:
        """Whether this run may move one more file, or one more set of files. If not, that is their outcome.

        A set that an earlier run has begun does not count: while it waits for its leader to be taken, others go.
        """
        if isinstance(turn, FileSet) and turn.copied:
            return True
        if self._allowance.admit(sum(self.outcome_of(item).size or 0 for item in files_of(turn))):
            return True
        for item in files_of(turn):
            self.tally.add(self.outcome_of(item).blame(beyond_allowance()))
        return False

    def _announce(self, files: int, size: int) -> None:
        """Tell how much is planned, before anything is moved.

        :raises JobStopped: it is more than a run of this job may move.
        """
        some, volume = self._allowance.at_most(files, size)
        if self.watch.stop_above is not None:
            self.watch.stop_above.require(some, volume)
        if self.observer is not None:
            self.observer.planned(some, volume)

    def count(self, outcome: FileOutcome, *, files: int = 1) -> None:
        """Tell an outcome.

        :param files: how many files of `max_files` it counts; see `Allowance.spend`.
        """
        self.tally.add(outcome)
        if outcome.outcome == "delivered":
            self._allowance.spend(outcome.size or 0, files)


def _blamed(outcome: FileOutcome, error: FiledropError) -> FileOutcome:
    """The outcome of a file whose workflow raised an error that concerns this file alone."""
    if isinstance(error, Replaced):
        outcome.deliver()
        outcome.reason, outcome.message = error.reason, str(error)
        return outcome
    if isinstance(error, SkipError):
        return outcome.skip(error)
    outcome.changed = isinstance(error, (OriginalStays, Rejected))
    return outcome.blame(error)
