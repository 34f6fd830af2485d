# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module again with another Python interpreter if its own does not have paramiko."""

from __future__ import annotations

from ._engine._deps import PARAMIKO_IMPORT_ERROR

INTERPRETERS = ("/usr/local/lib/filedrop/venv/bin/python", "/usr/bin/python3", "/usr/libexec/platform-python")
"""Interpreters to try: the virtual environment of the role filedrop, and the Pythons of distributions."""


def with_library() -> None:
    """Run the module again with another interpreter if paramiko is missing. Call it before any other work."""
    if PARAMIKO_IMPORT_ERROR is None:
        return
    from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

    if has_respawned():
        return
    interpreter = probe_interpreters_for_module(list(INTERPRETERS), "paramiko")
    if interpreter:
        respawn_module(interpreter)  # ends this process with the other one's result
