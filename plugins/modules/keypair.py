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
  - Makes sure that there is an SSH key pair, and returns the public key to register with the provider and its
    fingerprint.
  - A pair that is there already is kept. If it is another one than wanted, or cannot be used, the task fails and says
    why, unless O(replace) asks for a new one. A pair that is replaced stays beside the new one, under the names in
    RV(backup).
  - The private key is in the format of OpenSSH. No instant lets anybody but its owner read it; a private key file that
    others may read is closed to them, with a warning.
  - A public key file that is missing, or that belongs to another private key, is written anew from the private key.
options:
  path:
    description:
      - Path of the private key. The public key file has the same path with C(.pub) added.
      - If the folder is missing, it is made, for its owner alone. The folder above it must be there.
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
        O(type=rsa); O(type=ed25519) has only V(256).
      - Without it, a new key of O(type=rsa) has 3072 bits and one of O(type=ecdsa) has 256, and a key that is there
        may have any size that is sound.
    type: int
  comment:
    description:
      - The comment in the public key file, in one line. Many providers show it, so that you recognise the key there.
      - Without it, a new public key has no comment, and the comment of one that is there stays as it is.
    type: str
  passphrase:
    description:
      - Encrypts the private key. Needed to look into a private key that is encrypted already.
      - The passphrase of a key that is there is never changed. C(ssh-keygen -p) does that.
    type: str
  replace:
    description:
      - When to replace a pair that is there. The provider has to register the new public key before anybody can log in
        with it.
      - With V(never), the task fails if the pair is another one than the options ask for, if its private key cannot be
        used, or if there is a public key without its private key.
      - With V(mismatch), it is replaced in these cases. So it is if O(passphrase) is wrong.
      - With V(always), it is replaced by each run.
    type: str
    choices:
      - never
      - mismatch
      - always
    default: never
  owner:
    description:
      - The user, by name or number, that the two files shall belong to, and the folder if it is made.
      - Without it, they belong to who runs the task, and to who has them if they are there. Only root can give files
        away.
    type: str
  group:
    description:
      - The group, by name or number, that the two files shall belong to, and the folder if it is made. It cannot read
        the private key.
    type: str
requirements:
  - Python 3.9 or newer, on the host that runs the module
  - paramiko 2.12 or newer, on the host that runs the module
  - bcrypt, which paramiko brings along, for O(passphrase)
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
    details:
      - A key that has not been generated has no fingerprint, so RV(public_key) and RV(fingerprint) are null then.
  diff_mode:
    support: full
    details:
      - Shows type, size, fingerprint, owner, mode, comment and public key. Never anything of the private key.
notes:
  - A backup is a usable private key. Remove it once the provider has removed the old public key.
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
- name: Have a key pair for Amili
  courier.filedrop.keypair:
    path: /etc/filedrop/keys/amili
    comment: erp.example.com for Amili
  register: key

- name: Show what to register with the provider
  ansible.builtin.debug:
    msg:
      - "{{ key.public_key }}"
      - "{{ key.fingerprint }}"

- name: Have an encrypted RSA key for a provider that takes nothing newer
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
  description: Path of the private key, as the other modules take it.
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
  description: The SHA-256 fingerprint of the public key, as C(ssh-keygen -l) prints it. Null before it is generated.
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
  description: What became of the private key, or in check mode would. One of V(keep), V(create) and V(replace).
  returned: success
  type: str
  sample: create
backup:
  description: Where the files of a pair that was replaced are now, each null where there was none.
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
  description: A stable code that says why the task failed.
  returned: on failure
  type: str
  sample: key_differs
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import plan as plan_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.apply import Backup, carry_out
from ansible_collections.courier.filedrop.plugins.module_utils._module import answer


def ensured(module: AnsibleModule) -> dict[str, Any]:
    """The pair as it is now, or in check mode would be."""
    wanted = plan_module.wanted_from_options(module.params)
    before = plan_module.inspect(wanted)
    plan = plan_module.make_plan(wanted, before)
    plan_module.check_possible(wanted, plan)
    if plan.close:
        module.warn(
            f"The private key {wanted.path} was open to others than its owner. If anybody may have read it, replace "
            "the pair (replace=always), and have the provider remove the old public key."
        )
    backup = Backup()
    shown_before = plan_module.describe(before)
    if module.check_mode or not plan.changed:
        shown_after = plan_module.predict(wanted, before, plan)
    else:
        backup = carry_out(wanted, before, plan)
        shown_after = plan_module.describe(plan_module.inspect(wanted))
    result = {"changed": plan.changed, "action": plan.action, **returned(wanted, shown_after)}
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


def returned(wanted: plan_module.Wanted, shown: dict[str, str]) -> dict[str, Any]:
    """What can be said of the pair; null for what nobody can know before the key is there."""
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
    """A description as text, for a diff."""
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
    answer(module, lambda: ensured(module))


if __name__ == "__main__":
    main()
