#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
short_description: Show what a host sent and fetched, and what needs a decision
version_added: 0.1.0
description:
  - Reads the ledger of a host. It tells of each file that was sent or fetched what became of it, where it is and when
    that was, which files are on their way, and which are held until a person decides.
  - It connects to nobody, and writes nothing, so it can be used while jobs run.
options:
  direction:
    description:
      - Only files that were sent (V(dropoff)), or only files that were fetched (V(pickup)). Without it, both.
    type: str
    choices:
      - dropoff
      - pickup
  outcome:
    description:
      - Only files of which this became. Without it, or while it is empty, all.
      - V(held) files wait for a decision. M(courier.filedrop.resolve) takes it.
      - V(unfinished) files are on their way, or were when a run was cut off. The next run of the job goes on with them.
      - V(delivered) files arrived.
      - V(discarded) files are left alone, since a person decided so.
      - V(abandoned) are attempts of which nothing came and nothing was left behind, on either side. If the file is
        still to be moved, a later entry tells of it, or the next run does it.
    type: list
    elements: str
    choices:
      - held
      - unfinished
      - delivered
      - discarded
      - abandoned
  since:
    description:
      - Only files of which something has become since then. A date or a date with a time, such as V(2026-04-10) or
        V(2026-04-10T06:00:00Z), or a stretch of time until now, such as V(90m), V(12h) or V(7d).
      - A date or time is in UTC, unless it says otherwise.
    type: str
  name:
    description:
      - Only files with a name that matches this pattern, such as V(invoices-*.xml).
      - In a pattern V(*) stands for any characters, V(?) for one, and V([abc]) for one of these. Upper and lower case
        differ.
    type: str
  max_results:
    description:
      - List at most this many in RV(files). RV(summary) always counts all of them, and there is a warning when some
        are left out.
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
  - The ledger of another user can be read by whoever may read its file, such as root. Nothing is made beside it.
  - A name that was sent several times has an entry for each time.
seealso:
  - module: courier.filedrop.resolve
  - module: courier.filedrop.dropoff
  - module: courier.filedrop.pickup
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: See what needs a decision
  courier.filedrop.ledger_info:
    outcome: held
  register: held

- name: Fail while something does
  ansible.builtin.assert:
    that: held.summary.held == 0
    fail_msg: "{{ held.files | map(attribute='name') | join(', ') }}"

- name: See which invoices Amili got today
  courier.filedrop.ledger_info:
    preset: amili_sftp
    username: "2001234"
    direction: dropoff
    outcome: delivered
    name: invoices-*.xml
    since: "{{ now(utc=true, fmt='%Y-%m-%d') }}"

- name: See what the job of another user fetched in the last week
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
  description: How many of the files that were asked for have each outcome, those beyond O(max_results) too.
  returned: success
  type: dict
  contains:
    held:
      description: Files that wait for a decision.
      type: int
      sample: 1
    unfinished:
      description: Files that the next run goes on with.
      type: int
      sample: 0
    delivered:
      description: Files that arrived.
      type: int
      sample: 1248
    discarded:
      description: Files that are left alone, since a person decided so.
      type: int
      sample: 0
    abandoned:
      description: Attempts of which nothing came.
      type: int
      sample: 3
files:
  description:
    - The files that were asked for, at most O(max_results). Those that are held come first, then those that are
      unfinished, and the latest change first in each.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the file.
      type: str
      sample: invoices-2026-04-10.xml
    folder:
      description: Where its original is or was, on this host for a file that was sent, on the server for one fetched.
      type: str
      sample: /srv/erp/outbox
    account:
      description: The account's name in the ledger.
      type: str
      sample: 2001234@sftp.amili.se:22
    direction:
      description: One of V(dropoff) and V(pickup).
      type: str
      sample: dropoff
    job:
      description: The job that moves it.
      type: str
      sample: dropoff:/srv/erp/outbox
    outcome:
      description: What became of it, as in O(outcome).
      type: str
      sample: held
    state:
      description: How far it is on its way, in the words of the ledger.
      type: str
      sample: held
    reason:
      description:
        - A stable code that says why it is held, or V(resolved) if a person has decided. Empty otherwise.
      type: str
      sample: ambiguous
    size:
      description: The size of the original in bytes.
      type: int
      sample: 20480
    mtime:
      description: When the original was changed last, as ISO 8601 in UTC. Null where the server did not tell.
      type: str
      sample: "2026-04-10T06:00:02Z"
    sha256:
      description: The SHA-256 of what was moved. Null where nothing was read to its end.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    remote_path:
      description: Where it is or was on the server.
      type: str
      sample: input/invoices-2026-04-10.xml
    local_path:
      description:
        - Where it was put on this host, be it in the archive or in the folder for fetched files, or where it lay
          until it was deleted. Null as long as it has not come that far.
      type: str
      sample: /srv/erp/outbox/archive/invoices-2026-04-10.xml
    changed_at:
      description: When that became of it, as ISO 8601 in UTC.
      type: str
      sample: "2026-04-10T06:15:03Z"
capabilities:
  description: What earlier runs learned of the servers.
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
        - What it is about.
        - V(rename) is what C(upload=rename) needs.
        - V(exclusive_create) is whether the server refuses to make a file where there is one.
        - V(partial_uploads) is whether a file can be seen, and taken, under its name while it is written.
        - V(sight) is whether a file can be looked at, which every pickup needs.
        - V(claim) is whether a file can be renamed where it is fetched from, so that hosts with C(share) stay apart.
      type: str
      sample: rename
    allowed:
      description: Whether the server allows it.
      type: bool
      sample: true
    learned_at:
      description: When that was learned, as ISO 8601 in UTC.
      type: str
      sample: "2026-04-01T06:15:03Z"
reason:
  description: A stable code that says why the task failed.
  returned: on failure
  type: str
  sample: ledger_missing
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.history import (
    Capability,
    ask,
    question_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names
from ansible_collections.courier.filedrop.plugins.module_utils._module import (
    ACCOUNT_SPEC,
    LEDGER_SPEC,
    answer,
    iso,
    ledger_path,
)


def told(module: AnsibleModule) -> dict[str, Any]:
    """What the ledger says of the files that are asked for."""
    path = ledger_path(module)
    found = ask(path, question_from_options(module.params))
    left_out = sum(found.counts.values()) - len(found.entries)
    if left_out:
        module.warn(f"{left_out} more are not listed. Raise max_results to see them.")
    return {
        "changed": False,
        "ledger": path,
        "summary": found.counts,
        "files": [described(row, outcome) for row, outcome in found.entries],
        "capabilities": [learned(one) for one in found.capabilities],
    }


def described(row: Row, outcome: str) -> dict[str, Any]:
    """A file as the result shows it."""
    return {
        "name": names.shown(row.name),
        "folder": names.shown(row.folder),
        "account": row.account,
        "direction": row.direction,
        "job": names.shown(row.job),
        "outcome": outcome,
        "state": row.state,
        "reason": row.reason or "",
        "size": row.size,
        "mtime": iso(row.mtime_ns / 1e9) if row.mtime_ns else None,
        "sha256": row.sha256,
        "remote_path": names.shown(row.remote_path),
        "local_path": None if row.local_path is None else names.shown(row.local_path),
        "changed_at": iso(row.changed_at),
    }


def learned(one: Capability) -> dict[str, Any]:
    """A capability as the result shows it."""
    return {"account": one.account, "name": one.name, "allowed": one.allowed, "learned_at": iso(one.learned_at)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ACCOUNT_SPEC,
            **LEDGER_SPEC,
            "direction": {"type": "str", "choices": ["dropoff", "pickup"]},
            "outcome": {
                "type": "list",
                "elements": "str",
                "choices": ["held", "unfinished", "delivered", "discarded", "abandoned"],
            },
            "since": {"type": "str"},
            "name": {"type": "str"},
            "max_results": {"type": "int", "default": 1000},
        },
        supports_check_mode=True,
    )
    answer(module, lambda: told(module), offline=True)


if __name__ == "__main__":
    main()
