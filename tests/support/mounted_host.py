# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts for playbooks that write below /etc, on one machine: each has a layer of its own over /etc."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_SCRIPT = """#!/bin/sh
# Run a program in this host: with folders of its own, and as if systemd were its first process.
exec unshare --mount --propagation private sh -c '
{overlays} mount --bind {folder}/run /run && exec "$@"' sh {program} "$@"
"""
_OVERLAY = "mount -t overlay overlay -o lowerdir=/{0},upperdir={1}/{0},workdir={1}/scratch/{0} /{0} &&"


class MountedHost:
    """A host whose /etc begins as this machine's.

    :ivar python: the interpreter for its modules.
    :ivar etc: what differs in its /etc.
    :param more: other folders of which it has its own.
    """

    def __init__(self, folder: Path, program: str = "/usr/bin/python3", more: Sequence[str] = ()) -> None:
        self.folder = folder
        self.etc = folder / "etc"
        own = ("etc", *more)
        for made in (*own, *(f"scratch/{name}" for name in own), "run/systemd/system"):
            (folder / made).mkdir(parents=True)
        self.python = folder / "python"
        overlays = " ".join(_OVERLAY.format(name, folder) for name in own)
        self.python.write_text(_SCRIPT.format(folder=folder, program=program, overlays=overlays))
        self.python.chmod(0o755)

    @property
    def configuration(self) -> Path:
        return self.etc / "filedrop"

    @property
    def keys(self) -> Path:
        return self.configuration / "keys"


def can_be_made(folder: Path) -> bool:
    """Return whether this machine permits such hosts."""
    if os.geteuid() != 0:
        return False
    host = MountedHost(folder)
    return subprocess.run([host.python, "-c", ""], check=False, capture_output=True).returncode == 0
