# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show a progress bar on a terminal if the library rich is installed. Nothing else depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..transfer.observer import Observer
    from ..transfer.result import FileOutcome


@contextmanager
def progress(title: str, *, draw: bool) -> Iterator[Observer | None]:
    """Yield an observer that draws a bar during the block; None if ``draw`` is false or rich is missing."""
    made = _make() if draw else None
    if made is None:
        yield None
        return
    with made:
        yield _Bar(made, title)


def _make() -> Any:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        return None
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[files]}", markup=False),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=5)


class _Bar:
    """Draw the bar; implements `Observer`."""

    def __init__(self, made: Any, title: str) -> None:
        self._made = made
        self._task = made.add_task(title, total=None, files="")
        self._total = 0
        self._ended = 0
        self._moved = 0

    def planned(self, files: int, size: int) -> None:
        self._total = self._ended + files
        self._made.update(self._task, total=max(self._moved + size, 1), files=self._files())

    def moved(self, size: int) -> None:
        self._moved += size
        self._made.update(self._task, completed=self._moved)

    def ended(self, outcome: FileOutcome) -> None:
        if self._total and outcome.outcome != "skipped":
            self._ended += 1
            self._made.update(self._task, files=self._files())

    def _files(self) -> str:
        return f"{min(self._ended, self._total)}/{self._total} files"
