# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all subcommands share: paths, the console, and common checks."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import FiledropError
from ..ledger.database import missing
from ..ledger.ledger import Ledger
from ..ledger.locks import JobKey, jobs_of
from .exit_status import status_of_error

if TYPE_CHECKING:
    from ..config.files import Configuration, ConfiguredJob
    from .console import Console


@dataclass(frozen=True)
class CommandContext:
    """Hold what all subcommands need: the configuration, the ledger's path, and the console.

    :ivar everything: show every file, not only those that need attention.
    """

    configuration: Configuration
    ledger: str
    console: Console
    everything: bool = False


def key_of(job: ConfiguredJob) -> JobKey:
    """Return what identifies a job in the ledger."""
    return JobKey(job.account, job.job.direction, job.name)


def error_document(error: FiledropError) -> dict[str, Any]:
    """Build the JSON document that describes an error."""
    return {"status": status_of_error(error), "error": {"reason": error.reason, "message": str(error)}}


def require_ledger(path: str) -> None:
    """:raises LedgerError: the ledger does not exist. Only `init` may create it."""
    try:
        os.stat(path)
    except FileNotFoundError:
        raise missing(path) from None
    except OSError:
        return  # opening it will fail, and that error says why


def require_known(context: CommandContext, job: str) -> None:
    """:raises InputError: neither the ledger nor a file knows the job. A job that was taken off has no file."""
    with closing(Ledger(context.ledger, read_only=True)) as ledger:
        if job in {key.name for key in jobs_of(ledger)}:
            return
    if job not in context.configuration.job_names():
        context.configuration.job(job)  # raises, and names those that exist
