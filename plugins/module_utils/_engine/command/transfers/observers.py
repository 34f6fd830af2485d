# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Follow a run: log the outcome of each file to the journal, or draw a progress bar on a terminal.

The bar needs the library rich. Nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...local.names import shown
from ...transfer.observer import Counting
from ..console import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from ...transfer.observer import Observer
    from ...transfer.result import FileOutcome
    from ..console import Console

_WIDE = 100  # columns of a terminal
_PRIORITIES = {"failed": ERROR, "held": WARNING, "waiting": INFO, "delivered": INFO, "skipped": INFO}


class JournalObserver:
    """An `Observer` that logs.

    :param most: how many files to log in one run; the others are counted.
    :ivar selected: the outcomes to log. Whatever is not well is always logged.
    """

    def __init__(self, console: Console, job: str, selected: tuple[str, ...], *, most: int) -> None:
        self.selected = selected
        self._console = console
        self._job = job
        self._most = most
        self._count = 0

    def planned(self, files: int, size: int) -> None:
        """Log nothing: the journal shows results only."""

    def began(self, name: str) -> None:
        """Log nothing."""

    def moved(self, size: int) -> None:
        """Log nothing."""

    def ended(self, outcome: FileOutcome) -> None:
        """Log the outcome of one file."""
        if outcome.is_trouble or outcome.outcome in self.selected:
            self._log(outcome)

    def _log(self, outcome: FileOutcome) -> None:
        self._count += 1
        if self._count > self._most:
            return
        values = outcome.as_dict()
        sentence, event = values.pop("message"), f"file_{values.pop('outcome')}"
        told = {name: value for name, value in values.items() if value not in (None, "")}
        priority = WARNING if outcome.outcome == "waiting" and outcome.is_trouble else _PRIORITIES[outcome.outcome]
        self._console.log(priority, event, sentence, job=self._job, **told)

    def end(self, outcomes: Iterable[FileOutcome]) -> None:
        """Log the files that have waited too long, which only the end of the run shows, and how many were not logged.

        :param outcomes: of the run.
        """
        for outcome in outcomes:
            if outcome.is_stuck and not outcome.is_blocked and outcome.outcome not in self.selected:
                self._log(outcome)
        if self._console.to_journal and self._count > self._most:
            self._console.log(INFO, "files_not_listed", job=self._job, count=self._count - self._most)


@contextmanager
def progress(title: str, *, draw: bool, colour: bool) -> Iterator[Observer | None]:
    """Yield an observer that draws a bar during the block; None if ``draw`` is false or rich is missing."""
    made = _make(colour=colour) if draw else None
    if made is None:
        yield None
        return
    with made:
        yield _Bar(made, title)


def _make(*, colour: bool) -> Any:
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
    except ImportError:
        return None
    console = Console(stderr=True, no_color=not colour)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=12 if console.width >= _WIDE else 5),
        TextColumn("{task.fields[files]}", markup=False),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[current]}", markup=False),
    )
    return Progress(*columns, console=console, transient=True, refresh_per_second=5)


class _Bar(Counting):
    """Draw the bar."""

    def __init__(self, made: Any, title: str) -> None:
        super().__init__()
        self._made = made
        self._task = made.add_task(title, total=None, files="", current="")
        self._under_way: dict[str, None] = {}

    def planned(self, files: int, size: int) -> None:
        super().planned(files, size)
        self._under_way.clear()
        self._made.update(self._task, total=max(self.size, 1), files=self._files())

    def began(self, name: str) -> None:
        self._under_way[name] = None
        self._show_current()

    def moved(self, size: int) -> None:
        super().moved(size)
        self._made.update(self._task, completed=self.size_moved)

    def ended(self, outcome: FileOutcome) -> None:
        super().ended(outcome)
        self._under_way.pop(outcome.name, None)
        self._show_current()
        if self.files:
            self._made.update(self._task, files=self._files())

    def _show_current(self) -> None:
        """Show the file that has been under way for the longest time, and how many others are."""
        name = next(iter(self._under_way), "")
        others = f" +{len(self._under_way) - 1}" if len(self._under_way) > 1 else ""
        self._made.update(self._task, current=f"{self._shortened(name)}{others}")

    def _shortened(self, name: str) -> str:
        """Shorten a name in its middle, so that the bar fits a line."""
        text, most = shown(name), 24 if self._made.console.width >= _WIDE else 16
        return text if len(text) <= most else f"{text[: most // 2]}...{text[3 - most // 2 :]}"

    def _files(self) -> str:
        return f"{self.files_ended}/{self.files} files"
