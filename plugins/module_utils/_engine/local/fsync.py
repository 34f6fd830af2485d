# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making local files durable, many in one go."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from ..loop.loop import Batch, Future
from .folder import disk_error

THREADS = 8
"""A disk takes several syncs at once and does them together."""


class Syncer(Batch):
    """The flow's batch of descriptors that wait for fsync(2): files before they are published, folders after."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, list[Future[None]]] = {}
        self._left: set[int] = set()  # those of the folders that files have left
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="filedrop-sync")

    def sync(self, fd: int) -> Future[None]:
        """Settled when what was written to the descriptor so far survives a power cut.

        :raises DiskError: the disk could not do that; the file must not be trusted.
        """
        answer: Future[None] = Future()
        self._waiting.setdefault(fd, []).append(answer)
        self._joined()
        return answer

    async def sync_new(self, file: int, folder: int) -> None:
        """The same for a new file, and for the name that it has in a folder: neither survives by the other's sync."""
        for answer in (self.sync(file), self.sync(folder)):
            await answer

    async def sync_move(self, into: int, out_of: int) -> None:
        """The same for a file that has moved from one folder to another, whose descriptors these are.

        A folder that a file has left is synced after all others, and only if that went well: a power cut may leave a
        file with both of its names, but never with neither.
        """
        self._left.add(out_of)
        for answer in (self.sync(into), self.sync(out_of)):
            await answer

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, {}
        left, self._left = self._left, set()
        first = [fd for fd in waiting if fd not in left]
        errors = dict(zip(first, self._threads.map(_sync, first)))
        failed = next(filter(None, errors.values()), None)
        last = [fd for fd in waiting if fd in left]
        errors.update(zip(last, [failed] * len(last) if failed else self._threads.map(_sync, last)))
        for fd, answers in waiting.items():
            _tell(answers, errors[fd])

    def close(self) -> None:
        self._threads.shutdown()


def _tell(answers: Iterable[Future[None]], error: OSError | None) -> None:
    for answer in answers:
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(disk_error(error, "make a file durable"))


def _sync(fd: int) -> OSError | None:
    try:
        os.fsync(fd)
    except OSError as error:
        return error
    return None
