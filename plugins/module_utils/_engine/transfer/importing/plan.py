# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan an import: the complete files in its sources, and the unfinished files of its earlier runs.

Which local files a job takes, and in which order, is the same as for a drop-off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import FiledropError
from ...ledger.decisions import held_error
from ...local.folder import sha256_of
from ...states import State
from ..dropoff.item import DropoffItem
from ..dropoff.plan import DropoffPlan
from ..selection import other_job, vouched_by

if TYPE_CHECKING:
    from ...config.jobs.importing import Import
    from ...ledger.ledger import Ledger, Row
    from ...local.folder import Folder, LocalFile
    from ..selection import Only
    from ..tally import Tally


class ImportItem(DropoffItem):
    """One file of an import; it has no remote path."""

    @property
    def is_copied(self) -> bool:
        """Return whether the handler has accepted the file, so it is only to be moved."""
        return self.row is not None and self.row.state is State.HANDLED


class ImportPlan(DropoffPlan):
    """Find the items of one import, in the order of the job."""

    def __init__(
        self, job: Import, account: str, ledger: Ledger, tally: Tally, *, check: bool, only: Only | None = None
    ) -> None:
        super().__init__(job, account, ledger, tally, check=check, only=only)
        self._import = job

    def _regular_files(
        self, folder: Folder, wanted: set[str] | None, unfinished: Collection[str]
    ) -> Iterator[LocalFile]:
        for file in super()._regular_files(folder, wanted, unfinished):
            if self._import.verify != "sidecar" or not vouched_by(file.name):
                yield file

    def _add(self, mtime_ns: int, name: str, source: int, size: int) -> None:
        super()._add(0 if self._import.order == "name" else mtime_ns, name, source, size)

    def _is_archive(self, folder: Folder, name: str) -> bool:
        return folder.path_of(name) in (self._import.done_dir, self._import.failed_dir)

    def _is_first_of_name(self, item: DropoffItem) -> bool:
        """Files of one name in two sources are two files: nothing of them has a name in common."""
        del item
        return True

    def _has_its_turn(self, turn: object) -> bool:
        del turn
        return True

    def _known(self, folder: Folder, file: LocalFile, latest: Row) -> DropoffItem:
        """Build the item of a file that has the name and the size of one that was imported before."""
        item = self._item(folder, file.name, file, None)
        is_same = latest.state is State.DELIVERED and latest.mtime_ns == file.mtime_ns
        return replace(item, is_back=is_same and sha256_of(folder, file) == latest.sha256)

    def _why_not_ours(self, row: Row) -> FiledropError:
        if row.state is State.HELD:
            finding = f"The job {row.job!r} holds this file, which needs a decision."
            return held_error(row, row.reason or "held", finding, self._ledger)
        return other_job(row)

    def _item(self, folder: Folder, name: str, file: LocalFile | None, row: Row | None) -> DropoffItem:
        return ImportItem(folder, name, "", file, row)
