# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate the variables of a host on the control node, and look at the host once, for the role ``filedrop``.

What is wrong is in ``problems`` of the result, and the task does not fail: an unreachable host is no reason to stop the
others, and a mistake is. ``differs`` names what the role has to change. For other entries than the three that deploy
something, the variables alone are validated, and the host is not asked: for ``plan`` all of them, and then the task
fails.
"""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._action import FiledropAction, refused
from ansible_collections.courier.filedrop.plugins.plugin_utils._deployment import Deployment, require_removable

_ENTRIES = ("main", "keys", "jobs")
_NOTHING = "There are no accounts and no jobs for this host, so nothing is installed on it."
_ANSWERS = ("seen", "scheduler", "keys_owner", "problems", "differs", "taken_off")


class ActionModule(FiledropAction):
    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = super().run(tmp, task_vars)
        about = task_vars or {}
        entry = str(self._task.args["entry"])
        found.update(changed=False, problems=[], differs=[])
        try:
            if entry not in (*_ENTRIES, "plan"):
                require_removable(self.variables(about))
                return found
            deployment = Deployment(self.variables(about), str(about["inventory_hostname"]), pins_later=entry == "keys")
        except InvalidVariables as error:
            return {**found, **(refused(error.problems) if entry == "plan" else {"problems": error.problems})}
        if entry == "plan":
            return found
        answer = self.on_host("look_at_host", deployment.question(entry, constants.DEFAULT_LOCAL_TMP), about)
        if is_refusal(answer):
            return {**found, "problems": [str(answer["msg"])]}
        if answer.get("failed") or answer.get("unreachable") or "seen" not in answer:
            return {**found, **answer}
        case = answer["scheduler"], answer["keys_owner"]
        of_this_case = deployment.refused(*case)
        if deployment.is_empty and not answer["seen"]["configured"]:
            return {**found, "msg": _NOTHING, "_ansible_verbose_always": True}
        found.update({name: answer[name] for name in _ANSWERS}, warnings=answer.get("warnings", []))
        found["packages"] = deployment.packages
        found["problems"] = [*of_this_case, *answer["problems"]]
        if found["problems"]:
            return found
        plan = deployment.plan(*case)
        found.update(keys=plan["keys"], shared_keys=plan["shared_keys"])
        return found


def is_refusal(answer: dict[str, Any]) -> bool:
    """Return whether the module itself has ended with an error. A module that crashed, or never ran, did not.

    ansible-core 2.19 adds the key ``exception`` to every error of a module. Only the module adds its ``invocation``.
    """
    return bool(answer.get("failed")) and "msg" in answer and "invocation" in answer and "module_stderr" not in answer
