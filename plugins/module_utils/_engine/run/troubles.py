# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collect what a run has to say in its notes: lost connections, busy servers, closed ports, and the remote's notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..errors import ConnectionLost, UnreachableError

if TYPE_CHECKING:
    from ..errors import FiledropError

_LOST, _CLOSED, _BUSY = "the connection was lost", "the port was closed", "the server was busy"


class Troubles:
    """Count the errors after which a run tried again.

    :param weaknesses: of the account; each is a note.
    :ivar has_connected: whether an attempt of this run has had a connection.
    :ivar most_open: to how many open files the server has reduced the run; 0 if it has not.
    """

    def __init__(self, weaknesses: Iterable[str] = ()) -> None:
        self.has_connected = False
        self._said: dict[str, None] = dict.fromkeys(weaknesses)
        self.most_open = 0
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}
        self._width: int | None = None

    def overcome(self, error: FiledropError, width: int | None) -> None:
        """Count an error after which the run tries again.

        :param width: how many files the run moves at once from now on; None: as many as before.
        """
        kind = _LOST if isinstance(error, ConnectionLost) else _CLOSED if isinstance(error, UnreachableError) else _BUSY
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._first.setdefault(kind, error.finding)
        self._width = self._width if width is None else width

    def hear(self, notes: Iterable[str]) -> None:
        """Take the notes of a session."""
        self._said.update(dict.fromkeys(notes))

    def notes(self) -> Iterator[str]:
        """Yield each note of the sessions once, and a note for each kind of trouble."""
        yield from self._said
        for kind, count in self._counts.items():
            times = "once" if count == 1 else f"{count} times"
            yield f"During this run, {kind} {times}, and the run tried again. The first reason: {self._first[kind]}"
        if self._width is not None:
            files = "1 file" if self._width == 1 else f"{self._width} files"
            yield f"The server ended sessions before a file was through, so the run went on with {files} at once."
        if self.most_open:
            yield (
                f"The server refused to open more files at once, so the run went on with {self.most_open}. Set "
                f"`max_open: {self.most_open}` in the account to avoid these refusals."
            )
