# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``init`` and ``resolve``: the ledger is made, and a person's decision goes into it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from ..ledger.decisions import Decided, Wanted
from ..ledger.decisions import resolve as decide
from ..ledger.ledger import Ledger
from ..local.names import shown
from .console import INFO
from .context import CommandContext, require_ledger
from .exit_status import WELL


def init(setting: CommandContext) -> int:
    """Make the ledger, unless there is one."""
    there = os.path.exists(setting.ledger)
    with closing(Ledger(setting.ledger, create=True)):
        pass
    sentence = f"There is a ledger at {setting.ledger} already." if there else f"Made the ledger {setting.ledger}."
    setting.voice.answer({"status": WELL, "ledger": setting.ledger, "created": not there}, [sentence])
    return WELL


def resolve(setting: CommandContext, name: str, files: Sequence[str], decision: str, *, dry_run: bool) -> int:
    """Take a decision about files of a job that are held."""
    require_ledger(setting.ledger)
    job = setting.configuration.job(name)
    wanted = Wanted(tuple(files), account=job.account, direction=job.job.direction, job=job.name)
    decided = decide(setting.ledger, wanted, decision, check=dry_run)
    found = [
        {
            "name": one.after.name,
            "before": one.before.state,
            "state": one.after.state,
            "reason": one.before.reason or "",
            "changed": one.changed,
        }
        for one in decided
    ]
    about: dict[str, Any] = {"job": job.name, "account": job.account, "decision": decision, "dry_run": dry_run}
    for one in decided:
        if one.changed and not dry_run:
            setting.voice.happened(INFO, "file_resolved", **about, name=one.after.name, was=one.before.reason)
    setting.voice.answer(
        {"status": WELL, **about, "files": found}, [_in_words(one, decision, dry_run) for one in decided]
    )
    return WELL


def _in_words(one: Decided, decision: str, dry_run: bool) -> str:
    name = shown(one.after.name)
    if not one.changed:
        return f"{name}: that was decided already."
    will = "would be" if dry_run else "is"
    rest = "; the next run goes by it" if one.after.open else ""
    return f"{name}: {will} resolved as {decision}{rest}."
