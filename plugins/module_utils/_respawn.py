# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module whose Python has no paramiko goes on in one that has it, if the host has such a one."""

from __future__ import annotations

from ._engine._deps import PARAMIKO_IMPORT_ERROR

INTERPRETERS = ("/usr/local/lib/filedrop/venv/bin/python", "/usr/bin/python3", "/usr/libexec/platform-python")
"""Where to look: the virtual environment that the role filedrop makes, and the Pythons of distributions."""


def with_library() -> None:
    """Run the module again with another interpreter, if this one lacks the library; nothing has been done yet."""
    if PARAMIKO_IMPORT_ERROR is None:
        return
    from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

    if has_respawned():
        return
    interpreter = probe_interpreters_for_module(list(INTERPRETERS), "paramiko")
    if interpreter:
        respawn_module(interpreter)  # ends this process with the other one's result
