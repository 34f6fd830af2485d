# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_plan
short_description: Plan the files and triggers of a host's accounts and jobs
version_added: 0.1.0
description:
  - Part of the role P(courier.filedrop.filedrop#role). It is not meant for playbooks, and may change in any release.
  - Takes jobs and accounts in the form of the role's variables. Returns the plan that the module
    P(courier.filedrop.apply_plan#module) applies. It runs on the control node, for all jobs at once.
  - It validates with the code of the command C(filedrop). So invalid input is an error before any host changes.
positional: accounts
options:
  _input:
    description: The jobs, by name.
    type: dict
    required: true
  accounts:
    description: The accounts, by name.
    type: dict
    required: true
  host:
    description: The host's name in the inventory. It determines the offset of the host's runs.
    type: str
    required: true
  user:
    description: The user that the jobs run as.
    type: str
    required: true
  scheduler:
    description: The service that starts the jobs.
    type: str
    choices: [systemd, cron]
    default: systemd
  keys_owner:
    description: The owner of keys and passwords on the host.
    type: str
    default: root
  spread:
    description: Seconds over which the runs of hosts with the same calendar event are spread.
    type: int
    required: true
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Show what this host would get
  ansible.builtin.debug:
    msg: >-
      {{ filedrop_jobs
         | courier.filedrop.host_plan(filedrop_accounts, host=inventory_hostname, user='filedrop', spread=300) }}
"""

RETURN = r"""
_value:
  description:
    - Folders, files, secrets, triggers and checks, in the form of the options of the module
      P(courier.filedrop.apply_plan#module), and C(keys), the accounts that need a generated key pair.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.courier.filedrop.plugins.plugin_utils._plan import Host, InvalidVariables, plan


def host_plan(
    jobs: Mapping[str, Any],
    accounts: Mapping[str, Any],
    *,
    host: str,
    user: str,
    spread: int,
    scheduler: str = "systemd",
    keys_owner: str = "root",
) -> dict[str, Any]:
    """Plan the files and triggers of a host's accounts and jobs.

    :raises AnsibleFilterError: a variable is invalid. The error names each one, and shows no secret.
    """
    try:
        about = Host(name=host, user=user, scheduler=scheduler, keys_owner=keys_owner, spread=int(spread))
        return plan(accounts, jobs, about)
    except InvalidVariables as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Register the filter with Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_plan": host_plan}
