# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports for servers that are told theirs. No other test, and no connection, gets one of them meanwhile."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

# Below the ports that Linux gives to connections by itself (ip_local_port_range).
FIRST, LAST = 15_000, 32_000

_claims: list[int] = []
"""Open files whose locks are held until this process ends."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of an address that nobody uses, and keep it for this process."""
    folder = Path(tempfile.gettempdir()) / "filedrop-test-ports"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o1777)
        folder.chmod(0o1777)
    while True:
        port = random.randint(FIRST, LAST)
        if _claim(folder / str(port)) and _is_free(host, port):
            return port


def _claim(path: Path) -> bool:
    """Lock a file that stands for a port; return whether no other process has it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:  # of another user's tests
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return False
    _claims.append(fd)
    return True


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError:
        return False
    return True
