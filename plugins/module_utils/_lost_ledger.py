# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse to replace a lost ledger by an empty one, which would send last year's payments again."""

from __future__ import annotations

import os
import pwd

from ._engine.config.files import DEFAULT_FOLDER
from ._engine.config.paths import COMMAND, SYSTEM_LEDGER
from ._engine.errors import LedgerError

_USER = "filedrop"


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


def require_not_lost(ledger: str) -> None:
    """Allow a run to create a missing ledger, unless it would take the place of the ledger of a deployed host.

    :raises LedgerError: the ledger is missing, this host has jobs, and the path is that of their ledger, or of another
        file beside it, which is a typo.
    """
    folder = os.path.dirname(SYSTEM_LEDGER)
    if not _is_missing(ledger) or not os.path.isdir(os.path.join(DEFAULT_FOLDER, "jobs")):
        return
    if os.path.realpath(ledger) == os.path.realpath(SYSTEM_LEDGER):
        raise lost(DEFAULT_FOLDER, SYSTEM_LEDGER, COMMAND, _owner_of(folder))
    if os.path.realpath(os.path.dirname(ledger)) == os.path.realpath(folder):
        raise LedgerError(
            "ledger_missing",
            f"The ledger {ledger!r} is missing. Its folder is that of {SYSTEM_LEDGER!r}, which the jobs of this host "
            "use. With a new ledger, files that were sent could be sent again.",
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


def _owner_of(folder: str) -> str:
    """Return the user of the jobs, who owns the folder of the ledger, unless that was made by root."""
    try:
        owner = os.stat(folder).st_uid
        return pwd.getpwuid(owner).pw_name if owner else _USER
    except (OSError, KeyError):
        return _USER
