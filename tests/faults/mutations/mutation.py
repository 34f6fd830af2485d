# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mutation is: one change of one file of the engine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

SYNC, COMMIT, CHECK, CLEANING, ORDER, PROTECTION = "syncs", "commits", "checks", "cleaning", "order", "protections"
KINDS = {
    SYNC: "Syncs",
    COMMIT: "Commits to the ledger, and what it learns",
    CHECK: "Checks, and each part of a check",
    CLEANING: "What is removed of our own",
    ORDER: "Two steps in the wrong order",
    PROTECTION: "Protections of a few characters",
}


@dataclass(frozen=True)
class Mutation:
    """One change to one file.

    :ivar file: its path in the engine.
    :ivar where: the function, class or module constant that it is in.
    :ivar what: the change, in words that stay true when the lines move.
    :ivar source: the whole file, changed.
    :ivar is_part: only a part of a condition is left out.
    """

    file: str
    line: int
    where: str
    kind: str
    what: str
    source: str
    is_part: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.where}: {self.what}"

    @property
    def key(self) -> str:
        """The same for the same change of the same file."""
        return hashlib.sha256(f"{self.file}\n{self.source}".encode()).hexdigest()[:16]
