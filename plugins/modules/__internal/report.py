#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Ask the command filedrop of a host how its jobs are, and what became of its files
version_added: 1.0.0
description:
  - Part of the playbook C(courier.filedrop.report). It is not meant for other playbooks, and may change in any release.
  - It fails for no host. A host without the command, or with a lost ledger, is described as such.
options:
  since:
    description: Only files that changed then or later, in ISO 8601. Files that still need work are always included.
    type: str
    required: true
  files:
    description: The maximum number of files.
    type: int
    required: true
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
    details:
      - The module changes nothing.
  diff_mode:
    support: none
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Ask filedrop on the host
  courier.filedrop.__internal.report:
    step: gather
    since: "2026-10-30T08:00:00Z"
    files: 10000
"""

RETURN = r"""
began:
  description: What the clock of the host showed at the beginning, in seconds since 1970.
  returned: success
  type: float
  sample: 1796000000.25
ended:
  description: What it showed at the end.
  returned: success
  type: float
  sample: 1796000000.75
packed:
  description: What the command answered, as compressed JSON in Base64.
  returned: success
  type: str
  sample: eJyrVspNLS5OTE9VslKqrAUAIukFBg==
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._report import report


def main() -> None:
    report(
        AnsibleModule(
            argument_spec={
                "since": {"type": "str", "required": True},
                "files": {"type": "int", "required": True},
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
