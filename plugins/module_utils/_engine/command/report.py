# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``status``, ``history`` and ``list``: show the ledger's records and the files on the server."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ..ledger.history import ask, question_from_options
from ..ledger.ledger import Ledger
from ..ledger.locks import JobKey, is_running
from ..local.names import shown
from ..run.last_run import PastRun, latest_run
from ..states import State
from ..transfer.selection import is_in_share, is_selected
from .console import bytes_in_words, count_of
from .context import CommandContext, iso_time, require_ledger
from .exit_status import WELL, status_of_counts, status_of_past, worst_status
from .signals import held

if TYPE_CHECKING:
    from ..config.files import ConfiguredJob
    from ..ledger.ledger import Row
    from ..remote import Entry


def status(context: CommandContext, chosen: Sequence[str]) -> int:
    """Show the state of each job: its last run, and what waits for a person."""
    require_ledger(context.ledger)
    with closing(Ledger(context.ledger, read_only=True)) as ledger:
        names_of_all = chosen or context.configuration.job_names()
        found = [_job_status(context, ledger, context.configuration.job(name)) for name in names_of_all]
    worst = worst_status(job_status["status"] for job_status in found)
    lines = [_job_status_line(job_status) for job_status in found]
    document = {"status": worst, "ledger": context.ledger, "jobs": found}
    context.console.answer(document, lines or ["There are no jobs."], well=worst == WELL)
    return worst


def _job_status(context: CommandContext, ledger: Ledger, job: ConfiguredJob) -> dict[str, Any]:
    key = JobKey(job.account, job.job.direction, job.name)
    past = latest_run(ledger, key)
    rows = ledger.open_rows(*key)
    held = sum(row.state is State.HELD for row in rows)
    own = status_of_past(past) if past and job.enabled else WELL
    return {
        "job": job.name,
        "account": job.account,
        "direction": job.job.direction,
        "enabled": job.enabled,
        "schedule": str(job.schedule),
        "running": is_running(context.ledger, key),
        "status": worst_status([own, status_of_counts({"held": held, "failed": 0})]),
        "held": held,
        "unfinished": len(rows) - held,
        "last_run": None if past is None else _run_document(past),
        "last_well": None if past is None or past.well_at is None else iso_time(past.well_at),
    }


def _run_document(run: PastRun) -> dict[str, Any]:
    return {
        "status": status_of_past(run),
        "began": iso_time(run.began),
        "ended": iso_time(run.ended),
        "delivered": run.delivered,
        "skipped": run.skipped,
        "held": run.held,
        "failed": run.failed,
        "bytes": run.bytes,
        "reason": run.reason,
        "message": run.message,
    }


def _job_status_line(job_status: Mapping[str, Any]) -> str:
    parts = [job_status["direction"], job_status["schedule"] if job_status["enabled"] else "disabled"]
    if job_status["running"]:
        parts.append("running now")
    last = job_status["last_run"]
    if last is None:
        parts.append("has not run yet")
    else:
        outcome = last["reason"] or ", ".join(
            f"{last[name]} {name}" for name in ("delivered", "held", "failed") if last[name]
        )
        parts.append(f"last run {last['ended']}: {outcome or 'nothing to do'}")
        if last["status"] != WELL:
            parts.append(f"last well {job_status['last_well'] or 'never'}")
    for name, words in (("unfinished", "left for the next run"), ("held", "held for a decision: see filedrop resolve")):
        if job_status[name]:
            parts.append(f"{count_of(job_status[name], 'file')} {words}")
    mark = "ok" if job_status["status"] == WELL else "!!"
    return f"{mark}  {job_status['job']}: {'; '.join(parts)}."


def history(
    context: CommandContext, name: str | None, *, limit: int, since: str | None, outcomes: Sequence[str]
) -> int:
    """Show the ledger's files: held ones, then unfinished ones, then the rest; each group by latest change first."""
    require_ledger(context.ledger)
    options: dict[str, object] = {"max_results": limit, "since": since, "outcome": list(outcomes)}
    if name is not None:
        job = context.configuration.job(name)
        options.update(account=job.account, direction=job.job.direction)
    found = ask(context.ledger, dataclasses.replace(question_from_options(options), job=name))
    files = [_row(row, outcome) for row, outcome in found.entries]
    document = {"status": WELL, "counts": found.counts, "files": files}
    lines = [_row_in_words(file) for file in files]
    if sum(found.counts.values()) > len(files):
        lines.append(f"... and {sum(found.counts.values()) - len(files)} more.")
    context.console.answer(document, lines or ["The ledger knows of no such file."])
    return WELL


def _row(row: Row, outcome: str) -> dict[str, Any]:
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
    }


def _row_in_words(file: Mapping[str, Any]) -> str:
    why = f" ({file['reason']})" if file["reason"] else ""
    size = bytes_in_words(file["size"])
    return f"{file['changed']}  {file['job']}  {file['outcome']}{why}  {shown(file['name'])}  {size}"


def list_files(context: CommandContext, name: str) -> int:
    """Show the files in the job's folder on the server."""
    with held():
        from ..run.runner import list_folder

    job = context.configuration.job(name)
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
        document["wanted"] = (
            entry.kind == "file" and is_selected(entry.name, job.job) and is_in_share(entry.name, job.job.share)
        )
    return document


def _entry_in_words(entry: Mapping[str, Any]) -> str:
    size = "?" if entry["size"] is None else bytes_in_words(entry["size"])
    note = "" if entry["kind"] == "file" else f"  ({entry['kind']})"
    if entry["kind"] == "file" and entry.get("wanted") is False:
        note = "  (not part of this job)"
    return f"{entry['modified'] or '?':<20}  {size:>10}  {shown(entry['name'])}{note}"
