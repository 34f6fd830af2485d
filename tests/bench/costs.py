# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the processor's time goes: for a file, and for a MiB.

By py-spy, which sees Python's and native frames alike. The seconds are those of a run without the profiler; its samples
only tell how they divide.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from arena import EMPTY, Site, site
from cases import DISK, GET, KIB, MIB, PUT, Case
from circumstances import Circumstances
from ours import Ours
from results import keep, kept
from tables import section, table
from workloads import workload

SAMPLES_A_SECOND = 250
CASES = (
    ("drop-off, a file", Case(PUT, 5000, 2 * KIB, 0.0)),
    ("pickup, a file", Case(GET, 5000, 2 * KIB, 0.0)),
    ("drop-off, a MiB", Case(PUT, 1, 512 * MIB, 0.0)),
    ("pickup, a MiB", Case(GET, 1, 512 * MIB, 0.0)),
)

START_AND_END = "start and end"

# A sample belongs to the first of these that one of its frames is of, seen from the innermost frame outwards.
PLACES = (
    ("waiting", re.compile(r"PyThread_acquire_lock|internal_select|take_gil|lock_PyThread|\bpoll\b|epoll")),
    ("garbage collection", re.compile(r"gc_collect|gc_alloc|_PyObject_GC")),
    ("sync", re.compile(r"\b(os_)?f(data)?sync\b")),
    ("SQLite", re.compile(r"libsqlite3|pysqlite|stmt_step")),
    ("SHA-256", re.compile(r"_hashopenssl|EVP_hash|_hashlib|sha256", re.IGNORECASE)),
    ("cryptography", re.compile(r"_rust\.abi3|cryptography/")),
    ("socket", re.compile(r"sock_(send|recv)|socketmodule")),
    ("files", re.compile(r"posixmodule|\bos_[a-zA-Z]+\b|ctypes|\((read|write|stat|open)at?64 ")),
    ("paramiko", re.compile(r"paramiko/")),
    (START_AND_END, re.compile(r"importlib|_find_and_load")),
    ("filedrop", re.compile(r"_engine/")),
)
NOT_COUNTED = ("waiting", START_AND_END)
OTHER = "Python, other"


@dataclasses.dataclass
class Costs:
    """Seconds of processor time by column and place, for one file or one MiB."""

    about: Circumstances
    columns: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)


def measure(command: str, folder: Path | None) -> None:
    """Measure it all, and keep it."""
    found = Costs(Circumstances.now(command))
    with site(DISK, folder, []) as where:
        for title, case in CASES:
            found.columns[title] = _divide(case, where)
            shown = ", ".join(f"{place} {seconds * 1e6:.0f}" for place, seconds in sorted(found.columns[title].items()))
            print(f"  {title}, in microseconds: {shown}", flush=True)
    found.about.look()
    keep("costs", found)


def page() -> str:
    """The part of the page, from what was kept."""
    found = kept("costs")
    return section("Where the processor's time goes", _lines(Costs(**found))) if found else ""


def _lines(costs: Costs) -> Iterator[str]:
    yield "filedrop's own process, in microseconds of processor time: for one of 5,000 files of 2 KiB, and for one MiB"
    yield "of 512. A sample of the profiler counts for the innermost of these places; waiting for the disk and the"
    yield "network is no work."
    yield ""
    places = [*(place for place, _pattern in PLACES if place not in NOT_COUNTED), OTHER]
    rows = [[place, *(f"{column.get(place, 0) * 1e6:.0f}" for column in costs.columns.values())] for place in places]
    rows.append(["together", *(f"{sum(column.values()) * 1e6:.0f}" for column in costs.columns.values())])
    yield from table(["", *costs.columns], rows)
    yield ""
    yield f"Measured apart: {costs.about}"


def _divide(case: Case, where: Site) -> dict[str, float]:
    """Processor time for one file, or for one MiB, by place."""
    own = where.folder / f"costs-{case.name}"
    own.mkdir()
    ours = Ours(where.target(0.0, own))
    work = workload(case, where)
    work.prepare(ours)
    idle = ours.idle(EMPTY)
    usage = work.transfer(ours, case.files, case.size)
    with tempfile.NamedTemporaryFile("r", prefix="filedrop-profile-") as report:
        ours.prefix = _profiler(report.name)
        work.transfer(ours, case.files, case.size)
        samples = _places(report)
    work_samples = {place: count for place, count in samples.items() if place not in NOT_COUNTED}
    units = case.files if case.files > 1 else case.size / MIB
    each = max(0.0, usage.cpu - idle.cpu) / units / sum(work_samples.values())
    return {place: count * each for place, count in work_samples.items()}


def _profiler(report: str) -> list[str]:
    program = str(Path(sys.executable).parent / "py-spy")
    rate = ["--rate", str(SAMPLES_A_SECOND)]
    return [program, "record", "--native", "--threads", *rate, "--format", "raw", "--output", report, "--"]


def _places(stacks: Iterable[str]) -> Counter[str]:
    """How many samples each place has: a line is frames, outermost first, and a count."""
    found: Counter[str] = Counter()
    for line in stacks:
        stack, _space, count = line.rpartition(" ")
        found[_place(stack.split(";"))] += int(count)
    return found


def _place(frames: list[str]) -> str:
    if not any(".py:" in frame for frame in frames):
        return START_AND_END  # the interpreter clears up
    for frame in reversed(frames):
        for place, pattern in PLACES:
            if pattern.search(frame):
                return place
    return OTHER
