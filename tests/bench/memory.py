# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether memory stays flat: one file of 4 GiB, many files in one run, and many runs on one ledger.

On demand: ``bench.py --only memory``. It takes minutes, and 4 GiB of disk for a while.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

from arena import EMPTY, Site, site
from cases import DISK, GET, KIB, MEMORY, MIB, PUT, Case
from circumstances import Circumstances
from ours import Ours
from results import keep, kept
from support.stopwatch import Usage
from tables import section, table
from workloads import digest, workload

SIZES = (64 * MIB, 512 * MIB, 4096 * MIB)
COUNTS = (1_000, 10_000, 100_000)
RUNS = 20
FILES_A_RUN = 2_000


@dataclasses.dataclass
class Flatness:
    """What it took: bytes and seconds, by direction and what was done."""

    about: Circumstances
    idle: int = 0
    rows: list[tuple[str, str, int, float]] = dataclasses.field(default_factory=list)

    def add(self, what: str, direction: str, usage: Usage) -> None:
        self.rows.append((what, direction, usage.memory, usage.seconds))
        print(f"  {what}, {direction}: {usage.memory / MIB:.0f} MiB, {usage.seconds:.1f} s", flush=True)


def measure(command: str, folder: Path | None) -> None:
    """Measure it all, and keep it."""
    found = Flatness(Circumstances.now(command))
    with site(DISK, folder, []) as where:
        ours = _ours(where, "idle")
        ours.idle(EMPTY)
        found.idle = ours.idle(EMPTY).memory
        for direction in (PUT, GET):
            for size in SIZES:
                found.add(f"one file of {size // MIB:,} MiB", direction, _one_large(where, direction, size))
    with site(MEMORY, folder, []) as where:  # a disk takes minutes to make and to remove that many files
        for direction in (PUT, GET):
            for count in COUNTS:
                case = Case(direction, count, KIB, 0.0)
                usage = workload(case, where).transfer(_ours(where, case.name), count, KIB)
                found.add(f"{count:,} files in one run", direction, usage)
                shutil.rmtree(where.folder / "stock")
            _many_runs(where, direction, found)
    found.about.look()
    keep("memory", found)


def page() -> str:
    """The part of the page, from what was kept."""
    found = kept("memory")
    return section("Memory beside the amount of work", _lines(found)) if found else ""


def _lines(found: dict[str, object]) -> Iterator[str]:
    flat = Flatness(**found)  # type: ignore[arg-type]
    yield f"The largest resident set of filedrop, on top of the {flat.idle / MIB:.0f} MiB for listing an empty folder."
    yield ""
    by_direction = {direction: [row for row in flat.rows if row[1] == direction] for direction in (PUT, GET)}
    yield from table(
        ["", "drop-off", "pickup"],
        (
            [put[0], *(f"{(memory - flat.idle) / MIB:+.0f} MiB" for memory in (put[2], get[2]))]
            for put, get in zip(*by_direction.values())
        ),
    )
    yield ""
    yield f"Measured apart: {flat.about}"


def _ours(where: Site, name: str) -> Ours:
    own = where.folder / name
    own.mkdir()
    return Ours(where.target(0.0, own))


def _one_large(where: Site, direction: str, size: int) -> Usage:
    """A sparse file: it costs no disk on the side that it comes from."""
    ours = _ours(where, f"large-{direction}-{size}")
    local = ours.target.folder / "local"
    local.mkdir()
    source, target = (local, where.server.input) if direction == PUT else (where.server.pickup, local)
    with (source / "large.xml").open("wb") as file:
        file.truncate(size)
    where.server.give(source / "large.xml")
    expected = digest(source / "large.xml")
    where.settle()
    usage = ours.put(local, "input") if direction == PUT else ours.fetch("pickup", local)
    if digest(target / "large.xml") != expected:
        raise RuntimeError(f"{size} bytes did not arrive as they were")
    (target / "large.xml").unlink()
    shutil.rmtree(local)
    return usage


def _many_runs(where: Site, direction: str, found: Flatness) -> None:
    """The same job again and again, on a ledger that grows."""
    case = Case(direction, FILES_A_RUN, KIB, 0.0)
    work = workload(case, where)
    ours = _ours(where, f"again-{direction}")
    for number in range(1, RUNS + 1):
        usage = work.transfer(ours, FILES_A_RUN, KIB)
        if number in (1, RUNS):
            found.add(f"run {number} of {FILES_A_RUN:,} files each on one ledger", direction, usage)
    shutil.rmtree(where.folder / "stock")
