#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_keys_info
short_description: Show the host keys that a server offers
version_added: 1.0.0
description:
  - Asks an SSH server for its host keys, one of each type that it has, and returns them with their fingerprints.
  - B(The keys that a server offers prove nothing by themselves.) An attacker between this host and the provider can
    offer other keys. Compare the fingerprints with those that the provider published, in its guide, in its portal or by
    telephone. Add a key to O(host_keys) only if they agree.
  - The server proves that it owns each key. The module does not log in, and sends no secret.
options:
  username:
    description:
      - Ignored, because the module does not log in. Accepted for C(module_defaults) of the action group.
    type: str
  private_key_file:
    description:
      - Ignored, because the module does not log in. Accepted for C(module_defaults) of the action group.
    type: path
  passphrase:
    description:
      - Ignored, because the module does not log in. Accepted for C(module_defaults) of the action group.
    type: str
  password:
    description:
      - Ignored, because the module does not log in. Accepted for C(module_defaults) of the action group.
    type: str
  host_keys:
    description:
      - The keys that are trusted already, in the form of the other modules. They determine only
        RV(host_keys[].trusted). Other keys of the server are shown as well.
    type: list
    elements: str
extends_documentation_fragment:
  - courier.filedrop.account
  - courier.filedrop.attributes
  - courier.filedrop.attributes.action_group
  - courier.filedrop.job.unused_ledger
  - courier.filedrop.attributes.info
notes:
  - The module opens one connection for each key. A server that counts connections without a login may refuse more of
    them for a while.
seealso:
  - module: courier.filedrop.connection_info
  - module: courier.filedrop.keypair
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Get the host keys of Amili
  courier.filedrop.host_keys_info:
    preset: amili_sftp
  register: offered

- name: Show the fingerprints, to compare them with those that the provider published
  ansible.builtin.debug:
    msg: "{{ offered.host_keys | map(attribute='fingerprint') }}"

- name: Fail if a server offers no trusted key
  courier.filedrop.host_keys_info:
    host: sftp.example.com
    port: 2222
    host_keys:
      - SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
  register: offered
  failed_when: not (offered.host_keys | default([]) | selectattr('trusted') | list)
"""

RETURN = r"""
host:
  description: The server that offered the keys.
  returned: success
  type: str
  sample: sftp.amili.se
port:
  description: Its port.
  returned: success
  type: int
  sample: 22
host_keys:
  description: The keys that the server proved to own, the preferred one first.
  returned: success
  type: list
  elements: dict
  contains:
    type:
      description: The type.
      type: str
      sample: ssh-ed25519
    bits:
      description: The size in bits.
      type: int
      sample: 256
    fingerprint:
      description: The SHA-256 fingerprint, as printed by C(ssh-keygen -l). Can be used in O(host_keys).
      type: str
      sample: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    line:
      description: The key. Can be used in O(host_keys) as well.
      type: str
      sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF
    trusted:
      description: Whether O(host_keys) contains the key.
      type: bool
      sample: false
reason:
  description: A stable code for the reason why there are no keys.
  returned: on failure
  type: str
  sample: port_closed
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    OF_PROTOCOL,
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.connect import offered_host_keys
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.hostkeys import TrustedKeys
from ansible_collections.courier.filedrop.plugins.module_utils._module import ACCOUNT_SPEC, LEDGER_SPEC, run_module

# An account requires credentials, but this module does not log in.
NOBODY: dict[str, Any] = {
    **{name: None for names in OF_PROTOCOL.values() for name in names if name not in OF_PROTOCOL["sftp"]},
    "account": None,
    "protocol": "sftp",
    "username": "nobody",
    "private_key_file": None,
    "passphrase": None,
    "password": "none",
}


def fetch_host_keys(options: dict[str, Any]) -> dict[str, Any]:
    """Get the host keys of the server in the options."""
    account = account_from_options({**options, **NOBODY})
    trusted = TrustedKeys.parse(account.host_keys)
    keys = offered_host_keys(account.host, account.port, account.timeout)
    return {
        "changed": False,
        "host": account.host,
        "port": account.port,
        "host_keys": [
            {
                "type": key.type,
                "bits": key.bits,
                "fingerprint": key.fingerprint,
                "line": key.line,
                "trusted": trusted.trusts(key.type, key.blob),
            }
            for key in keys
        ],
    }


def main() -> None:
    module = AnsibleModule(argument_spec={**ACCOUNT_SPEC, **LEDGER_SPEC}, supports_check_mode=True)
    run_module(module, lambda: fetch_host_keys(module.params))


if __name__ == "__main__":
    main()
