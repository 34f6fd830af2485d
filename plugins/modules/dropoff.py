#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dropoff
short_description: Send local files to a provider's mailbox
version_added: 1.0.0
description:
  - Sends the files of local folders to a folder on a server, many at the same time over one connection. Archives, keeps
    or deletes each local file after it has arrived.
  - A local file is archived or deleted only after three conditions are met. The server has confirmed the complete copy,
    this is recorded in the ledger, and the local file is unchanged since it was read.
  - After a kill or a network failure at any moment, the next run with the same ledger completes the work, or reports
    which files need a person's decision. A file is sent exactly once if the server leaves evidence of what arrived. If
    there is no evidence, O(ambiguous) decides.
  - A file that cannot be sent does not stop the others. The task fails at its end, with the full result, if a file
    failed, is held, or waits for a name that is taken on the server. It also fails if a file has waited for longer than
    24 hours, for whatever reason (or twice O(settle), if that is longer).
options:
  src:
    description:
      - A folder, a file, or a list of folders and files, on the host that runs the module. Each is an absolute
        path without C(..), or begins with C(~). A link on the way to it is followed only if root or the user of the
        task owns it, and if nobody else can replace it.
      - For a folder, the files directly in it are sent, oldest first. Files with names that senders use for incomplete
        files, such as C(.part) and C(.tmp), are ignored.
      - Subfolders, links and special files are left alone, also if O(include) names them. One note tells how many there
        are, and the first names. Exclude them with O(exclude) to get no note. The archive folder of O(after=archive) is
        ignored.
      - A file that is listed itself is sent regardless of O(include) and O(exclude). If it is a link, it is refused,
        and counts as failed.
      - If two folders contain a file with the same name, only one of them can be sent. The other waits until the name
        is free on the server.
      - Names are used literally. Commas, quotes and dollar signs in them have no special meaning.
      - Names that are not UTF-8, and names with control characters, are refused. These files count as failed, and their
        names are shown escaped.
    type: raw
    required: true
  upload:
    description:
      - How a file is written on the server.
      - V(rename) writes it under a temporary name (see O(temp_name)) and then renames it. It appears under its final
        name complete or not at all.
      - V(direct) writes it under its final name, for servers that do not permit renaming. A broken connection can then
        leave an incomplete file that the provider may take. This is detected and reported, but cannot be prevented.
      - An existing file on the server is never overwritten. The module checks the name first, and uses exclusive
        creation. A server that ignores exclusive creation weakens this protection.
      - "Default: V(rename), unless O(preset) has another one."
    type: str
    choices:
      - rename
      - direct
  temp_name:
    description:
      - A pattern for temporary names on the server, used with O(upload=rename).
      - C({random}) is replaced by a few random characters, C({name}) by the name of the file, and C({stem}) by the
        name without its extension. C({random}) or C({name}) is required. A temporary file is in the folder of the
        final one, so the pattern cannot contain C(/).
      - "Default: V(.{random}.part), unless O(preset) has another one."
    type: str
  verify:
    description:
      - What shows that a file has arrived.
      - V(size) requires that the server tells the right size. Either it tells the size of the open file and
        acknowledges the close, or it shows the size under the name after the close. RV(files[].verified_by) tells
        which.
      - V(hash) also requires that the server's own digest of the file is that of the local file. Some servers have it,
        by the extension C(check-file) of SFTP (ProFTPD has that, OpenSSH does not), or by the commands C(HASH),
        C(XSHA256) or C(XSHA1) of FTP. With any other server, the job stops before it sends a file
        (V(hash_unsupported)). An empty file is verified by its size.
      - V(close) is for a write-only account, which may not look at files. The server must acknowledge every byte and
        the close. Nothing else is checked, so an existing file is protected by exclusive creation alone. Use it with
        O(upload=direct). With O(upload=rename), a temporary file of an interrupted run can stay on the server.
      - "Default: V(size), unless O(preset) has another one."
    type: str
    choices:
      - size
      - hash
      - close
  after:
    description:
      - What to do with a local file after it has arrived.
      - V(archive) moves it to O(archive_dir). If its name is taken there, it gets a number in its name.
      - V(keep) leaves it where it is. The ledger prevents that it is sent again, until its content changes.
      - V(delete) deletes it.
      - With V(archive) and V(delete), a file that lies in O(src) is to be sent, even if a file of the same name and
        content was sent before. One exception is a file that somebody moved back out of the archive, with the same
        size, time and content. It is held (V(sent_before)) until a person decides with M(courier.filedrop.resolve).
        There, V(resend) sends it, V(delivered) archives it, and V(discard) leaves it.
      - "Default: V(archive), unless O(preset) has another one."
    type: str
    choices:
      - archive
      - keep
      - delete
  archive_dir:
    description:
      - The folder for O(after=archive). It must exist. If it is on another file system than O(src), files are copied,
        and the copy is durable on disk before the original is deleted.
      - "Default: a folder C(archive) in the folder of the file, which is created if it is missing. A link in its place
        is refused."
    type: path
  ambiguous:
    description:
      - What to do with a file if it is unknown whether it has arrived. This happens when an earlier run was interrupted
        at the very end of sending it, and the server shows no trace of it. It also happens if the server never tells
        the size of a file. Then either the provider took it, or the server dropped it.
      - V(hold) does not send it again until a person has asked the provider and decided with
        M(courier.filedrop.resolve). The file counts as held, and the task fails.
      - V(resend) sends it again. The provider may then receive it twice. Do not use it with a server that never shows
        files, because every run would send them again. See O(verify=close).
      - With O(protocol=amili_api), such a file was in a request that got no answer, or an answer that does not speak of
        it.
      - "Default: V(hold), unless O(preset) has another one."
    type: str
    choices:
      - hold
      - resend
  file_types:
    description:
      - The provider's types of files, with O(protocol=amili_api), where it is required. It is a dictionary of patterns
        and types, or a list of such dictionaries. The first pattern that fits the name counts, and case matters.
      - A file that no pattern fits fails, and is not sent.
    type: raw
  rejected_dir:
    description:
      - The folder for files that the provider refuses for good, with O(protocol=amili_api). It must exist. A file with
        the reason is put beside each.
      - Without it, the file stays. It counts as failed in the run that hears the refusal, and as held (C(rejected)) in
        later ones, until it changes or is resolved with M(courier.filedrop.resolve).
    type: path
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
      - The module connects, checks both sides and predicts the outcome of each file. It changes nothing on either side
        or in the ledger.
      - Errors that occur only when a file is written, such as a full disk on the server, cannot be predicted.
  diff_mode:
    support: full
    details:
      - Lists the paths of the files on both sides before and after, never their content.
notes:
  - A file that the server has confirmed may disappear at once, because the provider took it. That is success, not an
    error.
  - Sizes are compared, not contents, because most SFTP servers support no checksums. The SSH transport protects the
    data in transit.
  - Two tasks or jobs must not send from the same folder at the same time with different ledgers.
  - The next run with the same O(src) completes what a run left unfinished. A run with another O(src) that selects the
    same file in the same folder takes it over, unless a run with the first O(src) is active.
  - While the module runs, C(ansible-playbook) shows on stderr how many files and bytes have been moved, the rate and
    the remaining time. The variable C(filedrop_progress) sets the seconds between two lines, and V(0) shows none. There
    is no progress in check mode, with C(async) or C(no_log), and for connections that cannot run two commands at once.
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

- name: Send each PDF before its XML, and a ZIP of attachments once the XML was taken
  courier.filedrop.dropoff:
    account: customer
    host: sftp.example.com
    username: acme
    private_key_file: ~/.ssh/customer
    host_keys: SHA256:DYddm5LAMMuLHf5HvHNX5wuB0ufhqSCiyn+1Z0aTXwQ
    src: /srv/invoices/out
    remote_dir: to_billit
    companions:
      - "*.pdf"
      - "*.xml"
      - pattern: "*.zip"
        optional: true
        after_taken: true

- name: Drop off from several tasks, and set the account only once
  module_defaults:
    group/courier.filedrop.remote:
      preset: amili_sftp
      username: "2001234"
      private_key_file: /etc/filedrop/keys/amili
      host_keys: "{{ amili_host_keys }}"
  block:
    - name: Send new files, at most 100
      courier.filedrop.dropoff:
        src: /srv/erp/outbox
        max_files: 100
      register: sent

    - name: Show how many were sent
      ansible.builtin.debug:
        msg: "{{ sent.summary.delivered }} files, {{ sent.summary.bytes }} bytes"
"""

RETURN = r"""
summary:
  description: The number of files with each outcome.
  returned: when the job could start
  type: dict
  contains:
    delivered:
      description: Files that arrived. In check mode, files that would be sent.
      type: int
      sample: 12
    skipped:
      description: Files that are not to be sent, such as files that were sent before.
      type: int
      sample: 1
    waiting:
      description:
        - Files that a later run sends. RV(files[].reason) says what they wait for.
        - With V(name_taken), another file has the name on the server. This fails the task.
        - V(unsettled), V(limit_reached) and V(not_reached) do not fail the task before the file has waited too long.
        - Nor do V(companion_missing), V(companion_waiting) and V(companion_not_taken), for O(companions). The original
          of a file that was sent also waits with V(companion_waiting) until its whole set is sent.
      type: int
      sample: 0
    held:
      description: Files that need a person's decision. M(courier.filedrop.resolve) accepts all of them.
      type: int
      sample: 0
    failed:
      description: Files that could not be sent. They stay where they were.
      type: int
      sample: 0
    bytes:
      description: The total size of the delivered files.
      type: int
      sample: 245760
    seconds:
      description: The duration of the run in seconds.
      type: float
      sample: 0.41
files:
  description:
    - The outcome of each file, failures first, at most O(max_results) of them.
    - Files that were sent earlier and kept with O(after=keep) are only counted, in RV(summary.skipped).
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
        - Where the file is now on this host, for example in the archive, or where it was until it was deleted.
      type: str
      sample: /srv/erp/outbox/archive/invoices-2026-04-10.xml
    remote_path:
      description: The path of the file on the server.
      type: str
      sample: input/invoices-2026-04-10.xml
    size:
      description: Its size in bytes.
      type: int
      sample: 20480
    sha256:
      description: The SHA-256 of the data that was sent. Null if nothing was sent.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    verified_by:
      description:
        - What showed that the server has the complete file. Null if nothing was sent.
        - V(size) means that the server showed the right size under the final name.
        - V(open handle) means that the server told the right size of the open file and acknowledged the close. The
          file was not seen afterwards. Either the provider took it at once, or the server hides it.
        - V(hash) means that the server's own digest of the file is that of the local file (O(verify=hash)).
        - V(close) means that the server acknowledged every byte and the close (O(verify=close)).
        - V(answer) means that the provider's answer to the request took the file (O(protocol=amili_api)).
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
      which folders and links in O(src) were left alone.
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
    - V(files_blocked), if files wait for a name that is taken on the server.
  returned: on failure
  type: str
  sample: host_key_changed
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import dropoff_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._module import ACCOUNT_SPEC, JOB_SPEC
from ansible_collections.courier.filedrop.plugins.module_utils._transfer import transfer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **JOB_SPEC,
            "file_types": {"type": "raw"},
            "rejected_dir": {"type": "path"},
            "src": {"type": "raw", "required": True},
            "upload": {"type": "str", "choices": ["rename", "direct"]},
            "temp_name": {"type": "str"},
            "verify": {"type": "str", "choices": ["size", "hash", "close"]},
            "after": {"type": "str", "choices": ["archive", "keep", "delete"]},
            "archive_dir": {"type": "path"},
            "ambiguous": {"type": "str", "choices": ["hold", "resend"]},
        },
        supports_check_mode=True,
    )
    transfer(module, dropoff_from_options)


if __name__ == "__main__":
    main()
