#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


DOCUMENTATION = r"""
module: place
short_description: Put a file into the folder from which a partner fetches
version_added: 1.0.0
description:
  - For the host of a drop box server. Copies one file into the C(pickup) folder of an account, whole or not at all, and
    never over another file. The file gets the group of that folder and the mode C(0640), so the server can read it.
  - The ledger remembers what was placed. A file that was placed before with the same content is not placed again.
  - The command C(filedrop status) shows which placed files still lie there, and when the others were fetched.
options:
  src:
    description:
      - The absolute path of the file on the managed host. It stays.
    type: path
    required: true
  account:
    description:
      - The name of the partner's account on the server.
    type: str
    required: true
  root:
    description:
      - The folder of the account. Default is the one of the role P(courier.filedrop.filedrop_server#role), which is
        C(/srv/filedrop) and the name of the account.
    type: path
  folder:
    description:
      - The folder inside the account, from which the partner fetches.
    type: str
    default: pickup
  name:
    description:
      - The name that the file gets there. Default is its own name.
    type: str
  again:
    description:
      - Place the file even if it was placed before with the same content.
    type: bool
    default: false
extends_documentation_fragment:
  - courier.filedrop.attributes
  - courier.filedrop.job.ledger
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: courier.filedrop.dropoff
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Give the partner the report of the day
  courier.filedrop.place:
    src: /srv/erp/reports/2026-04-10.xml
    account: "2001234"

- name: The same under another name
  courier.filedrop.place:
    src: /srv/erp/reports/2026-04-10.xml
    account: "2001234"
    name: report.xml
"""

RETURN = r"""
summary:
  description: The number of files with each outcome, and C(bytes) and C(seconds).
  returned: when the account has such a folder
  type: dict
  sample:
    delivered: 1
    skipped: 0
    waiting: 0
    held: 0
    failed: 0
    bytes: 20480
    seconds: 0.1
files:
  description:
    - The file with its RV(files[].outcome), as M(courier.filedrop.dropoff) returns it.
  returned: when the account has such a folder
  type: list
  elements: dict
  contains:
    name:
      description: The name of the file.
      type: str
      sample: 2026-04-10.xml
    local_path:
      description: Where the file is.
      type: str
      sample: /srv/erp/reports/2026-04-10.xml
    remote_path:
      description: Where its copy is, inside the folder of the account.
      type: str
      sample: pickup/report.xml
    size:
      description: Its size in bytes.
      type: int
      sample: 20480
    sha256:
      description: The SHA-256 of the copy.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    verified_by:
      description: What showed that the copy is complete.
      type: str
      sample: size
    outcome:
      description: One of V(failed), V(held), V(waiting), V(delivered) and V(skipped).
      type: str
      sample: delivered
    reason:
      description: A stable code for the reason, such as V(name_taken) if another file lies there under this name.
      type: str
      sample: ""
    message:
      description: The reason as a sentence, with what to do about it. It may be empty.
      type: str
      sample: ""
notes:
  description: Further information about the run.
  returned: when the account has such a folder
  type: list
  elements: str
  sample: []
reason:
  description: A stable code for the reason why the task failed.
  returned: on failure
  type: str
  sample: files_blocked
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._module import LEDGER_SPEC
from ansible_collections.courier.filedrop.plugins.module_utils._transfer import place


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **LEDGER_SPEC,
            "src": {"type": "path", "required": True},
            "account": {"type": "str", "required": True},
            "root": {"type": "path"},
            "folder": {"type": "str", "default": "pickup"},
            "name": {"type": "str"},
            "again": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    place(module)


if __name__ == "__main__":
    main()
