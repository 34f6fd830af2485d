#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: account_keys
short_description: Look at the keys of accounts, hand them over, and rotate them
version_added: 1.0.0
description:
  - Part of the playbooks C(courier.filedrop.onboard) and C(courier.filedrop.rotate_keys). It is not meant for other
    playbooks, and may change in any release.
options:
  step:
    description:
      - V(look) describes each account, its key, the host keys that its server offers, and whether the login works.
      - V(rotate) takes the next step of the rotation of each key, if it is due.
      - V(request) describes the keys, and asks for one that is missing. V(give) encrypts a key for the hosts that have
        asked for it. V(take) puts such a key in place.
    type: str
    choices: [look, rotate, request, give, take]
    required: true
  keys:
    description: The folder of the keys.
    type: path
    required: true
  grace:
    description: For how many seconds a rotation keeps the old key.
    type: int
    default: 0
  interval:
    description: After how many seconds a key that came from a rotation is rotated again.
    type: int
    default: 0
  accounts:
    description: The accounts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the account.
        type: str
        required: true
      options:
        description: Its options, without secrets.
        type: dict
        required: true
      secrets:
        description: The C(private_key), C(passphrase) and C(password), as far as it has them.
        type: dict
        default: {}
      generated:
        description: Whether the role makes its key.
        type: bool
        required: true
      shared:
        description: Whether all hosts have the same key.
        type: bool
        required: true
      key_type:
        description: The type of a new key.
        type: str
        choices: [ecdsa, ed25519, rsa]
        required: true
      key_comment:
        description: The comment of a new key.
        type: str
        required: true
      suffix:
        description: Empty for the key in use, V(.new) for the new one.
        type: str
        choices: ["", .new]
        default: ""
      makes:
        description: Whether this host makes a key that is missing.
        type: bool
        default: false
      requests:
        description: The requests of other hosts, by the name of the host.
        type: dict
        default: {}
      sealed:
        description: The encrypted key for this host.
        type: str
        default: ""
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
    details:
      - The module connects, and predicts the step of each key.
  diff_mode:
    support: none
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Look at the keys
  courier.filedrop.__internal.account_keys:
    step: look
  register: looked
"""

RETURN = r"""
accounts:
  description: What was found of each account, or done.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._account_keys import STEPS, account_keys


def main() -> None:
    account_keys(
        AnsibleModule(
            argument_spec={
                "step": {"type": "str", "choices": list(STEPS), "required": True},
                "keys": {"type": "path", "required": True, "no_log": False},
                "grace": {"type": "int", "default": 0},
                "interval": {"type": "int", "default": 0},
                "accounts": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "options": {
                        "name": {"type": "str", "required": True},
                        "options": {"type": "dict", "required": True},
                        "secrets": {"type": "dict", "default": {}, "no_log": True},
                        "generated": {"type": "bool", "required": True},
                        "shared": {"type": "bool", "required": True},
                        "key_type": {
                            "type": "str",
                            "choices": ["ecdsa", "ed25519", "rsa"],
                            "required": True,
                            "no_log": False,
                        },
                        "key_comment": {"type": "str", "required": True, "no_log": False},
                        "suffix": {"type": "str", "choices": ["", ".new"], "default": ""},
                        "makes": {"type": "bool", "default": False},
                        "requests": {"type": "dict", "default": {}},
                        "sealed": {"type": "str", "default": ""},
                    },
                },
            },
            supports_check_mode=True,
        )
    )


if __name__ == "__main__":
    main()
