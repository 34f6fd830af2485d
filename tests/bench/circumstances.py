# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When, where and with what something was measured."""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Circumstances:
    """One session of measuring.

    :ivar loads: how many processes were at work in the minute before each look: the first look is before anything of
        ours runs.
    """

    command: str
    commit: str
    machine: str
    began: str
    ended: str = ""
    loads: list[float] = dataclasses.field(default_factory=list)

    @classmethod
    def now(cls, command: str) -> Circumstances:
        return cls(command, _commit(), _machine(), _time(), loads=[os.getloadavg()[0]])

    def look(self) -> None:
        self.loads.append(os.getloadavg()[0])
        self.ended = _time()

    def __str__(self) -> str:
        before, *during = self.loads
        load = f"load {before:.1f} before it began"
        if during:
            load += f", {min(during):.1f} to {max(during):.1f} while it went on, what was measured included"
        return f"`{self.command}`, {self.began} to {self.ended} UTC, commit {self.commit}; {self.machine}; {load}"


def _time() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")


def _commit() -> str:
    found = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {system}"


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
