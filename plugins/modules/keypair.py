#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: keypair
short_description: Generate, keep, replace or remove an SSH key pair
version_added: 1.0.0
description:
  - Ensures that an SSH key pair exists. Returns its public key, to register with the provider, and its fingerprint.
  - An existing pair is kept. If it differs from the options, or cannot be used, the task fails and says why, unless
    O(regenerate) requests a new pair. A replaced pair is kept beside the new one, under the names in RV(backup).
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
  state:
    description:
      - With V(present), the pair exists.
      - With V(absent), neither of its files exists. With O(backup), they are kept under the names in RV(backup).
    type: str
    choices:
      - present
      - absent
    default: present
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
      - The comment of the key, in one line. Many providers show it, so that you can identify the key.
      - A changed comment never makes a new key. It is written to the public key file. It is also written into the
        private key file if that has OpenSSH's format; the key and its passphrase remain.
      - Without it, a new key has no comment, and an existing one keeps its comment.
    type: str
  passphrase:
    description:
      - Encrypts the private key. Required to read an existing private key that is encrypted.
      - The passphrase of an existing key is never changed. Use C(ssh-keygen -p) for that.
    type: str
  regenerate:
    description:
      - When to replace an existing pair. The provider must register the new public key before anybody can log in with
        it. The values are those of M(community.crypto.openssh_keypair).
      - A pair I(differs) if O(type) or O(bits) are different, or if it has too few bits to be secure.
      - A private key I(cannot be used) if it is damaged, if O(passphrase) is wrong or missing, or if O(passphrase) is
        set and the key is not encrypted. A public key without its private key counts the same.
      - V(never) keeps a pair that differs, with a warning. The task fails if the private key cannot be used.
      - V(fail) fails if the pair differs, or if the private key cannot be used.
      - V(partial_idempotence) replaces a pair that differs. The task fails if the private key cannot be used.
      - V(full_idempotence) replaces a pair that differs, or whose private key cannot be used.
      - V(always) replaces the pair in each run.
    type: str
    choices:
      - never
      - fail
      - partial_idempotence
      - full_idempotence
      - always
    default: fail
  replace:
    description:
      - An older name for O(regenerate). The two exclude each other.
      - V(never) is the same as O(regenerate=fail), V(mismatch) as O(regenerate=full_idempotence), and V(always) as
        O(regenerate=always).
    type: str
    choices:
      - never
      - mismatch
      - always
  backup:
    description:
      - Whether to keep the files of a pair that is replaced or removed. Their names have C(.replaced-) and the time in
        UTC appended. The private key of a backup has the mode V(0600).
      - With V(false), the old files are removed after the new pair is complete. A lost private key cannot be restored.
    type: bool
    default: true
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
  mode:
    description:
      - The mode of the private key file. Either V('0600') or V('0400'), in quotes. The public key file has V(0644).
      - Without it, a new file has V(0600). An existing file keeps its mode, unless other users can use it.
    type: raw
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
      - Shows type, size, fingerprint, owner, mode, comments and public key, but no key material of the private key.
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
    regenerate: always
  register: key

- name: Remove a retired key for good
  courier.filedrop.keypair:
    path: /etc/filedrop/keys/old_bank
    state: absent
    backup: false
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
  description: The type of the key. Null if there is none.
  returned: success
  type: str
  sample: ed25519
bits:
  description: The size of the key in bits. Null if there is none.
  returned: success
  type: int
  sample: 256
comment:
  description: The comment of the public key. Null if there is none.
  returned: success
  type: str
  sample: erp.example.com for Amili
action:
  description: >-
    What was done with the private key, or would be in check mode. One of V(keep), V(create), V(replace) and V(remove).
  returned: success
  type: str
  sample: create
backup:
  description: The paths of the kept files of a replaced or removed pair, each null if there was no such file.
  returned: when files were replaced or removed, with O(backup)
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
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import pair, spec
from ansible_collections.courier.filedrop.plugins.module_utils._module import run_module


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Ensure the pair, or predict it in check mode."""
    outcome = pair.ensure(spec.spec_from_options(module.params), check=module.check_mode)
    for warning in outcome.warnings:
        module.warn(warning)
    result = outcome.result
    if module._diff:
        header = f"{outcome.wanted.path} (key pair)"
        result["diff"] = {
            "before_header": header,
            "after_header": header,
            "before": lines(outcome.before),
            "after": lines(outcome.after),
        }
    return result


def lines(shown: dict[str, str]) -> str:
    """Format a description as text, for a diff."""
    return "".join(f"{name}: {value}\n" for name, value in shown.items())


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": list(spec.STATES), "default": "present"},
            "type": {"type": "str", "choices": list(spec.TYPES), "default": "ed25519"},
            "bits": {"type": "int"},
            "comment": {"type": "str"},
            "passphrase": {"type": "str", "no_log": True},
            "regenerate": {"type": "str", "choices": list(spec.REGENERATE), "default": "fail"},
            "replace": {"type": "str", "choices": list(spec.REPLACE)},
            "backup": {"type": "bool", "default": True},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "raw"},
        },
        mutually_exclusive=[("regenerate", "replace")],
        supports_check_mode=True,
    )
    run_module(module, lambda: ensure(module))


if __name__ == "__main__":
    main()
