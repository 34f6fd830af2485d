# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the checkout, in memory, in which the engine is changed and judged while the checkout stays as it is."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from .catalogue import CHECKOUT, ENGINE, Mutation
from .ready import Ready, environment

TREE = Path("build/tree/ansible_collections/courier/filedrop")


class Workshop:
    """One copy. Files that git does not know are not in it.

    :param folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clock = itertools.count(1_000_000_000)
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
        for name in listed.split("\0")[:-1]:
            if (CHECKOUT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(CHECKOUT / name, folder / name)
        (folder / TREE).parent.mkdir(parents=True)
        (folder / TREE).symlink_to(Path("..", "..", "..", ".."))
        self._ready = Ready(folder)

    @contextlib.contextmanager
    def changed(self, mutation: Mutation) -> Iterator[None]:
        """With a mutation in place."""
        target = self._folder / ENGINE / mutation.file
        original = target.read_text()
        self._write(target, mutation.source)
        try:
            yield
        finally:
            self._write(target, original)

    def _write(self, target: Path, source: str) -> None:
        target.write_text(source)
        # Python knows a compiled file by its source's size, and its time in whole seconds.
        moment = next(self._clock)
        os.utime(target, (moment, moment))

    def run(self, arguments: Sequence[str], patience: float) -> tuple[int | None, str]:
        """Run Python in the copy; return its exit status and what it says. Status None: it hung."""
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            if arguments[:2] == ("-m", "pytest"):
                status = self._run_ready(arguments[2:], said.fileno(), patience)
            else:
                status = self._run_new(arguments, said.fileno(), patience)
            said.seek(0)
            return status, said.read()

    def _run_new(self, arguments: Sequence[str], output: int, patience: float) -> int | None:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=self._folder, env=environment(self._folder), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(patience)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None

    def _run_ready(self, arguments: Sequence[str], output: int, patience: float) -> int | None:
        """Run pytest in a process that has it, and what it needs, imported already."""
        pid = self._ready.ask({"arguments": [*arguments], "output": f"/proc/{os.getpid()}/fd/{output}"})
        hung = threading.Event()

        def end() -> None:
            hung.set()
            os.killpg(pid, signal.SIGKILL)

        timer = threading.Timer(patience, end)
        timer.start()
        try:
            status = self._ready.ask({"wait": pid})
        finally:
            timer.cancel()
        return None if hung.is_set() else status

    def close(self) -> None:
        self._ready.close()


@contextlib.contextmanager
def workshops(number: int) -> Iterator[list[Workshop]]:
    """Several of them, one for each process at a time."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with contextlib.ExitStack() as stack:
        folders = [
            stack.enter_context(tempfile.TemporaryDirectory(prefix="filedrop-mutations-", dir=where))
            for _workshop in range(number)
        ]
        yield [stack.enter_context(contextlib.closing(Workshop(Path(folder)))) for folder in folders]
