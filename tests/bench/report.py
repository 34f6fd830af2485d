# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of a contest, as a page of documentation."""

from __future__ import annotations

import datetime
import os
import platform
import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from contest import Case, Score, contestants

HEAD = """\
# Benchmarks

<!-- Written by `{command}`; do not edit. -->

Seconds for the transfer itself, the median of {rounds} rounds in which the contestants took turns; in brackets, how
many times as long as filedrop it took. What a call takes to start, connect and list an empty folder was measured right
before each transfer and is taken off, for all alike. Every transfer was checked, file by file.

filedrop works with its full safety: exclusive creation under a temporary name, size check, rename, archive of the
original; or download beside the final name, size check, fsync, publish, delete on the server; with a ledger row before
and after each irreversible step. It uses one connection. The others work by their own defaults, with less of that.
"""


def page(results: Sequence[tuple[Case, list[Score]]], *, rounds: int, command: str, config: Iterable[str]) -> str:
    """The page, in Markdown."""
    names = [kind.name for kind in contestants()]
    lines = [HEAD.format(rounds=rounds, command=command)]
    lines += _head(names)
    scaled = False
    for case, scores in results:
        ours = scores[0].median
        cells = []
        for score in scores:
            mark = "*" if score.files != case.files else ""
            scaled = scaled or bool(mark)
            ratio = f" ({score.median / ours:.1f}x)" if score is not scores[0] else ""
            cells.append(f"{score.median:.2f}{mark}{ratio}")
        lines.append(_row(case, cells))
    if scaled:
        lines += ["", "\\* measured with fewer files and scaled: it takes its time for each file in turn."]
    lines += ["", "To connect and list an empty folder, in seconds (median):", ""]
    lines += _head(names)
    lines += [_row(case, [f"{statistics.median(score.idle):.2f}" for score in scores]) for case, scores in results]
    lines += ["", "## Where and with what", "", *_circumstances(config)]
    return "\n".join(lines) + "\n"


def _head(names: Sequence[str]) -> list[str]:
    return [_row("case", names), "|---" * (len(names) + 1) + "|"]


def _row(first: object, cells: Sequence[str]) -> str:
    return f"| {first} | " + " | ".join(cells) + " |"


def _circumstances(config: Iterable[str]) -> list[str]:
    now = datetime.datetime.now(datetime.timezone.utc)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()} {platform.release()}"
    load = f"{os.getloadavg()[2]:.1f} processes at work in the last 15 minutes, these ones among them"
    limits = ", ".join(config) or "its default limits"
    relay = "a relay in a process of its own holds each chunk back by half of the round trip; else there is none"
    return [
        f"- {now:%Y-%m-%d}: {machine}; {load}",
        f"- server: the system's sshd on loopback, internal-sftp in a chroot, with {limits}",
        f"- delay: {relay}",
        *(f"- {kind.name}: {kind.version()}" for kind in contestants()),
    ]


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
