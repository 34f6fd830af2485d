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
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..module_utils._engine.command.on_arrival import PATIENCE
from ..module_utils._engine.config import options as read
from ..module_utils._engine.config.calendar import NotExpressible, cron_time
from ..module_utils._engine.config.credentials import REFERENCE
from ..module_utils._engine.config.files import SECRETS, Configuration, ConfiguredJob
from ..module_utils._engine.errors import FiledropError
from ..module_utils._engine.remote.ssh.hostkeys import TrustedKeys
from . import _units as units
from ._cron import CronJob, crontab

CONFIGURATION = "/etc/filedrop"
KEYS = f"{CONFIGURATION}/keys"
UNITS = "/etc/systemd/system"
CRONTAB = "/etc/cron.d/filedrop"
COMMAND = "/usr/local/bin/filedrop"
HEADER = "# Managed by Ansible (courier.filedrop.filedrop). Local changes will be lost. Change the inventory instead."

EXCLUSIVE = (
    f"{CONFIGURATION}/accounts/*.json",
    f"{CONFIGURATION}/jobs/*.json",
    f"{KEYS}/*.password",
    f"{KEYS}/*.passphrase",
    f"{UNITS}/filedrop@*.service.d/filedrop.conf",
    f"{UNITS}/filedrop@.service",
    f"{UNITS}/filedrop@*.timer",
    f"{UNITS}/filedrop@*.path",
    CRONTAB,
)
"""Paths that contain only what the inventory describes. Key pairs are excluded, because there is no other copy."""

_PLACEHOLDER = "a secret"  # no check here depends on the value of a secret
_NO_HOST_KEYS = (
    "host_keys: this option is missing, and a job connects only to a server that its account trusts. The module "
    "courier.filedrop.host_keys_info shows what the server offers; compare that with what the provider published."
)
_NO_CRON = "Use another schedule, or let systemd start the jobs of this host (filedrop_scheduler)."
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_PATHS = ("src", "dest", "archive_dir", "root", "private_key_file", "password_file", "passphrase_file")
_SAFE_PATH = re.compile(r"/[A-Za-z0-9_./@+-]+")


class InvalidVariables(Exception):
    """Report invalid variables, one per line."""


class _InvalidOption(Exception):
    """Report one invalid option."""


@dataclass(frozen=True)
class Host:
    """Hold what the role knows about a host, apart from its accounts and jobs.

    :param scheduler: ``systemd`` or ``cron``.
    :param keys_owner: the owner of the secrets: root if systemd passes them to the jobs; else the jobs' user.
    :param spread: seconds.
    """

    name: str
    user: str = "filedrop"
    scheduler: str = "systemd"
    keys_owner: str = "root"
    spread: int = 300

    @property
    def hands_over(self) -> bool:
        """Whether systemd passes root's secrets to the jobs."""
        return self.keys_owner != self.user


@dataclass
class _Account:
    """Hold an account as it will be on the host.

    These are its options, its secrets by file name, the credentials that systemd passes to its jobs, and, by option,
    the files with secrets that exist on the host already.
    """

    options: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    credentials: list[units.Credential] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    generates: bool = False

    @property
    def root(self) -> str | None:
        """The folder on the host that is the mailbox, if the protocol is ``folder``."""
        found = self.options.get("root")
        return found if isinstance(found, str) and self.options.get("protocol") == "folder" else None


def plan(accounts: Mapping[str, Any], jobs: Mapping[str, Any], host: Host) -> dict[str, Any]:
    """Build everything that a host gets, as plain data for the module ``apply_plan``.

    :raises InvalidVariables: a variable is invalid.
    """
    problems = [
        f"{variable}: {name!r} is not a valid user name. Use letters, digits and . _ - only."
        for variable, name in (("filedrop_user", host.user), ("the owner of the keys", host.keys_owner))
        if not _USER.fullmatch(name)
    ]
    wanted = {name: options for name, options in jobs.items() if options is not None}
    read_accounts = _accounts(
        {name: options for name, options in accounts.items() if options is not None}, host, problems
    )
    configured = _read_jobs(
        read_accounts, _known_jobs(wanted, read_accounts, accounts, problems), accounts, jobs, problems
    )
    due = _cron_jobs(configured.values(), host, problems) if host.scheduler == "cron" else []
    if problems:
        raise InvalidVariables("\n".join(problems))
    files = [_configuration_file("accounts", name, account.options, host) for name, account in read_accounts.items()]
    files += [_configuration_file("jobs", name, wanted[name], host) for name in configured]
    if host.scheduler == "cron":
        files += _crontab_file(due, host)
    elif wanted:
        files.append(_file("filedrop@.service", units.service(user=host.user, command=COMMAND, header=HEADER)))
        files += [file for job in configured.values() for file in _job_units(job, read_accounts[job.account], host)]
    secrets = {f"{KEYS}/{name}": text for each in read_accounts.values() for name, text in each.secrets.items()}
    return {
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
            for name, account in sorted(read_accounts.items())
            if account.generates
            for suffix, mode in (("", "0600"), (".pub", "0644"))
        ],
        "exclusive": list(EXCLUSIVE),
        "triggers": _triggers(configured.values(), host),
        "calendars": {
            name: job.schedule.on_calendar
            for name, job in configured.items()
            if job.schedule.on_calendar is not None and host.scheduler == "systemd"
        },
        "places": [place for job in configured.values() for place in _places(job, read_accounts[job.account])],
        "given_secrets": [
            {"variable": f"filedrop_accounts.{name}.{option}", "path": path, "handed_over": host.hands_over}
            for name, account in read_accounts.items()
            for option, path in account.given.items()
        ],
        "keys": sorted(name for name, account in read_accounts.items() if account.generates),
    }


# --- accounts and their secrets


def _accounts(accounts: Mapping[str, Any], host: Host, problems: list[str]) -> dict[str, _Account]:
    found = {}
    for name, options in accounts.items():
        try:
            read.label(name, name="filedrop_accounts")
            found[str(name)] = _account(str(name), _dictionary(options), host)
        except (FiledropError, _InvalidOption) as error:
            problems.append(f"filedrop_accounts.{_shown(name)}: {error}")
    return found


def _require_plain_paths(options: Mapping[str, Any]) -> None:
    """Refuse paths that mean something else on the host or in a unit file than in the inventory."""
    for option in _PATHS:
        values = options.get(option)
        for path in values if isinstance(values, (list, tuple)) else [values]:
            if not isinstance(path, str):
                continue
            if path.startswith("~"):
                why = "begins with ~, which is another folder for each user. Use an absolute path"
                raise _InvalidOption(f"{option}: {read.abbreviated(path)} {why}.")
            if path != path.strip() or path.endswith("\\"):
                why = "ends with a backslash, or has a space at an end, which a unit file cannot have"
                raise _InvalidOption(f"{option}: {read.abbreviated(path)} {why}. Use another folder.")


def _account(name: str, options: Mapping[str, Any], host: Host) -> _Account:
    _require_plain_paths(options)
    account = _Account({key: value for key, value in options.items() if value is not None})
    for secret in SECRETS:
        _move_secret(account, name, secret, host)
    key = read.text(account.options, "private_key", secret=True)
    account.options.pop("private_key", None)
    path = read.text(account.options, "private_key_file")
    if key is not None and path is not None:
        raise _InvalidOption("private_key_file: cannot be used together with private_key. Remove one of the two.")
    if key is not None:
        account.secrets[name] = key if key.endswith("\n") else key + "\n"
    if account.options.get("protocol") == "folder" and path is None and key is None:
        return account  # nobody logs in
    has_password = f"{name}.password" in account.secrets or "password_file" in account.options
    if path is None and key is None and has_password:
        return account
    account.generates = path is None and key is None
    _refer_to_secret(account, name, "private_key_file", path, host)
    return account


def _move_secret(account: _Account, name: str, secret: str, host: Host) -> None:
    """Move a password or passphrase from the account's options into a file of its own."""
    text = read.text(account.options, secret, secret=True)
    account.options.pop(secret, None)
    path = read.text(account.options, f"{secret}_file")
    if text is not None and path is not None:
        raise _InvalidOption(f"{secret}_file: cannot be used together with {secret}. Remove one of the two.")
    if text is not None:
        account.secrets[f"{name}.{secret}"] = text + "\n"
    if text is not None or path is not None:
        _refer_to_secret(account, name, f"{secret}_file", path, host)


def _credential(name: str, option: str) -> str:
    """Return the credential's name for the secret that an option of an account refers to."""
    return name if option == "private_key_file" else f"{name}.{option.removesuffix('_file')}"


def _refer_to_secret(account: _Account, name: str, option: str, given: str | None, host: Host) -> None:
    """Let systemd pass a secret to the account's jobs, because they cannot read root's files; else use its path.

    :param given: the value in the inventory: a path on the host, or a credential; None for a file among the keys.
    """
    credential = _credential(name, option)
    if given is not None and given.startswith(REFERENCE):
        credential = given[len(REFERENCE) :]
        given = None
    path = f"{KEYS}/{credential}" if given is None else given
    if not _SAFE_PATH.fullmatch(path):
        raise _InvalidOption(
            f"{option}: {given or credential!r} cannot be used in a unit file. Use an absolute path of letters, digits "
            "and . _ @ + - only."
        )
    account.options[option] = f"{REFERENCE}{credential}" if given is None or host.hands_over else given
    if given is not None:
        account.given[option] = given
    account.credentials.append(units.Credential(credential, path))


# --- validation with the command's code


def _known_jobs(
    jobs: Mapping[str, Any], accounts: Mapping[str, _Account], refused: Iterable[object], problems: list[str]
) -> dict[str, dict[str, Any]]:
    """Return the jobs with a valid name and a known account."""
    found = {}
    for name, options in jobs.items():
        try:
            read.label(name, name="filedrop_jobs")
            account = _dictionary(options).get("account")
            if isinstance(account, str) and account not in accounts:
                if account in refused:
                    continue
                known = ", ".join(sorted(accounts)) or "none"
                raise _InvalidOption(f"account: {account!r} is not defined in filedrop_accounts, which has: {known}.")
            _require_plain_paths(options)
            found[str(name)] = dict(options)
        except (FiledropError, _InvalidOption) as error:
            problems.append(f"filedrop_jobs.{_shown(name)}: {error}")
    return found


def _read_jobs(
    accounts: Mapping[str, _Account],
    jobs: Mapping[str, Mapping[str, Any]],
    given_accounts: Mapping[str, Any],
    given_jobs: Mapping[str, Any],
    problems: list[str],
) -> dict[str, ConfiguredJob]:
    """Read the jobs with the command's code."""
    found = {}
    with _as_files(accounts, jobs) as configuration:
        for name in accounts:
            try:
                trusted = configuration.account(name).host_keys
                TrustedKeys.parse(trusted)
            except FiledropError as error:
                problems.append(
                    _for_variable(error, configuration.folder, f"filedrop_accounts.{name}", given_accounts[name])
                )
        for name in jobs:
            try:
                found[name] = configuration.job(name)
            except FiledropError as error:
                problems.append(_for_variable(error, configuration.folder, f"filedrop_jobs.{name}", given_jobs[name]))
    problems += [
        f"filedrop_accounts.{name}.{_NO_HOST_KEYS}"
        for name in sorted({job.account for job in found.values()})
        if not accounts[name].options.get("host_keys") and accounts[name].root is None
    ]
    return found


@contextmanager
def _as_files(accounts: Mapping[str, _Account], jobs: Mapping[str, Mapping[str, Any]]) -> Iterator[Configuration]:
    """Write the configuration to a temporary folder for the duration of the block, with placeholders for secrets."""
    with tempfile.TemporaryDirectory(prefix="filedrop-") as folder:
        for kind in ("accounts", "jobs", "keys"):
            os.mkdir(os.path.join(folder, kind))
        for name, account in accounts.items():
            # The control node has only placeholders, also for secrets that exist on the host already.
            elsewhere = {option: f"{REFERENCE}{_credential(name, option)}" for option in account.given}
            shown_options = {**account.options, **elsewhere}
            _write(os.path.join(folder, "accounts", f"{name}.json"), json.dumps(shown_options, default=str))
            for credential in account.credentials:
                _write(os.path.join(folder, "keys", credential.name), _PLACEHOLDER)
        for name, options in jobs.items():
            _write(os.path.join(folder, "jobs", f"{name}.json"), json.dumps(options, default=str))
        yield Configuration(folder)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


def _for_variable(error: FiledropError, folder: str, variable: str, options: Mapping[str, Any]) -> str:
    """Rewrite an error about a file as one about the variable, with the type of the value."""
    text = re.sub(re.escape(folder) + r"/(accounts|jobs)/\w+\.json: ", "", str(error))
    option = re.match(r"'?(\w+)'?:? ", text)
    text = f"{variable}.{text}"
    value = options.get(option[1]) if option else None
    kind = read.kind_of(value)
    return text if value is None or kind in text else f"{text} (The value is {kind}.)"


def _shown(name: object) -> str:
    """Return the name of an account or job for an error. It may be any text."""
    return str(name) if str(name).isprintable() else read.abbreviated(name)


def _dictionary(options: object) -> Mapping[str, Any]:
    if not isinstance(options, Mapping):
        finding = (
            f"the value must be a dictionary of options, but is {read.kind_of(options)}: {read.abbreviated(options)}."
        )
        raise _InvalidOption(finding)
    return options


# --- files


def _folder(path: str, group: str, mode: str) -> dict[str, Any]:
    return {"path": path, "owner": "root", "group": group, "mode": mode}


def _file(name: str, content: str) -> dict[str, Any]:
    return {"path": f"{UNITS}/{name}", "content": content, "owner": "root", "group": "root", "mode": "0644"}


def _configuration_file(kind: str, name: str, options: Mapping[str, Any], host: Host) -> dict[str, Any]:
    given = {key: value for key, value in options.items() if value is not None}
    return {
        "path": f"{CONFIGURATION}/{kind}/{name}.json",
        "content": json.dumps(given, indent=2, sort_keys=True, ensure_ascii=False) + "\n",
        "owner": "root",
        "group": host.user,
        "mode": "0640",
    }


def _job_units(job: ConfiguredJob, account: _Account, host: Host) -> list[dict[str, Any]]:
    writable, readable = _folders(job)
    unit = units.JobUnit(
        name=job.name,
        credentials=account.credentials if host.hands_over else (),
        writable=[*writable, *([account.root] if account.root else [])],
        readable=readable,
        gives_group=job.job.group is not None,
        time_limit=job.time_limit,
        patience=math.ceil(job.job.settle + PATIENCE) if job.schedule.on_arrival else None,
    )
    drop_in = units.drop_in(unit, command=COMMAND, header=HEADER)
    files = [_file(f"filedrop@{job.name}.service.d/filedrop.conf", drop_in)]
    calendar = _calendar(job, host)
    if calendar:
        spread = host.spread if job.schedule.on_calendar is not None else 0
        files.append(_file(f"filedrop@{job.name}.timer", units.timer(job.name, calendar, spread=spread, header=HEADER)))
    if job.schedule.on_arrival:
        files.append(_file(f"filedrop@{job.name}.path", units.path(job.name, [*writable, *readable], header=HEADER)))
    return files


def _triggers(jobs: Iterable[ConfiguredJob], host: Host) -> dict[str, bool]:
    """Map the name of each unit that starts a job to whether it should be active."""
    if host.scheduler == "cron":
        return {}
    found = {f"filedrop@{job.name}.timer": job.enabled for job in jobs if _calendar(job, host)}
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


def _crontab_file(jobs: list[CronJob], host: Host) -> list[dict[str, Any]]:
    if not jobs:
        return []
    content = crontab(jobs, user=host.user, command=COMMAND, header=HEADER)
    return [{"path": CRONTAB, "content": content, "owner": "root", "group": "root", "mode": "0644"}]


def _calendar(job: ConfiguredJob, host: Host) -> list[str]:
    if job.schedule.every is not None:
        return units.calendar(job.schedule.every, units.offset(host.name, job.name, job.schedule.every))
    return [job.schedule.on_calendar] if job.schedule.on_calendar is not None else []


def _folders(job: ConfiguredJob) -> tuple[list[str], list[str]]:
    """Return the folders in which a job writes, and those that it only reads."""
    return list(job.job.folders.written), list(job.job.folders.read)


def _places(job: ConfiguredJob, account: _Account) -> list[dict[str, Any]]:
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
