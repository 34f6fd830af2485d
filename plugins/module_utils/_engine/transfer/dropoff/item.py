# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One local file on its way to the server, with all that is known of it before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...local.folder import sha256_of
from ..result import FileOutcome

if TYPE_CHECKING:
    from ...ledger.ledger import Row
    from ...local.folder import Folder, LocalFile


@dataclass(frozen=True)
class Item:
    """One name: a file that is there now, what an earlier run left unfinished, or both.

    :ivar remote_path: the file's final path on the server.
    :ivar row: what an earlier run left unfinished, or delivered without disposing of the original.
    """

    folder: Folder
    name: str
    remote_path: str
    file: LocalFile | None
    row: Row | None = None

    @property
    def path(self) -> str:
        return self.folder.path_of(self.name)

    @property
    def size(self) -> int:
        """In bytes; 0 if there is no file any more."""
        return self.file.size if self.file else 0

    @property
    def outcome(self) -> FileOutcome:
        """An outcome which says no more than which file it is about."""
        size = self.file.size if self.file else None
        return FileOutcome(self.name, self.path, remote_path=self.remote_path, local_path=self.path, size=size)

    def is_about(self, row: Row) -> bool:
        """Whether the file that is there is the one of the row: by size, time and the content that was read."""
        file = self.file
        if file is None or (file.size, file.mtime_ns) != (row.size, row.mtime_ns):
            return False
        return row.sha256 is None or sha256_of(self.folder, file) == row.sha256
