# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection's actions share. They validate on the control node, and then run a module on the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ._variables import Variables

MODULES = "courier.filedrop.__internal"
"""Ansible lists no plugins in folders whose names begin with two underscores: these are not for playbooks of users."""


class FiledropAction(ActionBase):  # type: ignore[misc]
    """An action of the role or the playbooks. It takes most of its input from the variables of the host."""

    def variables(self, task_vars: Mapping[str, Any]) -> Variables:
        """Return the host's variables that begin with ``filedrop_``."""
        return Variables(task_vars, lambda name: self._templar.template(task_vars[name]))

    def on_host(self, module: str, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Run an internal module on the host, and return its result."""
        return dict(
            self._execute_module(module_name=f"{MODULES}.{module}", module_args=dict(options), task_vars=task_vars)
        )


def refused(problems: list[str]) -> dict[str, Any]:
    """Return the result of a task that has found mistakes: one message, one line each."""
    return {"failed": True, "msg": "\n".join(problems)}
