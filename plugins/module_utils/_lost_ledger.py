# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse to replace a lost ledger by an empty one, which would send last year's payments again."""

from __future__ import annotations

import difflib
import os
import pwd

from ._engine.config.files import DEFAULT_FOLDER
from ._engine.config.paths import COMMAND, SYSTEM_LEDGER
from ._engine.errors import LedgerError

_USER = "filedrop"
_ENDING = ".sqlite3"


def lost(configuration: str, ledger: str, command: str, user: str) -> LedgerError:
    """Build the error for a host that has jobs, and no ledger.

    :param user: the user of the jobs.
    """
    state = os.path.dirname(ledger)
    create = f"install -d -m 0700 -o {user} -g {user} {state} && runuser -u {user} -- {command} init"
    return LedgerError(
        "ledger_missing",
        f"{configuration} contains jobs, but the ledger {ledger} is missing. It records what was sent already.",
        f"Restore it from a backup. If no file can be sent twice without it, create an empty one on the host: {create}",
    )


def require_not_lost(ledger: str, *, is_given: bool) -> None:
    """Allow a run to create a missing ledger only where none is known.

    :param is_given: the path is from the user, so it may be mistyped.
    :raises LedgerError: this host had a ledger: it is the system's ledger of a host with jobs, or there is one of
        another name in the folder.
    """
    if not _is_missing(ledger):
        return
    is_of_system = os.path.realpath(ledger) == os.path.realpath(SYSTEM_LEDGER)
    if is_of_system and os.path.isdir(os.path.join(DEFAULT_FOLDER, "jobs")):
        raise lost(DEFAULT_FOLDER, SYSTEM_LEDGER, COMMAND, _owner_of(os.path.dirname(SYSTEM_LEDGER)))
    near = _nearest_ledger(ledger) if is_given else ""
    if near:
        raise LedgerError(
            "ledger_missing",
            f"The ledger {ledger!r} is missing, but its folder has another one: {near!r}. With a new ledger, "
            "files that were sent could be sent again.",
            "Correct the path. If you want a new ledger, use a folder of its own.",
        )


def _is_missing(path: str) -> bool:
    """Return whether a file is certainly missing. If it cannot be examined, opening it tells why."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


def _nearest_ledger(path: str) -> str:
    """Return the ledger in the same folder whose name is most like this one; empty if there is none."""
    folder, name = os.path.split(os.path.abspath(path))
    try:
        others = sorted(each for each in os.listdir(folder) if each.endswith(_ENDING) and each != name)
    except OSError:
        return ""
    near = difflib.get_close_matches(name, others, 1, cutoff=0.0)
    return os.path.join(folder, near[0]) if near else ""


def _owner_of(folder: str) -> str:
    """Return the user of the jobs, who owns the folder of the ledger, unless that was made by root."""
    try:
        owner = os.stat(folder).st_uid
        return pwd.getpwuid(owner).pw_name if owner else _USER
    except (OSError, KeyError):
        return _USER
