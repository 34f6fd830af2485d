#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connection_info
short_description: Test the connection to a provider's mailbox, and show what the server supports
version_added: 1.0.0
description:
  - Connects, logs in and checks folders. Returns the host key, versions, algorithms, latency, folders and
    capabilities, or the exact reason why there is no connection.
  - No file is sent or fetched. Nothing is written on the server, unless O(probe_dir) is set.
options:
  folders:
    description:
      - Folders on the server to check, absolute or relative to the login folder. V(.) is the login folder itself.
      - "Default: the drop-off and pickup folders of O(preset), or else V(.)."
    type: list
    elements: str
  probe_dir:
    description:
      - A folder on the server in which the module may write, rename and delete files of its own, to find out what the
        server permits. It tests exclusive creation and renaming, and leaves nothing behind.
      - Do not use a folder from which the provider imports files, or which it watches.
      - The results are kept in O(ledger), where M(courier.filedrop.dropoff) reads them.
      - Without it, and in check mode, nothing is tested. The capabilities then come from earlier runs.
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
      - In check mode the module connects and checks folders as usual, and tests nothing in O(probe_dir).
  diff_mode:
    support: N/A
    details:
      - The module changes nothing, so there is no diff.
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

- name: Stop unless both folders exist
  ansible.builtin.assert:
    that: connection.folders | rejectattr('listable') | length == 0
    fail_msg: "The account is not set up yet: {{ connection.folders }}"

- name: Find out whether a server permits renaming, in a folder that nobody watches
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
protocol:
  description: The protocol of the account.
  returned: success, with O(protocol=ftps), O(protocol=ftp) and O(protocol=amili_api)
  type: str
  sample: ftps
certificate:
  description:
    - The server's certificate. With O(protocol=amili_api), that of O(base_url); null if it is not encrypted.
    - With O(protocol=ftps), it has the fingerprint only.
  returned: success, with O(protocol=ftps) and O(protocol=amili_api)
  type: dict
  contains:
    fingerprint:
      description: Its fingerprint, in the form that O(tls_fingerprints) accepts.
      type: str
      sample: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    subject:
      description: Whom it identifies, in the form of RFC 4514.
      type: str
      sample: CN=api.example.com,O=Example
    issuer:
      description: The authority that issued it, in the same form.
      type: str
      sample: CN=Example CA,O=Example
    expires:
      description: When it expires, in UTC.
      type: str
      sample: "2027-03-01T12:00:00Z"
    days_left:
      description: Whole days until then, by this host's clock. In the last 21 days, RV(notes) says so, too.
      type: int
      sample: 92
token:
  description: The token that O(token_url) has given. The token itself is not shown.
  returned: success, with O(protocol=amili_api)
  type: dict
  contains:
    verified:
      description:
        - Whether the service C(/verify) beside O(token_url) accepts it, V(yes) or V(no).
        - It is V(unknown) if there is no such service, or no clear answer.
      type: str
      sample: "yes"
    expires:
      description: When it expires, in UTC and by this host's clock.
      type: str
      sample: "2026-11-29T12:00:00Z"
    seconds_left:
      description: Seconds until then.
      type: int
      sample: 3599
    certificate:
      description: The certificate of O(token_url), with the same keys as RV(certificate); null if it is not encrypted.
      type: dict
      sample:
        fingerprint: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
        subject: CN=auth.example.com,O=Example
        issuer: CN=Example CA,O=Example
        expires: "2027-03-01T12:00:00Z"
        days_left: 92
health:
  description:
    - What the service C(/health) beside O(token_url) answers, V(ok), or the status and the words of a server that is
      busy or has failed.
    - It is V(unknown) if there is no such service, or no clear answer.
  returned: success, with O(protocol=amili_api)
  type: str
  sample: ok
tls:
  description:
    - What the control connection uses. With O(protocol=amili_api), the connection to O(base_url); null if it is not
      encrypted.
  returned: success, with O(protocol=ftps) and O(protocol=amili_api)
  type: dict
  contains:
    version:
      description: The version of TLS.
      type: str
      sample: TLSv1.3
    cipher:
      description: The cipher suite.
      type: str
      sample: TLS_AES_256_GCM_SHA384
host_key:
  description: The host key that the server proved to own.
  returned: success, with O(protocol=sftp)
  type: dict
  contains:
    type:
      description: Its type.
      type: str
      sample: ssh-ed25519
    fingerprint:
      description: Its fingerprint, as printed by C(ssh-keygen -l).
      type: str
      sample: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    line:
      description: The key, in the form that O(host_keys) accepts.
      type: str
      sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF
server_version:
  description: The server's name and version, as it announces them.
  returned: success
  type: str
  sample: SSH-2.0-OpenSSH_9.2p1
algorithms:
  description: The negotiated algorithms.
  returned: success, with O(protocol=sftp)
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
      description: The message authentication code; V(implicit) if the cipher includes it.
      type: str
      sample: implicit
transport:
  description: What carries SSH, V(paramiko) or V(openssh), as O(transport) and the host decided.
  returned: success, with O(protocol=sftp)
  type: str
  sample: paramiko
post_quantum:
  description: Whether the key exchange resists a quantum computer.
  returned: success, with O(protocol=sftp)
  type: bool
  sample: false
weak:
  description: The negotiated algorithms that are weak. Only O(legacy_algorithms) allows them.
  returned: success, with O(protocol=sftp)
  type: list
  elements: str
  sample: []
private_key:
  description: The private key of the account.
  returned: success, if the account has one
  type: dict
  contains:
    path:
      description: Its path.
      type: str
      sample: /etc/filedrop/keys/amili
    age:
      description: Its age in whole days, by the time of its file.
      type: int
      sample: 120
sftp_version:
  description: The negotiated version of SFTP.
  returned: success
  type: int
  sample: 3
extensions:
  description:
    - The SFTP extensions that the server announces, with the version or value of each.
    - Over FTP, what the server lists in its answer to C(FEAT).
  returned: success
  type: dict
  sample:
    limits@openssh.com: "1"
    posix-rename@openssh.com: "1"
limits:
  description: The server's limits, in bytes for V(packet), V(read) and V(write). The value is 0 for an unknown limit.
  returned: success
  type: dict
  sample:
    packet: 262144
    read: 261120
    write: 261120
    handles: 1019
latency:
  description:
    - The server's response time in seconds, as the median of a few requests.
    - With O(protocol=amili_api), these go to C(/health) beside O(token_url). Any answer counts. Null without one.
  returned: success
  type: float
  sample: 0.021
folders:
  description: The folders that were checked.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The folder, as in O(folders).
      type: str
      sample: pickup
    exists:
      description: Whether it exists and is a folder.
      type: bool
      sample: true
    listable:
      description: Whether the account may list it.
      type: bool
      sample: true
    entries:
      description: The number of entries in it, of all types. Null if it cannot be listed.
      type: int
      sample: 2
capabilities:
  description:
    - What the server allows, each V(yes), V(no) or V(unknown).
    - C(rename), to rename files in the folder that they are sent to.
    - C(exclusive_create), to create a file only if there is none of its name.
    - C(partial_uploads), a file is visible under its name while it is written.
    - C(stat), one file can be looked at.
    - C(claim), to rename files in the folder that they are fetched from.
  returned: success
  type: dict
  sample:
    rename: "yes"
    exclusive_create: "yes"
    partial_uploads: "unknown"
    stat: "yes"
    claim: "unknown"
notes:
  description:
    - What the server does otherwise than most, as far as its answers have shown it, and what is done about it.
    - With O(protocol=amili_api), what speaks against a run, such as a token that is not accepted.
    - Some servers do not know the request LSTAT, do not say that a file is missing, list paths in place of names, or
      refuse to be asked for the next part of a listing ahead.
  returned: success
  type: list
  elements: str
  sample:
    - It does not answer LSTAT. STAT is used, so a link looks like its target.
reason:
  description: A stable code for the reason why there is no connection.
  returned: on failure
  type: str
  sample: host_key_unknown
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import folders_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.diagnose import describe
from ansible_collections.courier.filedrop.plugins.module_utils._module import (
    ACCOUNT_SPEC,
    LEDGER_SPEC,
    ledger_path,
    ledger_to_write,
    run_module,
)


def describe_connection(module: AnsibleModule) -> dict[str, Any]:
    """Describe the server and its folders."""
    folders, probe_dir = folders_from_options(module.params, preset_named(module.params["preset"]))
    account = account_from_options(module.params)
    probe_dir = None if module.check_mode else probe_dir
    ledger = ledger_path(module) if probe_dir is None else ledger_to_write(module)
    found = describe(account, folders, probe_dir, ledger=ledger)
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
    run_module(module, lambda: describe_connection(module))


if __name__ == "__main__":
    main()
