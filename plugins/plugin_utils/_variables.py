# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the variables of a host that begin with ``filedrop_``, and find unknown and invalid ones.

ansible-core validates the role's variables as well (``meta/argument_specs.yml``), but stops only the host with the
mistake, and neither finds unknown names nor validates variables of the playbooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..module_utils._engine.config import options as read
from ..module_utils._engine.config.schedule import DAY, duration
from ..module_utils._engine.errors import FiledropError
from ..module_utils._engine.run.export import VARIABLES as OF_EXPORT
from ._accounts import UNREADABLE, nearest
from ._presets import VARIABLE as PRESETS
from ._presets import with_presets

PREFIX = "filedrop_"
RESERVED = ("filedrop_server_",)
"""Prefixes of other roles of this collection."""

ACCOUNTS = ("filedrop_accounts", "filedrop_accounts_group", "filedrop_accounts_host")
JOBS = ("filedrop_jobs", "filedrop_jobs_group", "filedrop_jobs_host")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "filedrop_scheduler": ("auto", "systemd", "cron"),
    "filedrop_python": ("system", "venv"),
    "filedrop_key_type": ("ecdsa", "ed25519", "rsa"),
    "filedrop_key_scope": ("host", "account"),
}
TEXTS = ("filedrop_user", "filedrop_key_comment", "filedrop_metrics_file")
LISTS = ("filedrop_groups", "filedrop_pip_packages", "filedrop_pip_arguments")
NUMBERS = ("filedrop_spread", "filedrop_remove_wait")
FLAGS = ("filedrop_remove_ledger",)
OF_ROLE = (PRESETS, *ACCOUNTS, *JOBS, *CHOICES, *TEXTS, *LISTS, *NUMBERS, *FLAGS)
"""The role's variables: test_variables.py compares them with its argument specs."""

OF_PLAYBOOKS = (
    *("filedrop_hosts", "filedrop_serial", "filedrop_job", "filedrop_ledger", "filedrop_quickstart_folder"),
    *("filedrop_quickstart_provider", "filedrop_progress"),
    *("filedrop_export_job", *OF_EXPORT.values()),
    *("filedrop_account", "filedrop_onboard_folder", "filedrop_key_grace", "filedrop_key_interval"),
    *("filedrop_report_folder", "filedrop_report_since", "filedrop_report_files"),
)

_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

_Value = TypeVar("_Value")


class Variables:
    """The variables of one host, as plain values, and what is wrong with them.

    :ivar problems: one line each.
    :param names: all names of variables that the host has.
    :param value_of: returns the value of one, with its templates evaluated. It may raise any exception.
    """

    def __init__(self, names: Mapping[str, Any], value_of: Callable[[str], Any]) -> None:
        self.problems = [problem for name in sorted(map(str, names)) for problem in _unknown(name)]
        self._names, self._value_of = names, value_of
        self._values: dict[str, Any] = {}
        self._unreadable: set[str] = set()

    def is_set(self, name: str) -> bool:
        """Return whether a variable is defined. Its value may be null."""
        return name in self._names

    def get(self, name: str) -> Any:
        """Return a value as it is; None if it is not set."""
        if name not in self._values:
            try:
                self._values[name] = plain(self._value_of(name)) if name in self._names else None
            except Exception as error:  # the errors of templates have no common class over all releases of ansible-core
                why = " ".join(str(error).split())
                self.problems.append(f"{name}: the template in its value cannot be evaluated: {why}")
                self._values[name] = None
                self._unreadable.add(name)
        return self._values[name]

    def accounts_and_jobs(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """Return all accounts and jobs, with the options of ``filedrop_presets``.

        If a variable of accounts has no valid value, any account may be `UNREADABLE`. If one of jobs has none, there
        are no jobs: options that are missing may be in that variable.
        """
        accounts, jobs = self.merged(ACCOUNTS), self.merged(JOBS)
        if self._unreadable & set(JOBS):
            jobs = {}
        if self._unreadable & set(ACCOUNTS):
            named = [options.get("account") for options in jobs.values() if isinstance(options, Mapping)]
            accounts = dict.fromkeys([*accounts, *(name for name in named if isinstance(name, str))], UNREADABLE)
        return with_presets(self.merged((PRESETS,)), accounts, jobs, self.problems)

    def merged(self, layers: tuple[str, ...]) -> dict[Any, Any]:
        """Merge the dictionaries of several variables option by option; later ones win.

        An entry with null leaves out that of a layer below. If none has it, its name is probably mistyped.
        """
        found: dict[Any, Any] = {}
        for name in layers:
            value = self.get(name)
            if isinstance(value, Mapping):
                if name != layers[0] and not self._unreadable & set(layers):
                    stray = [entry for entry, options in value.items() if options is None and entry not in found]
                    self.problems += [_nothing_to_leave_out(name, entry, found) for entry in stray]
                found = _combined(found, value)
            elif value is not None:
                finding = f"the value must be a dictionary, but is {read.kind_of(value)}."
                self._unreadable.add(name)
                self.problems.append(f"{name}: {finding} Write the name of each entry, with its options below it.")
        return found

    def text(self, name: str, default: str = "") -> str:
        return self._read(lambda given: read.text(given, name), name, default) if self.get(name) != "" else ""

    def choice(self, name: str, default: str) -> str:
        return self._read(lambda given: read.choice(given, name, CHOICES[name], default), name, default)

    def number(self, name: str, default: int) -> int:
        return self._read(lambda given: read.integer(given, name, default, low=0, high=7 * DAY), name, default)

    def seconds(self, name: str, default: int) -> int:
        """Read a duration such as 14d."""
        return self._read(lambda given: duration(given, name, low=0, high=100 * 366 * DAY), name, default)

    def strings(self, name: str) -> list[str]:
        nothing: tuple[str, ...] = ()
        return list(self._read(lambda given: read.strings(given, name), name, nothing))

    def whole_list(self, name: str) -> list[str]:
        """Read a list that may not be a single text: the role adds it to others."""
        if isinstance(self.get(name), str):
            value = read.abbreviated(self.get(name))
            self.problems.append(f"{name}: the value must be a list, but is text: {value}. Write one entry a line.")
            return []
        return self.strings(name)

    def path(self, name: str) -> str | None:
        """Read an absolute path, or one that begins with ~."""
        return self._read(lambda given: read.local_path(given, name), name, None)

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if isinstance(value, str):
            self._values[name] = _FLAGS.get(value.strip().lower(), value)
        return self._read(lambda given: read.boolean(given, name, default=False), name, False)

    def _read(self, reader: Callable[[Mapping[str, Any]], _Value | None], name: str, default: _Value) -> _Value:
        try:
            found = reader({name: self.get(name)})
        except FiledropError as error:
            self.problems.append(str(error))
            return default
        return default if found is None else found


def plain(value: Any) -> Any:
    """Copy a value into Python's own types. ansible-core has types of its own, and their names belong in no message."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return {plain(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(entry) for entry in value]
    return str(value)  # a date, or a text that Ansible Vault has encrypted


def _combined(below: Mapping[Any, Any], above: Mapping[Any, Any]) -> dict[Any, Any]:
    found = dict(below)
    for name, value in above.items():
        old = found.get(name)
        found[name] = _combined(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def _nothing_to_leave_out(variable: str, entry: object, below: Mapping[Any, Any]) -> str:
    near = nearest(entry, below)
    way_out = f"Did you mean {near}?" if near else f"Defined below it: {', '.join(sorted(map(str, below))) or 'none'}."
    return f"{variable}.{entry}: null leaves out an entry, but no variable below {variable} has this one. {way_out}"


def _unknown(name: str) -> list[str]:
    if not name.startswith(PREFIX) or name.startswith(RESERVED) or name in OF_ROLE or name in OF_PLAYBOOKS:
        return []
    near = nearest(name, (*OF_ROLE, *OF_PLAYBOOKS))
    way_out = f"Did you mean {near}?" if near else "Remove it, or give a variable of your own another name."
    return [f"{name}: unknown variable; names that begin with {PREFIX} belong to this collection. {way_out}"]
