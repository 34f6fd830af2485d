#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: resolve
short_description: Decide what becomes of files that are held
version_added: 0.1.0
description:
  - Takes the decision that a held file waits for. A file is held where nothing but a person can tell how to go on,
    such as when an upload was cut off and nobody can tell whether the provider took the file.
  - The decision is noted in the ledger of the host, and the next run of the job goes by it. Nobody is connected to,
    and no file is touched.
  - The errors of M(courier.filedrop.dropoff) and M(courier.filedrop.pickup) say which files are held, and
    M(courier.filedrop.ledger_info) lists them.
options:
  name:
    description:
      - The held files to decide about, each by its name, or by the path of its original. That is the local path of a
        file to send, and the folder and the name on the server of a file to fetch, such as C(pickup/report.xml).
      - Where several held files have the same name, the path tells them apart, with O(account) and O(direction).
      - If one of the files cannot be resolved, nothing is decided about any of them.
      - Names are taken as they stand. Commas and quotes in them have no meaning, so several files are a list.
      - Either this or O(all_held) is needed.
    type: raw
    aliases:
      - names
  all_held:
    description:
      - Decide about all files that are held, within O(account) and O(direction).
    type: bool
    default: false
  direction:
    description:
      - Only files that are to be sent (V(dropoff)), or only files that are to be fetched (V(pickup)). Without it,
        both.
    type: str
    choices:
      - dropoff
      - pickup
  decision:
    description:
      - What is to become of the files.
      - With V(resend) the next run sends or fetches the file again. It is sent only once its name is free on the
        server, and what is there is never overwritten. What is sent is the file as it is then.
      - With V(delivered) the file counts as delivered. The next run does with the original what the job's C(after)
        says, which is to archive, delete, move or keep it. A file on the server is deleted only if a fresh download
        shows the content that was fetched before.
      - With V(discard) nothing is done with the file. The original stays where it is, and no run moves it again
        until its size or its modification time changes.
      - V(resend) and V(discard) can be followed by another decision as long as nothing has come of them, so that a
        discarded file can be sent after all.
    type: str
    required: true
    choices:
      - resend
      - delivered
      - discard
extends_documentation_fragment:
  - courier.filedrop.account.in_ledger
  - courier.filedrop.attributes
  - courier.filedrop.attributes.action_group
  - courier.filedrop.job.ledger
attributes:
  check_mode:
    support: full
    details:
      - It tells what would be decided, or why that is not possible. It cannot tell that a run of the job will be at
        work by then.
  diff_mode:
    support: full
    details:
      - Shows the state of each file in the ledger before and after.
notes:
  - A file that has been decided so already is left as it is, and the task is not changed. A file in any other state
    than held is an error that tells the state.
  - While a run of the file's job is at work the task fails, and nothing is decided.
  - A file to send whose name is taken on the server is in this list only if a run was cut off while it sent it. It is
    sent by itself once the name is free.
  - Use the same O(ledger) and the same user as for the job. What root changes in the ledger of another user stays
    theirs.
seealso:
  - module: courier.filedrop.ledger_info
  - module: courier.filedrop.dropoff
  - module: courier.filedrop.pickup
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Send an invoice again, since the provider did not get it
  courier.filedrop.resolve:
    name: invoices-2026-04-10.xml
    decision: resend

- name: Settle two payment files that the bank confirmed, by their paths
  courier.filedrop.resolve:
    account: bank
    direction: dropoff
    name:
      - /srv/payments/out/payments-17.xml
      - /srv/payments/out/payments-18.xml
    decision: delivered

- name: Leave all reports alone that came a second time
  courier.filedrop.resolve:
    preset: amili_sftp
    username: "2001234"
    direction: pickup
    all_held: true
    decision: discard
"""

RETURN = r"""
files:
  description: The files that the decision is about.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the file.
      type: str
      sample: invoices-2026-04-10.xml
    path:
      description: Where its original is, on this host for a file to send, on the server for a file to fetch.
      type: str
      sample: /srv/erp/outbox/invoices-2026-04-10.xml
    account:
      description: The account's name in the ledger.
      type: str
      sample: 2001234@sftp.amili.se:22
    direction:
      description: One of V(dropoff) and V(pickup).
      type: str
      sample: dropoff
    job:
      description: The job whose next run goes by the decision.
      type: str
      sample: dropoff:/srv/erp/outbox
    size:
      description: The size in bytes of what was held.
      type: int
      sample: 20480
    reason:
      description: A stable code that says why it was held, or V(resolved) if it was decided about before.
      type: str
      sample: ambiguous
    before:
      description: The state in the ledger before.
      type: str
      sample: held
    after:
      description: The state in the ledger now, or in check mode the one that it would have.
      type: str
      sample: resend
    changed:
      description: Whether the two differ.
      type: bool
      sample: true
reason:
  description:
    - A stable code that says why the task failed, such as V(file_unknown), V(not_held), V(file_ambiguous),
      V(account_unknown), V(job_running) or V(ledger_missing).
  returned: on failure
  type: str
  sample: not_held
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import (
    Decided,
    path_of,
    resolve,
    wanted_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names
from ansible_collections.courier.filedrop.plugins.module_utils._module import (
    ACCOUNT_SPEC,
    LEDGER_SPEC,
    answer,
    ledger_path,
)


def resolved(module: AnsibleModule) -> dict[str, Any]:
    """Take the decision, and tell what it changed."""
    wanted = wanted_from_options(module.params)
    found = resolve(ledger_path(module), wanted, module.params["decision"], check=module.check_mode)
    result: dict[str, Any] = {
        "changed": any(one.changed for one in found),
        "files": [described(one) for one in found],
    }
    if module._diff:
        told = "".join(_line(one.before) for one in found), "".join(_line(one.after) for one in found)
        result["diff"] = dict(zip(("before_header", "after_header", "before", "after"), ("ledger", "ledger", *told)))
    return result


def described(one: Decided) -> dict[str, Any]:
    """A file as the result shows it."""
    row = one.before
    return {
        "name": names.shown(row.name),
        "path": names.shown(path_of(row)),
        "account": row.account,
        "direction": row.direction,
        "job": names.shown(row.job),
        "size": row.size,
        "reason": row.reason or "",
        "before": row.state,
        "after": one.after.state,
        "changed": one.changed,
    }


def _line(row: Row) -> str:
    return f"{row.account} {row.direction} {names.shown(path_of(row))}: {row.state}\n"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **LEDGER_SPEC,
            "name": {"type": "raw", "aliases": ["names"]},
            "all_held": {"type": "bool", "default": False},
            "direction": {"type": "str", "choices": ["dropoff", "pickup"]},
            "decision": {"type": "str", "required": True, "choices": ["resend", "delivered", "discard"]},
        },
        supports_check_mode=True,
    )
    answer(module, lambda: resolved(module), offline=True)


if __name__ == "__main__":
    main()
