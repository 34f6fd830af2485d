# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which remote files a pickup is about: what the folder lists, and what its earlier runs left unfinished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ...errors import FiledropError, HoldError, TransferError
from ...ledger.decisions import Discarded, way_out
from ...ledger.ledger import CLAIMING, SECOND
from ...ledger.locks import JobKey, is_running
from ...local import names
from ..result import FileOutcome
from ..selection import DIGESTS, Candidate, Settling, empty_refused, is_in_share, is_wanted, unsettled_error, vouched_by
from .item import Item
from .workflow import CAME

if TYPE_CHECKING:
    from ...config.job import Pickup
    from ...ledger.ledger import Ledger, Row
    from ...remote import Entry


class PickupPlan:
    """The items of one pickup, in the order of their age, and the outcomes of the files that are not to be fetched.

    ``known`` counts those that were fetched before and are kept: there may be any number of them.

    :param entries: the listing of the job's remote folder.
    :param claimed: by name, where those of them are now that this job has claimed.
    :param note: whether the ledger may note what is not settled yet (not in check mode).
    """

    def __init__(
        self,
        job: Pickup,
        account: str,
        ledger: Ledger,
        entries: Sequence[Entry],
        claimed: Mapping[str, Entry],
        *,
        note: bool,
    ) -> None:
        self._job = job
        self._claimed = claimed
        self._key = (account, job.direction, job.remote_dir)
        self._ledger = ledger
        self._note = note
        self.known = 0
        self.outcomes: list[FileOutcome] = []
        files = self._acceptable(entries)
        if job.after == "keep":
            self._leave_known(files)
        latest = ledger.latest(*self._key, files)
        for name, row in latest.items():
            if not self._is_open(files[name], row):
                del files[name]
        vouchers = self._vouchers(files, entries) if job.verify == "sidecar" else {}
        self._leave_unsettled(files, vouchers, Settling(ledger, self._key, job.settle, note=note))
        checksums = {name for name in files if job.verify == "sidecar" and vouched_by(name)}
        before = self._before_claims(files, latest)
        items = [self._item(entry, latest.get(name), before, vouchers.get(name)) for name, entry in files.items()]
        items.sort(key=lambda item: (item.entry.mtime or 0, item.entry.name))
        self.items = [item for item in items if item.entry.name not in checksums]
        self.sidecars = self._in_time([item for item in items if item.entry.name in checksums])

    @staticmethod
    def outcome_of(entry: Entry) -> FileOutcome:
        """An outcome that says which file it is about."""
        return FileOutcome(entry.name, entry.path, remote_path=entry.path, size=entry.size)

    def _acceptable(self, entries: Sequence[Entry]) -> dict[str, Entry]:
        """The files that the job asks for and that can be fetched, by name; what has no safe name is refused."""
        found: dict[str, Entry] = {}
        for entry in entries:
            if entry.kind != "file" or names.is_temporary(entry.name) or not self._is_ours(entry.name):
                continue
            try:
                names.check_name(entry.name)
                if entry.name in found:
                    raise _listed_twice(entry)
                if entry.size == 0 and self._job.empty == "refuse":
                    raise empty_refused()
            except TransferError as error:
                self._refuse(entry, error, again=entry.name in found)
            else:
                if entry.size != 0 or self._job.empty != "skip":
                    found[entry.name] = entry
                else:
                    self.outcomes.append(self.outcome_of(entry).skip(empty_refused()))
        return found

    def _is_ours(self, name: str) -> bool:
        """Whether the job asks for a name, by its patterns and its share. What it has claimed it sees through, together
        with the checksum of it, though both may have changed since.
        """
        if self._claimed and (name in self._claimed or vouched_by(name) in self._claimed):
            return True
        return is_wanted(name, self._job) and is_in_share(name, self._job.share)

    def _leave_known(self, files: dict[str, Entry]) -> None:
        """What came before, and stays where it is. (What was abandoned, or discarded, did not come.)"""
        for name, size, mtime_ns, state in self._ledger.each_past(*self._key, files):
            if state in ("fetched", "kept") and _is_same(files[name], size, mtime_ns):
                del files[name]
                self.known += 1

    def _before_claims(self, files: Iterable[str], latest: Mapping[str, Row]) -> Mapping[str, Row]:
        """The newest rows but for claims, of the files whose newest row is one."""
        claims = [name for name in files if name in latest and latest[name].state == CLAIMING]
        return self._ledger.latest(*self._key, claims, but=CLAIMING) if claims else {}

    def _item(self, entry: Entry, latest: Row | None, before: Mapping[str, Row], sidecar: Entry | None) -> Item:
        item = Item(entry, latest, sidecar, claimed=self._claimed.get(entry.name))
        if latest is not None and latest.state == CLAIMING:
            item.latest, item.claim = before.get(entry.name), latest
        elif latest is not None and latest.open and item.claimed is not None:
            item.claim = latest
        return item

    def _is_open(self, entry: Entry, latest: Row) -> bool:
        """Whether something remains to be done with a file, by what the ledger knows of its name."""
        if latest.state == "held":
            finding = f"{entry.path!r} waits for a decision."
            self._refuse(entry, HoldError(latest.reason or "held", finding, way_out(latest, self._ledger.path)))
            return False
        in_other_hands = latest.open and latest.job != self._job.name
        if in_other_hands and (self._note or is_running(self._ledger.path, JobKey.of(latest))):
            self._refuse(entry, TransferError("other_job", f"The job {latest.job!r} has this file in its hands."))
            return False
        if latest.state == "discarded" and _is_same(entry, latest.size, latest.mtime_ns):
            self.outcomes.append(self.outcome_of(entry).skip(Discarded()))
            return False
        return True

    def _leave_unsettled(self, files: dict[str, Entry], vouchers: dict[str, Entry], settling: Settling) -> None:
        """A file waits for its checksum to be settled too."""
        looked_at = {entry.name: entry for entry in (*files.values(), *vouchers.values())}
        unsettled = settling.unsettled(_candidate(entry) for entry in looked_at.values())
        waiting = {name for name, voucher in vouchers.items() if voucher.name in unsettled} | unsettled
        for name in waiting & files.keys():
            self.outcomes.append(self.outcome_of(files.pop(name)).skip(unsettled_error(self._job.settle)))

    def _vouchers(self, files: dict[str, Entry], entries: Sequence[Entry]) -> dict[str, Entry]:
        """The checksum beside each file that has one, the best where there are several, be it asked for or not."""
        beside = {entry.name: entry for entry in reversed(entries) if entry.kind == "file"}
        beside.update(self._claimed)
        found = {
            name: [beside[f"{name}.{digest}"] for digest in DIGESTS if f"{name}.{digest}" in beside] for name in files
        }
        return {name: several[0] for name, several in found.items() if several and not vouched_by(name)}

    def _in_time(self, checksums: Sequence[Item]) -> Sequence[Item]:
        """The checksums whose files come in this run, or came before while the checksum was there already. One that is
        there before its file is left there, for the file would never be verified without it.
        """
        coming = {item.entry.name for item in self.items}
        came = self._ledger.latest(*self._key, {vouched_by(item.entry.name) for item in checksums} - coming)
        found = []
        for item in checksums:
            row = came.get(vouched_by(item.entry.name))
            came_with_it = row is not None and row.state in CAME and (item.entry.mtime or 0) <= row.changed_at
            if came_with_it or vouched_by(item.entry.name) in coming:
                found.append(item)
            else:
                self.outcomes.append(self.outcome_of(item.entry).skip(file_awaited()))
        return found

    def _refuse(self, entry: Entry, error: FiledropError, *, again: bool = False) -> None:
        outcome = self.outcome_of(entry).blame(error)
        if again:
            outcome.origin += " (listed again)"
        self.outcomes.append(outcome)


def _is_same(entry: Entry, size: int, mtime_ns: int) -> bool:
    """Whether the file that is listed now is still the one of this size and time."""
    return entry.size == size and (entry.mtime or 0) * SECOND == mtime_ns


def _candidate(entry: Entry) -> Candidate:
    return Candidate(entry.name, entry.size or 0, None if entry.mtime is None else entry.mtime * SECOND)


def file_awaited() -> TransferError:
    return TransferError(
        "file_awaited",
        "It is the checksum of a file that has not come yet, and stays on the server until then.",
        "A later run takes it, after its file.",
    )


def _listed_twice(entry: Entry) -> TransferError:
    return TransferError(
        "listed_twice",
        f"The server lists {entry.path!r} twice, and only one of the two can be asked for.",
        "The first of them is fetched; ask the provider what the other is.",
    )
