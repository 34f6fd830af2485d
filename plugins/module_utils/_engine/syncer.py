# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making local files durable, many in one go."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from .disk import disk_error
from .flow import Answer, Batch

THREADS = 8
"""A disk takes several syncs at once and does them together."""


class Syncer(Batch):
    """The flow's batch of descriptors that wait for fsync(2): files before they are published, folders after."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, list[Answer[None]]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="filedrop-sync")

    def sync(self, fd: int) -> Answer[None]:
        """Settled when what was written to the descriptor so far survives a power cut.

        :raises DiskError: the disk could not do that; the file must not be trusted.
        """
        answer: Answer[None] = Answer()
        self._waiting.setdefault(fd, []).append(answer)
        self._joined()
        return answer

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for error, answers in zip(self._threads.map(_sync, waiting), waiting.values()):
            for answer in answers:
                if error is None:
                    answer.settle(None)
                else:
                    answer.fail(disk_error(error, "make a file durable"))

    def close(self) -> None:
        self._threads.shutdown()


def _sync(fd: int) -> OSError | None:
    try:
        os.fsync(fd)
    except OSError as error:
        return error
    return None
