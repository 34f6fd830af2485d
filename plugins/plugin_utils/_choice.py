# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose the jobs that a play runs itself, and validate them before any of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..module_utils._engine.config import options as read
from ..module_utils._engine.config.files import JOB_OPTIONS, SECRETS, ConfiguredJob, GivenConfiguration
from ..module_utils._engine.errors import FiledropError
from ..module_utils._engine.run.export import VARIABLES, narrowed
from ._accounts import (
    ON_REQUEST,
    Host,
    InvalidOption,
    InvalidVariables,
    InventoryAccount,
    dictionary,
    nearest,
    of_variable,
    read_inventory,
    shown,
)
from ._variables import Variables

_INLINE = ("private_key", *SECRETS)


@dataclass(frozen=True)
class Request:
    """Hold what a host needs to run one job: the options of the job and of its account, and the secrets apart."""

    job: dict[str, Any]
    account: dict[str, Any]
    secrets: dict[str, str]


@dataclass(frozen=True)
class Choice:
    """Hold the jobs to run on one host.

    :ivar known: the names of all jobs of the direction.
    :ivar disabled: those that are disabled.
    :ivar named: the names in ``filedrop_job``; None if it is not set.
    :ivar by_hand: the names of those that are for export by hand.
    :ivar export: what a person has chosen for an export; empty if this is none.
    """

    requests: dict[str, Request]
    known: list[str]
    disabled: list[str]
    named: list[str] | None
    by_hand: list[str] = field(default_factory=list)
    export: dict[str, Any] = field(default_factory=dict)


def choose(variables: Variables, direction: str) -> Choice:
    """Choose the jobs in ``filedrop_job``, or else all enabled jobs of the direction.

    :raises InvalidVariables: a variable is invalid.
    """
    named = names_in(variables, "filedrop_job")
    choice, configured, _accounts = _chosen(variables, direction, named)
    by_hand = [name for name, job in configured.items() if job.by_hand]
    if named is not None and by_hand:
        raise InvalidVariables([f"filedrop_job: {name!r} is for export by hand. {_USE_EXPORT}" for name in by_hand])
    requests = {name: request for name, request in choice.requests.items() if name not in by_hand}
    return replace(choice, requests=requests, by_hand=by_hand)


_USE_EXPORT = "Use the playbook courier.filedrop.export."


def choose_export(variables: Variables) -> Choice:
    """Choose the job in ``filedrop_export_job``, and validate what a person has chosen of its files.

    :raises InvalidVariables: a variable is invalid, or the job cannot be exported.
    """
    named = names_in(variables, "filedrop_export_job") or []
    if len(named) != 1:
        variables.problems.append("filedrop_export_job: name exactly one job with direction dropoff.")
    texts = {name: variables.text(VARIABLES[name]) or None for name in ("from", "to")}
    lists = {name: variables.strings(VARIABLES[name]) for name in ("kinds", "only")}
    export = {**texts, **lists, "again": variables.flag(VARIABLES["again"])}
    choice, configured, accounts = _chosen(variables, "dropoff", named)
    problems = [
        f"filedrop_export_job: {name!r} is disabled. Set its enabled to true."
        for name in configured
        if name in choice.disabled
    ]
    for job in configured.values():
        preset, protocol = GivenConfiguration(accounts, {}).preset_and_protocol_of(job.account)
        try:
            narrowed(job, export, preset, protocol, named=VARIABLES)
        except FiledropError as error:
            problems.append(str(error))
    if problems:
        raise InvalidVariables(problems)
    return replace(choice, export=export)


def _chosen(
    variables: Variables, direction: str, named: list[str] | None
) -> tuple[Choice, Mapping[str, ConfiguredJob], Mapping[str, Any]]:
    """Return the jobs that are named, or else all that are enabled, and the accounts.

    :raises InvalidVariables: a variable is invalid.
    """
    problems = variables.problems
    accounts, jobs = variables.accounts_and_jobs()
    variables.path("filedrop_ledger")
    known = [name for name, options in jobs.items() if _direction(name, jobs, problems) == direction]
    disabled = [name for name in known if jobs[name].get("enabled") is False]
    chosen = [name for name in known if (name in named if named is not None else name not in disabled)]
    host = Host(name="", scheduler=ON_REQUEST)
    inventory = read_inventory(accounts, {name: jobs[name] for name in chosen}, host, problems)
    if problems:
        raise InvalidVariables(problems)
    requests = {}
    for name, job in inventory.jobs.items():
        given, secrets = without_secrets(accounts[job.account], inventory.accounts[job.account])
        requests[name] = Request({k: v for k, v in jobs[name].items() if v is not None}, given, secrets)
    return Choice(requests, known, disabled, named), inventory.jobs, accounts


def without_secrets(options: Mapping[str, Any], account: InventoryAccount) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the options of an account for a host, and apart from them the secrets that the inventory has."""
    given = {key: value for key, value in options.items() if value is not None}
    secrets = {secret: given.pop(secret) for secret in _INLINE if secret in given}
    if account.generates:
        given["private_key_file"] = account.options["private_key_file"]
    return given, secrets


def require_jobs(direction: str, choices: Iterable[Mapping[str, Any]], *, variable: str = "filedrop_job") -> None:
    """Require that the hosts of a play have jobs to run, and that each job that is named exists on one of them.

    :param choices: of each host, ``jobs`` (to run), ``known``, ``disabled``, ``named`` and ``by_hand``.
    :param variable: in which the jobs are named.
    :raises InvalidVariables: there is nothing to run.
    """
    choices = list(choices)
    known = sorted({name for each in choices for name in each["known"]})
    disabled = sorted({name for each in choices for name in each["disabled"]})
    named = [name for each in choices for name in each["named"] or ()]
    problems = []
    for name in named:
        if name not in known:
            near = nearest(name, known)
            problems.append(
                f"{variable}: {name!r} is not a job with direction {direction}. "
                f"filedrop_jobs has: {', '.join(known) or 'none'}." + (f" Did you mean {near}?" if near else "")
            )
    if not problems and not any(each["jobs"] for each in choices):
        by_hand = sorted({name for each in choices for name in each["by_hand"]})
        is_named = any(each["named"] is not None for each in choices)
        problems.append(_nothing_to_run(direction, disabled, by_hand, is_named=is_named))
    if problems:
        raise InvalidVariables(problems)


def _nothing_to_run(direction: str, disabled: list[str], by_hand: list[str], *, is_named: bool) -> str:
    if is_named:
        return f"filedrop_job: it names no job. Name a job with direction {direction}, or leave it out for all of them."
    if disabled:
        return (
            f"filedrop_jobs: all jobs with direction {direction} are disabled: {', '.join(disabled)}. "
            "To run one of them, name it in filedrop_job."
        )
    if by_hand:
        return f"filedrop_jobs: these jobs are for export by hand: {', '.join(by_hand)}. {_USE_EXPORT}"
    return f"filedrop_jobs: there is no job with direction {direction}. Define one, or choose other hosts with --limit."


def _direction(name: object, jobs: Mapping[Any, Any], problems: list[str]) -> str:
    """Return the direction of a job. A job with an unknown one would never run, and nobody would know."""
    options = jobs[name]
    if options is None:
        return ""
    try:
        read.label(name, name="filedrop_jobs")
    except FiledropError as error:
        problems.append(of_variable(f"filedrop_jobs.{shown(name)}", error))
        return ""
    try:
        found = read.choice(dictionary(options), "direction", tuple(JOB_OPTIONS), "")
    except InvalidOption as error:
        problems.append(f"filedrop_jobs.{name}: {error}")
        return ""
    except FiledropError as error:
        problems.append(f"filedrop_jobs.{name}.{error}")
        return ""
    if not found:
        near = nearest(name, jobs) if options.get("account") is None else ""
        hint = f" Or is {near} the job that you mean?" if near else ""
        problems.append(
            f"filedrop_jobs.{name}.direction: this option is missing. Set it to {' or '.join(JOB_OPTIONS)}.{hint}"
        )
    return found


def names_in(variables: Variables, variable: str) -> list[str] | None:
    """Return the names in a variable that has one or a list of them; None if it is not set."""
    if not variables.is_set(variable):
        return None
    if variables.get(variable) in (None, "", []):
        return []
    return variables.strings(variable)
