# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which remote files a pickup is about: what the folder lists, and what its earlier runs left unfinished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import names
from .decisions import Discarded, way_out
from .errors import FiledropError, HoldError, TransferError
from .pickup import SECOND, Item
from .result import FileOutcome
from .selection import DIGESTS, Candidate, Settling, empty_refused, is_in_share, is_wanted, unsettled_error

if TYPE_CHECKING:
    from .job import Pickup
    from .ledger import Ledger, Row
    from .remote import Entry


class PickupPlan:
    """The items of one pickup, in the order of their age, and the outcomes of the files that are not to be fetched.

    ``known`` counts those that were fetched before and are kept: there may be any number of them.

    :param entries: the listing of the job's remote folder.
    :param note: whether the ledger may note what is not settled yet (not in check mode).
    """

    def __init__(self, job: Pickup, account: str, ledger: Ledger, entries: Sequence[Entry], *, note: bool) -> None:
        self._job = job
        self._key = (account, job.direction, job.remote_dir)
        self._ledger = ledger
        self.known = 0
        self.outcomes: list[FileOutcome] = []
        files = self._acceptable(entries)
        latest = ledger.latest(*self._key, files)
        files = {name: entry for name, entry in files.items() if self._is_open(entry, latest.get(name))}
        self._leave_unsettled(files, Settling(ledger, self._key, job.settle, note=note))
        sidecars = self._sidecars(files) if job.verify == "sidecar" else {}
        checksums = {sidecar.name for sidecar in sidecars.values()}
        items = [Item(entry, latest.get(name), sidecars.get(name)) for name, entry in files.items()]
        items.sort(key=lambda item: (item.entry.mtime or 0, item.entry.name))
        self.items = [item for item in items if item.entry.name not in checksums]
        self.sidecars = [item for item in items if item.entry.name in checksums]

    @staticmethod
    def outcome_of(entry: Entry) -> FileOutcome:
        """An outcome that says which file it is about."""
        return FileOutcome(entry.name, entry.path, remote_path=entry.path, size=entry.size)

    def _acceptable(self, entries: Sequence[Entry]) -> dict[str, Entry]:
        """The files that the job asks for and that can be fetched, by name; what has no safe name is refused."""
        found: dict[str, Entry] = {}
        for entry in entries:
            if entry.kind != "file" or names.is_temporary(entry.name) or not is_wanted(entry.name, self._job):
                continue
            if not is_in_share(entry.name, self._job.share):
                continue
            try:
                names.check_name(entry.name)
                if entry.name in found:
                    raise _listed_twice(entry)
                if entry.size == 0 and self._job.empty == "refuse":
                    raise empty_refused()
            except TransferError as error:
                self._refuse(entry, error)
            else:
                if entry.size != 0 or self._job.empty != "skip":
                    found[entry.name] = entry
                else:
                    self.outcomes.append(self.outcome_of(entry).skip(empty_refused()))
        return found

    def _is_open(self, entry: Entry, latest: Row | None) -> bool:
        """Whether something remains to be done with a file, by what the ledger knows of its name."""
        if latest is None:
            return True
        if latest.state == "held":
            finding = f"{entry.path!r} waits for a decision."
            self._refuse(entry, HoldError(latest.reason or "held", finding, way_out(latest, self._ledger.path)))
            return False
        if latest.open and latest.job != self._job.name:
            self._refuse(entry, TransferError("other_job", f"The job {latest.job!r} has this file in its hands."))
            return False
        same = (latest.size, latest.mtime_ns) == (entry.size, (entry.mtime or 0) * SECOND)
        if same and latest.state == "discarded":
            self.outcomes.append(self.outcome_of(entry).skip(Discarded()))
            return False
        if same and not latest.open and self._job.after == "keep":
            self.known += 1
            return False
        return True

    def _leave_unsettled(self, files: dict[str, Entry], settling: Settling) -> None:
        candidates = [
            Candidate(entry.name, entry.size or 0, None if entry.mtime is None else entry.mtime * SECOND)
            for entry in files.values()
        ]
        for name in settling.unsettled(candidates):
            self.outcomes.append(self.outcome_of(files.pop(name)).skip(unsettled_error(self._job.settle)))

    def _sidecars(self, files: dict[str, Entry]) -> dict[str, Entry]:
        """The checksum beside each file that has one, the best where there are several."""
        found: dict[str, Entry] = {}
        for digest in reversed(DIGESTS):
            for name in files:
                sidecar = files.get(f"{name}.{digest}")
                if sidecar is not None:
                    found[name] = sidecar
        return found

    def _refuse(self, entry: Entry, error: FiledropError) -> None:
        self.outcomes.append(self.outcome_of(entry).blame(error))


def _listed_twice(entry: Entry) -> TransferError:
    return TransferError(
        "listed_twice",
        f"The server lists {entry.path!r} twice, and only one of the two can be asked for.",
        "The first of them is fetched; ask the provider what the other is.",
    )
