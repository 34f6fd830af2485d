# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds an interpreter of another Python release on this machine: ``python tests/tools/find_python.py 3.9``."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys


def find_python(version: str) -> str | None:
    """Find an interpreter that runs and can make virtual environments. A version manager's stand-in may do neither."""
    name = f"python{version}"
    managed = os.path.expanduser(os.environ.get("PYENV_ROOT", "~/.pyenv"))
    for candidate in (shutil.which(name), *glob.glob(f"{managed}/versions/{version}.*/bin/{name}")):
        if candidate is None:
            continue
        probe = subprocess.run([candidate, "-c", "import ensurepip, venv"], capture_output=True, check=False)
        if probe.returncode == 0:
            return candidate
    return None


if __name__ == "__main__":
    print(find_python(sys.argv[1]) or "")
