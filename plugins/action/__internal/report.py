# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather what the hosts of a fleet tell, and write the report, for the playbook ``report``.

With ``step: choose``, it validates the variables. With ``step: gather``, it runs the module on the host, and keeps the
answer in a temporary file of this run of Ansible: it may have megabytes, and a variable with it would slow Ansible
down. With ``step: write``, it writes the folder on the control node.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._action import FiledropAction, refused
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.findings import headline
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.fleet.asking import (
    Wanted,
    answer_of,
    clock_ahead,
    lines_of,
    wanted,
)
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.fleet.document import Period, document_of
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.folder import PAGE, write
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import plain

_Result = dict[str, Any]


class ActionModule(FiledropAction):
    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> _Result:
        found: _Result = super().run(tmp, task_vars)
        about = task_vars or {}
        given = plain(self._task.args)
        if given["step"] == "gather":
            return {**found, **self._gather(given, about)}
        try:
            variables = self.variables(about)
            choice = wanted(variables, time.time(), len(given.get("hosts", ())))
        except InvalidVariables as error:
            return {**found, **refused(error.problems)}
        if given["step"] == "choose":
            more = {"warnings": variables.problems} if variables.problems else {}
            return {**found, **more, "since": choice.since, "files": choice.files}
        try:
            return {**found, **self._write(given, choice, about["hostvars"])}
        except OSError as error:
            text = f"The report cannot be written to {choice.folder!r}: {error.strerror or error}."
            return {**found, **refused([f"{text} Set filedrop_report_folder to a folder of yours."])}

    def _gather(self, given: Mapping[str, Any], about: Mapping[str, Any]) -> _Result:
        before = time.time()
        result = self.on_host("report", {"since": given["since"], "files": given["files"]}, about)
        after = time.time()
        packed = result.pop("packed", None)
        if not isinstance(packed, str):
            return result
        path = _kept(str(about["inventory_hostname"]))
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(packed)
        clock = clock_ahead(result.get("began"), result.get("ended"), before, after)
        variables = self.variables(about)
        addresses = [variables.get(name) for name in ("inventory_hostname", "ansible_host", "filedrop_server_host")]
        return {"changed": False, "clock_ahead": clock, "addresses": [each for each in addresses if each]}

    def _write(self, given: Mapping[str, Any], choice: Wanted, variables: Mapping[str, Any]) -> _Result:
        check = bool(self._task.check_mode)
        answers = (answer_of(host, _asked(variables[host]), _kept(host), choice.files) for host in given["hosts"])
        document = document_of(answers, Period(time.time(), given["since"]), limit=given["limit"])
        changed = write(choice.folder, document, check=check)
        shutil.rmtree(os.path.dirname(_kept("")), ignore_errors=True)
        where = os.path.join(choice.folder, PAGE)
        lines = [f"{headline(document)}.", *lines_of(document)]
        lines.append(f"The report {'would be written to' if check else 'is in'} {where}.")
        return {"changed": changed, "msg": lines, "path": where, "_ansible_verbose_always": True}


def _asked(variables: Mapping[str, Any]) -> _Result:
    """Return what is needed of the task that asked a host."""
    result = variables.get("__filedrop_asked") or {}
    return {
        name: plain(result.get(name)) for name in ("msg", "unreachable", "module_stderr", "clock_ahead", "addresses")
    }


def _kept(host: str) -> str:
    """Return the path of the answer of a host. The processes of this run of Ansible share the folder."""
    name = hashlib.sha256(host.encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(constants.DEFAULT_LOCAL_TMP, "filedrop-report", name)
