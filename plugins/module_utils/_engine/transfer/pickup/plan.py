# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which remote files a pickup is about: what the folder lists, and what its earlier runs left unfinished."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ...errors import FiledropError, HoldError, TransferError
from ...ledger.decisions import Discarded, way_out
from ...ledger.locks import JobKey, is_running
from ...local import names
from ...remote import Entry, join
from ...states import CAME, SECURED, State
from ..selection import (
    DIGESTS,
    LOOKED_UP_AT_ONCE,
    Candidate,
    Oldest,
    Settling,
    Sight,
    empty_refused,
    is_in_share,
    is_wanted,
    unsettled_error,
    vouched_by,
)
from .claims import earlier_first
from .item import Item, is_same, mtime_ns_of, outcome_of

if TYPE_CHECKING:
    from ...config.job import Pickup
    from ...ledger.ledger import Ledger, Row
    from ..tally import Tally


_BITS = 2**23  # of the marks for names, which need 1 MiB


class PickupPlan:
    """The items of one pickup, in the order of their age. Files that are not to be fetched get their outcome at once.

    First it takes the listing, page by page, and keeps of it no more than it needs; then `items` looks up the ledger.

    :param check: change nothing: the ledger does not note which files are not settled.
    :param watched: names whose presence in the folder matters beyond this plan.
    :ivar known: how many files were fetched before and are kept: there may be any number of them.
    :ivar files: how many files were found; ``size`` is how many bytes they have.
    :ivar present: which of the watched names are in the folder.
    :ivar claims: what the folder lists under the names of claims.
    """

    def __init__(
        self, job: Pickup, account: str, ledger: Ledger, tally: Tally, *, check: bool, watched: Collection[str]
    ) -> None:
        self._job = job
        self._key = (account, job.direction, job.remote_dir)
        self._ledger = ledger
        self._tally = tally
        self._check = check
        self._watched = watched
        self._settling = Settling(ledger, self._key, job.settle, note=not check)
        self._oldest = Oldest()
        self._oldest_checksums = Oldest()
        self._names = bytearray(_BITS // 8)  # a bit for each hash: a million names themselves need 60 MiB
        self._perhaps_twice: set[int] = set()
        self._page: dict[str, Entry] = {}
        self._sidecars: dict[str, Entry] = {}
        self._claimed: Mapping[str, Entry] = {}
        self._coming: set[str] = set()
        self.known = 0
        self.files = 0
        self.size = 0
        self.present: set[str] = set()
        self.claims: list[Entry] = []

    @property
    def left_out(self) -> int:
        """How many files are left for later runs, because a run takes only so many names."""
        return self._oldest.left_out + self._oldest_checksums.left_out

    # --- what there is

    def take(self, page: Iterable[Entry]) -> None:
        """Take one page of the listing."""
        for entry in page:
            if entry.name in self._watched:
                self.present.add(entry.name)
            if entry.kind != "file":
                continue
            if names.is_claim(entry.name):
                self.claims.append(entry)
            elif vouched_by(entry.name):
                self._sidecars.setdefault(entry.name, entry)
            if self._is_asked_for(entry.name):
                self._accept(entry)

    def close(self, claimed: Mapping[str, Entry]) -> None:
        """The listing is complete.

        :param claimed: by their own names, where the files are that this job has claimed.
        """
        self._claimed = claimed
        self.present.update(claimed.keys() & self._watched)
        self._ask_ledger()
        if claimed:
            for name in self._oldest.discard(claimed) | self._oldest_checksums.discard(claimed):
                self._let_wait(claimed[name])
        for name, entry in claimed.items():
            self._accept(entry._replace(path=join(self._job.remote_dir, name)))
            for digest in DIGESTS:  # its checksum goes with it, even if the share has changed since
                sidecar = self._sidecars.get(f"{name}.{digest}")
                if sidecar and sidecar.name not in claimed and not self._is_asked_for(sidecar.name):
                    self._accept(sidecar)
        self._ask_ledger()

    def _is_asked_for(self, name: str) -> bool:
        if names.is_temporary(name):
            return False
        return is_wanted(name, self._job) and is_in_share(name, self._job.share)

    def _accept(self, entry: Entry) -> None:
        """Keep a file that can be fetched; refuse one that has no safe name."""
        try:
            names.check_name(entry.name)
            if entry.size == 0 and self._job.empty == "refuse":
                raise empty_refused()
        except TransferError as error:
            self._refuse(entry, error)
            return
        if entry.size == 0 and self._job.empty == "skip":
            self._tally.add(outcome_of(entry).skip(empty_refused()))
            return
        if len(self._page) == LOOKED_UP_AT_ONCE or entry.name in self._page:
            self._ask_ledger()
        self._mark(hash(entry.name))
        self._page[entry.name] = entry

    def _ask_ledger(self) -> None:
        """Leave out what came before and stays where it is. (What was abandoned, or discarded, did not come.)"""
        page, self._page = self._page, {}
        if self._job.after == "keep":
            for name, size, mtime_ns, state in self._ledger.each_past(*self._key, page):
                if state in SECURED and is_same(page[name], size, mtime_ns):
                    del page[name]
                    self.known += 1
        for entry in page.values():
            is_checksum = self._job.verify == "sidecar" and vouched_by(entry.name)
            oldest = self._oldest_checksums if is_checksum else self._oldest
            oldest.add(Candidate(entry.mtime or 0, entry.name, f"{_told(entry.size)}/{_told(entry.mtime)}"))
            self.files += 1
            self.size += entry.size or 0

    # --- what is to be done with it

    def items(self) -> Iterator[Item]:
        """The items. Each is made when its turn comes, so that a large folder needs little memory."""
        for item in self._in_turn(self._oldest):
            if self._job.verify == "sidecar":
                self._coming.add(item.entry.name)
            yield item

    def checksums(self, came: Collection[str]) -> Iterator[Item]:
        """The checksums, after the files that they vouch for, and only with them.

        :param came: the names of files that this run delivered.
        """
        for item in self._in_turn(self._oldest_checksums):
            stem = vouched_by(item.entry.name)
            if stem in came or (stem not in self._coming and self._came_with(item, stem)):
                yield item
            else:
                self._tally.add(item.outcome.skip(_file_awaited()))
        self._settling.end()

    def _came_with(self, item: Item, stem: str) -> bool:
        """Whether the file of a checksum came before, while the checksum was there already. A checksum that is there
        before its file stays, for the file would never be verified without it.
        """
        row = self._ledger.latest(*self._key, [stem]).get(stem)
        return row is not None and row.state in CAME and (item.entry.mtime or 0) <= row.changed_at

    def _in_turn(self, oldest: Oldest) -> Iterator[Item]:
        entries = self._each_once(oldest.take())
        while some := list(islice(entries, LOOKED_UP_AT_ONCE)):
            yield from self._items_of(some)

    def _each_once(self, candidates: Iterable[Candidate]) -> Iterator[Entry]:
        seen = set()
        for one in candidates:
            size, mtime = (int(text) if text else None for text in one.rest.split("/"))
            entry = Entry(one.name, join(self._job.remote_dir, one.name), size, mtime, None)
            if hash(one.name) in self._perhaps_twice:
                if one.name in seen:
                    self._refuse(entry, _listed_twice(entry), again=True)
                    continue
                seen.add(one.name)
            yield entry

    def _items_of(self, entries: Sequence[Entry]) -> Iterator[Item]:
        files = {entry.name: entry for entry in entries}
        latest = self._ledger.latest(*self._key, files)
        for name, row in latest.items():
            if not self._is_open(files[name], row):
                del files[name]
        vouchers = self._vouchers(files)
        self._leave_unsettled(files, vouchers)
        before = self._before_claims(files, latest)
        for name, entry in files.items():
            yield self._item(entry, latest.get(name), before, vouchers.get(name))

    def _item(self, entry: Entry, latest: Row | None, before: Mapping[str, Row], sidecar: Entry | None) -> Item:
        claimed = self._claimed.get(entry.name)
        if latest is not None and latest.state is State.CLAIMING:
            return Item(entry, before.get(entry.name), latest, claimed, sidecar)
        is_claim = latest is not None and latest.open and claimed is not None
        return Item(entry, latest, latest if is_claim else None, claimed, sidecar)

    def _before_claims(self, files: Iterable[str], latest: Mapping[str, Row]) -> Mapping[str, Row]:
        """The newest rows but for claims, of the files whose newest row is one."""
        claims = [name for name in files if name in latest and latest[name].state is State.CLAIMING]
        return self._ledger.latest(*self._key, claims, but=State.CLAIMING) if claims else {}

    def _is_open(self, entry: Entry, latest: Row) -> bool:
        """Whether something remains to be done with a file, by what the ledger knows of its name."""
        if latest.state.is_held:
            finding = f"{entry.path!r} waits for a decision."
            self._refuse(entry, HoldError(latest.reason or "held", finding, way_out(latest, self._ledger.path)))
            return False
        is_other_job = latest.open and latest.job != self._job.name
        if is_other_job and not (self._check and not is_running(self._ledger.path, JobKey.of(latest))):
            self._refuse(entry, TransferError("other_job", f"The job {latest.job!r} is working on this file."))
            return False
        if latest.state is State.DISCARDED and is_same(entry, latest.size, latest.mtime_ns):
            self._tally.add(outcome_of(entry).skip(Discarded()))
            return False
        return True

    def _leave_unsettled(self, files: dict[str, Entry], vouchers: Mapping[str, Entry]) -> None:
        """A file waits for its checksum to be settled too."""
        looked_at = {entry.name: entry for entry in (*files.values(), *vouchers.values())}
        unsettled = self._settling.unsettled(_sight(entry) for entry in looked_at.values())
        waiting = {name for name, voucher in vouchers.items() if voucher.name in unsettled} | unsettled
        for name in [name for name in files if name in waiting]:
            self._tally.add(outcome_of(files.pop(name)).skip(unsettled_error(self._job.settle)))

    def _vouchers(self, files: Iterable[str]) -> dict[str, Entry]:
        """The checksum beside each file that has one, the best where there are several, asked for or not."""
        if self._job.verify != "sidecar":
            return {}
        beside = {**self._sidecars, **self._claimed}
        found = {}
        for name in files:
            several = [beside[f"{name}.{digest}"] for digest in DIGESTS if f"{name}.{digest}" in beside]
            if several and not vouched_by(name):
                found[name] = several[0]
        return found

    def _let_wait(self, claimed: Entry) -> None:
        """A later file has the name of one that this host has claimed."""
        later = outcome_of(claimed._replace(path=join(self._job.remote_dir, claimed.name))).skip(earlier_first())
        later.origin += " (a later file)"
        self._tally.add(later)

    def _mark(self, number: int) -> None:
        """Note the hash of a name. Of names with the same bit, few are listed twice: `_each_once` looks closer."""
        byte, bit = divmod(number % _BITS, 8)
        if self._names[byte] & 1 << bit:
            self._perhaps_twice.add(number)
        self._names[byte] |= 1 << bit

    def _refuse(self, entry: Entry, error: FiledropError, *, again: bool = False) -> None:
        outcome = outcome_of(entry).blame(error)
        if again:
            outcome.origin += " (listed again)"
        self._tally.add(outcome)


def _sight(entry: Entry) -> Sight:
    return Sight(entry.name, entry.size or 0, mtime_ns_of(entry))


def _told(number: int | None) -> str:
    return "" if number is None else str(number)


def _file_awaited() -> TransferError:
    return TransferError(
        "file_awaited",
        "It is the checksum of a file that has not come yet, and stays on the server until then.",
        "A later run takes it, after its file.",
    )


def _listed_twice(entry: Entry) -> TransferError:
    return TransferError(
        "listed_twice",
        f"The server lists {entry.path!r} twice, and only one of the two can be asked for.",
        "One of them is fetched; ask the provider what the other is.",
    )
