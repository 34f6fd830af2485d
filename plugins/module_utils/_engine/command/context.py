# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all subcommands have in common."""

from __future__ import annotations

import os
import pwd
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import FiledropError, InputError
from ..ledger.database import missing
from .exit_status import status_of_error

if TYPE_CHECKING:
    from ..config.files import Configuration
    from .console import Console


@dataclass(frozen=True)
class CommandContext:
    """What all subcommands have in common: where things lie, and how to tell.

    :ivar everything: tell of every file, not only of those that somebody has to look at.
    """

    configuration: Configuration
    ledger: str
    voice: Console
    everything: bool = False


def refusal(error: FiledropError) -> dict[str, Any]:
    """The document of what could not be done."""
    return {"status": status_of_error(error), "error": {"reason": error.reason, "message": str(error)}}


def moment(seconds: float) -> str:
    """A time in seconds since 1970 as ISO 8601 has it, in UTC."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):  # a server may say anything
        return str(seconds)


def require_ledger(path: str) -> None:
    """:raises LedgerError: there is none, and nobody but `init` may make one."""
    try:
        os.stat(path)
    except FileNotFoundError:
        raise missing(path) from None
    except OSError:
        return  # whoever opens it says why that cannot be done


def require_owner(ledger: str, job: str) -> None:
    """Refuse root's hand where the runs are another user's: what root leaves behind, that user could not touch.

    :raises InputError: we are root, and the ledger is somebody else's.
    """
    owner = os.stat(ledger).st_uid
    if os.geteuid() != 0 or owner == 0:
        return
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = f"#{owner}"
    raise InputError(
        "wrong_user",
        f"The ledger {ledger!r} belongs to {user}, and a run as root would leave files that {user} cannot touch.",
        f"Run: systemctl start filedrop@{job}.service, or, where cron starts the jobs: "
        f"sudo -u {user} filedrop run {job}",
    )
