# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``history`` and ``list``: show the ledger's records, and the files on the server."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...config.files import THIS_HOST
from ...errors import InputError
from ...ledger.history import Question, accepted_by, ask, evidence_of, question_from_options
from ...ledger.ledger import SECOND
from ...local.names import shown
from ...text import iso_time
from ...transfer.selection import is_chosen
from ..console import bytes_in_words
from ..context import CommandContext, require_known, require_ledger
from ..exit_status import WELL
from ..signals import held
from .table import Cell, Column, draw, short_time

if TYPE_CHECKING:
    from ...config.files import ConfiguredJob
    from ...ledger.ledger import Row
    from ...remote.interface import Entry


def history(
    context: CommandContext, name: str | None, *, limit: int, since: str | None, outcomes: Sequence[str]
) -> int:
    """Show the ledger's files: held ones, then unfinished ones, then the rest; each group by latest change first."""
    require_ledger(context.ledger)
    options: dict[str, object] = {"max_results": limit, "since": since, "outcome": list(outcomes)}
    if name is not None:
        require_known(context, name)
    found = ask(context.ledger, dataclasses.replace(_question(options), job=name))
    files = [_row(row, outcome) for row, outcome in found.entries]
    document = {"status": WELL, "counts": found.counts, "files": files}
    lines = [_row_in_words(file) for file in files]
    more = sum(found.counts.values()) - len(files)
    rest = [f"... and {more} more."] if more > 0 else []
    lines += rest
    nothing = f"The ledger has no such file{'' if name is None else f' of the job {name}'}."
    context.console.answer(document, lines or [nothing], drawn=partial(_table, files, rest, nothing))
    return WELL


def _question(options: Mapping[str, object]) -> Question:
    """Read the options of ``history``. Errors name the flag that the value came from."""
    try:
        return question_from_options(options)
    except InputError as error:
        finding, way_out = (re.sub(r"\bsince\b", "--since", text) for text in (error.finding, error.way_out))
        raise InputError(error.reason, finding, way_out) from error


def _row(row: Row, outcome: str) -> dict[str, Any]:
    accepted = accepted_by(row)
    return {
        "changed": iso_time(row.changed_at),
        "job": row.job,
        "account": row.account,
        "direction": row.direction,
        "outcome": outcome,
        "state": row.state,
        "reason": row.reason or "",
        "folder": row.folder,
        "name": row.name,
        "size": row.size,
        "modified": iso_time(row.mtime_ns / 1e9),
        "remote_path": row.remote_path,
        "local_path": row.local_path or "",
        "sha256": row.sha256,
        "verified_by": evidence_of(row),
        "taken": None if row.taken_at is None else iso_time(row.taken_at),
        "accepted": iso_time(row.changed_at) if accepted else None,
        "accepted_by": accepted,
        "file_id": row.file_id,
        "request": row.request,
    }


def _row_in_words(file: Mapping[str, Any]) -> str:
    why = f" ({file['reason']})" if file["reason"] else ""
    size = bytes_in_words(file["size"])
    return f"{file['changed']}  {file['job']}  {file['outcome']}{why}  {shown(file['name'])}  {size}"


def _table(
    files: Sequence[Mapping[str, Any]], rest: Sequence[str], nothing: str, width: int, colour: bool
) -> list[str] | None:
    if not files:
        return [nothing]
    rows = [
        (
            Cell(short_time(file["changed"])),
            Cell(file["job"]),
            Cell(file["direction"]),
            Cell(f"{file['outcome']} {file['reason']}".rstrip(), _STYLES.get(file["outcome"], "")),
            Cell(file["name"]),
            Cell(bytes_in_words(file["size"])),
            Cell(file["remote_path"]),
        )
        for file in files
    ]
    drawn = draw(_COLUMNS, rows, width=width, colour=colour)
    return None if drawn is None else [*drawn, *rest]


_COLUMNS = (
    Column("CHANGED (UTC)"),
    Column("JOB", folds=True),
    Column("DIRECTION"),
    Column("OUTCOME", folds=True),
    Column("NAME", folds=True),
    Column("SIZE", right=True),
    Column("REMOTE PATH", folds=True),
)
_STYLES = {"delivered": "good", "held": "bad", "waiting": "warning", "unfinished": "warning"}


def list_files(context: CommandContext, name: str) -> int:
    """Show the files in the job's folder on the server."""
    with held():
        from ...run.listing import list_folder

    job = context.configuration.job(name)
    if job.account == THIS_HOST:
        finding = f"The job {name} is an import: it takes its files from {' and '.join(job.job.arrivals)} of this host."
        raise InputError("no_server", finding, f"filedrop check {name} shows what a run would do with them.")
    account = context.configuration.account(job.account)
    entries = sorted(list_folder(account, job.job.remote_dir), key=lambda entry: entry.name)
    found = [_entry(entry, job) for entry in entries]
    document = {"status": WELL, "job": job.name, "folder": job.job.remote_dir, "files": found}
    lines = [_entry_in_words(entry) for entry in found]
    context.console.answer(document, lines or [f"There is nothing in {job.job.remote_dir}."])
    return WELL


def _entry(entry: Entry, job: ConfiguredJob) -> dict[str, Any]:
    document = {
        "name": entry.name,
        "path": entry.path,
        "kind": entry.kind,
        "size": entry.size,
        "modified": None if entry.mtime is None else iso_time(entry.mtime),
    }
    if job.job.origin == "remote":
        mtime_ns = entry.mtime * SECOND if entry.mtime else None
        document["wanted"] = entry.kind == "file" and is_chosen(entry.name, mtime_ns, job.job)
    return document


def _entry_in_words(entry: Mapping[str, Any]) -> str:
    size = "?" if entry["size"] is None else bytes_in_words(entry["size"])
    note = "" if entry["kind"] == "file" else f"  ({entry['kind']})"
    if entry["kind"] == "file" and entry.get("wanted") is False:
        note = "  (not part of this job)"
    return f"{entry['modified'] or '?':<20}  {size:>10}  {shown(entry['name'])}{note}"
