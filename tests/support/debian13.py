# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of Debian 13 on this machine, in a container of the image that `make molecule` makes: OpenSSH 10."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

IMAGE = "localhost/filedrop-debian13"
SETTINGS = Path(__file__).resolve().parents[2] / "extensions" / "molecule" / "hosts" / "containers.conf"


@functools.cache
def why_not() -> str:
    """Return why there are no such programs here; an empty text if there are."""
    if os.geteuid() != 0 or shutil.which("podman") is None:
        return "containers need root and podman"
    ran = subprocess.run([*in_container(), "true"], capture_output=True, text=True, check=False)
    return f"podman cannot run {IMAGE}, which `make molecule` makes: {ran.stderr[-200:]}" if ran.returncode else ""


def in_container(*folders: Path) -> list[str]:
    """Return the beginning of a command that runs on this machine's network, and sees these folders."""
    volumes = [f"--volume={folder}:{folder}" for folder in folders]
    settings = os.environ.get("CONTAINERS_CONF", str(SETTINGS))
    run = ["podman", "run", "--rm", "--pull=never", "--network=host", *volumes, IMAGE]
    return ["env", f"CONTAINERS_CONF={settings}", *run]
