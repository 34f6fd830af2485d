# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose the accounts whose keys a play looks at, and the host that gives a shared key to the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..module_utils._engine.config.schedule import DAY
from ..module_utils._engine.keys.rotation import NEW
from ._accounts import ON_REQUEST, Host, InvalidVariables, nearest, read_inventory
from ._choice import names_in, without_secrets
from ._variables import CHOICES, Variables

GRACE = 14 * DAY
INTERVAL = 365 * DAY
States = Mapping[str, Mapping[str, Any]]
"""What the module has found of one account, by host."""


@dataclass(frozen=True)
class ChosenAccounts:
    """Hold the accounts of one host, in the form of the module ``account_keys``, by name.

    :ivar known: the names of all accounts of the host.
    :ivar named: the names in ``filedrop_account``; None if it is not set.
    :ivar is_shared: whether all hosts have the same keys.
    """

    accounts: dict[str, dict[str, Any]]
    known: list[str]
    named: list[str] | None
    is_shared: bool
    grace: int
    interval: int


def choose_accounts(variables: Variables, host: str) -> ChosenAccounts:
    """Choose the accounts in ``filedrop_account``, or else all accounts of the host.

    An account may lack its host keys: they are compared before they are written into the inventory.

    :raises InvalidVariables: a variable is invalid.
    """
    wanted = names_in(variables, "filedrop_account")
    accounts, _jobs = variables.accounts_and_jobs()
    accounts = {name: options for name, options in accounts.items() if options is not None}
    scope = variables.choice("filedrop_key_scope", CHOICES["filedrop_key_scope"][0])
    kind = variables.choice("filedrop_key_type", "ed25519")
    comment = variables.text("filedrop_key_comment") if variables.is_set("filedrop_key_comment") else None
    grace = variables.seconds("filedrop_key_grace", GRACE)
    interval = variables.seconds("filedrop_key_interval", INTERVAL)
    variables.path("filedrop_onboard_folder")
    chosen = {name: options for name, options in accounts.items() if wanted is None or name in wanted}
    inventory = read_inventory(chosen, {}, Host(name="", scheduler=ON_REQUEST), variables.problems)
    if variables.problems:
        raise InvalidVariables(variables.problems)
    is_shared = scope == "account"
    found = {}
    for name, account in inventory.accounts.items():
        options, secrets = without_secrets(chosen[name], account)
        found[name] = {
            "name": name,
            "options": options,
            "secrets": secrets,
            "generated": account.generates,
            "shared": is_shared,
            "key_type": kind,
            "key_comment": f"filedrop@{name if is_shared else host}" if comment is None else comment,
        }
    return ChosenAccounts(found, list(accounts), wanted, is_shared, grace, interval)


def require_accounts(choices: Iterable[Mapping[str, Any]]) -> None:
    """Require that the hosts of a play have accounts, and that each account that is named exists on one of them.

    :raises InvalidVariables: there is nothing to do.
    """
    choices = list(choices)
    known = sorted({name for each in choices for name in each["known"]})
    wanted = [name for each in choices for name in each["named"] or ()]
    problems = []
    for name in wanted:
        if name not in known:
            near = nearest(name, known)
            hint = f" Did you mean {near}?" if near else ""
            problems.append(
                f"filedrop_account: {name!r} is not defined in filedrop_accounts, which has: "
                f"{', '.join(known) or 'none'}.{hint}"
            )
    if not problems and not any(each["accounts"] for each in choices):
        problems.append("filedrop_accounts: there is no account. Define one, or choose other hosts with --limit.")
    if problems:
        raise InvalidVariables(problems)


@dataclass(frozen=True)
class Share:
    """Say which host gives the key of an account, and to whom.

    :ivar source: the suffix of the key that is given.
    :ivar makes: the host makes the key first.
    """

    giver: str
    source: str
    takers: list[str] = field(default_factory=list)
    makes: bool = False


def share_of(account: str, states: States, suffix: str) -> Share | None:
    """Decide who gives the key of an account to the hosts that lack it; None if no host does.

    :param states: of the hosts that answered, in the order of the play.
    :param suffix: empty for the key in use, ``.new`` for the new one.
    :raises InvalidVariables: the hosts have different keys.
    """
    in_use = {host: _print_of(state, "key") for host, state in states.items() if state.get("key")}
    if suffix == NEW:
        return _share_of_new(account, {host: states[host] for host in in_use}, in_use)
    takers = [host for host in states if host not in in_use]
    if not in_use:
        first, *others = states
        return Share(first, "", others, makes=True)
    ahead = _ahead(account, states, in_use)
    return Share(ahead[0], "", takers) if takers else None


def _share_of_new(account: str, states: States, in_use: Mapping[str, str]) -> Share | None:
    new = {host: _print_of(state, "new") for host, state in states.items() if state.get("new")}
    if len(set(new.values())) > 1:
        raise _differ(account, new, "new keys")
    if new:
        giver, target = next(iter(new.items()))
        takers = [host for host, used in in_use.items() if host not in new and used != target]
        return Share(giver, NEW, takers) if takers else None
    if not in_use:
        return None
    ahead = _ahead(account, states, in_use)
    behind = [host for host, used in in_use.items() if used != in_use[ahead[0]]]
    if behind:
        return Share(ahead[0], "", behind)
    if all(state["stage"] == "current" and state["due"] for state in states.values()):
        first, *others = in_use
        return Share(first, NEW, others, makes=True)
    return None


def _ahead(account: str, states: States, in_use: Mapping[str, str]) -> list[str]:
    """Return the hosts with the newest key: the one whose predecessor the others use.

    :raises InvalidVariables: the hosts have keys of which neither is the predecessor of the other.
    """
    found = list(in_use)
    if len(set(in_use.values())) == 1:
        return found
    for host, used in in_use.items():
        before = {_print_of(states[host], "old"), *(key["fingerprint"] for key in states[host].get("retired") or ())}
        if all(other == used or other in before for other in in_use.values()):
            return [each for each in found if in_use[each] == used]
    raise _differ(account, in_use, "keys")


def _print_of(state: Mapping[str, Any], which: str) -> str:
    return str((state.get(which) or {}).get("fingerprint", ""))


def _differ(account: str, prints: Mapping[str, str], what: str) -> InvalidVariables:
    told = ", ".join(f"{host} has {fingerprint}" for host, fingerprint in prints.items())
    finding = f"filedrop_key_scope: the hosts have different {what} for the account {account} ({told})"
    way_out = (
        "With the value account, all hosts have one key. Move the key pairs that the provider does not need away from "
        "/etc/filedrop/keys, and run this again. Or remove filedrop_key_scope."
    )
    return InvalidVariables([f"{finding}. {way_out}"])
