# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell in one note which folders, links and special files a job has left alone. They do not make a run fail."""

from __future__ import annotations

from collections.abc import Iterator

from ...local.names import quoted

_SHOWN = 5
"""How many names the note shows."""


class LeftAlone:
    """Collect what a job's patterns select in a folder, and what is not a regular file.

    :param option: the option that names the folder.
    """

    def __init__(self, option: str) -> None:
        self._option = option
        self._first: list[str] = []
        self._count = 0

    def add(self, name: str, kind: str) -> None:
        """Add an entry, such as a ``folder`` or a ``link``."""
        self._count += 1
        if len(self._first) < _SHOWN:
            self._first.append(f"{quoted(name)} (a {kind})")

    def notes(self) -> Iterator[str]:
        """Yield the note, if there is something to tell."""
        if self._count:
            more = self._count - len(self._first)
            rest = f", and {more} more" if more else ""
            yield (
                f"Left alone in `{self._option}`: {', '.join(self._first)}{rest}. Only regular files are moved, and no "
                "link is followed. Add them to `exclude` to get no note."
            )
