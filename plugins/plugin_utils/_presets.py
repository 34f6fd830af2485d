# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply presets of the user's own (``filedrop_presets``) to accounts and jobs.

They have the form of the presets of the collection. Hosts do not know them: their accounts and jobs get the options.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..module_utils._engine.config import options as read
from ..module_utils._engine.config.accounts.presets import PRESETS
from ..module_utils._engine.config.files import ACCOUNT_OPTIONS, JOB_OPTIONS, KEY_FILES, SECRETS
from ..module_utils._engine.errors import FiledropError
from ._accounts import UNREADABLE, nearest, shown

VARIABLE = "filedrop_presets"
DIRECTIONS = ("dropoff", "pickup")
_OF_ONE = (*KEY_FILES, *SECRETS, *(f"{secret}_file" for secret in SECRETS), "preset", "private_key")
"""Options of one account, which no preset can set."""

Dictionary = Mapping[Any, Any]


def with_presets(
    presets: Dictionary, accounts: Dictionary, jobs: Dictionary, problems: list[str]
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return accounts and jobs with the options of the presets that the accounts name. Options of their own win.

    :param problems: gets what is invalid of the presets. Accounts and jobs are left as they are for an invalid one.
    """
    sound = {}
    for name, preset in presets.items():
        if preset is None:
            continue
        found = list(_mistakes(name, preset))
        problems += [f"{VARIABLE}.{shown(name)}{mistake}" for mistake in found]
        sound[name] = {} if found else preset
    of_account = {
        name: options["preset"]
        for name, options in accounts.items()
        if isinstance(options, Mapping) and options is not UNREADABLE and _is_one_of(sound, options.get("preset"))
    }
    all_accounts, all_jobs = dict(accounts), dict(jobs)
    for name, preset in of_account.items():
        own = {option: value for option, value in accounts[name].items() if option != "preset"}
        all_accounts[name] = read.merged(own, sound[preset].get("account") or {})
    for name, options in jobs.items():
        if isinstance(options, Mapping) and _is_one_of(of_account, options.get("account")):
            preset, direction = of_account[options["account"]], options.get("direction")
            if direction == "pickup" and sound[preset].get("pickup", {}) is None:
                problems.append(
                    f"filedrop_jobs.{shown(name)}.direction: the preset {preset} is for drop-offs only. "
                    f"Remove the job, or change {VARIABLE}.{preset}.pickup."
                )
            elif direction in DIRECTIONS:
                all_jobs[name] = read.merged(options, sound[preset].get(direction) or {})
    return all_accounts, all_jobs


def _is_one_of(known: Dictionary, name: object) -> bool:
    return isinstance(name, str) and name in known


def _mistakes(name: object, preset: object) -> Iterator[str]:
    """Yield what is wrong with a preset; each text goes on after the name of the preset."""
    try:
        read.label(name, name=VARIABLE)
    except FiledropError as error:
        yield f": {str(error).removeprefix(f'{VARIABLE}: ')}"
        return
    if name in PRESETS:
        yield ": the collection has a preset with this name. Choose another name."
    if not isinstance(preset, Mapping):
        yield f": the value must be a dictionary, but is {read.kind_of(preset)}. Set account, dropoff and pickup in it."
        return
    for part, value in preset.items():
        if part == "title":
            continue
        if part not in ("account", *DIRECTIONS):
            yield f".{shown(part)}: unknown option. Use title, account, dropoff and pickup."
        elif value is None:
            if part != "pickup":
                yield f".{part}: the value is null. Set options, or remove {part}."
        elif not isinstance(value, Mapping):
            yield f".{part}: the value must be a dictionary of options, but is {read.kind_of(value)}."
        else:
            yield from _unknown(part, value)


def _unknown(part: str, options: Dictionary) -> Iterator[str]:
    known = ACCOUNT_OPTIONS if part == "account" else JOB_OPTIONS[part]
    for option in options:
        if option in _OF_ONE or option in ("account", "direction"):
            yield f".{part}.{option}: a preset cannot have this option. Set it in the account or the job."
        elif option not in known:
            near = nearest(option, known)
            yield f".{part}.{shown(option)}: unknown option. " + (f"Did you mean {near}?" if near else "Remove it.")
