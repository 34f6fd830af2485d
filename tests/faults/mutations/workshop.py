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
from collections.abc import Iterator, Sequence
from pathlib import Path

from .catalogue import CHECKOUT, ENGINE, Mutation

TREE = Path("build/tree/ansible_collections/courier/filedrop")


def environment(checkout: Path) -> dict[str, str]:
    """Of a Python that is to find the tests' own modules and the collection in a checkout."""
    path = os.pathsep.join(str(checkout / part) for part in ("tests", "build/tree"))
    return {**os.environ, "PYTHONPATH": path}


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
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self._folder, env=environment(self._folder), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        try:
            output, _none = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[0]
        return process.returncode, output


@contextlib.contextmanager
def workshops(number: int) -> Iterator[list[Workshop]]:
    """Several of them, one for each process at a time."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with contextlib.ExitStack() as stack:
        folders = [
            stack.enter_context(tempfile.TemporaryDirectory(prefix="filedrop-mutations-", dir=where))
            for _workshop in range(number)
        ]
        yield [Workshop(Path(folder)) for folder in folders]
