# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_plan
short_description: What a host gets for its accounts and jobs
version_added: 0.1.0
description:
  - Part of the role P(courier.filedrop.filedrop#role). It is not meant for playbooks, and may change in any release.
  - Takes jobs and accounts as the role takes them, and returns what the module P(courier.filedrop.apply_plan#module)
    puts in place. All of it is done on the control node, for all jobs at once.
  - What the command C(filedrop) would refuse is refused here, before anything changes on any host.
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
    description: The host's name in the inventory. Its runs are offset by it.
    type: str
    required: true
  user:
    description: The user that the jobs run as.
    type: str
    required: true
  scheduler:
    description: What starts the jobs.
    type: str
    choices: [systemd, cron]
    default: systemd
  keys_owner:
    description: Who owns keys and passwords on the host.
    type: str
    default: root
  spread:
    description: Seconds over which hosts are spread that have the same calendar event.
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
    - Folders, files, secrets, what starts the jobs, and what is to be checked, as the module
      P(courier.filedrop.apply_plan#module) takes them, and C(keys), the accounts that need a generated key pair.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.courier.filedrop.plugins.plugin_utils._plan import Host, Refused, plan


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
    """What a host gets for its accounts and jobs.

    :raises AnsibleFilterError: they cannot be meant as they stand; it names each variable, and shows no secret.
    """
    try:
        about = Host(name=host, user=user, scheduler=scheduler, keys_owner=keys_owner, spread=int(spread))
        return plan(accounts, jobs, about)
    except Refused as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_plan": host_plan}
