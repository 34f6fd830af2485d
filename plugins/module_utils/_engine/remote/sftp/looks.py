# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at one path, whatever the server allows: by LSTAT, by STAT, or in the listing of its folder.

A server that refuses to look must not make a taken name appear free. So a path counts as missing only if

- the server answers LSTAT or STAT with NO_SUCH_FILE, or
- the listing of its folder does not have it, or
- the server refuses that listing, and has said in words that the file does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import RemoteDenied, RemoteError, RemoteMissing, RemoteUnsupported
from . import packets, requests
from .listing import list_folder

if TYPE_CHECKING:
    from ..interface import Entry
    from .session import Session

IN_WORDS = re.compile(
    r"no such (file|path|object|key)|cannot find the (file|path)"
    r"|(file|path|object|key|directory) (was |is )?(not found|does ?n[o']t exist)",
    re.IGNORECASE,
)
"""How servers say that a file is missing where the code of their answer does not say it."""


class Look:
    """The question what a path is. It is awaited; see `Remote.stat`. The first request leaves when it is made."""

    __slots__ = ("_answer", "_kind", "_path", "_session")

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self._path = path
        self._kind = session.habits.looks[0] if session.habits.looks else 0
        self._answer = requests.stat(session, path, self._kind) if self._kind else None

    def __await__(self) -> Generator[Any, None, Entry | None]:
        refusals: list[RemoteError] = []
        if self._answer is not None:
            try:
                return (yield from self._answer.__await__())
            except RemoteError as error:
                error.__traceback__ = None  # its frames hold this look, which holds the error
                self._forget_unsupported(self._kind, error)
                refusals.append(error)
        return (yield from self._otherwise(refusals).__await__())

    def _forget_unsupported(self, kind: int, error: RemoteError) -> None:
        if isinstance(error, RemoteUnsupported):
            habits = self._session.habits
            habits.looks = tuple(look for look in habits.looks if look != kind)

    async def _otherwise(self, refusals: list[RemoteError]) -> Entry | None:
        """Ask in the ways that are left.

        :param refusals: the answers so far.
        :raises RemoteError: the first refusal that says more than that the server does not know a request.
        """
        habits = self._session.habits
        if self._kind == packets.LSTAT and packets.STAT in habits.looks:
            try:
                found = await requests.stat(self._session, self._path, packets.STAT)
            except RemoteError as error:
                self._forget_unsupported(packets.STAT, error)
                refusals.append(error)
            else:
                if found is not None:
                    habits.looks = (packets.STAT,)
                return found
        folder, slash, name = self._path.rpartition("/")
        if name not in ("", ".", ".."):
            try:
                found = await habits.listings.entry(partial(list_folder, self._session), folder or slash, name)
            except RemoteMissing:
                return None
            except RemoteError as error:
                refusals.append(error)
            else:
                habits.looks_in_listings = True
                return found._replace(path=self._path) if found else None
        if any(IN_WORDS.search(error.said) for error in refusals if not isinstance(error, RemoteDenied)):
            return None
        telling = [error for error in refusals if not isinstance(error, RemoteUnsupported)]
        raise (telling or refusals)[0]
