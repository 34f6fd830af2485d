# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module again if its Python interpreter lacks a library, or does not use UTF-8 for the names of files."""

from __future__ import annotations

import os
import sys

INTERPRETERS = ("/usr/local/lib/filedrop/venv/bin/python", "/usr/bin/python3", "/usr/libexec/platform-python")
"""Interpreters to try: the virtual environment of the role filedrop, and the Pythons of distributions."""


def respawn_if_needed(library: str | None) -> None:
    """Run the module again in an interpreter that can do the work. Call it before any other work.

    In a locale without UTF-8, the name of a local file would become another name on the server.

    :param library: the library that the work needs, if any: ``paramiko`` or ``urllib3``.
    """
    lacks_library = library is not None and _is_missing(library)
    if not lacks_library and sys.getfilesystemencoding() == "utf-8":
        return
    from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

    if has_respawned():
        return
    os.environ["PYTHONUTF8"] = "1"
    interpreter = probe_interpreters_for_module(list(INTERPRETERS), library) if lacks_library else sys.executable
    if interpreter:
        respawn_module(interpreter)  # ends this process with the other one's result


def _is_missing(library: str) -> bool:
    if library == "paramiko":
        from ._engine._paramiko import IMPORT_ERROR
    else:
        from ._engine._urllib3 import IMPORT_ERROR
    return IMPORT_ERROR is not None
