# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often a run of ours asks the disk to make sure, by strace: in a run of its own, for strace costs time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from arena import Site
from cases import Case
from ours import Ours
from workloads import workload

CALLS = ("fsync", "fdatasync", "sync_file_range", "syncfs", "sync", "msync")


def count(case: Case, where: Site, folder: Path) -> dict[str, int]:
    """By system call; of a whole run, with a ledger that is there already."""
    own = folder / "traced"
    own.mkdir()
    ours = Ours(where.target(case.rtt, own))
    work = workload(case, where)
    work.prepare(ours)
    with tempfile.NamedTemporaryFile("r", prefix="filedrop-strace-") as report:
        ours.prefix = [
            "strace",
            "--quiet=all",
            "-f",
            "--seccomp-bpf",
            "-e",
            f"trace={','.join(CALLS)}",
            "-o",
            report.name,
        ]
        work.transfer(ours, case.files, case.size)
        found = list(_calls(report.read().splitlines()))
    return {call: found.count(call) for call in CALLS if call in found}


def _calls(lines: list[str]) -> Iterator[str]:
    """The calls that began: ``1234  fsync(5 <unfinished ...>`` counts, ``1234  <... fsync resumed>`` does not."""
    for line in lines:
        name, opened, _rest = line.partition(" ")[2].strip().partition("(")
        if opened and name in CALLS:
            yield name
