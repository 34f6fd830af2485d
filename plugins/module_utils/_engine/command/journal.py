# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log the outcome of each file to the journal as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from ..transfer.result import FileOutcome
    from .console import Console

_PRIORITIES = {"failed": ERROR, "held": WARNING, "delivered": INFO, "skipped": INFO}


class JournalObserver:
    """An `Observer` that logs.

    :param most: how many files to log in one run; the others are counted.
    :ivar selected: the outcomes to log.
    """

    def __init__(self, console: Console, job: str, selected: tuple[str, ...], *, most: int) -> None:
        self.selected = selected
        self._console = console
        self._job = job
        self._most = most
        self._count = 0

    def planned(self, files: int, size: int) -> None:
        """Log nothing: the journal shows results only."""

    def moved(self, size: int) -> None:
        """Log nothing."""

    def ended(self, outcome: FileOutcome) -> None:
        """Log the outcome of one file."""
        if outcome.outcome not in self.selected:
            return
        self._count += 1
        if self._count > self._most:
            return
        values = outcome.as_dict()
        sentence, event = values.pop("message"), f"file_{values.pop('outcome')}"
        told = {name: value for name, value in values.items() if value not in (None, "")}
        self._console.log(_PRIORITIES[outcome.outcome], event, sentence, job=self._job, **told)

    def end(self) -> None:
        """Log how many files were counted only."""
        if self._console.to_journal and self._count > self._most:
            self._console.log(INFO, "files_not_listed", job=self._job, count=self._count - self._most)
