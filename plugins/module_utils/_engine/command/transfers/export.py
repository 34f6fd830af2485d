# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``export``: send files that a person has chosen, and say which of them were sent before."""

from __future__ import annotations

from collections.abc import Mapping

from ...run.export import narrowed
from ..context import CommandContext, require_ledger
from ..exit_status import WELL
from .run import execute, require_enabled

FLAGS = {"from": "--from", "to": "--to", "kinds": "--kind", "only": "--only", "again": "--again"}


def export(context: CommandContext, name: str, choice: Mapping[str, object], *, dry_run: bool) -> int:
    """Export the files of a job that a person has chosen, or predict what that would do.

    :param choice: see `run.export.narrowed`.
    """
    job = context.configuration.job(name)
    require_enabled(context, job, "Set enabled to true there.")
    preset, protocol = context.configuration.preset_and_protocol_of(job.account)
    chosen, only = narrowed(job, choice, preset, protocol, named=FLAGS)
    require_ledger(context.ledger)
    status, document, lines = execute(context, chosen, dry_run=dry_run, only=only)
    context.console.answer(document, lines, well=status == WELL)
    return status
