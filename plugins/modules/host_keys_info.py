#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_keys_info
short_description: Show the host keys that a server offers
version_added: 0.1.0
description:
  - Asks an SSH server for its host keys, one of each type that it has, and shows them with their fingerprints.
  - B(What a server offers proves nothing by itself.) Whoever sits between this host and the provider can offer keys
    of their own. Compare the fingerprints with what the provider published, in its guide, in its portal or by
    telephone, and pin a key in O(host_keys) only if they agree.
  - The server proves for each key that it owns it. Nobody logs in, and no secret is sent.
options:
  username:
    description:
      - Not used, since nobody logs in. It is taken so that C(module_defaults) of the action group fit.
    type: str
  private_key_file:
    description:
      - Not used, since nobody logs in. It is taken so that C(module_defaults) of the action group fit.
    type: path
  passphrase:
    description:
      - Not used, since nobody logs in. It is taken so that C(module_defaults) of the action group fit.
    type: str
  password:
    description:
      - Not used, since nobody logs in. It is taken so that C(module_defaults) of the action group fit.
    type: str
  host_keys:
    description:
      - What is trusted already, as the other modules take it. It only decides about RV(host_keys[].trusted), and
        whatever else the server offers is shown all the same.
    type: list
    elements: str
extends_documentation_fragment:
  - courier.filedrop.account
  - courier.filedrop.attributes
  - courier.filedrop.attributes.action_group
  - courier.filedrop.attributes.info
notes:
  - There is one connection for each key. A server that counts connections without a login may refuse more of them
    for a while.
seealso:
  - module: courier.filedrop.connection_info
  - module: courier.filedrop.keypair
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Ask for the host keys of Amili
  courier.filedrop.host_keys_info:
    preset: amili_sftp
  register: offered

- name: Show what to compare with the fingerprints that the provider published
  ansible.builtin.debug:
    msg: "{{ offered.host_keys | map(attribute='fingerprint') }}"

- name: Fail as soon as a server offers no key that is trusted
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
  description: The server that was asked.
  returned: success
  type: str
  sample: sftp.amili.se
port:
  description: Its port.
  returned: success
  type: int
  sample: 22
host_keys:
  description: The keys that the server proved to own, the one that it would be spoken to with first.
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
      description: The SHA-256 fingerprint, as C(ssh-keygen -l) prints it. O(host_keys) takes it.
      type: str
      sample: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    line:
      description: The key itself, as O(host_keys) takes it too.
      type: str
      sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF
    trusted:
      description: Whether O(host_keys) has it.
      type: bool
      sample: false
reason:
  description: A stable code that says why no keys could be had.
  returned: on failure
  type: str
  sample: port_closed
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.account import account_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.connect import offered_host_keys
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.hostkeys import TrustedKeys
from ansible_collections.courier.filedrop.plugins.module_utils._module import ACCOUNT_SPEC, answer

# An account is only complete with somebody who logs in; nobody does here.
NOBODY = {
    "account": None,
    "protocol": "sftp",
    "root": None,
    "username": "nobody",
    "private_key_file": None,
    "passphrase": None,
    "password": "none",
}


def offered(options: dict[str, Any]) -> dict[str, Any]:
    """The host keys of the server that the options name."""
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
    module = AnsibleModule(argument_spec=dict(ACCOUNT_SPEC), supports_check_mode=True)
    answer(module, lambda: offered(module.params))


if __name__ == "__main__":
    main()
