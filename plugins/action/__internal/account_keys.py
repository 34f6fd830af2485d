# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at keys, hand them over, rotate them and report, for the playbooks ``onboard`` and ``rotate_keys``.

With ``step: choose``, it validates the variables of a host. With ``choices``, it requires that the hosts have accounts.
With ``step: report``, it writes the folder on the control node, and says what is known of each account. Other steps run
the module on the host. No secret and no private key is in a result.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import KEYS, InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._action import FiledropAction, refused
from ansible_collections.courier.filedrop.plugins.plugin_utils._keys import (
    ChosenAccounts,
    Share,
    choose_accounts,
    require_accounts,
    share_of,
)
from ansible_collections.courier.filedrop.plugins.plugin_utils._letter import FOLDER, TEXT, files_of, told
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import plain

_Result = dict[str, Any]


class ActionModule(FiledropAction):
    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        found: _Result = super().run(tmp, task_vars)
        about = task_vars or {}
        given = plain(self._task.args)
        try:
            if "choices" in given:
                require_accounts(given["choices"])
                return found
            chosen = choose_accounts(self.variables(about), str(about["inventory_hostname"]))
            if given["step"] == "choose":
                return {**found, "accounts": list(chosen.accounts), "known": chosen.known, "named": chosen.named}
            if given["step"] == "report":
                folder = self.variables(about).path("filedrop_onboard_folder") or FOLDER
                return {**found, **self._report(given, os.path.abspath(os.path.expanduser(folder)))}
            accounts = self._asked(given, chosen, str(about["inventory_hostname"]))
        except InvalidVariables as error:
            return {**found, **refused(error.problems)}
        if not accounts:
            return {**found, "accounts": []}
        options = {"step": given["step"], "keys": KEYS, "grace": chosen.grace, "interval": chosen.interval}
        result = self.on_host("account_keys", {**options, "accounts": accounts}, about)
        for each in result.get("accounts", ()):
            each["shared"] = chosen.accounts[each["account"]]["shared"]
        return {**found, **result}

    def _asked(self, given: Mapping[str, Any], chosen: ChosenAccounts, host: str) -> list[_Result]:
        """Return the accounts that the module is to look at in this step."""
        accounts = list(chosen.accounts.values())
        if given["step"] in ("look", "rotate"):
            return accounts
        suffix = given["suffix"]
        accounts = [each for each in accounts if each["generated"] and each["shared"]]
        if given["step"] == "request":
            return [{**each, "suffix": suffix} for each in accounts]
        found = []
        for each in accounts:
            states = _by_host(given["requests"], each["name"])
            share = share_of(each["name"], states, suffix) if states else None
            if share is None:
                continue
            if given["step"] == "give" and host == share.giver:
                requests = {taker: states[taker]["request"] for taker in share.takers if states[taker]["request"]}
                found.append({**each, "suffix": share.source, "makes": share.makes, "requests": requests})
            elif given["step"] == "take" and host in share.takers:
                found += self._taken(given, each, share, host)
        return found

    def _taken(self, given: Mapping[str, Any], account: _Result, share: Share, host: str) -> list[_Result]:
        gift = _by_host(given["gifts"], account["name"]).get(share.giver, {}).get("sealed", {})
        if host not in gift and not self._task.check_mode:
            return []
        return [{**account, "suffix": given["suffix"], "sealed": gift.get(host, "")}]

    def _report(self, given: Mapping[str, Any], folder: str) -> _Result:
        results = {host: each["accounts"] for host, each in given["results"].items() if "accounts" in each}
        missing = [host for host in given["hosts"] if host not in results]
        files = files_of(results, is_complete=not missing and not given["partial"])
        changed = _written(folder, files, check=bool(self._task.check_mode))
        lines = [f"{each['account']} on {host}: {told(each)}" for host, found in results.items() for each in found]
        lines += [f"{host}: the host did not answer." for host in missing]
        wrote = {True: "would be written to", False: "is in"}[bool(self._task.check_mode and changed)]
        lines.append(f"What to send to the providers {wrote} {os.path.join(folder, TEXT)}.")
        failed = [
            each
            for found in results.values()
            for each in found
            if each["login"] == "untrusted" or (each["reason"] and "stage" not in each)
        ]
        result: _Result = {"changed": bool(changed), "files": changed, "folder": folder}
        if self._play_context.diff:
            result["diff"] = [
                {"before_header": path, "after_header": path, "before": before, "after": after}
                for path, (before, after) in changed.items()
            ]
        result["files"] = sorted(changed)
        if failed:
            return {**result, "failed": True, "msg": "\n".join(lines)}
        return {**result, "msg": lines, "_ansible_verbose_always": True}


def _by_host(results: Mapping[str, Any], account: str) -> dict[str, _Result]:
    """Return what the module has found of one account, by host."""
    return {
        host: each
        for host, result in results.items()
        for each in result.get("accounts", ())
        if each["account"] == account and not each["reason"]
    }


def _written(folder: str, files: Mapping[str, str | None], *, check: bool) -> dict[str, tuple[str, str]]:
    """Write the files that differ, and remove those that are to be removed. Return the old and new content by path."""
    changed = {}
    for name, content in files.items():
        path = os.path.join(folder, name)
        try:
            with open(path, encoding="utf-8") as file:
                before: str | None = file.read()
        except FileNotFoundError:
            before = None
        if before == content:
            continue
        changed[path] = (before or "", content or "")
        if check:
            continue
        if content is None:
            os.unlink(path)
            continue
        os.makedirs(folder, exist_ok=True)
        beside = f"{path}.{os.getpid()}.part"
        with open(beside, "w", encoding="utf-8") as file:
            file.write(content)
        os.replace(beside, path)
    return changed
