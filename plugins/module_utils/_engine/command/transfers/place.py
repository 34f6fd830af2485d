# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``place``: put a file into the folder from which a partner fetches."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ...config.files import ConfiguredJob
from ...config.jobs.job import default_max_age
from ...config.options import absolute, label
from ...config.schedule import Schedule
from ...run.place import account_for, placing
from ..context import CommandContext, require_ledger
from ..exit_status import WELL
from .run import execute

FLAGS = ("name", "folder", "again")


def place(context: CommandContext, file: str, name: str, given: Mapping[str, Any], dry_run: bool) -> int:
    """Place a file for an account: one of this host's configuration, or else one of its server.

    :param given: the flags in `FLAGS`.
    """
    require_ledger(context.ledger)
    known = os.path.exists(os.path.join(context.configuration.folder, "accounts", f"{name}.json"))
    account = context.configuration.account(name) if known else account_for(label(name, name="--account"))
    src = absolute(os.path.abspath(file), name="FILE")
    job, only = placing(account, src, name=given["name"], folder=given["folder"], again=given["again"])
    configured = ConfiguredJob(job, account.name, Schedule(), default_max_age(0))
    status, document, lines = execute(context, configured, dry_run=dry_run, only=only, account=account)
    context.console.answer(document, lines, well=status == WELL)
    return status
