# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look for known secrets where they must never be: in output, files, the journal, and the processes of the machine."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path

PAUSE = 0.005  # seconds between two looks at the processes
YOUNG = 0.5  # seconds for which a process is looked at each time; it may still become another program
SELDOM = 100  # an older process is looked at once in so many looks


class Lookout:
    """Watch all processes of the machine for secrets, as a context manager.

    :ivar secrets: what is looked for. More can be added at any time.
    :ivar seen: where one was found, with its place among the secrets, and not with itself.
    """

    def __init__(self, *secrets: str) -> None:
        self.secrets = list(secrets)
        self.seen: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._began = time.time()

    def add_key(self, path: Path) -> None:
        """Look for a private key: for each whole line of it."""
        lines = [line for line in path.read_text().splitlines() if "-----" not in line and len(line) >= 40]
        # The first line of OpenSSH's format is the same for all keys of a kind.
        self.secrets += lines[1:] or lines

    def __enter__(self) -> Lookout:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()
        if shutil.which("journalctl") and os.path.isdir("/run/systemd/system"):
            command = ["journalctl", "--no-pager", f"--since=@{self._began:.0f}"]
            self.look("the journal", subprocess.run(command, capture_output=True, check=False).stdout)

    def look(self, where: str, content: str | bytes) -> None:
        """Look into a text or the content of a file."""
        body = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        self.seen.update(f"secret {number} in {where}" for number in self._found_in(body))

    def look_below(self, folder: Path, *, but: Iterable[Path] = ()) -> None:
        """Look into all files below a folder, but those that are the place of a secret."""
        spared = [str(path) for path in but]
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and not any(str(path).startswith(each) for each in spared):
                self.look(str(path), path.read_bytes())

    def _found_in(self, body: bytes) -> list[int]:
        return [number for number, secret in enumerate(self.secrets) if secret.encode() in body]

    def _watch(self) -> None:
        since: dict[str, float] = {}
        for look in itertools.count():
            if self._over.wait(PAUSE):
                return
            now = time.monotonic()
            since = {name: since.get(name, now) for name in os.listdir("/proc") if name.isdigit()}
            for process, begun in since.items():
                if int(process) != os.getpid() and (now - begun < YOUNG or look % SELDOM == 0):
                    for kind in ("cmdline", "environ"):
                        self._look_at_process(f"/proc/{process}/{kind}")

    def _look_at_process(self, path: str) -> None:
        try:
            with open(path, "rb") as file:
                body = file.read()
        except OSError:
            return
        if self._found_in(body):
            self.look(path.rpartition("/")[2], body)
