# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find claims that nobody will finish: files on the server that no host fetches any more.

- A claim of this ledger that it does not know: the ledger was restored from a backup.
- An old claim of another ledger: that host, or its ledger, is gone, or its job does not run any more.

No run takes them over, because the host that claimed a file may have delivered it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from ...errors import TransferError
from ...ledger.ledger import NAMES_A_QUERY, slices
from ...local import names
from .item import outcome_of

if TYPE_CHECKING:
    from ...ledger.ledger import Ledger
    from ...remote.interface import Entry, Remote
    from ..result import FileOutcome

OLD = 3600.0
"""Seconds after which a claim of another ledger counts as old, by the time in its name."""

OLD_FILE = 24 * 3600.0
"""The same for a claim without a time in its name: seconds since the last change of the file. A time of 0, or none,
proves nothing."""

_MOST = 1000  # claims that one run reports


class LostClaims:
    """Judge the claims that a listing shows.

    :param key: account, direction and remote folder.
    """

    def __init__(self, ledger: Ledger, key: tuple[str, str, str]) -> None:
        self._ledger = ledger
        self._key = key
        self._suspects: list[Entry] = []

    def look_at(self, listed: Sequence[Entry]) -> None:
        """Take all claims of a listing, and keep those that may be lost."""
        known = self._known([entry.path for entry in listed])
        unknown = [entry for entry in listed if entry.path not in known]
        self._suspects = [entry for entry in unknown if self._is_ours(entry) or _is_old(entry)][:_MOST]

    async def still_there(self, remote: Remote) -> list[FileOutcome]:
        """Look again, at the end of the run; return an outcome for each claim that is lost."""
        return [
            outcome_of(entry).blame(self._lost(entry))
            for entry in self._suspects
            if await remote.stat(entry.path) is not None
        ]

    def _is_ours(self, entry: Entry) -> bool:
        return names.is_claim_of(self._ledger.identity, entry.name)

    def _known(self, paths: Sequence[str]) -> set[str]:
        """Return the claims that a job of this ledger has recorded."""
        where = "account = ? AND direction = ? AND folder = ? AND remote_path IN ({})"
        return {path for some in slices(paths, NAMES_A_QUERY) for path in self._selected(where, some)}

    def _selected(self, where: str, paths: Collection[str]) -> Iterator[str]:
        marks = ", ".join("?" * len(paths))
        query = f"SELECT remote_path FROM transfer WHERE {where.format(marks)}"
        return (path for (path,) in self._ledger.look(query, (*self._key, *paths)))

    def _lost(self, entry: Entry) -> TransferError:
        host, _at, name = names.claimed(entry.name)
        way_out = (
            f"Find out whether {names.quoted(name)} was delivered. If not, and if no run is fetching it, rename it to "
            "that name on the server."
        )
        if self._is_ours(entry):
            return TransferError(
                "claim_unknown",
                f"This host claimed {names.quoted(name)}, but the ledger {self._ledger.path!r} does not know that. "
                "It was probably restored from a backup.",
                way_out,
            )
        return TransferError(
            "claim_old",
            f"The host {names.quoted(host)} claimed {names.quoted(name)} a long time ago, and has not finished it.",
            f"Run the job on that host. If its ledger is lost: {way_out[0].lower()}{way_out[1:]}",
        )


def _is_old(entry: Entry) -> bool:
    at, now = names.claimed(entry.name).at, time.time()
    if at is not None:
        return now - at >= OLD
    return bool(entry.mtime) and now - (entry.mtime or 0) >= OLD_FILE
