#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: look_at_host
short_description: Compare a host with what the role would deploy
version_added: 1.0.0
description:
  - Part of the role P(courier.filedrop.filedrop#role). It is not meant for playbooks, and may change in any release.
  - Looks at everything that the role puts on a host, and changes nothing.
options:
  entry:
    description: The entry point of the role.
    type: str
    choices: [main, jobs, keys]
    required: true
  user:
    description: The user that the jobs run as.
    type: str
    required: true
  groups:
    description: The groups that the role is about to give to that user.
    type: list
    elements: str
    required: true
  scheduler:
    description: The service that starts the jobs.
    type: str
    choices: [auto, systemd, cron]
    required: true
  library:
    description: Where the Python libraries come from.
    type: str
    choices: [system, venv]
    required: true
  libraries:
    description: The Python libraries that the accounts need.
    type: list
    elements: str
    choices: [paramiko, urllib3]
    required: true
  requirements:
    description: The packages that the virtual environment must have, one a line.
    type: str
    required: true
  command:
    description: The SHA-256 of the command.
    type: str
    required: true
  key_type:
    description: The type of generated key pairs.
    type: str
    choices: [ecdsa, ed25519, rsa]
    required: true
  key_comment:
    description: The comment of generated key pairs.
    type: str
    required: true
  paths:
    description: The paths of the deployment on the host, by what they are.
    type: dict
    required: true
  plans:
    description:
      - The plans for the cases that are possible, each with the options of the module C(apply_plan) except its secrets.
    type: list
    elements: dict
    required: true
  secrets:
    description: The files with secrets that all plans have.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: Its content.
        type: str
        required: true
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
    details:
      - What is missing is only a warning, because another task of the same play may create it.
  diff_mode:
    support: none
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Look at the host
  courier.filedrop.__internal.look_at_host:
    entry: main
  register: looked
"""

RETURN = r"""
problems:
  description: Why the jobs cannot work on this host.
  returned: always
  type: list
  elements: str
  sample: []
differs:
  description: The parts of the deployment that differ.
  returned: success
  type: list
  elements: str
  sample: [command, plan]
taken_off:
  description: The jobs on the host that are no longer in the inventory.
  returned: success
  type: list
  elements: str
  sample: [old]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._look import look


def main() -> None:
    look(
        AnsibleModule(
            argument_spec={
                "entry": {"type": "str", "choices": ["main", "jobs", "keys"], "required": True},
                "user": {"type": "str", "required": True},
                "groups": {"type": "list", "elements": "str", "required": True},
                "scheduler": {"type": "str", "choices": ["auto", "systemd", "cron"], "required": True},
                "library": {"type": "str", "choices": ["system", "venv"], "required": True},
                "libraries": {
                    "type": "list",
                    "elements": "str",
                    "choices": ["paramiko", "urllib3"],
                    "required": True,
                },
                "requirements": {"type": "str", "required": True},
                "command": {"type": "str", "required": True},
                "key_type": {
                    "type": "str",
                    "choices": ["ecdsa", "ed25519", "rsa"],
                    "required": True,
                    "no_log": False,
                },
                "key_comment": {"type": "str", "required": True, "no_log": False},
                "paths": {"type": "dict", "required": True},
                "plans": {"type": "list", "elements": "dict", "required": True},
                "secrets": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "no_log": False,
                    "options": {
                        "path": {"type": "path", "required": True},
                        "content": {"type": "str", "required": True, "no_log": True},
                    },
                },
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
