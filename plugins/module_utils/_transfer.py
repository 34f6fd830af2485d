# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a job for a module, and build the module's result, diff and error from what became of the files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ._engine.config.accounts.account import account_from_options
from ._engine.config.accounts.presets import Preset, preset_named
from ._engine.config.files import GivenConfiguration
from ._engine.config.jobs.job import Job
from ._engine.config.options import absolute, label
from ._engine.ledger.owner import as_owner
from ._engine.local import names
from ._engine.run.export import VARIABLES, narrowed
from ._engine.run.place import account_for, placing
from ._engine.run.runner import load, run
from ._module import FailJson, Result, be_able_to_connect, key_file, ledger_to_write, presentable
from ._progress import told_progress

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ._engine.config.accounts.account import Account
    from ._engine.config.jobs.retention import Retention
    from ._engine.transfer.result import FileOutcome, RunResult
    from ._engine.transfer.selection import Only

_FIRST_FEW = 3


def transfer(module: AnsibleModule, job_from_options: Callable[[dict[str, Any], Preset], Job]) -> None:
    """Run the job that the module's options describe, and return what happened to every file.

    A file that failed, is held, or waits for a taken name or too long fails the task, after all files are processed and
    with the full result.
    """
    given = module.params
    with FailJson(module):
        be_able_to_connect(given)
        job = job_from_options(given, preset_named(given["preset"]))
        account = account_from_options(given)
        found = _run(module, job, account)
    _exit(module, found, job)


def place(module: AnsibleModule) -> None:
    """Place a file for a partner to fetch, as the module's options say."""
    given = module.params
    with FailJson(module):
        be_able_to_connect({"protocol": "folder"})
        src = absolute(given["src"], name="src")
        account = account_for(label(given["account"], name="account"), given["root"])
        job, only = placing(account, src, name=given["name"], folder=given["folder"], again=given["again"])
        found = _run(module, job, account, only=only)
    _exit(module, found, job)


def transfer_of_inventory(module: AnsibleModule) -> None:
    """Run the job of an inventory that the module's options describe, as the command would on its host.

    The result also has ``told``: what became of the files, in one line.
    """
    given = module.params
    name, secrets = given["name"], dict(given["secrets"])
    with FailJson(module):
        be_able_to_connect(given["account"])
        options = {**given["account"], **secrets}
        if "private_key" in secrets:
            options["private_key_file"] = key_file(module, options.pop("private_key"))
        configuration = GivenConfiguration({given["job"]["account"]: options}, {name: given["job"]})
        job = configuration.job(name)
        account = configuration.account(job.account)
        only = None
        if given["export"]:
            about = configuration.preset_and_protocol_of(job.account)
            job, only = narrowed(job, given["export"], *about, named=VARIABLES)
        found = _run(
            module,
            job.job,
            account,
            only=only,
            time_limit=job.time_limit,
            retention=job.retention,
            max_age=job.max_age,
        )
    _exit(module, found, job.job, told=name)


def _run(
    module: AnsibleModule,
    job: Job,
    account: Account,
    *,
    only: Only | None = None,
    time_limit: int | None = None,
    retention: Retention | None = None,
    max_age: int | None = None,
) -> RunResult:
    ledger, check = ledger_to_write(module), module.check_mode
    load(job, account)  # as the owner of the ledger, the module may not read its own code
    with told_progress() as observer, as_owner(ledger, reading=check):
        return run(
            job,
            account,
            ledger=ledger,
            check=check,
            create_ledger=True,
            time_limit=time_limit,
            retention=retention,
            max_age=max_age,
            only=only,
            patient=False,
            for_module=True,
            observer=observer,
        )


def _exit(module: AnsibleModule, found: RunResult, job: Job, *, told: str | None = None) -> None:
    """End the module with the result of a run."""
    for note in found.notes:
        module.warn(names.shown(note))
    result = transfer_result(found, job)
    if module._diff:
        result["diff"] = transfer_diff(found, job)
    reason, text = verdict(found, check=module.check_mode)
    if told is not None:
        result["told"] = names.shown(f"{told}: {_in_one_line(found, text, check=module.check_mode)}")
    result = presentable(result)
    if reason:
        module.fail_json(msg=names.shown(text), reason=reason, **result)
    module.exit_json(**result)


def _in_one_line(found: RunResult, verdict_text: str, *, check: bool) -> str:
    """Format the number of files with each outcome, and why the job failed."""
    counts = {outcome: count for outcome, count in found.summary.items() if outcome not in ("bytes", "seconds")}
    words = {"delivered": "would be delivered"} if check else {}
    parts = [f"{count} {words.get(outcome, outcome)}" for outcome, count in counts.items() if count]
    text = ", ".join(parts) or ("failed" if verdict_text else "nothing to do")
    return f"{text}. {verdict_text}" if verdict_text else text


def transfer_result(found: RunResult, job: Job) -> Result:
    """Build the result of dropoff and pickup, in the same form for success and failure."""
    return {
        "changed": found.changed,
        "summary": dict(found.summary),
        "files": [outcome.as_dict() for outcome in found.outcomes[: job.max_results]],
        "notes": [names.shown(note) for note in found.notes],
    }


def verdict(found: RunResult, *, check: bool = False) -> tuple[str, str]:
    """Return reason code and message for a task that must fail; two empty texts if all is well.

    If an error ended the run, the message has that error and only the numbers of files, so that the error is visible.
    """
    parts = [str(found.error)] if found.error else []
    reasons = [found.error.reason] if found.error else []
    for trouble in _TROUBLES:
        count = trouble.count(found)
        if count:
            reasons.append(trouble.reason)
            parts.append(_summary_of(found, trouble, count, 0 if found.error else _FIRST_FEW))
    delivered = found.summary["delivered"]
    if parts and delivered:
        parts.append(f"{'Would still be delivered' if check else 'Delivered nevertheless'}: {_files(delivered)}.")
    return reasons[0] if reasons else "", " ".join(parts)


class _Trouble(NamedTuple):
    """Define one kind of outcomes that fail a task."""

    reason: str
    what: str
    count: Callable[[RunResult], int]
    includes: Callable[[FileOutcome], bool]


_TROUBLES = (
    _Trouble(
        "files_failed",
        "failed; the originals stay where they were",
        lambda found: found.counts["failed"],
        lambda one: one.outcome == "failed",
    ),
    _Trouble(
        "files_held",
        "held; they stay as they are",
        lambda found: found.counts["held"],
        lambda one: one.outcome == "held",
    ),
    _Trouble(
        "files_stuck",
        "waiting for too long",
        lambda found: found.stuck,
        lambda one: one.is_stuck,
    ),
    _Trouble(
        "files_blocked",
        "waiting for a name that is taken",
        lambda found: found.blocked - sum(one.is_blocked and one.is_stuck for one in found.outcomes),
        lambda one: one.is_blocked and not one.is_stuck,
    ),
)


def _summary_of(found: RunResult, trouble: _Trouble, count: int, show: int) -> str:
    """Format how many files are in trouble, with the messages of the first few."""
    first = [outcome for outcome in found.outcomes if trouble.includes(outcome)][:show]
    messages = "".join(f" {names.shown(each.name)}: {each.message or each.reason}" for each in first)
    more = count - show
    rest = f" And {more} more; see `files` in the result." if show and more > 0 else ""
    return f"{_files(count)} {trouble.what}.{messages}{rest}"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def transfer_diff(found: RunResult, job: Job) -> list[Result]:
    """Build the diff for both sides: the files that the job added, removed and moved."""
    delivered = found.counts["delivered"]
    told = [each for each in found.outcomes if each.outcome == "delivered"][: job.max_results]
    part = f", the first {len(told)} of {delivered}" if len(told) < delivered else ""
    originals = [each.origin for each in told]
    left = [path for each in told for path in _left_of(each, job)]
    copies = "remote" if job.origin == "local" else "local"
    added = [each.remote_path if copies == "remote" else each.local_path for each in told]
    return [_difference(f"{job.origin} files{part}", originals, left), _difference(f"{copies} files{part}", [], added)]


def _left_of(outcome: FileOutcome, job: Job) -> list[str]:
    """Return the paths of a delivered file's original afterwards."""
    if outcome.reason == "changed_before_delete":
        return [outcome.origin]
    decided = "" if outcome.reason == "predicted" else outcome.local_path
    return job.original_after(outcome.name, outcome.origin, decided)


def _difference(title: str, before: list[str], after: list[str]) -> Result:
    def lines(paths: list[str]) -> str:
        return "".join(f"{names.shown(path)}\n" for path in sorted(paths))

    return {"before_header": title, "after_header": title, "before": lines(before), "after": lines(after)}
