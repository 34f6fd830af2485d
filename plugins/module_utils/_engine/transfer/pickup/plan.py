# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan a pickup: the files that the server lists, and the unfinished files of earlier runs."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Callable

from ...errors import FiledropError, TransferError, WaitError
from ...ledger.decisions import Discarded, held_error
from ...ledger.ledger import SECOND
from ...ledger.locks import JobKey, is_running
from ...local import names
from ...remote.interface import Entry, join
from ...states import CAME, SECURED, State
from ..planning.candidates import LOOKED_UP_AT_ONCE, Candidate, NameMarks, Oldest, left_for_later
from ..planning.left_alone import LeftAlone
from ..planning.sets import Sets, Turn
from ..planning.settling import SecondLook, Settling, Sight, unsettled_error
from ..result import FileOutcome
from ..selection import (
    DIGESTS,
    Only,
    Selector,
    empty_refused,
    is_in_share,
    is_selected,
    not_in_frame,
    other_job,
    sidecar_key,
    vouched_by,
)
from .claims import earlier_first
from .item import PickupItem, is_same, mtime_ns_of, outcome_of

if TYPE_CHECKING:
    from ...config.jobs.job import Pickup
    from ...ledger.ledger import Ledger, Row
    from ..tally import Tally


MOST_COMPARED = 64 * 1024 * 1024
"""Bytes of kept files without a time that one run fetches again, to compare their content."""

_LAST = 2**62
"""In the place of a time: files that are only compared come after new ones, which `max_files` would leave out for ever.
"""


class PickupPlan:
    """Find the items of one pickup, oldest first. Files that are not fetched get their outcome at once.

    Call `take` for each page of the listing, then `close`, then `items`, then `checksums`. The plan keeps only the part
    of the listing that it needs.

    :param check: change nothing; unsettled files are not recorded in the ledger.
    :param watched: names for which the caller needs to know whether they are in the folder.
    :param begun: names of files that an earlier run has begun, so their times do not matter.
    :param clock: seconds by which the server's clock is ahead of ours; None if it is unknown.
    :param only: narrows the plan to some names.
    :ivar needs_second_look: whether only a second listing can show which files are settled; see `look_again`.
    :ivar known: the number of files that were fetched before and stay on the server. It has no limit.
    :ivar files: the number of files that were found; ``size`` is their total size in bytes.
    :ivar present: the watched names that are in the folder.
    :ivar told: names that are left alone, because the caller has added their outcomes.
    :ivar claims: the listed files that have the name of a claim.
    """

    def __init__(
        self,
        job: Pickup,
        account: str,
        ledger: Ledger,
        tally: Tally,
        *,
        check: bool,
        watched: Collection[str],
        begun: Collection[str] = (),
        clock: float | None = 0.0,
        only: Only | None = None,
    ) -> None:
        self._job = job
        self._only = Only() if only is None else only
        self._key = (account, job.direction, job.remote_dir)
        self._ledger = ledger
        self._tally = tally
        self._check = check
        self._watched = watched
        self._begun = begun
        self._settling = Settling(ledger, self._key, job.settle, note=not check, clock=clock)
        self.needs_second_look = False
        self._oldest = Oldest()
        self._selector = Selector(job)
        self._sets: Sets[PickupItem] = Sets(
            job.companions,
            name_of=attrgetter("entry.name"),
            is_copied=attrgetter("is_copied"),
            moved_before=self._moved_before,
            refuse=lambda item, error: self._refuse(item.entry, error),
        )
        self._of_others: dict[str, list[Entry]] = {}  # files of sets that belong to the shares of others, by stem
        self._left_alone = LeftAlone("remote_dir")
        self._oldest_checksums = Oldest()
        self._names = NameMarks()
        self._page: dict[str, Entry] = {}
        self._sidecars: dict[str, Entry] = {}
        self._claimed: dict[str, Entry] = {}
        self._coming: set[str] = set()
        self.known = 0
        self.files = 0
        self.size = 0
        self.present: set[str] = set()
        self.claims: list[Entry] = []
        self.told: set[str] = set()
        self._compared = 0  # bytes
        self._not_compared = 0  # files

    def notes(self) -> Iterator[str]:
        """Yield what a person should know about the selection."""
        yield from self._selector.notes()
        yield from self._left_alone.notes()
        if self._not_compared:
            yield (
                "The server tells no times, so only the content shows whether a kept file was replaced. "
                f"{self._not_compared} files of the same size as before were not compared: a run fetches at most "
                f"{MOST_COMPARED} bytes for that."
            )
        left_out = self._oldest.left_out + self._oldest_checksums.left_out
        if left_out:
            yield left_for_later(left_out)

    # --- the listing

    def take(self, page: Iterable[Entry]) -> None:
        """Take one page of the listing."""
        for entry in page:
            if entry.name in self._watched:
                self.present.add(entry.name)
            if entry.kind != "file":
                self._leave_alone(entry)
                continue
            if names.is_claim(entry.name):
                self.claims.append(entry)
                continue
            if vouched_by(entry.name):
                self._sidecars.setdefault(sidecar_key(entry.name), entry)
            if self._is_asked_for(entry.name):
                self._only.meet(entry.name)
                if entry.name in self._begun or self._is_in_frame(entry):
                    self._accept(entry)
                elif self._only:
                    self._refuse(entry, not_in_frame(entry.name))
            elif self._job.share and (place := self._sets.place(entry.name)) and self._selector.selects(entry.name):
                self._of_others.setdefault(place.stem, []).append(entry)

    def close(self, claimed: dict[str, Entry]) -> None:
        """Complete the plan after the last page of the listing.

        :param claimed: the files that this job has claimed: their current entries, by their own names.
        """
        self.present.update(claimed.keys() & self._watched)
        claimed = self._claimed = {name: entry for name, entry in claimed.items() if name in self._only}
        self._ask_ledger()
        if claimed:
            for name in self._oldest.discard(claimed) | self._oldest_checksums.discard(claimed):
                self._let_wait(claimed[name])
        for name, entry in claimed.items():
            self._accept(entry._replace(path=join(self._job.remote_dir, name)))
            for digest in DIGESTS:  # fetch its checksum file too, even if the share has changed since
                sidecar = self._sidecars.get(f"{name}.{digest}")
                if sidecar and sidecar.name not in claimed and not self._is_asked_for(sidecar.name):
                    self._accept(sidecar)
            place = self._sets.place(name)
            for companion in self._of_others.pop(place.stem, ()) if place else ():  # the same
                if companion.name not in claimed:
                    self._accept(companion)
        self._ask_ledger()
        for name in claimed:
            self._only.meet(name)
        for name, error in self._only.unmet(self._job, self._job.remote_dir):
            path = join(self._job.remote_dir, name)
            self._tally.add(FileOutcome(name, path, remote_path=path).blame(error))

    def _is_asked_for(self, name: str) -> bool:
        is_ours = is_in_share(name, self._job.share, self._job.companions)
        return self._selector.selects(name) and is_ours and name in self._only

    def _is_in_frame(self, entry: Entry) -> bool:
        """Return whether the time frame selects a file. That of a checksum or of a set is judged later."""
        is_judged_later = self._is_checksum(entry.name) or self._sets.place(entry.name) is not None
        return is_judged_later or self._selector.is_in_frame(mtime_ns_of(entry))

    def _is_checksum(self, name: str) -> bool:
        """Return whether a file is fetched after the file that it is the checksum of."""
        return self._job.verify == "sidecar" and bool(vouched_by(name)) and self._sets.place(name) is None

    def _leave_alone(self, entry: Entry) -> None:
        """Take note of what is not a regular file. If it was named, that is an error."""
        if not is_selected(entry.name, self._job) or entry.name not in self._only or self._job.is_move_dir(entry.path):
            return
        kind = "special file" if entry.kind == "other" else entry.kind
        if not self._only:
            self._left_alone.add(entry.name, kind)
            return
        self._only.meet(entry.name)
        finding = f"{entry.path!r} is a {kind}, but only regular files are fetched."
        self._refuse(entry, TransferError("not_a_file", finding, "Name the file itself. A link is never followed."))

    def _accept(self, entry: Entry) -> None:
        """Keep a file that can be fetched; refuse an unsafe name, and apply `empty` to an empty file."""
        try:
            names.check_name(entry.name)
            if entry.size == 0 and self._job.empty == "refuse":
                raise empty_refused()
        except TransferError as error:
            self._refuse(entry, error)
            return
        if entry.size == 0 and self._job.empty == "skip":
            self._skip(entry, empty_refused())
            return
        if len(self._page) == LOOKED_UP_AT_ONCE or entry.name in self._page:
            self._ask_ledger()
        self._names.add(entry.name)
        self._page[entry.name] = entry

    def _ask_ledger(self) -> None:
        """Leave out kept files that were fetched before. Abandoned and discarded files do not count as fetched."""
        page, self._page = self._page, {}
        compared = set()
        if self._job.after == "keep":
            for name, size, mtime_ns, state, moved_at in self._ledger.each_past(*self._key, page):
                if state not in SECURED or not is_same(page[name], size, mtime_ns):
                    continue
                if self._must_compare(page[name]):
                    compared.add(name)
                else:
                    entry = page.pop(name)
                    self._sets.note_moved(name)
                    self.known += not self._only.tells_past
                    if self._only.tells_past:
                        self._tally.add(outcome_of(entry).skip(self._only.moved_before(moved_at)))
        for entry in page.values():
            oldest = self._oldest_checksums if self._is_checksum(entry.name) else self._oldest
            time = _LAST if entry.name in compared else entry.mtime or 0
            oldest.add(Candidate(time, entry.name, f"{_told(entry.size)}/{_told(entry.mtime)}"))
            self.files += 1
            self.size += entry.size or 0
            self.needs_second_look = self.needs_second_look or self._settling.needs_second_look(_sight(entry).mtime_ns)

    def look_again(self) -> Callable[[Iterable[Entry]], None]:
        """Return a function that takes each page of a second listing, ``settle`` seconds after the first one."""
        second = self._settling.second_look = SecondLook()
        second.add(_sight(entry) for entry in self._claimed.values())  # they were settled when they were claimed
        return lambda page: second.add(_sight(entry) for entry in page if entry.kind == "file")

    def _must_compare(self, entry: Entry) -> bool:
        """Return whether only its content can tell if a kept file was replaced by one of the same size.

        Count the bytes that this run fetches for that.
        """
        if entry.mtime:
            return False
        is_possible = self._compared + (entry.size or 0) <= MOST_COMPARED
        self._compared += (entry.size or 0) * is_possible
        self._not_compared += not is_possible
        return is_possible

    # --- the work to do

    def items(self) -> Iterator[Turn[PickupItem]]:
        """Yield the items and sets, oldest first. Each is built when it is needed, so a large folder needs little
        memory."""
        yield from self._sets.gathered(self._each())

    def _each(self) -> Iterator[PickupItem]:
        for item in self._in_turn(self._oldest):
            if self._job.verify == "sidecar":
                self._coming.add(item.entry.name)
            yield item

    def checksums(self, came: Collection[str]) -> Iterator[PickupItem]:
        """Yield the checksum files whose files have been delivered. Call this after the last item of `items`.

        :param came: the names of the files that this run has delivered.
        """
        for item in self._in_turn(self._oldest_checksums):
            stem = vouched_by(item.entry.name)
            if stem in came or (stem not in self._coming and self._came_with(item, stem)):
                yield item
            elif stem in self._coming or not self._job.modified.is_limited:  # else its file may not be selected
                self._tally.add(item.outcome.blame(_file_awaited(stem)))
        if not self._only:
            self._settling.end()

    def _came_with(self, item: PickupItem, stem: str) -> bool:
        """Return whether the file of a checksum was fetched in an earlier run, when the checksum already existed.

        A checksum that is newer belongs to a file that is still to come. It stays, because that file could not be
        verified without it.
        """
        row = self._ledger.latest(*self._key, [stem]).get(stem)
        return row is not None and row.state in CAME and (item.entry.mtime or 0) <= row.changed_at

    def _in_turn(self, oldest: Oldest) -> Iterator[PickupItem]:
        entries = self._each_once(self._sets.in_order(oldest.take(), self._is_set_in_frame))
        while some := list(islice(entries, LOOKED_UP_AT_ONCE)):
            yield from self._items_of(some)

    def _each_once(self, candidates: Iterable[Candidate]) -> Iterator[Entry]:
        seen = set()
        for one in candidates:
            size, mtime = (int(text) if text else None for text in one.rest.split("/"))
            entry = Entry(one.name, join(self._job.remote_dir, one.name), size, mtime, None)
            if self._names.is_perhaps_twice(one.name):
                if one.name in seen:
                    self._refuse(entry, _listed_twice(entry), again=True)
                    continue
                seen.add(one.name)
            yield entry

    def _items_of(self, entries: Sequence[Entry]) -> Iterator[PickupItem]:
        files = {entry.name: entry for entry in entries if entry.name not in self.told}
        for name in {entry.name for entry in entries} & self.told:
            self._sets.note_blocked(name, _told_before(name))
        latest = self._ledger.latest(*self._key, files)
        for name, row in latest.items():
            if not self._is_open(files[name], row):
                del files[name]
        vouchers = self._vouchers(files)
        self._leave_unsettled(files, vouchers)
        before = self._before_claims(files, latest)
        for name, entry in files.items():
            yield self._item(entry, latest.get(name), before, vouchers.get(name))

    def _item(self, entry: Entry, latest: Row | None, before: Mapping[str, Row], sidecar: Entry | None) -> PickupItem:
        claimed = self._claimed.get(entry.name)
        if latest is not None and latest.state is State.CLAIMING:
            return PickupItem(entry, before.get(entry.name), latest, claimed, sidecar)
        is_claim = latest is not None and latest.open and claimed is not None
        return PickupItem(entry, latest, latest if is_claim else None, claimed, sidecar)

    def _before_claims(self, files: Iterable[str], latest: Mapping[str, Row]) -> Mapping[str, Row]:
        """Return the newest rows before the claim, for the files whose newest row is a claim."""
        claims = [name for name in files if name in latest and latest[name].state is State.CLAIMING]
        return self._ledger.latest(*self._key, claims, but=State.CLAIMING) if claims else {}

    def _is_open(self, entry: Entry, latest: Row) -> bool:
        """Return whether a file still needs work, according to the newest row of its name. Else add its outcome."""
        if latest.state.is_decidable:
            finding = f"{entry.path!r} is held and needs a decision."
            self._refuse(entry, held_error(latest, latest.reason or "held", finding, self._ledger))
            return False
        is_other_job = latest.open and latest.job != self._job.name
        if is_other_job and not (self._check and not is_running(self._ledger.path, JobKey.of(latest))):
            self._refuse(entry, other_job(latest))
            return False
        if latest.state is State.DISCARDED and is_same(entry, latest.size, latest.mtime_ns):
            self._skip(entry, Discarded())
            return False
        return True

    def _leave_unsettled(self, files: dict[str, Entry], vouchers: Mapping[str, Entry]) -> None:
        """Let the files wait that are not settled, or whose checksum file is not settled."""
        looked_at = {entry.name: entry for entry in (*files.values(), *vouchers.values())}
        unsettled = self._settling.unsettled(_sight(entry) for entry in looked_at.values())
        waiting = {name for name, voucher in vouchers.items() if voucher.name in unsettled} | unsettled
        for name in [name for name in files if name in waiting]:
            self._refuse(files.pop(name), unsettled_error(self._job.settle))

    def _vouchers(self, files: Iterable[str]) -> dict[str, Entry]:
        """Return the strongest checksum file of each file that has one, even if `include` does not select it."""
        if self._job.verify != "sidecar":
            return {}
        claimed = {sidecar_key(name): entry for name, entry in self._claimed.items() if vouched_by(name)}
        beside = ChainMap(claimed, self._sidecars)
        found = {}
        for name in files:
            several = [beside[f"{name}.{digest}"] for digest in DIGESTS if f"{name}.{digest}" in beside]
            if several and not vouched_by(name):
                found[name] = several[0]
        return found

    def _let_wait(self, claimed: Entry) -> None:
        """Let a later file wait that has the same name as a file that this host has claimed."""
        later = outcome_of(claimed._replace(path=join(self._job.remote_dir, claimed.name))).blame(earlier_first())
        later.origin += " (a later file)"
        self._tally.add(later)

    def _refuse(self, entry: Entry, error: FiledropError, *, again: bool = False) -> None:
        outcome = outcome_of(entry).blame(error)
        if again:
            outcome.origin += " (listed again)"
        else:
            self._sets.note_blocked(entry.name, error)
        self._tally.add(outcome)

    def _moved_before(self, stem: str, required: Sequence[PickupItem]) -> Iterator[str]:
        """Yield the names of files that were moved when the required ones were there already, and were not moved since.

        So they are of the same set. Their originals may be gone: some servers remove what was read.
        """
        times: list[float] = [item.entry.mtime or _LAST for item in required]
        times += [item.latest.changed_at for item in required if item.latest is not None]
        for name, moved_at in self._ledger.moved_with(*self._key, stem).items():
            if max(times, default=0.0) <= moved_at:
                yield name

    def _skip(self, entry: Entry, why: FiledropError) -> None:
        self._sets.note_blocked(entry.name, why)
        self._tally.add(outcome_of(entry).skip(why))

    def _is_set_in_frame(self, files: Sequence[Candidate]) -> bool:
        """Return whether the time frame selects a set: by the time of its newest file, unless it was begun."""
        names = [one.name for one in files]
        if not self._job.modified.is_limited or any(name in self._begun or name in self._claimed for name in names):
            return True
        if self._selector.is_in_frame(max((one.time * SECOND for one in files if one.time != _LAST), default=None)):
            return True
        for name in names if self._only else ():
            self._refuse(Entry(name, join(self._job.remote_dir, name), None, None, None), not_in_frame(name))
        return False


def _sight(entry: Entry) -> Sight:
    return Sight(entry.name, entry.size or 0, mtime_ns_of(entry) or None)  # a time of 0 proves nothing


def _told(number: int | None) -> str:
    return "" if number is None else str(number)


def _file_awaited(stem: str) -> WaitError:
    return WaitError(
        "file_awaited",
        f"This is the checksum of {stem!r}, which was not fetched yet, so it stays on the server.",
        "A later run fetches it after its file.",
    )


def _told_before(name: str) -> TransferError:
    return TransferError("unfinished", f"An earlier run left {names.quoted(name)} unfinished.", "See its own message.")


def _listed_twice(entry: Entry) -> TransferError:
    return TransferError(
        "listed_twice",
        f"The server lists {entry.path!r} twice, but only one file can be fetched under one name.",
        "One of them is fetched. Ask the provider about the other one.",
    )
