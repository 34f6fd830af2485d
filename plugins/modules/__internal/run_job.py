#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: run_job
short_description: Run a job of the inventory
version_added: 1.0.0
description:
  - Part of the playbooks C(courier.filedrop.dropoff), C(courier.filedrop.pickup) and C(courier.filedrop.export). It
    is not meant for other playbooks, and may change in any release.
options:
  name:
    description: The job's name.
    type: str
    required: true
  job:
    description: The job's options, as in its file on a host.
    type: dict
    required: true
  account:
    description: The options of its account, without secrets.
    type: dict
    required: true
  secrets:
    description: The account's C(private_key), C(passphrase) and C(password), as far as it has them.
    type: dict
    default: {}
  ledger:
    description: The path of the ledger on the host.
    type: path
  export:
    description: What a person has chosen for an export by hand. Empty for a run of the job.
    type: dict
    default: {}
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
    details:
      - The module connects, and predicts the outcome of each file.
  diff_mode:
    support: full
    details:
      - Lists the paths of the files on both sides before and after, never their content.
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Send the invoices
  courier.filedrop.__internal.run_job:
    direction: dropoff
    job: invoices
"""

RETURN = r"""
told:
  description: What became of the files, in one line.
  returned: when the job could start
  type: str
  sample: "invoices: 3 delivered"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._transfer import transfer_of_inventory


def main() -> None:
    transfer_of_inventory(
        AnsibleModule(
            argument_spec={
                "name": {"type": "str", "required": True},
                "job": {"type": "dict", "required": True},
                "account": {"type": "dict", "required": True, "no_log": False},
                "secrets": {"type": "dict", "default": {}, "no_log": True},
                "ledger": {"type": "path"},
                "export": {"type": "dict", "default": {}},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
