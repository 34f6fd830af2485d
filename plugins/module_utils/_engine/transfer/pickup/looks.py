# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a remote file before and after its download, and compare like with like.

Some servers tell other figures in a listing than when one file is looked at: a rounded time, another zone, no size. So
a file of such a server is compared only with what the same kind of request said before.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from ...errors import RemoteError
from ...remote.listings import SharedListings
from ..capabilities import STAT_AS_LISTED

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ...ledger.ledger import Ledger
    from ...remote.interface import Entry, Remote


class Way(Enum):
    """How a file is compared."""

    LISTED = "the listing and a look at the file tell the same"
    LOOKED = "a look at the file tells a time of its own, so it is looked at before the download as well"
    RELISTED = "a look at the file tells nothing useful, so the folder is listed again"


class Looks:
    """Compare the files of one remote folder.

    :param check: change nothing: do not record what the server does.
    """

    def __init__(self, remote: Remote, folder: str, ledger: Ledger, account: str, *, check: bool) -> None:
        self._remote = remote
        self._folder = folder
        self._ledger = ledger
        self._account = account
        self._check = check
        self._way = Way.LISTED
        self._listings = SharedListings()

    @property
    def is_known(self) -> bool:
        """Return whether an earlier run has found that a look and the listing tell the same."""
        return bool(self._ledger.capability(self._account, STAT_AS_LISTED))

    def learn(self, listed: Entry, looked: Entry | None) -> None:
        """Decide how to compare, from one file that was listed and then looked at."""
        if looked is None:
            return
        is_same = _figures(listed) == _figures(looked)
        if is_same:
            self._way = Way.LISTED
        else:
            self._way = Way.LOOKED if looked.size in (listed.size, None) and looked.mtime else Way.RELISTED
            if not listed.size and looked.size:
                self._way = Way.LOOKED
        self._record(is_same)

    def _record(self, is_same: bool) -> None:
        if not self._check and self._ledger.capability(self._account, STAT_AS_LISTED) is not is_same:
            self._ledger.learn(self._account, STAT_AS_LISTED, allowed=is_same)

    async def before(self, listed: Entry) -> Entry:
        """Return what a file is compared with after its download. Its size is the one that was listed, if any."""
        if self._way is not Way.LOOKED:
            return listed
        looked = await self._remote.stat(listed.path)
        return listed if looked is None else looked._replace(size=listed.size or looked.size)

    async def after(self, before: Entry, look: Awaitable[Entry | None]) -> Entry | None:
        """Return the file after its download; None if it is gone. Compare it with `is_unchanged`.

        A look that finds nothing does not suffice: some servers call a file missing that they still list, and it would
        be fetched again and again.

        :param look: a look at the file, which was requested after the last byte.
        """
        if self._way is Way.RELISTED:
            return await self.relisted(before)
        found = None
        with suppress(RemoteError):
            found = await look
        return await self.relisted(before) if found is None else found

    async def again(self, before: Entry) -> Entry | None:
        """Look at a file once more; return None if it is gone."""
        return await self.after(before, self._remote.stat(before.path))

    def is_unchanged(self, before: Entry, now: Entry) -> bool:
        """Return whether two looks tell the same. If not, the next run finds out again how to compare."""
        size = before.size if self._way is Way.LOOKED and now.size is None else now.size
        is_same = (size, now.mtime) == _figures(before)
        if not is_same and self._way is Way.LISTED:
            self._record(False)
        return is_same

    async def relisted(self, before: Entry) -> Entry | None:
        """Find a file in a new listing of its folder."""
        return await self._listings.entry(self._remote.list, self._folder, before.path.rpartition("/")[2])


def _figures(entry: Entry) -> tuple[int | None, int | None]:
    return entry.size, entry.mtime
