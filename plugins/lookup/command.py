# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: command
short_description: Build the command filedrop on the control node
version_added: 1.0.0
description:
  - Builds the command C(filedrop), one executable file, from the engine in this collection. Returns its path on the
    control node. Ansible removes the file when it ends.
  - The build is reproducible. The same engine gives the same bytes, so a second deployment changes nothing.
  - The role P(courier.filedrop.filedrop#role) copies it to the hosts.
options:
  _terms:
    description: For each command to build, the path of the Python interpreter on the host.
    type: list
    elements: str
    required: true
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Install the command on a host
  ansible.builtin.copy:
    src: "{{ lookup('courier.filedrop.command', '/usr/bin/python3') }}"
    dest: /usr/local/bin/filedrop
    owner: root
    group: root
    mode: "0755"
"""

RETURN = r"""
_list:
  description: The paths of the commands, on the control node.
  type: list
  elements: str
"""

from typing import Any

from ansible import constants
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.courier.filedrop.plugins.plugin_utils._command import built_command


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the paths of the commands for the interpreters in ``terms``."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            return [built_command(str(python), constants.DEFAULT_LOCAL_TMP) for python in terms]
        except ValueError as error:
            raise AnsibleLookupError(str(error)) from None
