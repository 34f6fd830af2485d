# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply the plan of a host, for the roles. With ``looked``, the plan is made from the host's variables.

So the plan of the role ``filedrop``, which has secrets, is in no variable and no result.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._action import FiledropAction, refused
from ansible_collections.courier.filedrop.plugins.plugin_utils._deployment import Deployment
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import plain

_OPTIONS = ("folders", "files", "secrets", "kept", "exclusive", "triggers")


class ActionModule(FiledropAction):
    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = super().run(tmp, task_vars)
        about = task_vars or {}
        options = plain(self._task.args)
        looked = options.pop("looked", None)
        if looked is not None:
            try:
                deployment = Deployment(self.variables(about), str(about["inventory_hostname"]))
                plan = deployment.plan(looked["scheduler"], looked["keys_owner"])
            except InvalidVariables as error:
                return {**found, **refused(error.problems)}
            options = {name: plan[name] for name in _OPTIONS}
        return {**found, **self.on_host("apply_plan", options, about)}
