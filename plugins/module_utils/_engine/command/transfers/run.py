# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``run`` and ``check``: execute a job, or predict what a run would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...config.options import file_names
from ...errors import FiledropError, InputError
from ...ledger.owner import as_owner
from ...local.names import shown
from ...transfer.result import ORDER
from ...transfer.selection import Only
from ..console import ERROR, INFO, WARNING, bytes_in_words, count_of
from ..context import CommandContext, error_document, require_ledger
from ..exit_status import WELL, status_of_error, status_of_run, worst_status
from ..reports.after_run import judge, write_metrics
from ..signals import held
from .observers import JournalObserver, progress

if TYPE_CHECKING:
    from ...config.accounts.account import Account
    from ...config.files import ConfiguredJob
    from ...transfer.result import FileOutcome, RunResult

_NEEDS_ATTENTION = ("failed", "held")


def run(
    context: CommandContext,
    name: str,
    *,
    dry_run: bool,
    force: bool,
    only: Sequence[str] = (),
    metrics_file: str | None = None,
) -> int:
    """Execute a job once, or predict what that would do.

    :param force: also if it is disabled, and however much it would move.
    :param metrics_file: where to write the metrics of all jobs afterwards; None: nowhere.
    :param only: exact names of files: move only these; empty: all files.
    """
    names = file_names({"--only": only}, "--only")
    job = context.configuration.job(name)
    if job.by_hand:
        raise InputError(
            "by_hand",
            f"The job {name} is for export by hand only (by_hand).",
            f"Choose files and export them: filedrop export {name}; see filedrop export --help.",
        )
    if not (force or dry_run):
        require_enabled(context, job, "Set enabled to true there, or run it once with --force.")
    require_ledger(context.ledger)
    if force:
        job = replace(job, watch=replace(job.watch, stop_above=None))
    status, document, lines = execute(context, job, dry_run=dry_run, only=Only(names))
    state = None
    if not dry_run:
        judged = judge(context, job)
        state = judged.state
        status = worst_status([status, *(problem.status for problem in judged.missed)])
        document.update(status=status, problems=[problem.as_dict() for problem in judged.missed])
        document["notes"] += judged.notes
        for problem in judged.missed:
            context.console.log(WARNING, problem.reason, job=name, finding=problem.finding)
        lines += [f"{name}: {problem}" for problem in judged.missed] + [f"  {note}" for note in judged.notes]
    if metrics_file is not None:
        write_metrics(context, metrics_file, state)
    context.console.answer(document, lines, well=status == WELL)
    return status


def check(context: CommandContext, chosen: Sequence[str], only: Sequence[str] = ()) -> int:
    """Connect for the chosen jobs, or for all that are enabled, and predict what a run would do.

    :param only: as in `run`; for one job only.
    """
    names = file_names({"--only": only}, "--only")
    if only and len(chosen) != 1:
        raise InputError("option_invalid", "--only: it selects files of one job.", "Name exactly one job.")
    require_ledger(context.ledger)
    documents, lines, statuses = [], [], []
    for name in chosen or context.configuration.job_names():
        try:
            job = context.configuration.job(name)
            if not chosen and (job.by_hand or not job.enabled):
                lines.append(f"{name}: {'disabled' if not job.enabled else 'for export by hand'}.")
                continue
            status, document, reported = execute(context, job, dry_run=True, only=Only(names))
        except FiledropError as error:
            status, document = status_of_error(error), {"job": name, **error_document(error)}
            reported = [f"{name}: {error}"]
        statuses.append(status)
        documents.append(document)
        lines.extend(reported)
        if (document["error"] or {}).get("reason") == "interrupted":
            break  # the signal was meant for the whole command
    status = worst_status(statuses)
    context.console.answer({"status": status, "jobs": documents}, lines or ["There are no jobs."], well=status == WELL)
    return status


def require_enabled(context: CommandContext, job: ConfiguredJob, way_out: str) -> None:
    """:raises InputError: the job is disabled."""
    if not job.enabled:
        file = context.configuration.job_file(job.name)
        finding = f"The job {job.name} is disabled: enabled is false in {file}."
        raise InputError("job_disabled", finding, way_out)


def execute(
    context: CommandContext, job: ConfiguredJob, *, dry_run: bool, only: Only, account: Account | None = None
) -> tuple[int, dict[str, Any], list[str]]:
    """Run a job or predict its run; return its exit status, its JSON document, and lines for people.

    :param account: of the job; None: the one of the configuration.

    Root does so as the user that the ledger belongs to, and leaves nothing that this user cannot use. Only secrets are
    read as root.
    """
    account = account or context.configuration.account(job.account)
    with held():  # An import that a signal ends may leave a library half made.
        from ...run.runner import load
        from ...run.runner import run as run_job

        load(job.job, account)

    console = context.console
    about = {"job": job.name, "account": account.name, "direction": job.job.direction}
    console.log(INFO, "check_began" if dry_run else "run_began", **about)
    selected = _selected(context, everything=dry_run or only.tells_past)
    journal = JournalObserver(console, job.name, selected, most=job.job.max_results)
    if not dry_run:
        journal.selected += ("delivered",)
    owner = as_owner(context.ledger, reading=dry_run)
    with owner, progress(job.name, draw=console.may_draw, colour=console.colour) as drawn:
        result = run_job(
            job.job,
            account,
            ledger=context.ledger,
            check=dry_run,
            time_limit=job.time_limit,
            retention=job.retention,
            max_age=job.max_age,
            watch=job.watch,
            only=only,
            patient=console.to_journal or console.quiet,
            observer=journal if console.to_journal else drawn,
        )
    status = status_of_run(result)
    if console.to_journal:
        journal.end(result.outcomes)
    _log_result(context, about, result, status, dry_run=dry_run)
    return (
        status,
        _document(job, about, result, status, dry_run=dry_run),
        list(_lines(job, result, selected, dry_run=dry_run)),
    )


def _log_result(
    context: CommandContext, about: Mapping[str, object], result: RunResult, status: int, *, dry_run: bool
) -> None:
    console = context.console
    if not console.to_journal:
        return
    for note in result.notes:
        console.log(WARNING, "run_note", note, job=about["job"])
    priority = INFO if status == WELL else ERROR if result.error or result.summary["failed"] else WARNING
    unwell = {name: count for name, count in _unwell(result) if count}
    reason = {} if result.error is None else {"reason": result.error.reason}
    sentence = "" if result.error is None else str(result.error)
    pruned = {} if result.pruned is None else {f"pruned_{name}": n for name, n in result.pruned._asdict().items()}
    event = "check_ended" if dry_run else "run_ended"
    console.log(priority, event, sentence, **about, status=status, **result.summary, **unwell, **pruned, **reason)


def _unwell(result: RunResult) -> Iterator[tuple[str, int]]:
    yield from (("blocked", result.blocked), ("stuck", result.stuck), ("not_taken", result.lying))


def _document(
    job: ConfiguredJob, about: Mapping[str, object], result: RunResult, status: int, *, dry_run: bool
) -> dict[str, Any]:
    return {
        "status": status,
        **about,
        "dry_run": dry_run,
        "changed": result.changed,
        "summary": result.summary,
        "files": [outcome.as_dict() for outcome in result.outcomes[: job.job.max_results]],
        "notes": list(result.notes),
        "pruned": None if result.pruned is None else result.pruned._asdict(),
        "problems": [],
        "error": None if result.error is None else error_document(result.error)["error"],
    }


def _lines(job: ConfiguredJob, result: RunResult, selected: Sequence[str], *, dry_run: bool) -> Iterator[str]:
    counts = result.summary
    delivered = counts["delivered"]
    of_interest = ("held", "failed", "waiting")
    parts = [f"{count_of(counts[outcome], 'file')} {outcome}" for outcome in of_interest if counts[outcome]]
    if delivered:
        moved = "would be delivered" if dry_run else "delivered"
        parts.insert(0, f"{count_of(delivered, 'file')} ({bytes_in_words(counts['bytes'])}) {moved}")
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} skipped")
    if result.error is None or parts:
        yield f"{job.name}: {', '.join(parts) or 'nothing to do'}, in {counts['seconds']:.1f} s."
    chosen = [one for one in result.outcomes if one.is_trouble or one.outcome in selected]
    reported = chosen[: job.job.max_results]
    for outcome in reported:
        yield f"  {outcome.outcome:<9}  {shown(outcome.name)}  {_detail(outcome)}".rstrip()
    rest = sum(result.counts[outcome] for outcome in selected) - len(reported) - result.known * ("skipped" in selected)
    if "waiting" not in selected:
        rest += max(result.blocked, sum(one.outcome == "waiting" for one in chosen))
    if rest:
        yield f"  ... and {count_of(rest, 'file')} more."
    if result.pruned is not None and any(result.pruned):
        removed = count_of(result.pruned.archived, "archived file")
        yield f"  Removed by retention: {removed}, {count_of(result.pruned.history, 'row')} of history."
    for note in result.notes:
        yield f"  {note}"
    if result.error is not None:
        yield f"{job.name}: {result.error}"


def _detail(outcome: FileOutcome) -> str:
    if outcome.message:
        return f"{outcome.reason}: {outcome.message}"
    if outcome.outcome != "delivered":
        return outcome.reason
    is_pickup = outcome.origin == outcome.remote_path
    return f"-> {shown(outcome.local_path if is_pickup or not outcome.remote_path else outcome.remote_path)}"


def _selected(context: CommandContext, *, everything: bool) -> tuple[str, ...]:
    """Select the outcomes to report: all of them, or those that need attention. See also `FileOutcome.is_trouble`."""
    return ORDER if context.everything or everything else _NEEDS_ATTENTION
