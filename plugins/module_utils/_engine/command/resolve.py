# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``init`` and ``resolve``: create the ledger, and record a person's decisions in it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from ..errors import InputError
from ..ledger.decisions import Decided, Wanted
from ..ledger.decisions import resolve as decide
from ..ledger.ledger import Ledger
from ..local.names import shown
from .console import INFO
from .context import CommandContext, require_known, require_ledger
from .exit_status import WELL


def init(context: CommandContext) -> int:
    """Create the ledger, unless it exists."""
    there = os.path.exists(context.ledger)
    with closing(Ledger(context.ledger, create=True)):
        pass
    sentence = f"The ledger {context.ledger} exists already." if there else f"Created the ledger {context.ledger}."
    context.console.answer({"status": WELL, "ledger": context.ledger, "created": not there}, [sentence])
    return WELL


def resolve(context: CommandContext, name: str, files: Sequence[str], decision: str, *, dry_run: bool) -> int:
    """Record a decision about held files of a job."""
    require_ledger(context.ledger)
    require_known(context, name)
    decided = _decide(context, name, files, decision, dry_run)
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
    about: dict[str, Any] = {"job": name, "account": decided[0].after.account, "decision": decision, "dry_run": dry_run}
    for one in decided:
        if one.changed and not dry_run:
            context.console.log(INFO, "file_resolved", **about, name=one.after.name, was=one.before.reason)
    context.console.answer(
        {"status": WELL, **about, "files": found}, [_in_words(one, decision, dry_run) for one in decided]
    )
    return WELL


def _decide(context: CommandContext, name: str, files: Sequence[str], decision: str, dry_run: bool) -> list[Decided]:
    """Decide about files of a job. Its own file may be broken or gone: the ledger knows all that is needed.

    A relative path is one on the server, or else one from the current folder.
    """
    local = [os.path.abspath(file) if "/" in file else file for file in files]
    try:
        try:
            return decide(context.ledger, Wanted(tuple(files), job=name), decision, check=dry_run)
        except InputError as error:
            if error.reason != "file_unknown" or local == list(files):
                raise
            return decide(context.ledger, Wanted(tuple(local), job=name), decision, check=dry_run)
    except InputError as error:
        if error.reason not in _WAYS_OUT:
            raise
        way_out = _WAYS_OUT[error.reason].format(job=shlex.quote(name))
        raise InputError(error.reason, error.finding, way_out) from error


_WAYS_OUT = {
    "file_unknown": "These need a decision: filedrop history {job} --outcome held.",
    "file_ambiguous": "Give the path of its original instead: see filedrop history {job} --json.",
}
"""What to do about errors that the modules explain in words of their own."""


def _in_words(one: Decided, decision: str, dry_run: bool) -> str:
    name = shown(one.after.name)
    if not one.changed:
        return f"{name}: nothing to decide; this decision is recorded already."
    will = "would be" if dry_run else "is"
    rest = "; the next run acts on it" if one.after.open else ""
    return f"{name}: {will} resolved as {decision}{rest}."
