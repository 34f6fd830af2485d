# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe one local file of a drop-off, with everything that is known about it before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...local.folder import sha256_of
from ...states import SETTLED, State
from ..result import FileOutcome

if TYPE_CHECKING:
    from ...ledger.ledger import Row
    from ...local.folder import Folder, LocalFile


DELETED = ""
"""The local path in the row of a file that was deleted after its delivery."""


@dataclass(frozen=True)
class DropoffItem:
    """Hold one name: a file that exists now, the row of an earlier run, or both.

    :ivar remote_path: the file's final path on the server.
    :ivar row: the row of a file that an earlier run left unfinished, or delivered without disposing of the original.
    :ivar is_back: the file was delivered and archived before, and somebody has moved it back.
    """

    folder: Folder
    name: str
    remote_path: str
    file: LocalFile | None
    row: Row | None = None
    is_back: bool = False

    @property
    def path(self) -> str:
        return self.folder.path_of(self.name)

    @property
    def size(self) -> int:
        """Return the size in bytes; 0 if the file is missing."""
        return self.file.size if self.file else 0

    @property
    def is_copied(self) -> bool:
        """Return whether an earlier run has delivered the file, so only its original is left."""
        return self.row is not None and self.row.state in (*SETTLED, State.RENAMED)

    @property
    def outcome(self) -> FileOutcome:
        """Return a new outcome that identifies the file and has no other content."""
        size = self.file.size if self.file else None
        return FileOutcome(self.name, self.path, remote_path=self.remote_path, local_path=self.path, size=size)

    def is_about(self, row: Row) -> bool:
        """Return whether the file is still the one of the row: same size, time and, if known, content (SHA-256).

        The time of a file that waits for its set does not matter: it may wait for days.
        """
        file = self.file
        if file is None or file.size != row.size:
            return False
        if file.mtime_ns != row.mtime_ns and (row.state is not State.SENT or row.sha256 is None):
            return False
        return row.sha256 is None or sha256_of(self.folder, file) == row.sha256
