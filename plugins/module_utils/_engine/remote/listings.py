# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find names in new listings of their folders, and know when a listing has no end.

Names that wait at the same time share one listing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Callable

from ..errors import ProtocolError
from ..loop.loop import Future
from .interface import Entry

Lister = Callable[[str, Callable[[Sequence[Entry]], None]], Awaitable[None]]
"""See `Remote.list`."""


LONGEST_LISTING = 1_000_000
"""Names in one folder. A server that sends more is broken or hostile."""

LARGEST_LISTING = 128 * 1024 * 1024
"""Bytes of names in one folder. A server that sends more is broken or hostile."""


def endless(folder: str, length: str) -> ProtocolError:
    """Return the error for a listing that is longer than one of the limits above."""
    return ProtocolError(
        "listing_endless",
        f"The folder {folder!r} has more than {length}, and the server goes on.",
        "Ask the provider to clear it up; filedrop does not work through a folder of that size.",
    )


class SharedListings:
    """Keep the names that the next listing of each folder decides on."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[str, Future[Entry | None]]]] = {}

    async def entry(self, lister: Lister, folder: str, name: str) -> Entry | None:
        """Return what a new listing of a folder says of a name, or None.

        A listing that is under way may have passed the name already. So the next one decides, for all names together
        that are asked for by then.
        """
        answer: Future[Entry | None] = Future()
        if folder in self._waiting:
            self._waiting[folder].append((name, answer))
            return await answer
        self._waiting[folder] = [(name, answer)]
        try:
            while self._waiting[folder]:
                asked, self._waiting[folder] = self._waiting[folder], []
                await _tell(lister, folder, asked)
        finally:
            del self._waiting[folder]
        return await answer


async def _tell(lister: Lister, folder: str, asked: Sequence[tuple[str, Future[Entry | None]]]) -> None:
    """List a folder, and set the result for every name that is asked for."""
    names = {name for name, _answer in asked}
    found: dict[str, Entry] = {}
    try:
        await lister(folder, lambda page: found.update((one.name, one) for one in page if one.name in names))
    except Exception as error:
        for _name, answer in asked:
            answer.set_exception(error)
    else:
        for name, answer in asked:
            answer.set_result(found.get(name))
