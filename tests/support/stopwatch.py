# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a program costs: its seconds by our clock, its memory and its CPU by GNU time."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence

CALL_SECONDS = 1800.0  # ends a program that hangs


@dataclasses.dataclass(frozen=True)
class Usage:
    """What one call took.

    :ivar seconds: from start to end of the process.
    :ivar memory: the largest resident set of any of its processes, in bytes.
    :ivar cpu: seconds of processor time of all its processes.
    """

    seconds: float
    memory: int = 0
    cpu: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        """Two calls, one after the other."""
        return Usage(self.seconds + other.seconds, max(self.memory, other.memory), self.cpu + other.cpu)


def timed(
    command: Sequence[str], *, given: str = "", environment: Mapping[str, str] | None = None
) -> tuple[Usage, str]:
    """Call a program; return what it took, and its standard output.

    GNU time starts it, not this process: Linux counts into a process's largest resident set what the one that forked
    it had.

    :param given: its standard input.
    :param environment: on top of this process's.
    :raises RuntimeError: it failed.
    """
    with tempfile.NamedTemporaryFile("r", prefix="filedrop-usage-") as report:
        whole = ["/usr/bin/time", "--quiet", "--output", report.name, "--format", "%M %U %S", *command]
        started = time.perf_counter()
        done = subprocess.run(
            whole,
            input=given,
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        kibibytes, user, system = report.read().split()
    return Usage(seconds, int(kibibytes) * 1024, float(user) + float(system)), done.stdout
