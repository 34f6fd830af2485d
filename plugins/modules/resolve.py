#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: resolve
short_description: Decide what happens to files that are held
version_added: 1.0.0
description:
  - Records a person's decision about held files. A file is held when only a person can decide how to go on. For
    example, an upload was interrupted, and it is unknown whether the provider took the file.
  - The decision is recorded in the ledger of the host, and the next run of the job acts on it. The module does not
    connect, and changes no file.
  - The errors of M(courier.filedrop.dropoff) and M(courier.filedrop.pickup) name the held files, and
    M(courier.filedrop.ledger_info) lists them.
options:
  name:
    description:
      - The held files, each by its name or by the path of its original. For a file to send, that is its local path. For
        a file to fetch, it is the folder and the name on the server, such as C(pickup/report.xml).
      - If several held files have the same name, use the path, O(account) and O(direction) to distinguish them.
      - If one of the files cannot be resolved, no decision is recorded for any of them.
      - Names are used literally. Commas and quotes in them have no special meaning, so use a list for several files.
      - Either O(name) or O(all_held) is required.
    type: raw
    aliases:
      - names
  all_held:
    description:
      - Decide about all held files, within O(account) and O(direction).
    type: bool
    default: false
  direction:
    description:
      - Only files to send (V(dropoff)), to fetch (V(pickup)), or to hand to a program (V(import)). Default is all.
    type: str
    choices:
      - dropoff
      - pickup
      - import
  decision:
    description:
      - What happens to the files.
      - V(resend) lets the next run send or fetch the file again, as it is then. It is sent only after its name is free
        on the server. An existing file is never overwritten. A file of an import is handed to its program again.
      - V(delivered) counts the file as delivered. The next run archives, deletes, moves or keeps the original, as the
        job's C(after) requires. A file on the server is deleted only if a new download has the same content as the
        first one.
      - V(discard) does nothing with the file. The original stays where it is, and no run moves it until its size or
        its modification time changes.
      - V(resend) and V(discard) can be changed to another decision until a run has acted on them. So a discarded file
        can still be sent later.
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
      - Predicts the decision, or says why it is not possible. It cannot predict whether a run of the job will be active
        later.
  diff_mode:
    support: full
    details:
      - Shows the state of each file in the ledger before and after.
notes:
  - If the same decision is already recorded for a file, the file is left as it is, and the task is not changed. A file
    that is neither held nor waits for a taken name is an error that shows its state.
  - During a run of the file's job, the task fails, and no decision is recorded.
  - A file that waits for a name that is taken on the server needs no decision. It is sent once the name is free. If its
    whole upload already lies there under a temporary name, a decision is possible, if the file is named in O(name).
  - Use the same O(ledger) and the same user as for the job. The ledger of another user still belongs to that user
    after root has changed it.
seealso:
  - module: courier.filedrop.ledger_info
  - module: courier.filedrop.dropoff
  - module: courier.filedrop.pickup
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Send an invoice again, because the provider did not receive it
  courier.filedrop.resolve:
    name: invoices-2026-04-10.xml
    decision: resend

- name: Record that the bank has received two payment files, by their paths
  courier.filedrop.resolve:
    account: bank
    direction: dropoff
    name:
      - /srv/payments/out/payments-17.xml
      - /srv/payments/out/payments-18.xml
    decision: delivered

- name: Discard all reports that were received a second time
  courier.filedrop.resolve:
    preset: amili_sftp
    username: "2001234"
    direction: pickup
    all_held: true
    decision: discard
"""

RETURN = r"""
files:
  description: The files in the decision.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the file.
      type: str
      sample: invoices-2026-04-10.xml
    path:
      description: The path of its original, on this host for a file to send, on the server for a file to fetch.
      type: str
      sample: /srv/erp/outbox/invoices-2026-04-10.xml
    account:
      description: The account's name in the ledger.
      type: str
      sample: 2001234@sftp.amili.se:22
    direction:
      description: One of V(dropoff), V(pickup) and V(import).
      type: str
      sample: dropoff
    job:
      description: The job whose next run acts on the decision.
      type: str
      sample: dropoff:/srv/erp/outbox
    size:
      description: The size in bytes of what was held.
      type: int
      sample: 20480
    reason:
      description: A stable code for the reason why it was held, or V(resolved) if there was an earlier decision.
      type: str
      sample: ambiguous
    before:
      description: Its earlier state in the ledger.
      type: str
      sample: held
    after:
      description: Its state in the ledger now, or its predicted state in check mode.
      type: str
      sample: resend
    changed:
      description: Whether the two states differ.
      type: bool
      sample: true
reason:
  description:
    - A stable code for the reason why the task failed, such as V(file_unknown), V(not_held), V(file_ambiguous),
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
    ledger_path,
    run_module,
)


def record_decision(module: AnsibleModule) -> dict[str, Any]:
    """Record the decision, and return what it changed."""
    wanted = wanted_from_options(module.params)
    found = resolve(ledger_path(module), wanted, module.params["decision"], check=module.check_mode)
    result: dict[str, Any] = {
        "changed": any(one.changed for one in found),
        "files": [file_result(one) for one in found],
    }
    if module._diff:
        told = "".join(_line(one.before) for one in found), "".join(_line(one.after) for one in found)
        result["diff"] = dict(zip(("before_header", "after_header", "before", "after"), ("ledger", "ledger", *told)))
    return result


def file_result(one: Decided) -> dict[str, Any]:
    """Format a file for the result."""
    row = one.before
    return {
        "name": names.as_data(row.name),
        "path": names.as_data(path_of(row)),
        "account": row.account,
        "direction": row.direction,
        "job": names.as_data(row.job),
        "size": row.size,
        "reason": row.reason or "",
        "before": row.state,
        "after": one.after.state,
        "changed": one.changed,
    }


def _line(row: Row) -> str:
    return names.shown(f"{row.account} {row.direction} {path_of(row)}: {row.state}") + "\n"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **LEDGER_SPEC,
            "name": {"type": "raw", "aliases": ["names"]},
            "all_held": {"type": "bool", "default": False},
            "direction": {"type": "str", "choices": ["dropoff", "pickup", "import"]},
            "decision": {"type": "str", "required": True, "choices": ["resend", "delivered", "discard"]},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: record_decision(module), offline=True)


if __name__ == "__main__":
    main()
