# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn the accounts and jobs of a host's inventory into the files that the command and systemd or cron read.

Invalid input is refused here, on the control node, before anything changes on any host. The command's own code checks
the same files that the host would get.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._engine.command.transfers.on_arrival import PATIENCE
from ..module_utils._engine.config.calendar import NotExpressible, cron_time
from ..module_utils._engine.config.files import THIS_HOST, ConfiguredJob
from ..module_utils._engine.config.paths import COMMAND
from . import _units as units
from ._accounts import CONFIGURATION, KEYS, Host, InvalidVariables, InventoryAccount, read_inventory
from ._cron import CronJob, crontab

UNITS = "/etc/systemd/system"
WATCH = "filedrop-status"
"""The unit that looks at all jobs."""

LOOKS_EVERY = 5 * units.MINUTE
CRONTAB = "/etc/cron.d/filedrop"
HEADER = "# Managed by Ansible (courier.filedrop.filedrop). Local changes will be lost. Change the inventory instead."

EXCLUSIVE = (
    f"{CONFIGURATION}/accounts/*.json",
    f"{CONFIGURATION}/jobs/*.json",
    f"{KEYS}/*.password",
    f"{KEYS}/*.passphrase",
    f"{KEYS}/*.client_secret",
    f"{UNITS}/filedrop@*.service.d/filedrop.conf",
    f"{UNITS}/filedrop@.service",
    f"{UNITS}/filedrop@*.timer",
    f"{UNITS}/filedrop@*.path",
    f"{UNITS}/{WATCH}.service",
    f"{UNITS}/{WATCH}.timer",
    CRONTAB,
)
"""Paths that contain only what the inventory describes. Key pairs are excluded, because there is no other copy."""

_NO_CRON = "Use another schedule, or let systemd start the jobs of this host (filedrop_scheduler)."
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")


def plan(accounts: Mapping[str, Any], jobs: Mapping[str, Any], host: Host) -> dict[str, Any]:
    """Build everything that a host gets, as plain data for the module ``apply_plan``.

    :raises InvalidVariables: a variable is invalid.
    """
    problems = [
        f"{variable}: {name!r} is not a valid user name. Use letters, digits and . _ - only."
        for variable, name in (("filedrop_user", host.user), ("the owner of the keys", host.keys_owner))
        if not _USER.fullmatch(name)
    ]
    inventory = read_inventory(accounts, jobs, host, problems)
    read_accounts, configured = inventory.accounts, inventory.jobs

    def account_of(job: ConfiguredJob) -> InventoryAccount:
        return read_accounts.get(job.account) or InventoryAccount({})  # an import has none

    due = _cron_jobs(configured.values(), host, problems) if host.scheduler == "cron" else []
    if problems:
        raise InvalidVariables(problems)
    files = [_configuration_file("accounts", name, account.options, host) for name, account in read_accounts.items()]
    files += [_configuration_file("jobs", name, jobs[name], host) for name in configured]
    if host.scheduler == "cron":
        files += _crontab_file(due, host, is_watched=_is_watched(configured.values(), host))
    elif configured:
        service = units.service(user=host.user, command=COMMAND, header=HEADER, metrics_file=host.metrics_file)
        files.append(_file("filedrop@.service", service))
        files += _watch_units(host) if _is_watched(configured.values(), host) else []
        files += [file for job in configured.values() for file in _job_units(job, account_of(job), host)]
    generated = sorted(name for name, account in read_accounts.items() if account.generates)
    secrets = {f"{KEYS}/{name}": text for each in read_accounts.values() for name, text in each.secrets.items()}
    return {
        "scheduler": host.scheduler,
        "keys_owner": host.keys_owner,
        "folders": [
            _folder(CONFIGURATION, "root", "0755"),
            *(_folder(f"{CONFIGURATION}/{kind}", host.user, "0750") for kind in ("accounts", "jobs")),
            {"path": KEYS, "owner": host.keys_owner, "group": host.keys_owner, "mode": "0700"},
        ],
        "files": sorted(files, key=lambda each: str(each["path"])),
        "secrets": [
            {"path": path, "content": text, "owner": host.keys_owner, "group": host.keys_owner}
            for path, text in secrets.items()
        ],
        "kept": [
            {"path": f"{KEYS}/{name}{suffix}", "owner": host.keys_owner, "group": host.keys_owner, "mode": mode}
            for name in generated
            for suffix, mode in (("", "0600"), (".pub", "0644"))
        ],
        "exclusive": list(EXCLUSIVE),
        "triggers": _triggers(configured.values(), host),
        "calendars": {
            name: job.schedule.on_calendar
            for name, job in configured.items()
            if job.schedule.on_calendar is not None and host.scheduler == "systemd"
        },
        "places": [
            *(place for job in configured.values() for place in _places(job, account_of(job))),
            *_place_of_metrics(host),
        ],
        "given_groups": [
            {"variable": f"filedrop_jobs.{name}.group", "group": job.job.group}
            for name, job in configured.items()
            if job.job.group is not None and job.enabled
        ],
        "given_secrets": [
            {"variable": f"filedrop_accounts.{name}.{option}", "path": path, "handed_over": host.hands_over}
            for name, account in read_accounts.items()
            for option, path in account.given.items()
        ],
        "keys": [] if host.shares_keys else generated,
        "shared_keys": generated if host.shares_keys else [],
    }


# --- files


def _folder(path: str, group: str, mode: str) -> dict[str, Any]:
    return {"path": path, "owner": "root", "group": group, "mode": mode}


def _file(name: str, content: str) -> dict[str, Any]:
    return {"path": f"{UNITS}/{name}", "content": content, "owner": "root", "group": "root", "mode": "0644"}


def _configuration_file(kind: str, name: str, options: Mapping[str, Any], host: Host) -> dict[str, Any]:
    given = {key: options[key] for key in sorted(options) if options[key] is not None}  # file_types keep their order
    return {
        "path": f"{CONFIGURATION}/{kind}/{name}.json",
        "content": json.dumps(given, indent=2, ensure_ascii=False) + "\n",
        "owner": "root",
        "group": host.user,
        "mode": "0640",
    }


def _job_units(job: ConfiguredJob, account: InventoryAccount, host: Host) -> list[dict[str, Any]]:
    if job.by_hand:  # a person runs it, as root or as the jobs' user
        return []
    writable, readable = _folders(job)
    unit = units.JobUnit(
        name=job.name,
        credentials=account.credentials if host.hands_over else (),
        writable=[*writable, *([account.root] if account.root else [])],
        readable=readable,
        gives_group=job.job.group is not None,
        runs_handler=job.account == THIS_HOST,
        time_limit=job.time_limit,
        patience=math.ceil(job.job.settle + PATIENCE) if job.schedule.on_arrival else None,
    )
    drop_in = units.drop_in(unit, command=COMMAND, header=HEADER, metrics_file=host.metrics_file)
    files = [_file(f"filedrop@{job.name}.service.d/filedrop.conf", drop_in)]
    calendar = _calendar(job, host)
    if calendar:
        spread = host.spread if job.schedule.on_calendar is not None else 0
        files.append(_file(f"filedrop@{job.name}.timer", units.timer(job.name, calendar, spread=spread, header=HEADER)))
    if job.schedule.on_arrival:
        files.append(_file(f"filedrop@{job.name}.path", units.path(job.name, job.job.arrivals, header=HEADER)))
    return files


def _is_watched(jobs: Iterable[ConfiguredJob], host: Host) -> bool:
    """Return whether somebody has to look at all jobs, run or not: for a receiver, or for the metrics."""
    return bool(host.metrics_file) or any(job.enabled and job.watch.notify is not None for job in jobs)


def _watch_calendar(host: Host) -> list[str]:
    return units.calendar(LOOKS_EVERY, units.offset(host.name, WATCH, LOOKS_EVERY))


def _watch_units(host: Host) -> list[dict[str, Any]]:
    service = units.watch_service(user=host.user, command=COMMAND, header=HEADER, metrics_file=host.metrics_file)
    timer = units.watch_timer(_watch_calendar(host), header=HEADER)
    return [_file(f"{WATCH}.service", service), _file(f"{WATCH}.timer", timer)]


def _triggers(jobs: Iterable[ConfiguredJob], host: Host) -> dict[str, bool]:
    """Map the name of each unit that starts a job to whether it should be active."""
    if host.scheduler == "cron":
        return {}
    jobs = list(jobs)
    found = {f"filedrop@{job.name}.timer": job.enabled for job in jobs if _calendar(job, host)}
    if jobs and _is_watched(jobs, host):
        found[f"{WATCH}.timer"] = True
    return found | {f"filedrop@{job.name}.path": job.enabled for job in jobs if job.schedule.on_arrival}


# --- cron


def _cron_jobs(jobs: Iterable[ConfiguredJob], host: Host, problems: list[str]) -> list[CronJob]:
    """Translate the schedules to cron. One that cron cannot express is a problem, even if its job is disabled."""
    found = []
    for job in jobs:
        if job.schedule.on_arrival:
            problems.append(f"filedrop_jobs.{job.name}.on_arrival: cron does not support this option. {_NO_CRON}")
        try:
            times = [cron_time(event) for event in _calendar(job, host)]
        except NotExpressible as why:
            finding = f"cron cannot express {job.schedule.on_calendar!r}: {why}."
            problems.append(f"filedrop_jobs.{job.name}.on_calendar: {finding} {_NO_CRON}")
            continue
        delayed = job.schedule.on_calendar is not None and host.spread > 0
        limit = None if job.time_limit is None else job.time_limit + units.GRACE
        if job.enabled and times:
            delay = units.offset(host.name, job.name, host.spread) if delayed else 0
            found.append(CronJob(job.name, times, delay=delay, time_limit=limit))
    return found


def _crontab_file(jobs: list[CronJob], host: Host, *, is_watched: bool) -> list[dict[str, Any]]:
    if not jobs:
        return []
    looks = [cron_time(event) for event in _watch_calendar(host)] if is_watched else []
    content = crontab(
        jobs, user=host.user, command=COMMAND, header=HEADER, metrics=units.metrics(host.metrics_file), looks=looks
    )
    return [{"path": CRONTAB, "content": content, "owner": "root", "group": "root", "mode": "0644"}]


def _calendar(job: ConfiguredJob, host: Host) -> list[str]:
    if job.schedule.every is not None:
        return units.calendar(job.schedule.every, units.offset(host.name, job.name, job.schedule.every))
    return [job.schedule.on_calendar] if job.schedule.on_calendar is not None else []


def _place_of_metrics(host: Host) -> list[dict[str, Any]]:
    if not host.metrics_file:
        return []
    return [{"variable": "filedrop_metrics_file", "path": os.path.dirname(host.metrics_file), "write": True}]


def _folders(job: ConfiguredJob) -> tuple[list[str], list[str]]:
    """Return the folders in which a job writes, and those that it only reads."""
    return list(job.job.folders.written), list(job.job.folders.read)


def _places(job: ConfiguredJob, account: InventoryAccount) -> list[dict[str, Any]]:
    """List the folders of a job, with the permissions that the service user needs there."""
    writable, readable = _folders(job)
    option = job.job.folders.option
    found = [
        {"variable": f"filedrop_jobs.{job.name}.{option}", "path": path, "write": path in writable}
        for path in (*writable, *readable)
    ]
    if account.root is not None:
        # The folders inside it are what a run writes to; the root itself need only be entered.
        found.append({"variable": f"filedrop_accounts.{job.account}.root", "path": account.root, "write": False})
    return found if job.enabled else []
