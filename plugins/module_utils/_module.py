# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connect Ansible to the engine: argument specs, check and diff mode, results, and errors as fail_json."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from ._engine._deps import PARAMIKO_IMPORT_ERROR, URLLIB3_IMPORT_ERROR, require, require_urllib3
from ._engine.config.accounts.account import account_from_options, protocol_of
from ._engine.config.accounts.presets import Preset, preset_named
from ._engine.config.files import GivenConfiguration
from ._engine.config.jobs.job import Job
from ._engine.config.options import absolute, clean, label
from ._engine.config.paths import default_ledger
from ._engine.errors import DependencyError, FiledropError, unexpected
from ._engine.ledger.owner import as_owner
from ._engine.local import names
from ._engine.run.export import VARIABLES, narrowed
from ._engine.run.place import account_for, placing
from ._engine.run.runner import run
from ._lost_ledger import require_not_lost
from ._progress import told_progress
from ._respawn import respawn_if_needed

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ._engine.config.accounts.account import Account
    from ._engine.config.jobs.retention import Retention
    from ._engine.transfer.result import FileOutcome, RunResult
    from ._engine.transfer.selection import Only

Result = dict[str, Any]

# Options have no default here, because a preset may provide one for an option that is not given.
ACCOUNT_SPEC: dict[str, Any] = {
    "account": {"type": "str"},
    "preset": {"type": "str"},
    "protocol": {"type": "str", "choices": ["sftp", "ftps", "ftp", "folder", "amili_api"]},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "username": {"type": "str"},
    "private_key_file": {"type": "path", "no_log": False},
    "passphrase": {"type": "str", "no_log": True},
    "password": {"type": "str", "no_log": True},
    "host_keys": {"type": "list", "elements": "str", "no_log": False},
    "timeout": {"type": "float"},
    "connections": {"type": "int"},
    "max_open": {"type": "int"},
    "transport": {"type": "str", "choices": ["paramiko", "openssh", "auto"]},
    "certificate_file": {"type": "path"},
    "proxy_jump": {"type": "list", "elements": "str"},
    "legacy_algorithms": {"type": "list", "elements": "str"},
    "bandwidth_limit": {"type": "str"},
    "root": {"type": "path"},
    "tls": {"type": "str", "choices": ["explicit", "implicit"]},
    "ca_file": {"type": "path"},
    "tls_fingerprints": {"type": "list", "elements": "str"},
    "client_certificate_file": {"type": "path"},
    "client_key_file": {"type": "path", "no_log": False},
    "allow_cleartext": {"type": "bool"},
    "passive_host": {"type": "str", "choices": ["control", "given"]},
    "encoding": {"type": "str", "choices": ["utf-8", "latin-1"]},
    "base_url": {"type": "str"},
    "token_url": {"type": "str", "no_log": False},
    "client_id": {"type": "str"},
    "client_secret": {"type": "str", "no_log": True},
    "client_no": {"type": "str"},
    "user_id": {"type": "str"},
    "proxy": {"type": "str"},
    "max_request_files": {"type": "int"},
    "max_request_bytes": {"type": "str"},
}

FOLDER_SPEC: dict[str, Any] = {
    "remote_dir": {"type": "str"},
    "include": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str"},
    "max_results": {"type": "int", "default": 1000},
}

LEDGER_SPEC: dict[str, Any] = {"ledger": {"type": "path"}}

JOB_SPEC: dict[str, Any] = {
    **FOLDER_SPEC,
    **LEDGER_SPEC,
    "modified_from": {"type": "str"},
    "modified_to": {"type": "str"},
    "companions": {"type": "list", "elements": "raw"},
    "settle": {"type": "float"},
    "empty": {"type": "str", "choices": ["transfer", "skip", "refuse"]},
    "max_files": {"type": "int"},
    "max_bytes": {"type": "str"},
}

_FIRST_FEW = 3


class FailJson:
    """Turn errors within the block into fail_json. Unexpected errors are reported with their place in the code.

    No secret appears: the engine's errors contain none, and Ansible masks the values of ``no_log`` options.
    """

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def __enter__(self) -> FailJson:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DependencyError):
            text = f"{error} The module ran with {sys.executable}."
            self._module.fail_json(
                msg=text, reason=error.reason, exception=PARAMIKO_IMPORT_ERROR or URLLIB3_IMPORT_ERROR
            )
        if isinstance(error, FiledropError):
            self._module.fail_json(msg=str(error), reason=error.reason)
        if isinstance(error, Exception):
            self._module.fail_json(
                msg=names.shown(str(unexpected(error, " with the output of -vvv"))), reason="unexpected"
            )


def run_module(module: AnsibleModule, work: Callable[[], Result], *, offline: bool = False) -> None:
    """Run a module's work, and exit with its result or fail with its error.

    :param offline: the module does not connect, so the libraries for connections may be missing.
    """
    with FailJson(module):
        be_able_to_connect(module.params, offline=offline)
        result = work()
    module.exit_json(**presentable(result))


def ledger_path(module: AnsibleModule) -> str:
    """Return the ledger of the task, or this user's default ledger."""
    return clean(str(module.params["ledger"] or default_ledger()), name="ledger")


def ledger_to_write(module: AnsibleModule) -> str:
    """Return the ledger of a task that creates a missing one.

    :raises LedgerError: this host had a ledger, and it was lost, or its path is mistyped.
    """
    found = ledger_path(module)
    require_not_lost(found)
    return found


def iso(seconds: float | None) -> str | None:
    """Format seconds since 1970 as ISO 8601 in UTC; None if they are outside of the calendar."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OSError, OverflowError, ValueError):
        return None


def presentable(value: Any) -> Any:
    """Copy a value and make all text valid UTF-8. One invalid name makes ansible-core discard a whole result."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {presentable(key): presentable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [presentable(entry) for entry in value]
    return value


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


def be_able_to_connect(account: Mapping[str, Any], *, offline: bool = False) -> None:
    """Ensure that the library is there that the account's protocol needs."""
    library = {"sftp": "paramiko", "amili_api": "urllib3"}.get("" if offline else protocol_of(account))
    respawn_if_needed(library)
    if library == "paramiko":
        require()
    elif library == "urllib3":
        require_urllib3()


def key_file(module: AnsibleModule, text: str, name: str = "key") -> str:
    """Write a private key to a file that is removed when the module ends."""
    path = os.path.join(module.tmpdir, name)
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as file:
        file.write(text if text.endswith("\n") else f"{text}\n")
    return path


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
