# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the keys of a host's accounts, hand them over, and rotate them: for the playbooks onboard and rotate_keys."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ._engine._paramiko import IMPORT_ERROR as NO_PARAMIKO
from ._engine.config.accounts.account import Account
from ._engine.config.files import GivenConfiguration
from ._engine.errors import FiledropError
from ._engine.keys import handover, pair, rotation
from ._engine.keys.spec import KeyPairSpec
from ._engine.run.access import Login, Terms, log_in, offered, take_step
from ._module import be_able_to_connect, iso, key_file, run_module

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

Result = dict[str, Any]


def account_keys(module: AnsibleModule) -> None:
    """Take a step for each account in the module's options. The error of one account does not stop the others."""
    run_module(module, lambda: _all(module), offline=True)


BY_HAND = "A certificate belongs to the key. To replace it, make another key, and let the provider sign it."


class _Asked(NamedTuple):
    """One account of the module's options.

    :ivar wanted: the pair at the path of the key in use; None if the role does not make the account's key.
    """

    name: str
    given: Mapping[str, Any]
    options: Mapping[str, Any]
    wanted: KeyPairSpec | None

    @property
    def rotated(self) -> KeyPairSpec | None:
        """The same; None if it is not rotated, because a certificate belongs to it."""
        return None if self.options.get("certificate_file") else self.wanted

    @property
    def shared(self) -> KeyPairSpec | None:
        """The pair at the path that the suffix of a handover names; None if that key is not made."""
        wanted = self.rotated if self.given["suffix"] else self.wanted
        return replace(wanted, path=f"{wanted.path}{self.given['suffix']}") if wanted is not None else None

    @property
    def account(self) -> Account:
        return GivenConfiguration({self.name: self.options}, {}).account(self.name)


def _all(module: AnsibleModule) -> Result:
    given = module.params
    if not (module.check_mode and NO_PARAMIKO):
        for each in given["accounts"]:
            be_able_to_connect(each["options"])
    found = [_one(module, each) for each in given["accounts"]]
    return {"changed": any(each.pop("changed") for each in found), "accounts": found}


def _one(module: AnsibleModule, given: Mapping[str, Any]) -> Result:
    keys = module.params["keys"]
    options = {**given["options"], **given["secrets"]}
    if "private_key" in options:
        options["private_key_file"] = key_file(module, options.pop("private_key"), f"key-{given['name']}")
    asked = _Asked(given["name"], given, options, _wanted(given, keys) if given["generated"] else None)
    result = {"account": asked.name, "changed": False, "reason": "", "message": ""}
    try:
        return {**result, **_STEPS[module.params["step"]](module, asked)}
    except FiledropError as error:
        return {**result, "reason": error.reason, "message": str(error), "login": "unknown"}


def _wanted(given: Mapping[str, Any], keys: str) -> KeyPairSpec:
    """Return the pair of an account. It belongs to the owner of the folder, who is the user that reads the keys."""
    uid = gid = None
    if os.geteuid() == 0 and os.path.isdir(keys):
        status = os.stat(keys)
        uid, gid = status.st_uid, status.st_gid
    return KeyPairSpec(
        os.path.join(keys, given["name"]),
        type=given["key_type"],
        comment=given["key_comment"],
        passphrase=given["secrets"].get("passphrase"),
        uid=uid,
        gid=gid,
    )


def _look(module: AnsibleModule, asked: _Asked) -> Result:
    """Describe an account: its server, its key, the host keys on offer, and whether the login works."""
    if module.check_mode and NO_PARAMIKO:
        return {"login": "untried", "message": "The SSH library is not installed on this host yet.", "offered": []}
    account = asked.account
    described = _described(asked, account)
    if asked.wanted is not None and described["stage"] == "missing":
        return {**described, "login": "untried", "message": "There is no key yet.", "offered": offered(account)}
    return {**described, **_told(log_in(account)), "offered": offered(account)}


def _described(asked: _Asked, account: Account) -> Result:
    server = account.root or f"{account.host} port {account.port}"
    found = {"protocol": account.protocol, "server": server, "username": account.username}
    if asked.wanted is None:
        return {**found, "generated": False, "stage": "", "key": None, "new": None, "old": None, "retired": []}
    state = rotation.look(asked.wanted.path, asked.wanted.passphrase)
    return {**found, "generated": True, **state.as_dict(time.time())}


def _told(login: Login) -> Result:
    certificate = (login.server or {}).get("certificate") or {}
    return {**login.as_dict(), "certificate": certificate.get("fingerprint")}


def _rotate(module: AnsibleModule, asked: _Asked) -> Result:
    """Take the next step of the rotation of an account's key."""
    account = asked.account
    if asked.rotated is None:
        return {**_described(asked, account), "next_step": BY_HAND, "step": "", "login": "untried", "offered": []}
    given, now = module.params, time.time()
    terms = Terms(given["grace"], given["interval"], now)
    taken = take_step(asked.rotated, account, terms, check=module.check_mode, may_make=not asked.given["shared"])
    due = taken.state.due_at(grace=terms.grace, interval=terms.interval)
    return {
        **_described(asked, account),
        "changed": bool(taken.step),
        "step": taken.step,
        "due": iso(due) if due > now else None,
        "retired_key": taken.retired,
        "offered": [],
        **(_told(taken.login) if taken.login else {"login": "untried"}),
    }


# --- one key for all hosts


def _request(module: AnsibleModule, asked: _Asked) -> Result:
    """Describe the keys of an account, and ask for one that is missing: for the key in use, or for the new one."""
    if asked.wanted is None or asked.shared is None or (module.check_mode and NO_PARAMIKO):
        return {"stage": "missing", "key": None, "new": None, "old": None, "retired": [], "request": ""}
    suffix = asked.given["suffix"]
    if suffix and not module.check_mode:
        rotation.mend(asked.wanted)
    state = rotation.look(asked.wanted.path, asked.wanted.passphrase)
    lacks = state.key is None if suffix == "" else state.key is not None and state.new is None
    asks = lacks and not module.check_mode
    due = state.due_at(grace=module.params["grace"], interval=module.params["interval"])
    return {
        **state.as_dict(time.time()),
        "due": bool(due <= time.time()),
        "request": handover.request(asked.shared) if asks else "",
    }


def _give(module: AnsibleModule, asked: _Asked) -> Result:
    """Make the shared key if it is missing, and encrypt it for each host that has asked for it."""
    wanted = asked.shared
    if wanted is None:
        return {}
    made = pair.ensure(wanted, check=module.check_mode) if asked.given["makes"] else None
    sealed = {}
    if not module.check_mode:
        sealed = {host: handover.seal(wanted, public) for host, public in asked.given["requests"].items()}
    return {"changed": bool(made and made.plan.changed), "sealed": sealed}


def _take(module: AnsibleModule, asked: _Asked) -> Result:
    """Put a shared key in place that another host has encrypted for this one."""
    if asked.shared is None:
        return {}
    if not module.check_mode:
        handover.unseal(asked.shared, asked.given["sealed"])
    return {"changed": True}


_STEPS = {"look": _look, "rotate": _rotate, "request": _request, "give": _give, "take": _take}
STEPS = tuple(_STEPS)
