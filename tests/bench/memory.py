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
from judgement import Judgement
from ours import Ours
from results import keep, kept
from support.stopwatch import Usage
from tables import section, table
from workloads import digest, workload

DIRECTIONS = {PUT: "drop-off", GET: "pickup"}
SIZES = (64 * MIB, 512 * MIB, 4096 * MIB)
COUNTS = (1_000, 10_000, 100_000)
RUNS = 20
FLAT = 32 * MIB  # what much work may take more than little
FILES_A_RUN = 2_000


@dataclasses.dataclass
class Flatness:
    """What it took: bytes and seconds, by direction and what was done."""

    about: Circumstances
    idle: int = 0
    rows: list[tuple[str, str, int, float]] = dataclasses.field(default_factory=list)

    @classmethod
    def kept(cls) -> Flatness | None:
        """What was measured some time ago, if it was."""
        found = kept("memory")
        return None if found is None else cls(**found)

    def of(self, what: str, direction: str) -> int | None:
        """Bytes on top of idle, if it was measured."""
        found = (memory for row, way, memory, _seconds in self.rows if (row, way) == (what, direction))
        return next((memory - self.idle for memory in found), None)

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
                found.add(_large(size), direction, _one_large(where, direction, size))
    with site(MEMORY, folder, []) as where:  # a disk takes minutes to make and to remove that many files
        for direction in (PUT, GET):
            for count in COUNTS:
                case = Case(direction, count, KIB, 0.0)
                usage = workload(case, where).transfer(_ours(where, case.name), count, KIB)
                found.add(_many(count), direction, usage)
                shutil.rmtree(where.folder / "stock")
            _many_runs(where, direction, found)
    found.about.look()
    keep("memory", found)


def page() -> str:
    """The part of the page, from what was kept."""
    found = Flatness.kept()
    return section("Memory beside the amount of work", _lines(found)) if found else ""


def judgements() -> Iterator[Judgement]:
    """Whether memory is bounded by the window, and not by the work."""
    found = Flatness.kept()
    if found is None:
        return
    pairs = (
        (_large(SIZES[0]), _large(SIZES[-1])),
        (_many(COUNTS[0]), _many(COUNTS[-1])),
        (_again(1), _again(RUNS)),
    )
    for little, much in pairs:
        for direction, title in DIRECTIONS.items():
            with_little, with_much = found.of(little, direction), found.of(much, direction)
            if with_little is None or with_much is None:
                continue
            more = with_much - with_little
            yield Judgement(
                f"{title}, {much}",
                f"memory beside that of {little}",
                f"at most {FLAT / MIB:.0f} MiB more",
                "",
                f"{more / MIB:+.0f} MiB",
                "met" if more <= FLAT else "**not met**",
            )


def _large(size: int) -> str:
    return f"one file of {size // MIB:,} MiB"


def _many(count: int) -> str:
    return f"{count:,} files in one run"


def _again(number: int) -> str:
    return f"run {number} of {FILES_A_RUN:,} files each on one ledger"


def _lines(found: Flatness) -> Iterator[str]:
    yield f"The largest resident set of filedrop, on top of the {found.idle / MIB:.0f} MiB for listing an empty folder."
    yield ""
    work = dict.fromkeys(what for what, *_rest in found.rows)
    rows = ([what, *(f"{(found.of(what, direction) or 0) / MIB:.0f} MiB" for direction in DIRECTIONS)] for what in work)
    yield from table(["", *DIRECTIONS.values()], rows)
    yield ""
    yield f"Measured apart: {found.about}"


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
            found.add(_again(number), direction, usage)
    shutil.rmtree(where.folder / "stock")
