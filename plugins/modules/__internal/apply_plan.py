#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apply_plan
short_description: Put accounts, jobs and their triggers in place in one step
version_added: 1.0.0
description:
  - Part of the roles P(courier.filedrop.filedrop#role) and P(courier.filedrop.filedrop_server#role). It is not meant
    for playbooks, and may change in any release.
  - Writes all files for a host's accounts and jobs, removes those that are no longer in the inventory, and starts and
    stops timers and path units. It does so in one call for all jobs, with one diff.
  - Everything is checked before anything is changed. A job's service is never started, stopped or restarted, so active
    transfers continue.
options:
  folders:
    description: The folders to create, parent folders first.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Its owner.
        type: str
        default: root
      group:
        description: Its group.
        type: str
        default: root
      mode:
        description: Its permissions, as octal digits.
        type: str
        required: true
  files:
    description: The files to write.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Its owner.
        type: str
        default: root
      group:
        description: Its group.
        type: str
        default: root
      mode:
        description: Its permissions, as octal digits.
        type: str
        required: true
      content:
        description: Its content.
        type: str
        required: true
  secrets:
    description: Files that only their owner can read. Their content is never shown.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Its owner.
        type: str
        default: root
      group:
        description: Its group. The group cannot read the file.
        type: str
        default: root
      content:
        description: Its content.
        type: str
        required: true
  kept:
    description: Files that keep their content, and get this owner, group and mode. Missing files are not created.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Its owner.
        type: str
        default: root
      group:
        description: Its group.
        type: str
        default: root
      mode:
        description: Its permissions, as octal digits.
        type: str
        required: true
  exclusive:
    description:
      - Patterns of paths. A matching file that is in neither O(files), O(secrets) nor O(kept) is removed.
    type: list
    elements: str
    default: []
  triggers:
    description:
      - Map the name of each unit that starts a job (a timer or a path unit) to whether it is enabled and started.
      - Other units are stopped when O(exclusive) removes them.
    type: dict
    default: {}
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - For secrets, it shows that they differ, never their content.
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Stop the timers of all jobs
  courier.filedrop.__internal.apply_plan:
    exclusive:
      - /etc/systemd/system/filedrop@*.timer
"""

RETURN = r"""
written:
  description: Paths of the folders and files that were created or changed.
  returned: success
  type: list
  elements: str
  sample: [/etc/filedrop/jobs/invoices.json]
removed:
  description: Paths of the files that were removed.
  returned: success
  type: list
  elements: str
  sample: [/etc/filedrop/jobs/old.json]
started:
  description: Timers and path units that were enabled and started.
  returned: success
  type: list
  elements: str
  sample: [filedrop@invoices.timer]
stopped:
  description: Timers and path units that were stopped and disabled.
  returned: success
  type: list
  elements: str
  sample: [filedrop@old.timer]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._apply_plan import apply_plan

_PLACE: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "required": True},
}
_CONTENT: dict[str, Any] = {"type": "str", "required": True}


def main() -> None:
    apply_plan(
        AnsibleModule(
            argument_spec={
                "folders": {"type": "list", "elements": "dict", "default": [], "options": _PLACE},
                "files": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "options": {**_PLACE, "content": _CONTENT},
                },
                "secrets": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "no_log": False,
                    "options": {
                        "path": {"type": "path", "required": True},
                        "owner": {"type": "str", "default": "root"},
                        "group": {"type": "str", "default": "root"},
                        "content": {"type": "str", "required": True, "no_log": True},
                    },
                },
                "kept": {"type": "list", "elements": "dict", "default": [], "options": _PLACE},
                "exclusive": {"type": "list", "elements": "str", "default": []},
                "triggers": {"type": "dict", "default": {}},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
