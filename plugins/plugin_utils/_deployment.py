# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role is to deploy on a host, from the host's variables.

Only the host knows what starts its jobs, and whether systemd can pass secrets to them. So there is a plan for each
case, and the host's answer chooses one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..module_utils._engine.config.paths import COMMAND
from ._accounts import CONFIGURATION, KEYS, Host, InvalidVariables, protocol_or_sftp
from ._command import built_command, digest_of
from ._plan import plan
from ._variables import CHOICES, Variables

STATE = "/var/lib/filedrop"
SYSTEM_PYTHON = "/usr/bin/python3"
VENV = "/usr/local/lib/filedrop/venv"
PATHS = {
    "python": SYSTEM_PYTHON,
    "venv": VENV,
    "requirements": f"{VENV}/filedrop-requirements.txt",
    "command": COMMAND,
    "ledger": f"{STATE}/ledger.sqlite3",
    "configuration": CONFIGURATION,
    "keys": KEYS,
}
"""Paths on the hosts: test_filedrop.py compares them with those in the role's vars/main.yml."""

_URLLIB3 = "urllib3>=1.26,<3"
_METRICS = re.compile(r"/[A-Za-z0-9._/-]+\.prom")
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")


def user_of_jobs(variables: Variables) -> str:
    """Return the user of the jobs. The role changes its home and shell, and can remove it."""
    user = variables.text("filedrop_user", "filedrop")
    if user == "root":
        variables.problems.append("filedrop_user: the jobs cannot run as root. Use a user of their own.")
    return user


def libraries_of(accounts: Mapping[Any, Any]) -> list[str]:
    """Return the Python libraries that a host with these accounts needs.

    A host without accounts gets paramiko, for the accounts that will come.
    """
    protocols = {protocol_or_sftp(options) for options in accounts.values() if isinstance(options, Mapping)}
    found = [] if protocols == {"amili_api"} else ["paramiko"]
    return [*found, "urllib3"] if "amili_api" in protocols else found


def _metrics_file(variables: Variables) -> str:
    path = variables.text("filedrop_metrics_file")
    if path and not _METRICS.fullmatch(path):
        finding = f"filedrop_metrics_file: {path!r} is not a path that node exporter reads and that units can name."
        way_out = "Use an absolute path of letters, digits and . _ - / that ends in .prom."
        variables.problems.append(f"{finding} {way_out}")
    return path


def _further_packages(libraries: list[str], packages: list[str]) -> list[str]:
    """Return what an environment needs beside the packages of the inventory, which may have it already."""
    has_it = any(re.match(r"urllib3(?![\w.-])", package) for package in packages)
    return [_URLLIB3] if "urllib3" in libraries and not has_it else []


def require_removable(variables: Variables) -> None:
    """Validate what is needed to remove everything from a host. Its accounts and jobs may be invalid.

    :raises InvalidVariables: a variable is invalid.
    """
    user_of_jobs(variables)
    variables.flag("filedrop_remove_ledger")
    variables.number("filedrop_remove_wait", 0)
    if variables.problems:
        raise InvalidVariables(variables.problems)


class Deployment:
    """Everything that a host's variables say.

    :param pins_later: an account may lack its host keys, because nothing connects yet.
    :raises InvalidVariables: one of them is invalid, whatever the host answers.
    """

    def __init__(self, variables: Variables, host: str, *, pins_later: bool = False) -> None:
        self._pins_later = pins_later
        self.accounts, self.jobs = variables.accounts_and_jobs()
        self.user = user_of_jobs(variables)
        self.groups = variables.whole_list("filedrop_groups")
        self.scheduler = variables.choice("filedrop_scheduler", CHOICES["filedrop_scheduler"][0])
        self.library = variables.choice("filedrop_python", CHOICES["filedrop_python"][0])
        packages = variables.whole_list("filedrop_pip_packages")
        self.key_type = variables.choice("filedrop_key_type", "ed25519")
        self.key_comment = variables.text("filedrop_key_comment")
        self._shares_keys = variables.choice("filedrop_key_scope", CHOICES["filedrop_key_scope"][0]) == "account"
        variables.whole_list("filedrop_pip_arguments")
        self._metrics_file = _metrics_file(variables)
        self._spread = variables.number("filedrop_spread", Host.spread)
        self._host = host
        problems = list(variables.problems)
        problems += [
            f"filedrop_groups: {name!r} is not a valid group name. Use the name of a group on the hosts."
            for name in self.groups
            if not _GROUP.fullmatch(name)
        ]
        if self.library == "venv" and not packages:
            problems.append("filedrop_pip_packages: the list is empty, and filedrop_python is venv. Remove the list.")
        self.libraries = libraries_of(self.accounts)
        self.packages = [*packages, *_further_packages(self.libraries, packages)]
        self._plans: dict[tuple[str, str], dict[str, Any]] = {}
        self._refused: dict[tuple[str, str], list[str]] = {}
        for case in self._cases():
            try:
                self._plans[case] = self.plan(*case)
            except InvalidVariables as error:
                self._refused[case] = error.problems
        if not self._plans:
            problems += next(iter(self._refused.values()))
        if problems:
            raise InvalidVariables(problems)

    @property
    def is_empty(self) -> bool:
        """Whether there is no account and no job."""
        return not any(options is not None for options in (*self.accounts.values(), *self.jobs.values()))

    def _cases(self) -> list[tuple[str, str]]:
        """List what may start the jobs, with the owner of their secrets. What only cron refuses comes last."""
        systemd, cron = [("systemd", "root"), ("systemd", self.user)], [("cron", self.user)]
        return {"systemd": systemd, "cron": cron}.get(self.scheduler, systemd + cron)

    def plan(self, scheduler: str, keys_owner: str) -> dict[str, Any]:
        """Return the plan for one case.

        :raises InvalidVariables: an account or a job is invalid.
        """
        if (scheduler, keys_owner) in self._plans:
            return self._plans[scheduler, keys_owner]
        host = Host(
            self._host,
            self.user,
            scheduler=scheduler,
            keys_owner=keys_owner,
            spread=self._spread,
            shares_keys=self._shares_keys,
            pins_later=self._pins_later,
            metrics_file=self._metrics_file,
        )
        return plan(self.accounts, self.jobs, host)

    def refused(self, scheduler: str, keys_owner: str) -> list[str]:
        """Return what is invalid for one case."""
        return self._refused.get((scheduler, keys_owner), [])

    def question(self, entry: str, temporary: str) -> dict[str, Any]:
        """Return the options of the module that looks at the host.

        :param temporary: the folder for temporary files of this run of Ansible.
        """
        plans = [dict(each) for each in self._plans.values()]
        secrets = [each.pop("secrets") for each in plans]
        python = f"{VENV}/bin/python" if self.library == "venv" else SYSTEM_PYTHON
        return {
            "entry": entry,
            "user": self.user,
            "groups": self.groups,
            "scheduler": self.scheduler,
            "library": self.library,
            "libraries": self.libraries,
            "requirements": "".join(f"{package}\n" for package in self.packages),
            "command": digest_of(built_command(python, temporary)),
            "key_type": self.key_type,
            "key_comment": self.key_comment,
            "paths": PATHS,
            "plans": plans,
            "secrets": [{"path": each["path"], "content": each["content"]} for each in secrets[0]],
        }
