# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""rclone as an SFTP server: of the same kind as SFTPGo, which providers use; it works at several requests at once."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .sshd import START_SECONDS, USER, host_key, user_key

_LISTENS = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


@contextmanager
def rclone_server(folder: Path) -> Iterator[dict[str, object]]:
    """One that serves ``input`` and ``pickup`` in the folder; yields the account options for it."""
    for name in ("input", "pickup"):
        (folder / name).mkdir(parents=True)
    log = folder.with_suffix(".log")
    command = [
        *("rclone", "serve", "sftp", str(folder), "--addr", "127.0.0.1:0", "--user", USER),
        *("--authorized-keys", f"{user_key().path}.pub", "--key", str(host_key("ed25519").path)),
    ]
    environment = {**os.environ, "RCLONE_CONFIG": os.devnull}
    said = log.open("wb")
    with (
        said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment) as process,
    ):
        try:
            yield {
                "protocol": "sftp",
                "host": "127.0.0.1",
                "port": _port_of(process, log),
                "username": USER,
                "private_key_file": str(user_key().path),
                "host_keys": [host_key("ed25519").public],
            }
        finally:
            process.kill()


def _port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = _LISTENS.search(log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"rclone did not start:\n{log.read_text()}")
