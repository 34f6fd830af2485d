# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that has pytest imported, and what the engine needs, and forks one that is to run some tests.

Most of a second of a test run is otherwise spent on that, and there are a thousand of them.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest


def environment(checkout: Path) -> dict[str, str]:
    """Of a Python that is to find the tests' own modules and the collection in a checkout."""
    path = os.pathsep.join(str(checkout / part) for part in ("tests", "build/tree"))
    return {**os.environ, "PYTHONPATH": path}


class Ready:
    """One such process for the tests of one checkout."""

    def __init__(self, checkout: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.mutations.ready"], cwd=checkout, env=environment(checkout),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, what: Mapping[str, Any]) -> int:
        """``arguments`` for pytest, and the ``output`` file: its process; or that to ``wait`` for: its exit status."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes to the process that is ready")
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def _fork(arguments: list[str], output: str) -> int:
    pid = os.fork()
    if pid == 0:
        status = 3
        try:
            os.setsid()
            said = os.open(output, os.O_WRONLY | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(said, 1)
            os.dup2(said, 2)
            status = int(pytest.main(arguments))
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
    return pid


def main() -> None:
    for line in sys.stdin:
        what = json.loads(line)
        if "wait" in what:
            print(os.waitstatus_to_exitcode(os.waitpid(what["wait"], 0)[1]), flush=True)
        else:
            print(_fork(what["arguments"], what["output"]), flush=True)


if __name__ == "__main__":
    for name in ("paramiko", "cryptography.hazmat.primitives.serialization"):
        importlib.import_module(name)
    main()
