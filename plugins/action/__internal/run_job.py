# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run jobs of the inventory from a play, for the playbooks ``dropoff``, ``pickup`` and ``export``.

With ``direction`` alone, it chooses and validates the jobs of a host. With ``choices``, it requires that the hosts have
jobs to run. With ``job``, it runs one of them on the host. With ``results``, it reports what became of the files.

For the playbook ``export``, ``export`` is true: a person has chosen some files of one job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._action import FiledropAction, refused
from ansible_collections.courier.filedrop.plugins.plugin_utils._choice import (
    Choice,
    choose,
    choose_export,
    require_jobs,
)
from ansible_collections.courier.filedrop.plugins.plugin_utils._progress import WithProgress
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import plain


class ActionModule(WithProgress, FiledropAction):
    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = super().run(tmp, task_vars)
        given = plain(self._task.args)
        is_export = given.get("export") is True
        try:
            if "results" in given:
                return {**found, **_report(given["results"], names_files=is_export)}
            if "choices" in given:
                variable = "filedrop_export_job" if is_export else "filedrop_job"
                require_jobs(given["direction"], given["choices"], variable=variable)
                return found
            variables = self.variables(task_vars or {})
            choice = choose_export(variables) if is_export else choose(variables, given["direction"])
        except InvalidVariables as error:
            return {**found, **refused(error.problems)}
        if "job" in given:
            return {**found, **self._run(choice, given["job"], task_vars or {})}
        return {**found, "jobs": list(choice.requests), **_about(choice)}

    def _run(self, choice: Choice, name: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        request = choice.requests[name]
        ledger = self.variables(task_vars).get("filedrop_ledger")
        options = {"name": name, "job": request.job, "account": request.account, "secrets": request.secrets}
        title = f"{'export' if choice.export else request.job['direction']} {name}"
        with self.progress(title, task_vars):
            return self.on_host("run_job", {**options, "ledger": ledger, "export": choice.export}, task_vars)


def _about(choice: Choice) -> dict[str, Any]:
    return {"known": choice.known, "disabled": choice.disabled, "named": choice.named, "by_hand": choice.by_hand}


def _report(results: list[dict[str, Any]], *, names_files: bool) -> dict[str, Any]:
    """Say in one message what became of the files of each job. It fails if one of them failed.

    :param names_files: name each file, too.
    """
    lines = []
    for each in results:
        lines.append(str(each.get("told") or f"{each['item']}: {each.get('msg', 'no result')}"))
        lines += [_line(file) for file in each.get("files", ()) if names_files]
    if any(each.get("failed") for each in results):
        return {"failed": True, "msg": "\n".join(lines)}
    return {"msg": lines, "_ansible_verbose_always": True}


def _line(file: dict[str, Any]) -> str:
    why = file["message"] or file["reason"] or f"-> {file['remote_path']}"
    return f"{file['outcome']}: {file['name']}: {why}"
