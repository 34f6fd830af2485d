#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
short_description: Show what a host sent and fetched, and what needs a decision
version_added: 1.0.0
description:
  - Reads the ledger of a host. Returns the outcome of each file that was sent or fetched, with its place and time. Also
    returns files that are in progress, files that wait, and files that are held for a person's decision.
  - It does not connect and writes nothing, so it can be used during runs.
options:
  direction:
    description:
      - Only files that were sent (V(dropoff)), fetched (V(pickup)), or handed to a program (V(import)). Default is all.
    type: str
    choices:
      - dropoff
      - pickup
      - import
  outcome:
    description:
      - Only files with these outcomes. Without it, or with an empty list, all files.
      - V(held) files need a decision by M(courier.filedrop.resolve).
      - V(waiting) files were left for a later run by the latest run of their job. Something outside has to change
        first, such as a name that is taken on the server. At most C(max_results) of a job are known, but at
        least 1000.
      - V(unfinished) files are in progress, or were when a run was interrupted. The next run of the job continues.
      - V(delivered) files arrived.
      - V(discarded) files are left alone because a person decided so.
      - V(rejected) files were refused for good. A drop-off moves them to its C(rejected_dir), an import to its
        C(failed_dir).
      - V(abandoned) entries are attempts without a result that left nothing behind on either side. If the file still
        has to be moved, there is a later entry for it, or the next run moves it.
    type: list
    elements: str
    choices:
      - held
      - waiting
      - unfinished
      - delivered
      - discarded
      - rejected
      - abandoned
  since:
    description:
      - Only files whose outcome or state changed since then. A date, or a date with a time, such as V(2026-04-10) or
        V(2026-04-10T06:00:00Z), or a duration before now, such as V(90m), V(12h) or V(7d).
      - A date or time without a zone is in UTC.
    type: str
  name:
    description:
      - Only files whose name matches this pattern, such as V(invoices-*.xml).
      - In a pattern, V(*) matches any characters, V(?) matches one, and V([abc]) matches one of these. Patterns are
        case-sensitive.
    type: str
  max_results:
    description:
      - List at most this many files in RV(files). RV(summary) always counts all of them. A warning says how many are
        not listed.
      - From 0 to 100000.
    type: int
    default: 1000
extends_documentation_fragment:
  - courier.filedrop.account.in_ledger
  - courier.filedrop.attributes
  - courier.filedrop.attributes.action_group
  - courier.filedrop.attributes.info
  - courier.filedrop.job.ledger
notes:
  - The ledger of another user is readable for users who can read its file, such as root. No file is created beside it.
  - A name that was sent several times has one entry for each time.
seealso:
  - module: courier.filedrop.resolve
  - module: courier.filedrop.dropoff
  - module: courier.filedrop.pickup
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Find files that need a decision
  courier.filedrop.ledger_info:
    outcome: held
  register: held

- name: Fail if there are any
  ansible.builtin.assert:
    that: held.summary.held == 0
    fail_msg: "{{ held.files | map(attribute='name') | join(', ') }}"

- name: List the invoices that Amili received today
  courier.filedrop.ledger_info:
    preset: amili_sftp
    username: "2001234"
    direction: dropoff
    outcome: delivered
    name: invoices-*.xml
    since: "{{ now(utc=true, fmt='%Y-%m-%d') }}"

- name: List the files that the job of another user fetched in the last week
  courier.filedrop.ledger_info:
    ledger: /home/erp/.local/state/filedrop/ledger.sqlite3
    direction: pickup
    since: 7d
  become: true
"""

RETURN = r"""
ledger:
  description: Path of the ledger that was read.
  returned: success
  type: str
  sample: /var/lib/filedrop/ledger.sqlite3
summary:
  description: The number of matching files with each outcome, including those beyond O(max_results).
  returned: success
  type: dict
  contains:
    held:
      description: Files that need a decision.
      type: int
      sample: 1
    waiting:
      description: Files that wait for something to change.
      type: int
      sample: 0
    unfinished:
      description: Files that the next run continues with.
      type: int
      sample: 0
    delivered:
      description: Files that arrived.
      type: int
      sample: 1248
    discarded:
      description: Files that are left alone because a person decided so.
      type: int
      sample: 0
    rejected:
      description: Files that were refused for good, and moved aside (C(rejected_dir), or C(failed_dir) of an import).
      type: int
      sample: 0
    abandoned:
      description: Attempts without a result.
      type: int
      sample: 3
files:
  description:
    - The matching files, at most O(max_results). Held files come first, then waiting files, then unfinished files,
      then the rest. Each group is sorted by the latest change.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the file.
      type: str
      sample: invoices-2026-04-10.xml
    folder:
      description: The folder of the original, on this host for a file that was sent, on the server for one fetched.
      type: str
      sample: /srv/erp/outbox
    account:
      description: The account's name in the ledger.
      type: str
      sample: 2001234@sftp.amili.se:22
    direction:
      description: One of V(dropoff), V(pickup) and V(import).
      type: str
      sample: dropoff
    job:
      description: The job that moves it.
      type: str
      sample: dropoff:/srv/erp/outbox
    outcome:
      description: Its outcome, as in O(outcome).
      type: str
      sample: held
    state:
      description: Its state in the ledger. Empty for a file that waits before anything of it was recorded.
      type: str
      sample: held
    reason:
      description:
        - A stable code for the reason why it is held or waits, or V(resolved) if a person has decided. Empty otherwise.
      type: str
      sample: ambiguous
    size:
      description: The size of the original in bytes.
      type: int
      sample: 20480
    mtime:
      description: When the original was last changed, as ISO 8601 in UTC. Null if it is not known.
      type: str
      sample: "2026-04-10T06:00:02Z"
    sha256:
      description: The SHA-256 of the data that was moved. Null if no data was read to its end.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    verified_by:
      description:
        - What showed that the copy of a delivered file is complete. The values are those of
          RV(courier.filedrop.dropoff#module:files[].verified_by) and
          RV(courier.filedrop.pickup#module:files[].verified_by), and V(handler) for an import.
        - Null if the file was not delivered, or if a person decided that it was.
      type: str
      sample: size
    taken:
      description:
        - When a run first saw that a delivered file was gone from the server, as ISO 8601 in UTC. Only the runs of a
          job with C(taken_within) look at that. Null if no run has seen it.
      type: str
      sample: "2026-04-10T06:30:03Z"
    accepted:
      description:
        - When it was recorded that the receiver has accepted a file, and not only taken it, as ISO 8601 in UTC. Null if
          nothing shows that.
      type: str
      sample: "2026-04-10T06:00:05Z"
    accepted_by:
      description:
        - What showed that the receiver has accepted the file.
        - V(answer) means that the provider's answer to the request says so, with C(protocol=amili_api).
        - V(handler) means that the handler of an import has ended well.
        - Null if nothing shows that. Over SFTP and FTP nothing does. There, a provider tells it by a file of its own,
          which a pickup fetches.
      type: str
      sample: answer
    remote_path:
      description: Its path on the server.
      type: str
      sample: input/invoices-2026-04-10.xml
    local_path:
      description:
        - Its path on this host, for example in the archive or in the folder for fetched files. Null if it has not come
          that far, or was deleted after it was sent.
      type: str
      sample: /srv/erp/outbox/archive/invoices-2026-04-10.xml
    file_id:
      description: What identifies the file to the provider, with C(protocol=amili_api). Null otherwise.
      type: str
      sample: 8d9f6a2f3c5e4b7d9a1c2e3f40516273
    request:
      description: The request in which it was sent last, with C(protocol=amili_api). Null otherwise.
      type: str
      sample: 1f2e3d4c5b6a7988
    changed_at:
      description: When its state last changed, or since when it waits, as ISO 8601 in UTC.
      type: str
      sample: "2026-04-10T06:15:03Z"
capabilities:
  description: What earlier runs learned about the servers.
  returned: success
  type: list
  elements: dict
  contains:
    account:
      description: The account's name in the ledger.
      type: str
      sample: 2001234@sftp.amili.se:22
    name:
      description:
        - The capability.
        - V(rename) is required by C(upload=rename).
        - V(exclusive_create) means that the server refuses to create a file that exists.
        - V(partial_uploads) means that a file is visible under its name, and can be taken, while it is written.
        - V(stat) means that the size and time of a file can be queried. Every pickup requires it.
        - V(claim) means that a file can be renamed in the pickup folder. Hosts with C(share) require it.
      type: str
      sample: rename
    allowed:
      description: Whether the server allows it.
      type: bool
      sample: true
    learned_at:
      description: When this was learned, as ISO 8601 in UTC.
      type: str
      sample: "2026-04-01T06:15:03Z"
reason:
  description: A stable code for the reason why the task failed.
  returned: on failure
  type: str
  sample: ledger_missing
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.history import (
    Capability,
    accepted_by,
    ask,
    evidence_of,
    question_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names
from ansible_collections.courier.filedrop.plugins.module_utils._module import (
    ACCOUNT_SPEC,
    LEDGER_SPEC,
    iso,
    ledger_path,
    run_module,
)


def query_ledger(module: AnsibleModule) -> dict[str, Any]:
    """Query the ledger for the files in the options."""
    path = ledger_path(module)
    found = ask(path, question_from_options(module.params))
    left_out = sum(found.counts.values()) - len(found.entries)
    if left_out:
        module.warn(f"{left_out} more are not listed. Raise max_results to see them.")
    return {
        "changed": False,
        "ledger": path,
        "summary": found.counts,
        "files": [file_result(row, outcome) for row, outcome in found.entries],
        "capabilities": [capability_result(one) for one in found.capabilities],
    }


def file_result(row: Row, outcome: str) -> dict[str, Any]:
    """Format a file for the result."""
    accepted = accepted_by(row)
    return {
        "name": names.as_data(row.name),
        "folder": names.as_data(row.folder),
        "account": row.account,
        "direction": row.direction,
        "job": names.as_data(row.job),
        "outcome": outcome,
        "state": row.state,
        "reason": row.reason or "",
        "size": row.size,
        "mtime": iso(row.mtime_ns / 1e9) if row.mtime_ns else None,
        "sha256": row.sha256,
        "verified_by": evidence_of(row),
        "taken": None if row.taken_at is None else iso(row.taken_at),
        "accepted": iso(row.changed_at) if accepted else None,
        "accepted_by": accepted,
        "remote_path": names.as_data(row.remote_path),
        "local_path": names.as_data(row.local_path) if row.local_path else None,
        "file_id": row.file_id,
        "request": row.request,
        "changed_at": iso(row.changed_at),
    }


def capability_result(one: Capability) -> dict[str, Any]:
    """Format a capability for the result."""
    return {"account": one.account, "name": one.name, "allowed": one.allowed, "learned_at": iso(one.learned_at)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **LEDGER_SPEC,
            "direction": {"type": "str", "choices": ["dropoff", "pickup", "import"]},
            "outcome": {
                "type": "list",
                "elements": "str",
                "choices": ["held", "waiting", "unfinished", "delivered", "discarded", "rejected", "abandoned"],
            },
            "since": {"type": "str"},
            "name": {"type": "str"},
            "max_results": {"type": "int", "default": 1000},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: query_ledger(module), offline=True)


if __name__ == "__main__":
    main()
