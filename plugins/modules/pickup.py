#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pickup
short_description: Fetch files from a provider's mailbox, verify them, then delete them there
version_added: 0.1.0
description:
  - Fetches the files of a folder on a server into a local folder, many at once over one connection, and then
    deletes, moves or keeps each file on the server.
  - A file on the server is deleted or moved only after its copy is complete, verified, safely on the disk and
    recorded in the ledger, and only if the file is unchanged since it was read. Its size and time are looked at
    once more just before.
  - A local file appears under its final name only when it is complete, and never overwrites another. If the name is
    taken, the new file gets a number in its name.
  - If the process is killed or the network cut at any instant, the next run with the same ledger completes the
    work, or says which files need a person's decision.
  - A file that cannot be fetched does not stop the others. The task fails at its end, with the full result, if any
    file failed or is held.
options:
  dest:
    description:
      - The folder that the files come into, on the host that runs the module. An absolute path, or one that begins
        with C(~). It must exist and be writable.
      - Temporary files with names of their own lie in it while a run is under way.
    type: path
    required: true
  after:
    description:
      - What to do with a file on the server once its copy is safe.
      - With V(delete) it is deleted there. This is how most providers want to be told that a file was received.
      - With V(move) it is moved to O(move_dir) on the server, and gets a number in its name if that is taken there.
      - With V(keep) it stays. The ledger keeps it from being fetched again until its size or its time changes.
      - "Default: V(delete), unless O(preset) says otherwise."
    type: str
    choices:
      - delete
      - move
      - keep
  move_dir:
    description:
      - The folder on the server that O(after=move) moves files to. It must exist.
      - Needed with O(after=move), and ignored with others.
    type: str
  verify:
    description:
      - How a copy is verified before the file on the server is touched.
      - With V(size) the number of bytes that came is compared with the size that the server told before and after.
        A download that the server cut short is an error, whatever the server says.
      - With V(reread) the file is also fetched a second time, and both must be the same.
      - With V(sidecar) the copy is also compared with the checksum file that the provider puts beside it, named
        like the file with C(.sha256), C(.sha512) or C(.md5) added. A file without one stays on the server and
        counts as failed. The checksum files are fetched too.
      - "Default: V(size), unless O(preset) says otherwise."
    type: str
    choices:
      - size
      - reread
      - sidecar
  on_duplicate:
    description:
      - What to do with a file that was fetched before from this folder, with the same name and the same content.
        Some providers put files back.
      - With V(deliver) it is delivered like any other.
      - With V(skip) it is not delivered again, and counts as skipped.
      - With V(hold) it is held until a person decides with M(courier.filedrop.resolve), and the task fails.
      - "Default: V(deliver), unless O(preset) says otherwise."
    type: str
    choices:
      - deliver
      - skip
      - hold
  min_free:
    description:
      - How much space must stay free on the file system of O(dest). A file that would leave less is not fetched,
        and counts as failed.
      - A number of bytes, or a number with V(K), V(M), V(G) or V(T), which are powers of 1024. V(0) switches this
        off.
    type: str
    default: 100M
extends_documentation_fragment:
  - courier.filedrop.account
  - courier.filedrop.attributes
  - courier.filedrop.attributes.action_group
  - courier.filedrop.job
  - courier.filedrop.job.ledger
attributes:
  check_mode:
    support: full
    details:
      - The module connects, lists the folder and predicts each file. It fetches nothing, and changes nothing on
        either side and in the ledger.
      - What only shows when a file is read, such as a missing right to read it, cannot be predicted.
  diff_mode:
    support: full
    details:
      - Lists the paths of the files on both sides before and after; never their content.
notes:
  - What a run left unfinished is taken up by the next run of the same O(dest) and O(remote_dir). A run with another
    O(dest) that asks for the same file takes it over, unless a run of the first one is at work. What had been placed
    in the first folder stays there.
  - Folders, links and special files in O(remote_dir) are left alone, and so are names that senders use for files
    that are not whole yet, such as C(.part) and C(.tmp).
  - A name from the server is a name of a file in O(dest), or it is refused. Path separators, C(..), control
    characters, names of more than 255 bytes and names that are not UTF-8 are refused; the other files still come.
  - "SFTP tells times in whole seconds. A file that the provider replaces by another of the same size within the
    same second, or during the very request that deletes it, cannot be told from the one that was fetched."
seealso:
  - module: courier.filedrop.dropoff
  - module: courier.filedrop.resolve
  - module: courier.filedrop.ledger_info
  - module: courier.filedrop.connection_info
  - module: courier.filedrop.files_info
  - module: courier.filedrop.keypair
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Fetch reports from Amili
  courier.filedrop.pickup:
    preset: amili_sftp
    username: "2001234"
    private_key_file: /etc/filedrop/keys/amili
    host_keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF
    dest: /srv/erp/inbox
  register: fetched

- name: Read each report into the ERP
  ansible.builtin.command:
    argv:
      - /usr/local/bin/import-report
      - "{{ item.local_path }}"
  loop: "{{ fetched.files | selectattr('outcome', 'equalto', 'delivered') }}"
  loop_control:
    label: "{{ item.name }}"
  changed_when: true

- name: Fetch statements once, leave them on the server, and read each a second time to be sure
  courier.filedrop.pickup:
    account: bank
    host: sftp.example.com
    username: acme
    private_key_file: ~/.ssh/bank
    host_keys: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    remote_dir: /outgoing
    include:
      - "*.sta"
      - "*.xml"
    dest: /srv/bank/statements
    after: keep
    verify: reread
    min_free: 2G

- name: Move fetched files aside on the server instead of deleting them
  courier.filedrop.pickup:
    account: bank
    host: sftp.example.com
    username: acme
    private_key_file: ~/.ssh/bank
    host_keys: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    remote_dir: /outgoing
    dest: /srv/bank/statements
    after: move
    move_dir: /outgoing/done
"""

RETURN = r"""
summary:
  description: How many files came to which end.
  returned: when the job could start
  type: dict
  contains:
    delivered:
      description: Files that were fetched. In check mode, files that would be fetched.
      type: int
      sample: 3
    skipped:
      description: Files that were left alone on purpose, such as files that are not settled.
      type: int
      sample: 0
    held:
      description: Files that wait for a person's decision.
      type: int
      sample: 0
    failed:
      description: Files that could not be fetched. They stay on the server.
      type: int
      sample: 0
    bytes:
      description: The size of the delivered files together.
      type: int
      sample: 61440
    seconds:
      description: How long the run took.
      type: float
      sample: 0.38
files:
  description:
    - What became of each file, failures first, at most O(max_results) of them.
    - What came before and stays where it is, with O(after=keep), is only counted, in RV(summary.skipped).
  returned: when the job could start
  type: list
  elements: dict
  contains:
    name:
      description:
        - The name of the file on the server. Bytes that are not UTF-8, and control characters, are shown escaped.
      type: str
      sample: report-2026-04-10.xml
    remote_path:
      description: Where the file lies or lay on the server.
      type: str
      sample: pickup/report-2026-04-10.xml
    local_path:
      description: Where the file was put on this host.
      type: str
      sample: /srv/erp/inbox/report-2026-04-10.xml
    size:
      description: Its size in bytes.
      type: int
      sample: 20480
    sha256:
      description: The SHA-256 of what was fetched. Null where nothing was fetched.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    outcome:
      description: One of V(delivered), V(skipped), V(held) and V(failed).
      type: str
      sample: delivered
    reason:
      description:
        - A stable code that says why, for conditions in playbooks. V(predicted) for what check mode would deliver.
      type: str
      sample: unsettled
    message:
      description: The same in a sentence, with what to do about it. It may be empty.
      type: str
      sample: ""
notes:
  description: What else there is to know of the run.
  returned: when the job could start
  type: list
  elements: str
  sample: []
reason:
  description:
    - A stable code that says why the task failed.
    - The code of what ended the run, such as V(port_closed), or else V(files_failed) when files failed, or else
      V(files_held) when files are held.
  returned: on failure
  type: str
  sample: host_key_changed
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.job import pickup_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._module import ACCOUNT_SPEC, JOB_SPEC, transfer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **JOB_SPEC,
            "dest": {"type": "path", "required": True},
            "after": {"type": "str", "choices": ["delete", "move", "keep"]},
            "move_dir": {"type": "str"},
            "verify": {"type": "str", "choices": ["size", "reread", "sidecar"]},
            "on_duplicate": {"type": "str", "choices": ["deliver", "skip", "hold"]},
            "min_free": {"type": "str", "default": "100M"},
        },
        supports_check_mode=True,
    )
    transfer(module, pickup_from_options)


if __name__ == "__main__":
    main()
