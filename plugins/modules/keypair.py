#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: keypair
short_description: Generate, keep or replace an SSH key pair
version_added: 0.1.0
description:
  - Ensures that an SSH key pair exists. Returns its public key, to register with the provider, and its fingerprint.
  - An existing pair is kept. If it differs from the options, or cannot be used, the task fails and says why, unless
    O(replace) requests a new pair. A replaced pair is kept beside the new one, under the names in RV(backup).
  - The private key is in OpenSSH's format. Only its owner can read it, from its creation on. If others can read an
    existing private key file, the module removes their permissions and warns.
  - If the public key file is missing or belongs to another private key, it is written anew from the private key.
options:
  path:
    description:
      - Path of the private key. The path of the public key file is the same with C(.pub) appended.
      - If the folder is missing, it is created, accessible only to its owner. Its parent folder must exist.
    type: path
    required: true
  type:
    description:
      - The type of the key.
    type: str
    choices:
      - ecdsa
      - ed25519
      - rsa
    default: ed25519
  bits:
    description:
      - The size of the key in bits. V(256), V(384) or V(521) for O(type=ecdsa), from V(2048) to V(16384) for
        O(type=rsa), only V(256) for O(type=ed25519).
      - Without it, a new key has 3072 bits for O(type=rsa) and 256 for O(type=ecdsa). An existing key may have any
        secure size.
    type: int
  comment:
    description:
      - The comment in the public key file, in one line. Many providers show it, so that you can identify the key.
      - Without it, a new public key has no comment, and an existing one keeps its comment.
    type: str
  passphrase:
    description:
      - Encrypts the private key. Required to read an existing private key that is encrypted.
      - The passphrase of an existing key is never changed. Use C(ssh-keygen -p) for that.
    type: str
  replace:
    description:
      - When to replace an existing pair. The provider must register the new public key before anybody can log in with
        it.
      - With V(never), the task fails in three cases. The pair differs from the options, its private key cannot be used,
        or there is a public key without its private key.
      - V(mismatch) replaces the pair in these cases, including a wrong O(passphrase).
      - V(always) replaces it in each run.
    type: str
    choices:
      - never
      - mismatch
      - always
    default: never
  owner:
    description:
      - The owner of the two files, by name or number, and of the folder if it is created.
      - Without it, existing files keep their owner, and new files belong to the user that runs the task. Only root can
        change the owner.
    type: str
  group:
    description:
      - The group of the two files, by name or number, and of the folder if it is created. The group cannot read the
        private key.
    type: str
requirements:
  - Python 3.9 or newer, on the host that runs the module
  - paramiko 2.12 or newer, on the host that runs the module
  - bcrypt, a dependency of paramiko, for O(passphrase)
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
    details:
      - A key that is not generated yet has no fingerprint, so RV(public_key) and RV(fingerprint) are null.
  diff_mode:
    support: full
    details:
      - Shows type, size, fingerprint, owner, mode, comment and public key, but nothing of the private key.
notes:
  - A backup is a usable private key. Delete it after the provider has removed the old public key.
seealso:
  - module: courier.filedrop.host_keys_info
  - module: courier.filedrop.connection_info
  - name: community.crypto.openssh_keypair
    description: Makes key pairs of all kinds, for other purposes.
    link: https://docs.ansible.com/ansible/latest/collections/community/crypto/openssh_keypair_module.html
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Ensure that there is a key pair for Amili
  courier.filedrop.keypair:
    path: /etc/filedrop/keys/amili
    comment: erp.example.com for Amili
  register: key

- name: Show what to register with the provider
  ansible.builtin.debug:
    msg:
      - "{{ key.public_key }}"
      - "{{ key.fingerprint }}"

- name: Use an encrypted RSA key for a provider that accepts nothing newer
  courier.filedrop.keypair:
    path: ~/.ssh/bank
    type: rsa
    bits: 4096
    passphrase: "{{ bank_passphrase }}"

- name: Replace the key of a job that runs as a user of its own
  courier.filedrop.keypair:
    path: /etc/filedrop/keys/reports
    owner: filedrop
    group: filedrop
    replace: always
  register: key
"""

RETURN = r"""
private_key_file:
  description: Path of the private key, for the option of the same name of other modules.
  returned: success
  type: str
  sample: /etc/filedrop/keys/amili
public_key_file:
  description: Path of the public key.
  returned: success
  type: str
  sample: /etc/filedrop/keys/amili.pub
public_key:
  description: The public key with its comment, the line to register with the provider. Null before it is generated.
  returned: success
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF erp.example.com for Amili
fingerprint:
  description: The SHA-256 fingerprint of the public key, as printed by C(ssh-keygen -l). Null before it is generated.
  returned: success
  type: str
  sample: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
type:
  description: The type of the key.
  returned: success
  type: str
  sample: ed25519
bits:
  description: The size of the key in bits.
  returned: success
  type: int
  sample: 256
comment:
  description: The comment of the public key.
  returned: success
  type: str
  sample: erp.example.com for Amili
action:
  description: What was done with the private key, or would be in check mode. One of V(keep), V(create) and V(replace).
  returned: success
  type: str
  sample: create
backup:
  description: The paths of the files of a replaced pair, each null if there was no such file.
  returned: when files were replaced
  type: dict
  contains:
    private_key_file:
      description: The old private key.
      type: str
      sample: /etc/filedrop/keys/amili.replaced-20261120T081500Z
    public_key_file:
      description: The old public key.
      type: str
      sample: /etc/filedrop/keys/amili.replaced-20261120T081500Z.pub
reason:
  description: A stable code for the reason why the task failed.
  returned: on failure
  type: str
  sample: key_differs
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import plan as plan_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.apply import Backup, carry_out
from ansible_collections.courier.filedrop.plugins.module_utils._module import run_module


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Ensure the pair, or predict it in check mode."""
    wanted = plan_module.spec_from_options(module.params)
    before = plan_module.inspect(wanted)
    plan = plan_module.make_plan(wanted, before)
    plan_module.check_possible(wanted, plan)
    if plan.close:
        module.warn(
            f"The private key {wanted.path} was accessible to users other than its owner. If others may have read it, "
            "replace the pair (replace=always), and ask the provider to remove the old public key."
        )
    backup = Backup()
    shown_before = plan_module.describe(before)
    if module.check_mode or not plan.changed:
        shown_after = plan_module.predict(wanted, before, plan)
    else:
        backup = carry_out(wanted, before, plan)
        shown_after = plan_module.describe(plan_module.inspect(wanted))
    result = {"changed": plan.changed, "action": plan.action, **pair_result(wanted, shown_after)}
    if backup != Backup():
        result["backup"] = {"private_key_file": backup.private, "public_key_file": backup.public}
    if module._diff:
        header = f"{wanted.path} (key pair)"
        result["diff"] = {
            "before_header": header,
            "after_header": header,
            "before": lines(shown_before),
            "after": lines(shown_after),
        }
    return result


def pair_result(wanted: plan_module.KeyPairSpec, shown: dict[str, str]) -> dict[str, Any]:
    """Build the result for the pair; null for values that are unknown before the key is generated."""
    known = shown["fingerprint"] != plan_module.NOT_YET
    return {
        "private_key_file": wanted.path,
        "public_key_file": wanted.public_path,
        "public_key": shown["public_key"] if known else None,
        "fingerprint": shown["fingerprint"] if known else None,
        "type": shown["type"],
        "bits": int(shown["bits"]),
        "comment": shown["comment"],
    }


def lines(shown: dict[str, str]) -> str:
    """Format a description as text, for a diff."""
    return "".join(f"{name}: {value}\n" for name, value in shown.items())


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "type": {"type": "str", "choices": list(plan_module.TYPES), "default": "ed25519"},
            "bits": {"type": "int"},
            "comment": {"type": "str"},
            "passphrase": {"type": "str", "no_log": True},
            "replace": {"type": "str", "choices": list(plan_module.REPLACE), "default": "never"},
            "owner": {"type": "str"},
            "group": {"type": "str"},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: ensure(module))


if __name__ == "__main__":
    main()
