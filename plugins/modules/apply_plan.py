#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apply_plan
short_description: Put accounts, jobs, and what starts them in place, in one go
version_added: 0.1.0
description:
  - Part of the role P(courier.filedrop.filedrop#role). It is not meant for playbooks, and may change in any release.
  - Puts everything in place that the role makes of a host's accounts and jobs, takes off what the inventory no longer
    describes, and starts and stops timers and path units, in one call for all jobs, with one difference to look at.
  - Everything is looked at before anything is changed. It never starts, stops or restarts a job's service, so that
    transfers under way go on.
options:
  folders:
    description: The folders to have, those above first.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Whom it belongs to.
        type: str
        default: root
      group:
        description: The group that it belongs to.
        type: str
        default: root
      mode:
        description: Its permissions, as octal digits.
        type: str
        required: true
  files:
    description: The files to have.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Whom it belongs to.
        type: str
        default: root
      group:
        description: The group that it belongs to.
        type: str
        default: root
      mode:
        description: Its permissions, as octal digits.
        type: str
        required: true
      content:
        description: What is in it.
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
        description: Whom it belongs to.
        type: str
        default: root
      group:
        description: The group that it belongs to. It cannot read the file.
        type: str
        default: root
      content:
        description: What is in it.
        type: str
        required: true
  kept:
    description: Files that keep their content, and get these rights. Those that are missing are not made.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Whom it belongs to.
        type: str
        default: root
      group:
        description: The group that it belongs to.
        type: str
        default: root
      mode:
        description: Its permissions, as octal digits.
        type: str
        required: true
  exclusive:
    description:
      - Patterns of paths. A file that fits one of them and is in neither O(files), O(secrets) nor O(kept) is removed.
    type: list
    elements: str
    default: []
  triggers:
    description:
      - By name of a unit that starts a job, a timer or a path unit, whether it is to be enabled and started.
      - Others are stopped when O(exclusive) removes them.
    type: dict
    default: {}
  places:
    description: Folders that the user of the jobs has to be able to use.
    type: list
    elements: dict
    default: []
    suboptions:
      variable:
        description: The variable that names it, for the message.
        type: str
        required: true
      path:
        description: Absolute path.
        type: path
        required: true
      write:
        description: Whether files are made, moved or removed in it.
        type: bool
        required: true
  given_secrets:
    description: Files with secrets that have to be on the host already.
    type: list
    elements: dict
    default: []
    suboptions:
      variable:
        description: The variable that names it, for the message.
        type: str
        required: true
      path:
        description: Absolute path.
        type: path
        required: true
      handed_over:
        description: Whether systemd hands it to the jobs, so that their user need not be able to read it.
        type: bool
        required: true
  user:
    description: The user that the jobs run as.
    type: str
    required: true
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
    details:
      - What the user of the jobs could not do in their folders, and secrets that cannot be had, give warnings only,
        for something else in the same play may be what would change that. Where the user is missing still, it is not
        checked what that user may do.
  diff_mode:
    support: full
    details:
      - Of secrets it shows that they differ, never what they are.
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Put in place what the inventory describes
  vars:
    plan: >-
      {{ filedrop_jobs
         | courier.filedrop.host_plan(filedrop_accounts, host=inventory_hostname, user='filedrop', spread=300) }}
  courier.filedrop.apply_plan:
    user: filedrop
    folders: "{{ plan.folders }}"
    files: "{{ plan.files }}"
    secrets: "{{ plan.secrets }}"
    kept: "{{ plan.kept }}"
    exclusive: "{{ plan.exclusive }}"
    triggers: "{{ plan.triggers }}"
    places: "{{ plan.places }}"
    given_secrets: "{{ plan.given_secrets }}"
"""

RETURN = r"""
written:
  description: Paths of the folders and files that were made or changed.
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
from ansible_collections.courier.filedrop.plugins.module_utils._apply_plan import deploy

_PLACE: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "required": True},
}
_CONTENT: dict[str, Any] = {"type": "str", "required": True}


def main() -> None:
    deploy(
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
                "places": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "options": {
                        "variable": {"type": "str", "required": True},
                        "path": {"type": "path", "required": True},
                        "write": {"type": "bool", "required": True},
                    },
                },
                "given_secrets": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "no_log": False,
                    "options": {
                        "variable": {"type": "str", "required": True},
                        "path": {"type": "path", "required": True},
                        "handed_over": {"type": "bool", "required": True},
                    },
                },
                "user": {"type": "str", "required": True},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
