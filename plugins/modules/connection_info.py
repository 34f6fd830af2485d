#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connection_info
short_description: Test the connection to a provider's mailbox, and tell what the server can do
version_added: 0.1.0
description:
  - Connects, logs in, looks at folders, and tells what it found. The host key, versions, algorithms, latency,
    folders and capabilities; or the exact reason why there is no connection.
  - No file is sent or fetched, and nothing is written on the server unless O(probe_dir) is set.
options:
  folders:
    description:
      - Folders on the server to look at, absolute or from the folder that the account logs in to. V(.) is that
        folder itself.
      - Without it, the folders that O(preset) drops off into and picks up from, or else V(.).
    type: list
    elements: str
  probe_dir:
    description:
      - A folder on the server in which the module may write, rename and delete files of its own, to see what the
        server permits. It tries exclusive creation and renaming, and leaves nothing behind.
      - Name no folder that the provider imports files from, or watches.
      - What it learned is kept in O(ledger), where M(courier.filedrop.dropoff) looks for it.
      - Without it, and in check mode, nothing is tried. The capabilities then come from what earlier runs learned.
    type: str
extends_documentation_fragment:
  - courier.filedrop.account
  - courier.filedrop.attributes
  - courier.filedrop.attributes.action_group
  - courier.filedrop.job.ledger
attributes:
  check_mode:
    support: full
    details:
      - In check mode the module connects and looks as ever, and tries nothing in O(probe_dir).
  diff_mode:
    support: N/A
    details:
      - There is nothing to show that would differ.
seealso:
  - module: courier.filedrop.host_keys_info
  - module: courier.filedrop.files_info
  - module: courier.filedrop.keypair
  - module: courier.filedrop.dropoff
  - module: courier.filedrop.pickup
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Test the connection to Amili
  courier.filedrop.connection_info:
    preset: amili_sftp
    username: "2001234"
    private_key_file: /etc/filedrop/keys/amili
    host_keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF
  register: connection

- name: Stop unless both folders are there
  ansible.builtin.assert:
    that: connection.folders | rejectattr('listable') | length == 0
    fail_msg: "The account is not set up yet: {{ connection.folders }}"

- name: Find out whether a server permits to rename files, in a folder that nobody watches
  courier.filedrop.connection_info:
    host: sftp.example.com
    username: acme
    private_key_file: ~/.ssh/bank
    host_keys: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    folders:
      - /incoming
      - /outgoing
    probe_dir: /scratch
"""

RETURN = r"""
account:
  description: The account's name in the ledger.
  returned: success
  type: str
  sample: 2001234@sftp.amili.se:22
host_key:
  description: The key that the server proved itself with.
  returned: success
  type: dict
  contains:
    type:
      description: Its type.
      type: str
      sample: ssh-ed25519
    fingerprint:
      description: Its fingerprint, as C(ssh-keygen -l) prints it.
      type: str
      sample: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    line:
      description: The key itself, as O(host_keys) takes it.
      type: str
      sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF
server_version:
  description: How the server names itself.
  returned: success
  type: str
  sample: SSH-2.0-OpenSSH_9.2p1
algorithms:
  description: What both sides agreed on.
  returned: success
  type: dict
  contains:
    kex:
      description: The key exchange.
      type: str
      sample: curve25519-sha256
    host_key:
      description: The signature of the host key.
      type: str
      sample: ssh-ed25519
    cipher:
      description: The cipher.
      type: str
      sample: aes128-gcm@openssh.com
    mac:
      description: The message authentication code; V(implicit) where the cipher does that itself.
      type: str
      sample: implicit
sftp_version:
  description: The version of SFTP that is spoken.
  returned: success
  type: int
  sample: 3
extensions:
  description: The extensions of SFTP that the server names, with the version or value of each.
  returned: success
  type: dict
  sample:
    limits@openssh.com: "1"
    posix-rename@openssh.com: "1"
limits:
  description: What the server says it takes at once; 0 where it does not tell.
  returned: success
  type: dict
  sample:
    packet: 262144
    read: 261120
    write: 261120
    handles: 1019
latency:
  description: How long the server takes to answer, in seconds, as the median of a few questions.
  returned: success
  type: float
  sample: 0.021
folders:
  description: The folders that were looked at.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The folder, as it was asked for.
      type: str
      sample: pickup
    exists:
      description: Whether it is there and is a folder.
      type: bool
      sample: true
    listable:
      description: Whether the account may list it.
      type: bool
      sample: true
    entries:
      description: How many files, folders and others lie in it. Null where it cannot be listed.
      type: int
      sample: 2
capabilities:
  description: What the server allows, each V(yes), V(no) or V(unknown).
  returned: success
  type: dict
  sample:
    rename: "yes"
    exclusive_create: "yes"
reason:
  description: A stable code that says why there is no connection.
  returned: on failure
  type: str
  sample: host_key_unknown
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.account import account_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.job import folders_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.diagnose import describe
from ansible_collections.courier.filedrop.plugins.module_utils._module import (
    ACCOUNT_SPEC,
    LEDGER_SPEC,
    answer,
    ledger_path,
)


def connected(module: AnsibleModule) -> dict[str, Any]:
    """What the server tells of itself and its folders."""
    folders, probe_dir = folders_from_options(module.params, preset_named(module.params["preset"]))
    account = account_from_options(module.params)
    found = describe(account, folders, None if module.check_mode else probe_dir, ledger=ledger_path(module))
    return {"changed": False, "account": account.name, **found}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **LEDGER_SPEC,
            "folders": {"type": "list", "elements": "str"},
            "probe_dir": {"type": "str"},
        },
        supports_check_mode=True,
    )
    answer(module, lambda: connected(module))


if __name__ == "__main__":
    main()
