# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that imports: its folders, its job, and a handler that does what the name of a file says."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from .command import Ended, Host

HANDLER = r"""#!/bin/sh
echo "$2" >>"$1/calls"
echo "about $2"
case "$2" in
    bad*) exit 1 ;;
    once*) test -e "$1/$2.seen" || { touch "$1/$2.seen"; exit 1; } ;;
    odd*) exit 7 ;;
    killed*) kill -9 $$ ;;
    slow*) sleep 1 ;;
    stuck*) sleep 600 ;;
    stray*) setsid sleep 600 & ;;
    waits*) while test ! -e "$1/go"; do sleep 0.02; done ;;
esac
"""


class Desk:
    """A host that imports.

    :ivar calls: a file with the name of each file that the handler was called for.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.input, self.done, self.failed = (host.folder / name for name in ("input", "done", "failed"))
        for folder in (self.input, self.done, self.failed):
            folder.mkdir()
        self.calls = host.folder / "calls"
        self.calls.touch()
        handler = host.folder / "handler"
        handler.write_text(HANDLER)
        handler.chmod(0o755)
        if host.run("init").status != 0:
            raise RuntimeError("no ledger was made")
        self.job()

    def job(self, **options: object) -> None:
        folders = {"src": str(self.input), "done_dir": str(self.done), "failed_dir": str(self.failed)}
        handler = [str(self.host.folder / "handler"), str(self.host.folder), "{name}"]
        self.host.job(
            "book", {"direction": "import", "settle": 0, "tries": 2, "handler": handler, **folders, **options}
        )

    def put(self, *names: str) -> None:
        for name in names:
            (self.input / name).write_text(f"content of {name}")

    def run(self, *arguments: str) -> Ended:
        return self.host.run("run", "book", "--json", *arguments)

    def called(self) -> Counter[str]:
        return Counter(self.calls.read_text().splitlines())

    def wait_for_call(self, name: str, process: subprocess.Popen[str]) -> None:
        """Wait until a run has called the handler."""
        while name not in self.called():
            if process.poll() is not None:
                raise RuntimeError(f"the run has ended: {process.communicate()}")
            time.sleep(0.01)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def outcomes(ended: Ended) -> dict[str, tuple[str, str]]:
    return {file["name"]: (file["outcome"], file["reason"]) for file in ended.document["files"]}


def processes_of(folder: Path) -> dict[int, bytes]:
    """Return the processes whose command names this folder, and their commands."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                line = (path / "cmdline").read_bytes()
                if os.fsencode(folder) in line:
                    found[int(path.name)] = line
    return found
