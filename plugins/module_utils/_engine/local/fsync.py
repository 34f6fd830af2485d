# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make local files durable, many at the same time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from ..loop.loop import Batch, Future
from .folder import disk_error

THREADS = 8
"""Disks process several concurrent syncs together."""


class Syncer(Batch):
    """Collect file descriptors for fsync(2), as a batch of the loop: files before publishing, folders after it."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, list[Future[None]]] = {}
        self._left: set[int] = set()  # the folders among them that files have moved out of
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="filedrop-sync")

    def sync(self, fd: int) -> Future[None]:
        """Return a future that is done when all data written to the descriptor so far survives a power cut.

        :raises DiskError: from the future: the sync failed, so the file must not be trusted.
        """
        answer: Future[None] = Future()
        self._waiting.setdefault(fd, []).append(answer)
        self._joined()
        return answer

    async def sync_new(self, file: int, folder: int) -> None:
        """Sync a new file and the folder that contains its name. Each needs a sync of its own."""
        for answer in (self.sync(file), self.sync(folder)):
            await answer

    async def sync_move(self, into: int, out_of: int) -> None:
        """Sync a move from one folder to another, given the descriptors of both.

        A folder that a file has left is synced after all others, and only if these syncs succeeded. So a power cut may
        leave a file with both of its names, but never with neither.
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
            _set_results(answers, errors[fd])

    def close(self) -> None:
        self._threads.shutdown()


def _set_results(answers: Iterable[Future[None]], error: OSError | None) -> None:
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
