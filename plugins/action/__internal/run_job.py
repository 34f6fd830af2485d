# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run jobs of the inventory from a play, for the playbooks ``dropoff`` and ``pickup``.

With ``direction`` alone, it chooses and validates the jobs of a host. With ``choices``, it requires that the hosts have
jobs to run. With ``job``, it runs one of them on the host. With ``results``, it reports what became of the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._action import FiledropAction, refused
from ansible_collections.courier.filedrop.plugins.plugin_utils._choice import Choice, choose, require_jobs
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import plain


class ActionModule(FiledropAction):
    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = super().run(tmp, task_vars)
        given = plain(self._task.args)
        try:
            if "results" in given:
                return {**found, **_report(given["results"])}
            if "choices" in given:
                require_jobs(given["direction"], given["choices"])
                return found
            choice = choose(self.variables(task_vars or {}), given["direction"])
        except InvalidVariables as error:
            return {**found, **refused(error.problems)}
        if "job" in given:
            return {**found, **self._run(choice, given["job"], task_vars or {})}
        return {**found, "jobs": list(choice.requests), **_about(choice)}

    def _run(self, choice: Choice, name: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        request = choice.requests[name]
        ledger = self.variables(task_vars).get("filedrop_ledger")
        options = {"name": name, "job": request.job, "account": request.account, "secrets": request.secrets}
        return self.on_host("run_job", {**options, "ledger": ledger}, task_vars)


def _about(choice: Choice) -> dict[str, Any]:
    return {"known": choice.known, "disabled": choice.disabled, "named": choice.named}


def _report(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Say in one message what became of the files of each job. It fails if one of them failed."""
    lines = [str(each.get("told") or f"{each['item']}: {each.get('msg', 'no result')}") for each in results]
    if any(each.get("failed") for each in results):
        return {"failed": True, "msg": "\n".join(lines)}
    return {"msg": lines, "_ansible_verbose_always": True}
