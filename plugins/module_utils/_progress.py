# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell the task on the control node how far a module has come, in a small file on the host.

The task names the file in a variable of the environment (plugin_utils/_progress.py). It is in a folder for temporary
files, because the user who logs in must read it without becoming another user. So it has numbers only, and no names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from ._engine.transfer.observer import Counting

if TYPE_CHECKING:
    from ._engine.transfer.observer import Observer
    from ._engine.transfer.result import FileOutcome

VARIABLE = "FILEDROP_PROGRESS"
"""The variable of the environment with the path of the file. Without it, nothing is written."""

MAX_LENGTH = 256
"""A file with more bytes is not one of ours."""

_LINE = 120  # characters, also of larger numbers than there are
_INTERVAL = 0.5  # seconds between two writes


class Reading(NamedTuple):
    """Hold how far a run has come.

    :ivar milliseconds: since the files were planned. With no files, they are not planned yet.
    """

    milliseconds: int
    files: int
    files_ended: int
    size: int
    size_moved: int


def parse(text: str) -> Reading | None:
    """Read the content of the file; None if it is missing, incomplete or invalid."""
    line, _end, again = text.partition("\n")
    words = line.split()
    if len(text) > MAX_LENGTH or f"{line}\n" != again or len(words) != len(Reading._fields):
        return None
    if not all(word.isascii() and word.isdecimal() for word in words):
        return None
    return Reading(*map(int, words))


@contextmanager
def told_progress() -> Iterator[Observer | None]:
    """Yield an observer that writes the file during the block; None if no task has asked for it."""
    path = os.environ.pop(VARIABLE, "")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o644) if path else None
    except OSError:
        file = None
    if file is None:
        yield None
        return
    try:
        yield _ProgressFile(file)
    finally:
        os.close(file)
        with suppress(OSError):
            os.unlink(path)


class _ProgressFile(Counting):
    """Write the numbers now and then. Errors are ignored: progress must not disturb the run."""

    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file
        self._began: float | None = None
        self._written = 0.0
        with suppress(OSError):
            os.fchmod(file, 0o644)  # whatever the umask is
        self._write()

    def planned(self, files: int, size: int) -> None:
        super().planned(files, size)
        self._began = self._began or time.monotonic()
        self._write()

    def moved(self, size: int) -> None:
        super().moved(size)
        self._write_if_due()

    def ended(self, outcome: FileOutcome) -> None:
        super().ended(outcome)
        self._write_if_due()

    def _write_if_due(self) -> None:
        if time.monotonic() - self._written >= _INTERVAL:
            self._write()

    def _write(self) -> None:
        self._written = now = time.monotonic()
        spent = int(1000 * (now - (self._began or now)))
        line = " ".join(map(str, Reading(spent, self.files, self.files_ended, self.size, self.size_moved))).ljust(_LINE)
        # Twice: whoever reads while this is written sees two lines that differ.
        with suppress(OSError):
            os.pwrite(self._file, f"{line}\n{line}\n".encode(), 0)
