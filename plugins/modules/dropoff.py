#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dropoff
short_description: Send local files to a provider's mailbox
version_added: 0.1.0
description:
  - Sends the files of local folders to a folder on a server, many at once over one connection, and archives, keeps
    or deletes each local file once it has arrived.
  - A local file is archived or deleted only after the server has confirmed the whole of its copy, this was recorded
    in the ledger, and the local file is still what was read.
  - If the process is killed or the network cut at any instant, the next run with the same ledger completes the
    work, or says which files need a person's decision. A file is sent once wherever the server leaves evidence of
    what arrived; where it leaves none, O(ambiguous) decides.
  - A file that cannot be sent does not stop the others. The task fails at its end, with the full result, if any
    file failed or is held.
options:
  src:
    description:
      - A folder, a file, or a list of folders and files, on the host that runs the module. Each is an absolute
        path, or begins with C(~).
      - Of a folder, the files directly in it are sent, oldest first. Names that senders give to files that are not
        whole yet, such as C(.part) and C(.tmp), are left alone.
      - Folders in it, links and special files are not sent. They are named in the result and count as failed, so
        leave them out with O(exclude) if they belong there. The folder that O(after=archive) moves files to is no
        such case.
      - A file that is named itself is sent whatever O(include) and O(exclude) say.
      - Two files of the same name from different folders cannot both be sent. The second is held until the name is
        free on the server.
      - The names are taken as they stand. Commas, quotes and dollar signs in them have no meaning.
      - Names that are not UTF-8, and names with control characters in them, are refused; the files of these names
        count as failed and are shown escaped.
    type: raw
    required: true
  upload:
    description:
      - How a file comes to its name on the server.
      - With V(rename) it is written under a temporary name, after O(temp_name), and then renamed. It appears under
        its final name whole or not at all.
      - With V(direct) it is written under its final name. This is for servers that do not permit to rename. A cut
        connection can then leave a part of a file that the provider may take for whole. This is detected and
        reported, and cannot be prevented.
      - An existing file on the server is never overwritten, as far as the server honours exclusive creation, and
        the module looks for the name first.
      - "Default: V(rename), unless O(preset) says otherwise."
    type: str
    choices:
      - rename
      - direct
  temp_name:
    description:
      - A pattern for temporary names on the server, used with O(upload=rename).
      - C({random}) stands for a few random characters, C({name}) for the name of the file, and C({stem}) for the
        name without its extension. One of C({random}) and C({name}) is needed. A temporary file lies beside the
        final one, so there is no C(/) in the pattern.
      - "Default: V(.{random}.part), unless O(preset) says otherwise."
    type: str
  after:
    description:
      - What to do with a local file that has arrived.
      - With V(archive) it is moved to O(archive_dir), and gets a number in its name if that is taken there.
      - With V(keep) it stays where it is. The ledger keeps it from being sent again until its size or its
        modification time changes.
      - With V(delete) it is deleted.
      - "Default: V(archive), unless O(preset) says otherwise."
    type: str
    choices:
      - archive
      - keep
      - delete
  archive_dir:
    description:
      - The folder that O(after=archive) moves files to. It must exist. On another file system than O(src) files are
        copied there, and the copy is on the disk before the original goes.
      - Without it, a folder C(archive) in the folder that the file lies in, which is made when there is none.
    type: path
  ambiguous:
    description:
      - What to do with a file of which nobody can tell whether it has arrived. An earlier run was interrupted at
        the very end of sending it, and the server shows no trace of it, which is so when the provider took it and
        also when the server dropped it.
      - With V(hold) it is not sent again until a person has asked the provider and decided with
        M(courier.filedrop.resolve). It counts as held, and the task fails.
      - With V(resend) it is sent again. The provider may then get it twice.
      - "Default: V(hold), unless O(preset) says otherwise."
    type: str
    choices:
      - hold
      - resend
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
      - The module connects, looks at both sides and predicts each file. It changes nothing on either side, and
        nothing in the ledger.
      - A refusal that only shows when a file is written, such as a full disk on the server, cannot be predicted.
  diff_mode:
    support: full
    details:
      - Lists the paths of the files on both sides before and after; never their content.
notes:
  - The file that a server confirms may be gone the next moment, because the provider took it. That is success, not
    an error.
  - Sizes are compared, not contents. SFTP has no checksums that servers commonly support; its transport does
    protect what is on the way.
  - Two tasks or jobs must not send from the same folder at the same time with different ledgers.
  - What a run left unfinished is taken up by the next run of the same O(src). A run of another O(src) that asks for the
    same file in the same folder takes it over, unless a run of the first one is at work.
seealso:
  - module: courier.filedrop.pickup
  - module: courier.filedrop.resolve
  - module: courier.filedrop.ledger_info
  - module: courier.filedrop.connection_info
  - module: courier.filedrop.files_info
  - module: courier.filedrop.keypair
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Send this month's invoices to Amili
  courier.filedrop.dropoff:
    preset: amili_sftp
    username: "2001234"
    private_key_file: /etc/filedrop/keys/amili
    host_keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF
    src: /srv/erp/outbox
    include:
      - invoices-*.xml

- name: Send two folders and a file to a server that allows renaming, and keep the originals
  courier.filedrop.dropoff:
    account: bank
    host: sftp.example.com
    username: acme
    private_key_file: ~/.ssh/bank
    host_keys: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    src:
      - /srv/payments/out
      - /srv/payments/urgent
      - /srv/payments/summary.csv
    remote_dir: /incoming
    temp_name: "{name}.tmp"
    after: keep

- name: Drop off from several tasks with the account said once
  module_defaults:
    group/courier.filedrop.remote:
      preset: amili_sftp
      username: "2001234"
      private_key_file: /etc/filedrop/keys/amili
      host_keys: "{{ amili_host_keys }}"
  block:
    - name: Send what is new, at most 100 files
      courier.filedrop.dropoff:
        src: /srv/erp/outbox
        max_files: 100
      register: sent

    - name: Tell how many went
      ansible.builtin.debug:
        msg: "{{ sent.summary.delivered }} files, {{ sent.summary.bytes }} bytes"
"""

RETURN = r"""
summary:
  description: How many files came to which end.
  returned: when the job could start
  type: dict
  contains:
    delivered:
      description: Files that arrived. In check mode, files that would be sent.
      type: int
      sample: 12
    skipped:
      description: Files that were left alone on purpose, such as files that are not settled.
      type: int
      sample: 1
    held:
      description: Files that wait for a person's decision, or for a name to come free.
      type: int
      sample: 0
    failed:
      description: Files that could not be sent. They stay where they were.
      type: int
      sample: 0
    bytes:
      description: The size of the delivered files together.
      type: int
      sample: 245760
    seconds:
      description: How long the run took.
      type: float
      sample: 0.41
files:
  description:
    - What became of each file, failures first, at most O(max_results) of them.
    - What came before and stays where it is, with O(after=keep), is only counted, in RV(summary.skipped).
  returned: when the job could start
  type: list
  elements: dict
  contains:
    name:
      description: The name of the file. Bytes that are not UTF-8, and control characters, are shown escaped.
      type: str
      sample: invoices-2026-04-10.xml
    local_path:
      description:
        - Where the file lies now on this host, such as in the archive, or where it lay until it was deleted.
      type: str
      sample: /srv/erp/outbox/archive/invoices-2026-04-10.xml
    remote_path:
      description: Where the file was sent to on the server.
      type: str
      sample: input/invoices-2026-04-10.xml
    size:
      description: Its size in bytes.
      type: int
      sample: 20480
    sha256:
      description: The SHA-256 of what was sent. Null where nothing was sent.
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
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.job import dropoff_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._module import ACCOUNT_SPEC, JOB_SPEC, transfer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **JOB_SPEC,
            "src": {"type": "raw", "required": True},
            "upload": {"type": "str", "choices": ["rename", "direct"]},
            "temp_name": {"type": "str"},
            "after": {"type": "str", "choices": ["archive", "keep", "delete"]},
            "archive_dir": {"type": "path"},
            "ambiguous": {"type": "str", "choices": ["hold", "resend"]},
        },
        supports_check_mode=True,
    )
    transfer(module, dropoff_from_options)


if __name__ == "__main__":
    main()
