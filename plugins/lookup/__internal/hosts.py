# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts
short_description: Validate the variables that choose the hosts of a playbook
version_added: 1.0.0
description:
  - Part of the playbooks of this collection. It is not meant for other playbooks, and may change in any release.
  - Returns the pattern of hosts, after it has validated each of its names. Ansible ignores a name that matches nothing.
options:
  _terms:
    description: The value of the variable filedrop_hosts, a pattern of hosts or a list of patterns.
    type: raw
    required: true
  serial:
    description: The value of the variable filedrop_serial.
    type: raw
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Deploy jobs
  hosts: "{{ lookup('courier.filedrop.__internal.hosts', filedrop_hosts | default('all')) }}"
"""

RETURN = r"""
_raw:
  description: The pattern of hosts.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import split_host_pattern
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible_collections.courier.filedrop.plugins.plugin_utils._batches import InvalidChoice, chosen, require_batches


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the pattern of hosts in ``terms``."""
        groups = (variables or {})["groups"]
        search = lookup_loader.get("ansible.builtin.inventory_hostnames", loader=self._loader, templar=self._templar)
        try:
            require_batches(kwargs.get("serial", "100%"))
            patterns = split_host_pattern(
                [each for term in terms for each in (term if isinstance(term, list) else [term])]
            )
            return [chosen(patterns, groups, lambda pattern: search.run([pattern], variables))]
        except InvalidChoice as error:
            raise AnsibleLookupError(str(error)) from None
