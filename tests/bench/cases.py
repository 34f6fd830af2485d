# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is moved, over which network, and who takes part."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

PUT = "put"
GET = "get"
NEW = "new"
KIB = 1024
MIB = 1024 * KIB

DISK = "disk"
MEMORY = "memory"

OURS = "filedrop"
REFERENCE = "sftp"
SLOW = ("rclone", "paramiko", "asyncssh")
PEERS = (REFERENCE, "lftp", *SLOW)
EVERYBODY = (OURS, *PEERS)


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to do.

    :ivar direction: ``put``: a drop-off; ``get``: a pickup that deletes; ``new``: a pickup that keeps, of what is new.
    :ivar files: how many are moved.
    :ivar size: of each, in bytes.
    :ivar rtt: seconds.
    :ivar known: files in the remote folder that are there already, and were fetched before.
    :ivar place: ``disk``, or ``memory``: every file on a file system in memory, the server's too.
    :ivar contestants: who takes part; ``filedrop:4`` is filedrop with four connections.
    :ivar once: who takes part in the first round only, because it takes minutes and no mark depends on it.
    :ivar shares: the part of the work that a contestant is given who takes its time for each file or block in turn; its
        seconds are scaled.
    """

    direction: str
    files: int
    size: int
    rtt: float
    known: int = 0
    place: str = DISK
    contestants: tuple[str, ...] = EVERYBODY
    once: tuple[str, ...] = SLOW
    shares: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """For the command line."""
        what = f"{self.files}x{_size(self.size).replace(' ', '')}" if not self.known else f"{self.files}of{self.known}"
        where = "-memory" if self.place == MEMORY else ""
        return f"{self.direction}-{what}-{self.rtt * 1000:g}ms{where}"

    def __str__(self) -> str:
        network = f"{self.rtt * 1000:g} ms" if self.rtt else "no delay"
        where = ", in memory" if self.place == MEMORY else ""
        if self.known:
            return f"{self.known:,} entries, {self.files or 'nothing'} new, {network}{where}"
        direction = {PUT: "drop-off", GET: "pickup"}[self.direction]
        what = _size(self.size) if self.files == 1 else f"{self.files:,} x {_size(self.size)}"
        return f"{direction}, {what}, {network}{where}"

    def share(self, contestant: str) -> tuple[int, int]:
        """How many files of which size a contestant is given: less of them, or one that is smaller."""
        share = self.shares.get(contestant, 1.0)
        if self.files > 1:
            return max(1, round(self.files * share)), self.size
        return self.files, round(self.size * share)


def _size(size: int) -> str:
    units = ["B", "KiB", "MiB", "GiB"]
    while size >= KIB and len(units) > 1:
        size //= KIB
        units.pop(0)
    return f"{size} {units[0]}"


def _both(files: int, size: int, rtt: float, **more: Any) -> list[Case]:
    return [Case(direction, files, size, rtt, **more) for direction in (PUT, GET)]


CASES: tuple[Case, ...] = (
    *_both(1000, 20 * KIB, 0.0, shares={"paramiko": 0.25}),
    *_both(1000, 20 * KIB, 0.02, shares={"sftp": 0.05, "lftp": 0.2, "rclone": 0.08, "paramiko": 0.03}),
    *_both(
        *(1000, 20 * KIB, 0.1),
        once=PEERS,
        shares={"sftp": 0.01, "lftp": 0.08, "rclone": 0.032, "paramiko": 0.01, "asyncssh": 0.3},
    ),
    *_both(
        *(10_000, 2 * KIB, 0.0),
        once=PEERS,
        shares={"sftp": 0.3, "lftp": 0.2, "rclone": 0.1, "paramiko": 0.05, "asyncssh": 0.1},
    ),
    *_both(1, 512 * MIB, 0.0, contestants=(OURS, "filedrop:2", *PEERS), once=(*SLOW, "lftp")),
    *_both(
        *(1, 512 * MIB, 0.04),
        contestants=(OURS, "filedrop:2", *PEERS),
        once=PEERS,
        shares={**dict.fromkeys(PEERS, 0.125), "lftp": 0.03125},
    ),
    *_both(1, 64 * MIB, 0.04, contestants=(OURS, "filedrop:4", *PEERS), once=(*SLOW, "lftp"), shares={"lftp": 0.25}),
    Case(NEW, 0, 2 * KIB, 0.0, known=25_000, contestants=(OURS,)),
    *(Case(NEW, files, 2 * KIB, 0.0, known=100_000) for files in (0, 10)),
    Case(NEW, 0, 2 * KIB, 0.02, known=100_000, contestants=(OURS, REFERENCE, "lftp"), once=PEERS),
    Case(NEW, 10, 2 * KIB, 0.02, known=100_000, contestants=(OURS,)),
    *_both(1000, 20 * KIB, 0.0, shares={"paramiko": 0.25}, place=MEMORY),
    *_both(
        *(1000, 20 * KIB, 0.02),
        contestants=(OURS, REFERENCE, "lftp"),
        once=PEERS,
        shares={"sftp": 0.05, "lftp": 0.2},
        place=MEMORY,
    ),
)
