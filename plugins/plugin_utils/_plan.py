# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's accounts and jobs, from the inventory, made into the files that its command and its systemd read.

What the command would refuse is refused here, on the control node, before anything changes on any host: by the
command's own code, which reads the very files that the host would get.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..module_utils._engine import options as read
from ..module_utils._engine.configuration import SECRETS, Configuration, ConfiguredJob
from ..module_utils._engine.credentials import REFERENCE
from ..module_utils._engine.errors import FiledropError
from ..module_utils._engine.job import Dropoff
from ..module_utils._engine.remote.hostkeys import TrustedKeys
from . import _units as units

CONFIGURATION = "/etc/filedrop"
KEYS = f"{CONFIGURATION}/keys"
UNITS = "/etc/systemd/system"
COMMAND = "/usr/local/bin/filedrop"
HEADER = "# Ansible put this here (courier.filedrop.filedrop), and puts it right again. Change the inventory instead."

EXCLUSIVE = (
    f"{CONFIGURATION}/accounts/*.json",
    f"{CONFIGURATION}/jobs/*.json",
    f"{KEYS}/*.password",
    f"{KEYS}/*.passphrase",
    f"{UNITS}/filedrop@*.service.d/filedrop.conf",
    f"{UNITS}/filedrop@.service",
    f"{UNITS}/filedrop@*.timer",
)
"""Where nothing lies but what the inventory describes. Key pairs are not among it: there is no second one."""

_PLACEHOLDER = "a secret"  # nothing that is checked here depends on what a secret is
_NO_HOST_KEYS = (
    "host_keys: this is not given, and no job talks to a server that its account does not trust. The module "
    "courier.filedrop.host_keys_info shows what the server offers: compare that with what the provider published."
)
_SAFE_PATH = re.compile(r"/[A-Za-z0-9_./@+-]+")


class Refused(Exception):
    """Variables that cannot be meant as they stand. Its text has a line for each."""


class _NotMeant(Exception):
    """One option that cannot be meant."""


@dataclass(frozen=True)
class Host:
    """What the role knows of a host beside its accounts and jobs.

    :param keys_owner: who owns the secrets: root, where systemd hands them to the jobs; else the jobs' user.
    :param spread: seconds.
    """

    name: str
    user: str = "filedrop"
    keys_owner: str = "root"
    spread: int = 300


@dataclass
class _Account:
    """An account as it is on the host: its file, its secrets by file name, what systemd hands to its jobs."""

    options: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    credentials: list[units.Credential] = field(default_factory=list)
    generates: bool = False


def plan(accounts: Mapping[str, Any], jobs: Mapping[str, Any], host: Host) -> dict[str, Any]:
    """Everything that a host gets, as plain data for the module ``deployment``.

    :raises Refused: something in the variables cannot be meant.
    """
    problems: list[str] = []
    wanted = {name: options for name, options in jobs.items() if options is not None}
    read_accounts = _accounts({name: options for name, options in accounts.items() if options is not None}, problems)
    configured = _checked(
        read_accounts, _normalised(wanted, read_accounts, accounts, problems), accounts, jobs, problems
    )
    if problems:
        raise Refused("\n".join(problems))
    files = (
        [_file("filedrop@.service", units.service(user=host.user, command=COMMAND, header=HEADER))] if wanted else []
    )
    for name, account in read_accounts.items():
        files.append(_configuration_file("accounts", name, account.options, host))
    for name, job in configured.items():
        files.append(_configuration_file("jobs", name, wanted[name], host))
        files += _job_units(job, read_accounts[job.account], host)
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
        "exclusive": list(EXCLUSIVE),
        "timers": {name: job.enabled for name, job in configured.items() if _calendar(job, host)},
        "calendars": {
            name: job.schedule.on_calendar for name, job in configured.items() if job.schedule.on_calendar is not None
        },
        "places": [place for job in configured.values() for place in _places(job)],
        "keys": sorted(name for name, account in read_accounts.items() if account.generates),
    }


# --- accounts and their secrets


def _accounts(accounts: Mapping[str, Any], problems: list[str]) -> dict[str, _Account]:
    found = {}
    for name, options in accounts.items():
        try:
            read.label(name, name="filedrop_accounts")
            found[str(name)] = _account(str(name), _dictionary(options))
        except (FiledropError, _NotMeant) as error:
            problems.append(f"filedrop_accounts.{name}: {error}")
    return found


def _account(name: str, options: Mapping[str, Any]) -> _Account:
    account = _Account({key: value for key, value in options.items() if value is not None})
    for secret in SECRETS:
        _take_secret(account, name, secret)
    key = read.text(account.options, "private_key", secret=True)
    account.options.pop("private_key", None)
    path = read.text(account.options, "private_key_file")
    if key is not None and path is not None:
        raise _NotMeant("private_key_file: this is given beside private_key. Leave one of the two out.")
    if key is not None:
        account.secrets[name] = key if key.endswith("\n") else key + "\n"
    has_password = f"{name}.password" in account.secrets or "password_file" in account.options
    if path is None and key is None and has_password:
        return account
    account.generates = path is None and key is None
    _hand_over(account, "private_key_file", name, path or f"{REFERENCE}{name}")
    return account


def _take_secret(account: _Account, name: str, secret: str) -> None:
    """Move a password or passphrase out of the account's options, into a file of its own."""
    text = read.text(account.options, secret, secret=True)
    account.options.pop(secret, None)
    path = read.text(account.options, f"{secret}_file")
    if text is not None and path is not None:
        raise _NotMeant(f"{secret}_file: this is given beside {secret}. Leave one of the two out.")
    if text is not None:
        account.secrets[f"{name}.{secret}"] = text + "\n"
    if text is not None or path is not None:
        _hand_over(account, f"{secret}_file", f"{name}.{secret}", path or f"{REFERENCE}{name}.{secret}")


def _hand_over(account: _Account, option: str, credential: str, reference: str) -> None:
    """Let systemd hand a secret to the account's jobs, for they cannot read root's files."""
    if reference.startswith(REFERENCE):
        credential = reference[len(REFERENCE) :]
        path = f"{KEYS}/{credential}"
    else:
        path = reference
    if not _SAFE_PATH.fullmatch(path):
        raise _NotMeant(
            f"{option}: {reference!r} is not a path that can stand in a unit. Use an absolute path of letters, digits "
            "and . _ @ + - only."
        )
    account.options[option] = f"{REFERENCE}{credential}"
    account.credentials.append(units.Credential(credential, path))


# --- what the command would refuse


def _normalised(
    jobs: Mapping[str, Any], accounts: Mapping[str, _Account], refused: Iterable[object], problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The jobs that are worth a closer look."""
    found = {}
    for name, options in jobs.items():
        try:
            read.label(name, name="filedrop_jobs")
            account = _dictionary(options).get("account")
            if isinstance(account, str) and account not in accounts:
                if account in refused:
                    continue
                known = ", ".join(sorted(accounts)) or "none"
                raise _NotMeant(f"account: {account!r} is not described by filedrop_accounts, which has: {known}.")
            found[str(name)] = dict(options)
        except (FiledropError, _NotMeant) as error:
            problems.append(f"filedrop_jobs.{name}: {error}")
    return found


def _checked(
    accounts: Mapping[str, _Account],
    jobs: Mapping[str, Mapping[str, Any]],
    given_accounts: Mapping[str, Any],
    given_jobs: Mapping[str, Any],
    problems: list[str],
) -> dict[str, ConfiguredJob]:
    """The jobs as the command understands them."""
    found = {}
    with _as_files(accounts, jobs) as configuration:
        for name in accounts:
            try:
                trusted = configuration.account(name).host_keys
                TrustedKeys.parse(trusted)
            except FiledropError as error:
                problems.append(_told(error, configuration.folder, f"filedrop_accounts.{name}", given_accounts[name]))
        for name in jobs:
            try:
                found[name] = configuration.job(name)
            except FiledropError as error:
                problems.append(_told(error, configuration.folder, f"filedrop_jobs.{name}", given_jobs[name]))
    problems += [
        f"filedrop_accounts.{name}.{_NO_HOST_KEYS}"
        for name in sorted({job.account for job in found.values()})
        if not accounts[name].options.get("host_keys")
    ]
    return found


@contextmanager
def _as_files(accounts: Mapping[str, _Account], jobs: Mapping[str, Mapping[str, Any]]) -> Iterator[Configuration]:
    """The configuration as files, with placeholders for secrets, as long as it is looked at."""
    with tempfile.TemporaryDirectory(prefix="filedrop-") as folder:
        for kind in ("accounts", "jobs", "keys"):
            os.mkdir(os.path.join(folder, kind))
        for name, account in accounts.items():
            _write(os.path.join(folder, "accounts", f"{name}.json"), json.dumps(account.options, default=str))
            for credential in account.credentials:
                _write(os.path.join(folder, "keys", credential.name), _PLACEHOLDER)
        for name, options in jobs.items():
            _write(os.path.join(folder, "jobs", f"{name}.json"), json.dumps(options, default=str))
        yield Configuration(folder)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


def _told(error: FiledropError, folder: str, variable: str, options: Mapping[str, Any]) -> str:
    """An error about a file as one about the variable that the file was made from, with the type of what was found."""
    text = re.sub(re.escape(folder) + r"/(accounts|jobs)/\w+\.json: ", "", str(error))
    option = re.match(r"'?(\w+)'?:? ", text)
    text = f"{variable}.{text}"
    value = options.get(option[1]) if option else None
    kind = read.kind_of(value)
    return text if value is None or kind in text else f"{text} (The value is {kind}.)"


def _dictionary(options: object) -> Mapping[str, Any]:
    if not isinstance(options, Mapping):
        raise _NotMeant(f"this must be a dictionary of options, and is {read.kind_of(options)}: {read.shown(options)}.")
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
        credentials=account.credentials,
        writable=writable,
        readable=readable,
        gives_group=not isinstance(job.job, Dropoff) and job.job.group is not None,
        time_limit=job.time_limit,
    )
    files = [_file(f"filedrop@{job.name}.service.d/filedrop.conf", units.drop_in(unit, header=HEADER))]
    calendar = _calendar(job, host)
    if calendar:
        spread = host.spread if job.schedule.on_calendar is not None else 0
        files.append(_file(f"filedrop@{job.name}.timer", units.timer(job.name, calendar, spread=spread, header=HEADER)))
    return files


def _calendar(job: ConfiguredJob, host: Host) -> list[str]:
    if job.schedule.every is not None:
        return units.calendar(job.schedule.every, units.offset(host.name, job.name, job.schedule.every))
    return [job.schedule.on_calendar] if job.schedule.on_calendar is not None else []


def _folders(job: ConfiguredJob) -> tuple[list[str], list[str]]:
    """The folders in which a job writes, and those that it only reads."""
    movement = job.job
    if not isinstance(movement, Dropoff):
        return [movement.dest], []
    if movement.after == "keep":
        return [], list(movement.sources)
    return [*movement.sources, *([movement.archive_dir] if movement.archive_dir else [])], []


def _places(job: ConfiguredJob) -> list[dict[str, Any]]:
    """What the service user must be able to do where."""
    writable, readable = _folders(job)
    option = "src" if isinstance(job.job, Dropoff) else "dest"
    return [
        {"variable": f"filedrop_jobs.{job.name}.{option}", "path": path, "write": path in writable}
        for path in (*writable, *readable)
        if job.enabled
    ]
