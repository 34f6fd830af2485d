# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the command on the control node, once for a run of Ansible and an interpreter."""

from __future__ import annotations

import hashlib
import os

from ..module_utils._build import build, write


def built_command(python: str, temporary: str) -> str:
    """Return the path of the command for an interpreter of the hosts.

    :param temporary: the folder for temporary files of this run of Ansible. The processes for its hosts share it, and
        each may write the same file.
    :raises ValueError: the path cannot be used in the first line of a program.
    """
    folder = os.path.join(temporary, f"filedrop-{hashlib.sha256(python.encode()).hexdigest()[:16]}")
    path = os.path.join(folder, "filedrop")
    if not os.path.exists(path):
        content = build(python)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        write(path, content)
    return path


def digest_of(path: str) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
