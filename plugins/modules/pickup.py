#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pickup
short_description: Fetch files from a provider's mailbox, verify them, then delete them there
version_added: 1.0.0
description:
  - Fetches the files of a folder on a server into a local folder, many at the same time over one connection. Then
    deletes, moves or keeps each file on the server.
  - A file on the server is deleted or moved only after its copy is complete, verified, durable on disk and recorded in
    the ledger, and only if the file is unchanged since it was read. Its size and time are checked again just before.
  - A local file appears under its final name only when it is complete, and never overwrites another. If the name is
    taken, the new file gets a number in its name.
  - After a kill or a network failure at any moment, the next run with the same ledger completes the work, or reports
    which files need a person's decision.
  - A file that cannot be fetched does not stop the others. The task fails at its end, with the full result, if a file
    failed or is held, or if a file of a set (O(companions)) waits for its name in O(dest). It also fails if a file has
    waited for longer than 24 hours, for whatever reason (or twice O(settle), if that is longer).
options:
  dest:
    description:
      - The folder for the fetched files, on the host that runs the module. It is an absolute path without C(..), or
        begins with C(~). It must exist and be writable. A link on the way to it is followed only if root or the user of
        the task owns it, and if nobody else can replace it.
      - During a run it also contains temporary files with distinct names.
    type: path
    required: true
  after:
    description:
      - What to do with a file on the server after its copy is safe.
      - V(delete) deletes it there. For most providers, this confirms that the file was received.
      - V(move) moves it to O(move_dir) on the server. If its name is taken there, it gets a number in its name.
        Nothing removes it from there.
      - V(keep) leaves it there. The ledger prevents that it is fetched again, until its size or its time changes.
      - "Default: V(delete), unless O(preset) has another one."
    type: str
    choices:
      - delete
      - move
      - keep
  move_dir:
    description:
      - The folder on the server for O(after=move), a path like O(remote_dir).
      - V({date}) in it is replaced by the day of the move in the time zone of the host, such as V(2026-11-30). Then the
        folder is made if it is missing, with those above it. If the server does not allow that, the files are fetched
        and stay where they are, and count as failed.
      - Without V({date}), the folder must exist.
      - Required with O(after=move), and ignored otherwise.
    type: str
  verify:
    description:
      - How a copy is verified before the file on the server is deleted or moved.
      - V(size) compares the number of received bytes with the size that the server reports before and after. A download
        that the server cut short is an error, whatever the server reports.
      - V(hash) also compares the copy with the server's own digest of the file. Some servers have it, by the extension
        C(check-file) of SFTP (ProFTPD has that, OpenSSH does not), or by the commands C(HASH), C(XSHA256) or C(XSHA1)
        of FTP. With any other server, the job stops before it fetches a file (V(hash_unsupported)). An empty file is
        verified by its size.
      - V(reread) also fetches the file a second time, and both copies must be equal.
      - V(sidecar) also compares the copy with the provider's checksum file. That file has the name of the file with
        C(.sha256), C(.sha512) or C(.md5) appended, in either case. A file without one stays on the server and counts as
        failed. The checksum files are fetched too.
      - A checksum file may have the form of C(sha256sum), of BSD, of C(certutil) or of C(Get-FileHash), in UTF-8 or
        UTF-16, with the digest in hexadecimal digits or in base64. If it names files, only the digest of this name
        counts.
      - "Default: V(size), unless O(preset) has another one."
    type: str
    choices:
      - size
      - hash
      - reread
      - sidecar
  on_duplicate:
    description:
      - What to do with a file that was fetched before from this folder, with the same name and the same content.
        Some providers put files back.
      - V(deliver) delivers it like any other file.
      - V(skip) does not deliver it again. It counts as skipped.
      - V(hold) holds it until a person decides with M(courier.filedrop.resolve), and the task fails.
      - "Default: V(deliver), unless O(preset) has another one."
    type: str
    choices:
      - deliver
      - skip
      - hold
  min_free:
    description:
      - The space that must stay free on the file system of O(dest). A file that would leave less is not fetched, and
        counts as failed.
      - A number of bytes, or a number with V(K), V(M), V(G) or V(T), which are powers of 1024. V(0) disables the
        check.
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
      - The module connects, lists the folder and predicts the outcome of each file. It fetches nothing, and changes
        nothing on either side or in the ledger.
      - Errors that occur only when a file is read, such as a missing permission, cannot be predicted.
  diff_mode:
    support: full
    details:
      - Lists the paths of the files on both sides before and after, never their content.
notes:
  - The next run with the same O(dest) and O(remote_dir) completes what a run left unfinished. A run with another
    O(dest) that selects the same file takes it over, unless a run with the first O(dest) is active. Files that were
    already placed in the first folder stay there.
  - Folders, links and special files in O(remote_dir) are ignored. So are files with names that senders use for
    incomplete files, such as C(.part) and C(.tmp).
  - A name from the server must be a safe name for a file in O(dest). Path separators, C(..), control characters, names
    of more than 255 bytes and names that are not UTF-8 are refused. The other files are still fetched.
  - "SFTP reports times in whole seconds. If the provider replaces a file by another of the same size within the same
    second, or during the request that deletes it, the module cannot detect that."
  - While the module runs, C(ansible-playbook) shows on stderr how many files and bytes have been moved, the rate and
    the remaining time. The variable C(filedrop_progress) sets the seconds between two lines, and V(0) shows none. There
    is no progress in check mode, with C(async) or C(no_log), and for connections that cannot run two commands at once.
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

- name: Import each report into the ERP
  ansible.builtin.command:
    argv:
      - /usr/local/bin/import-report
      - "{{ item.local_path }}"
  loop: "{{ fetched.files | selectattr('outcome', 'equalto', 'delivered') }}"
  loop_control:
    label: "{{ item.name }}"
  changed_when: true

- name: Fetch statements once, leave them on the server, and verify each with a second download
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

- name: Fetch November's invoices with their pictures, and move the originals to a folder a day
  courier.filedrop.pickup:
    account: customer
    host: sftp.example.com
    username: acme
    private_key_file: ~/.ssh/customer
    host_keys: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    remote_dir: /invoices
    dest: /srv/invoices/in
    companions:
      - "*.pdf"
      - "*.xml"
    modified_from: "2026-11-01"
    modified_to: "2026-12-01"
    after: move
    move_dir: /invoices/success/{date}
"""

RETURN = r"""
summary:
  description: The number of files with each outcome.
  returned: when the job could start
  type: dict
  contains:
    delivered:
      description: Files that were fetched. In check mode, files that would be fetched.
      type: int
      sample: 3
    skipped:
      description: Files that are not to be fetched, such as files that were fetched before.
      type: int
      sample: 0
    waiting:
      description:
        - Files that a later run fetches. RV(files[].reason) says what they wait for, such as V(unsettled),
          V(limit_reached), V(not_reached), V(file_awaited) or V(earlier_first), and for O(companions)
          V(companion_missing) or V(companion_waiting).
        - They do not fail the task before they have waited too long.
        - With V(name_taken), a file of a set waits for its name in O(dest). This fails the task.
      type: int
      sample: 0
    held:
      description: Files that need a person's decision. M(courier.filedrop.resolve) accepts all of them.
      type: int
      sample: 0
    failed:
      description: Files that could not be fetched. They stay on the server.
      type: int
      sample: 0
    bytes:
      description: The total size of the delivered files.
      type: int
      sample: 61440
    seconds:
      description: The duration of the run in seconds.
      type: float
      sample: 0.38
files:
  description:
    - The outcome of each file, failures first, at most O(max_results) of them.
    - Files that were fetched earlier and kept with O(after=keep) are only counted, in RV(summary.skipped).
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
      description: The path of the file on the server, now or before it was deleted or moved.
      type: str
      sample: pickup/report-2026-04-10.xml
    local_path:
      description: The path of the file on this host.
      type: str
      sample: /srv/erp/inbox/report-2026-04-10.xml
    size:
      description: Its size in bytes.
      type: int
      sample: 20480
    sha256:
      description: The SHA-256 of the data that was fetched. Null if nothing was fetched.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    verified_by:
      description: What showed that the copy is complete. It is the value of O(verify). Null if nothing was fetched.
      type: str
      sample: size
    outcome:
      description: One of V(failed), V(held), V(waiting), V(delivered) and V(skipped).
      type: str
      sample: delivered
    reason:
      description:
        - A stable code for the reason, for conditions in playbooks. V(predicted) if check mode would deliver the file.
      type: str
      sample: unsettled
    message:
      description: The reason as a sentence, with what to do about it. It may be empty.
      type: str
      sample: ""
notes:
  description:
    - Further information about the run. It tells how often a connection was lost or a server was busy, and why, and
      which folders and links on the server were left alone.
  returned: when the job could start
  type: list
  elements: str
  sample: []
reason:
  description:
    - A stable code for the reason why the task failed.
    - The code of the error that ended the run, such as V(port_closed). Without such an error, it is the first of these
      that applies.
    - V(files_failed), if files failed.
    - V(files_held), if files are held.
    - V(files_stuck), if files have waited for too long.
    - V(files_blocked), if files wait for a name that is taken in O(dest).
  returned: on failure
  type: str
  sample: host_key_changed
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import pickup_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._module import ACCOUNT_SPEC, JOB_SPEC
from ansible_collections.courier.filedrop.plugins.module_utils._transfer import transfer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **JOB_SPEC,
            "dest": {"type": "path", "required": True},
            "after": {"type": "str", "choices": ["delete", "move", "keep"]},
            "move_dir": {"type": "str"},
            "verify": {"type": "str", "choices": ["size", "hash", "reread", "sidecar"]},
            "on_duplicate": {"type": "str", "choices": ["deliver", "skip", "hold"]},
            "min_free": {"type": "str", "default": "100M"},
        },
        supports_check_mode=True,
    )
    transfer(module, pickup_from_options)


if __name__ == "__main__":
    main()
