#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: files_info
short_description: List a folder of a provider's mailbox
version_added: 1.0.0
description:
  - Lists the content of a folder on a server, and changes nothing there.
options:
  remote_dir:
    description:
      - The folder on the server, absolute or relative to the login folder. V(.) is the login folder itself.
      - "Default: the pickup folder of O(preset). Required if there is none."
    type: str
  include:
    description:
      - List only entries whose name matches one of these patterns, such as V(report-*.xml).
      - In a pattern, V(*) matches any characters, V(?) matches one, and V([abc]) matches one of these. Patterns are
        case-sensitive.
      - Without patterns, every name matches. An empty list is refused.
    type: list
    elements: str
  exclude:
    description:
      - Leave out entries whose name matches one of these patterns, even if O(include) matches too.
    type: list
    elements: str
  max_results:
    description:
      - List at most this many entries in RV(files). RV(count) always counts all of them. A warning says how many are
        not listed.
      - From 0 to 100000.
    type: int
    default: 1000
extends_documentation_fragment:
  - courier.filedrop.account
  - courier.filedrop.attributes
  - courier.filedrop.attributes.action_group
  - courier.filedrop.job.unused_ledger
  - courier.filedrop.attributes.info
seealso:
  - module: courier.filedrop.connection_info
  - module: courier.filedrop.pickup
  - module: courier.filedrop.dropoff
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: List what waits to be picked up
  courier.filedrop.files_info:
    preset: amili_sftp
    username: "2001234"
    private_key_file: /etc/filedrop/keys/amili
    host_keys: "{{ amili_host_keys }}"
  register: waiting

- name: Show the names
  ansible.builtin.debug:
    msg: "{{ waiting.files | map(attribute='name') | join(', ') }}"

- name: Wait until the provider has taken everything that was dropped off
  courier.filedrop.files_info:
    preset: amili_sftp
    username: "2001234"
    private_key_file: /etc/filedrop/keys/amili
    host_keys: "{{ amili_host_keys }}"
    remote_dir: input
    include: "*.xml"
  register: left
  until: left.count == 0
  retries: 10
  delay: 60
"""

RETURN = r"""
remote_dir:
  description: The folder that was listed.
  returned: success
  type: str
  sample: pickup
count:
  description: The number of matching entries of all types.
  returned: success
  type: int
  sample: 1
files:
  description: The matching entries of the folder, sorted by name, at most O(max_results).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name. Bytes that are not UTF-8, and control characters, are shown escaped.
      type: str
      sample: report-2026-04-10.xml
    path:
      description: The folder and the name.
      type: str
      sample: pickup/report-2026-04-10.xml
    size:
      description: The size in bytes. Null if the server does not report it.
      type: int
      sample: 20480
    mtime:
      description:
        - The time of the last change, by the server's clock, as ISO 8601 in UTC. Null if the server does not report it.
      type: str
      sample: "2026-04-10T06:00:02Z"
    kind:
      description:
        - One of V(file), V(folder), V(link) and V(other). V(file) if the server does not report types.
      type: str
      sample: file
    mode:
      description: The permissions in octal. Null if the server does not report them.
      type: str
      sample: "0640"
reason:
  description: A stable code for the reason why the task failed.
  returned: on failure
  type: str
  sample: folder_missing
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import listing_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.listing import list_folder
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.selection import is_wanted
from ansible_collections.courier.filedrop.plugins.module_utils._module import (
    ACCOUNT_SPEC,
    FOLDER_SPEC,
    LEDGER_SPEC,
    iso,
    run_module,
)


def list_entries(module: AnsibleModule) -> dict[str, Any]:
    """List the entries of the folder that match the patterns."""
    listing = listing_from_options(module.params, preset_named(module.params["preset"]))
    found = list_folder(account_from_options(module.params), listing.remote_dir)
    wanted = sorted((entry for entry in found if is_wanted(entry.name, listing)), key=lambda entry: entry.name)
    if len(wanted) > listing.max_results:
        module.warn(f"{len(wanted) - listing.max_results} more are not listed. Raise max_results to see them.")
    return {
        "changed": False,
        "remote_dir": listing.remote_dir,
        "count": len(wanted),
        "files": [entry_result(entry) for entry in wanted[: listing.max_results]],
    }


def entry_result(entry: Entry) -> dict[str, Any]:
    """Format an entry for the result."""
    return {
        "name": names.as_data(entry.name),
        "path": names.as_data(entry.path),
        "size": entry.size,
        "mtime": iso(entry.mtime),
        "kind": entry.kind,
        "mode": None if entry.permissions is None else f"{entry.permissions & 0o7777:04o}",
    }


def main() -> None:
    module = AnsibleModule(argument_spec={**ACCOUNT_SPEC, **FOLDER_SPEC, **LEDGER_SPEC}, supports_check_mode=True)
    run_module(module, lambda: list_entries(module))


if __name__ == "__main__":
    main()
