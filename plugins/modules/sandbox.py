#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sandbox
short_description: Start and stop a local SFTP provider to try things against
version_added: 0.1.0
description:
  - Runs an SFTP server on the host's own loopback address, with accounts like those of a provider, so that jobs can be
    tried without one. It needs no root.
  - It is for trying and testing, B(never for real data). Only programs on the same host can reach it.
  - Each account has a folder C(input) and a folder C(pickup), and sees nothing else. In C(input), files can be created,
    written, listed, renamed and removed, but not read. In C(pickup), files can be listed, read and removed, but not
    created. Folders and links cannot be created at all.
  - An import monitor takes each file out of C(input) as soon as its upload is complete, that is once the client closed
    it or gave it its final name. It then places a report in C(pickup), such as C(report-invoices.json) for
    C(invoices.xml), with the name, the size, the SHA-256 and the time. It leaves alone what a cut connection left
    behind, and names that end in C(.tmp), C(.part), C(.filepart), C(.temp), C(.inprocess) or C(.uploading).
  - The server goes on after the task. It ends with O(state=stopped), when its folder is removed, or by itself after
    O(lifetime).
  - To place files for clients to pick up, write them aside and move them into RV(accounts[].pickup).
options:
  state:
    description:
      - With V(started), the sandbox runs with these settings. One that runs already takes over new settings, and its
        connections go on. Only a new O(port) makes it start again.
      - With V(stopped), it does not run. Files, host keys, accounts and the port are kept for the next start. Remove
        the folder to be rid of them.
    type: str
    choices:
      - started
      - stopped
    default: started
  path:
    description:
      - The folder for everything that the sandbox keeps. It is created where it is missing, for its owner alone.
      - A folder that holds something else is refused.
    type: path
    required: true
  accounts:
    description:
      - The accounts that can log in, and no others. The files of accounts that are not named any more are kept.
      - Without it, the accounts stay as they were. The first start needs at least one.
    type: list
    elements: dict
    suboptions:
      username:
        description:
          - The user name, from 1 to 64 letters, digits and C(. _ @ -).
        type: str
        required: true
      public_keys:
        description:
          - The public keys that the client may log in with, each on one line as in a C(.pub) file.
          - RV(courier.filedrop.keypair#module:public_key) is one.
        type: list
        elements: str
      password:
        description:
          - A password to log in with, in place of a key or as well as one. Only a salted hash of it is kept.
        type: str
  port:
    description:
      - The port to listen on, from 1 to 65535.
      - Without it, the port of the last time is used if it is still free, otherwise a free one. The port is kept, so
        that it is normally the same at each start.
    type: int
  lifetime:
    description:
      - The sandbox ends by itself when no client asked for anything for this many seconds, from 1 to 2592000.
      - A task that finds it running counts as well.
      - "Default: what was set last, and V(3600) at first."
    type: float
  import_delay:
    description:
      - How many seconds the import monitor waits before it takes a complete file, from 0 to 86400.
      - With V(0) the file is gone before the client has the answer to its last request, as may happen with a quick
        provider.
      - "Default: what was set last, and V(0) at first."
    type: float
  faults:
    description:
      - Ways in which the server misbehaves from the next connection on, so that jobs can be seen to cope. The first one
        sees a request first and its answer last.
      - Without it, the faults stay as they were, and at first there are none. An empty list ends them all.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Which fault.
          - "C(answer_delayed): answers requests late. Parameters: O(faults[].seconds), O(faults[].request)."
          - "C(answer_missing): serves requests and never answers them. Parameters: O(faults[].request)."
          - "C(close_fails): refuses to close uploaded files."
          - "C(connection_cut): cuts each connection at a byte, handshake included. Parameters: O(faults[].bytes),
            O(faults[].direction)."
          - "C(connection_stalled): moves nothing more after a byte, and keeps the connection open. Parameters:
            O(faults[].bytes), O(faults[].direction)."
          - "C(deleted_comes_back): confirms a deletion, and has the file again, once for each name."
          - "C(exclusive_ignored): creates a file although there is one."
          - "C(file_gone_at_close): takes an uploaded file when it is closed, whatever its name, into the folder taken
            beside input."
          - "C(file_grows): lets files grow while they are read. Parameters: O(faults[].bytes)."
          - "C(file_replaced): puts another file in the place of one that was read, once for each name. Parameters:
            O(faults[].moment)."
          - "C(file_short): ends files at a byte, whatever their size is said to be. Parameters: O(faults[].bytes)."
          - "C(garbage): answers with random bytes, unframed or in a packet. Parameters: O(faults[].request),
            O(faults[].kind), O(faults[].bytes)."
          - "C(host_key_changed): shows other host keys than before."
          - "C(listing_endless): lists new names for ever."
          - "C(listing_refused): refuses to list folders."
          - "C(login_refused): lets nobody log in."
          - "C(login_slow): lets each login wait. Parameters: O(faults[].seconds)."
          - "C(name_hostile): lists a name that leads out of the folder, cannot be a name, is no file, or is there
            twice. Parameters: O(faults[].kind)."
          - "C(no_extensions): offers no extensions and serves none."
          - "C(one_file_open): refuses to open a file while the session has another one open."
          - "C(read_short): reads fewer bytes at a time than asked for. Parameters: O(faults[].bytes)."
          - "C(remove_refused): refuses to delete files."
          - "C(rename_free_only): renames onto free names only, whatever was asked for."
          - "C(rename_overwrites): renames onto names that are taken."
          - "C(rename_refused): refuses to rename files."
          - "C(request_cuts): cuts the connection at a request, before or after it was served. Parameters:
            O(faults[].request), O(faults[].moment)."
          - "C(setstat_refused): refuses to set rights and times."
          - "C(size_absurd): tells an absurd size of every file. Parameters: O(faults[].bytes)."
          - "C(size_wrong): tells a wrong size of every file. Parameters: O(faults[].difference)."
          - "C(stat_refused): refuses to look at files."
          - "C(write_fails): takes no more than so many bytes of a file. Parameters: O(faults[].bytes)."
        type: str
        required: true
      account:
        description:
          - The user name of the only account that it hits. Faults that strike before the login cannot have it.
        type: str
      after:
        description:
          - How many occasions go well first. An occasion is a request of the kind that the fault is about, a login, or
            a connection.
          - "Default: V(0)."
        type: int
      times:
        description:
          - How many occasions it hits then. Without it, all of them.
        type: int
      bytes:
        description:
          - A number of bytes, as the fault understands it.
          - "Default: V(100000) for cut and stalled connections, V(10000) for C(write_fails), V(1000) for C(file_short)
            and C(read_short), V(100) for C(file_grows), V(64) for C(garbage), V(9223372036854775807) for
            C(size_absurd)."
        type: int
      direction:
        description:
          - Whose bytes count, V(up) those of the client or V(down) those of the server.
          - "Default: V(down)."
        type: str
      seconds:
        description:
          - How long, at most 3600.
          - "Default: V(0.2) for C(answer_delayed), V(5) for C(login_slow)."
        type: float
      request:
        description:
          - Only requests of this kind, as SFTP names them, such as V(open), V(write), V(close), V(rename), V(remove) or
            V(stat).
          - "Default: V(any)."
        type: str
      kind:
        description:
          - Of C(name_hostile), what the name is. V(parent), V(absolute), V(nul), V(newline), V(not_utf8), V(long),
            V(link), V(folder) or V(twice). Default V(parent).
          - Of C(garbage), whether it comes as a V(packet) or as V(bytes) without a frame. Default V(packet).
        type: str
      moment:
        description:
          - Of C(file_replaced), when it happens. V(closed), once the file was read; V(looked), after the next look at
            it; or V(removed), when its deletion is asked for, so that the new file is deleted. Default V(closed).
          - Of C(request_cuts), V(before) or V(after) the request is served. Default V(after).
        type: str
      difference:
        description:
          - How many bytes more are told than there are. A negative number is how many fewer.
          - "Default: V(1)."
        type: int
extends_documentation_fragment:
  - courier.filedrop.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the settings before and after. Of a password it only shows whether there is one.
seealso:
  - module: courier.filedrop.keypair
  - module: courier.filedrop.dropoff
  - module: courier.filedrop.pickup
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Have a folder for all of it
  ansible.builtin.file:
    path: ~/filedrop/outbox
    state: directory
    mode: "0700"

- name: Generate a key pair for the client
  courier.filedrop.keypair:
    path: ~/filedrop/id
  register: key

- name: Start a provider, and register the key
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    accounts:
      - username: "2001234"
        public_keys:
          - "{{ key.public_key }}"
  register: sandbox

- name: Drop off what is in a folder
  courier.filedrop.dropoff:
    preset: amili_sftp
    host: "{{ sandbox.host }}"
    port: "{{ sandbox.port }}"
    host_keys: "{{ sandbox.host_keys }}"
    username: "2001234"
    private_key_file: ~/filedrop/id
    src: ~/filedrop/outbox

- name: See how jobs cope with a quota and with one lost connection
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    faults:
      - name: write_fails
        bytes: 10000
      - name: connection_cut
        bytes: 50000
        direction: up
        times: 1

- name: Let it behave again
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    faults: []

- name: Stop the provider
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    state: stopped
"""

RETURN = r"""
host:
  description: The address that it listens on. It is always the loopback address.
  returned: success
  type: str
  sample: 127.0.0.1
port:
  description: The port, or V(null) if none was chosen yet, such as in check mode before the first start.
  returned: success
  type: int
  sample: 40022
host_keys:
  description: The server's host keys as the option C(host_keys) of other modules takes them. They stay the same.
    Empty if there are none yet, such as in check mode before the first start.
  returned: success
  type: list
  elements: str
  sample:
    - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMkPWkUbEDdLSoLZFI57LBLLYhCUeyCZdKZDKIELWSpN
pid:
  description: The number of the process that serves, or V(null) if none does.
  returned: success
  type: int
  sample: 4711
accounts:
  description: The accounts, and where their files are on this host.
  returned: success
  type: list
  elements: dict
  contains:
    username:
      description: The user name.
      type: str
      sample: "2001234"
    root:
      description: The folder that its clients see as their root.
      type: str
      sample: /home/alice/filedrop/provider/accounts/2001234
    input:
      description: Where its clients drop files off.
      type: str
      sample: /home/alice/filedrop/provider/accounts/2001234/input
    pickup:
      description: Where its clients pick files up.
      type: str
      sample: /home/alice/filedrop/provider/accounts/2001234/pickup
    imported:
      description: Where the files are that the import monitor took. Clients do not see it.
      type: str
      sample: /home/alice/filedrop/provider/imported/2001234
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._module import Result, answer
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import daemon, hostkeys, plan
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import folders_of
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.ssh_server import HOST
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.state import Serving, Settings


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "path": {"type": "path", "required": True},
            "accounts": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "username": {"type": "str", "required": True},
                    "public_keys": {"type": "list", "elements": "str", "no_log": False},
                    "password": {"type": "str", "no_log": True},
                },
            },
            "port": {"type": "int"},
            "lifetime": {"type": "float"},
            "import_delay": {"type": "float"},
            "faults": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "account": {"type": "str"},
                    "after": {"type": "int"},
                    "times": {"type": "int"},
                    "bytes": {"type": "int"},
                    "direction": {"type": "str"},
                    "seconds": {"type": "float"},
                    "request": {"type": "str"},
                    "kind": {"type": "str"},
                    "moment": {"type": "str"},
                    "difference": {"type": "int"},
                },
            },
        },
        supports_check_mode=True,
    )
    answer(module, lambda: started(module) if module.params["state"] == "started" else stopped(module))


def started(module: AnsibleModule) -> Result:
    path = os.path.abspath(module.params["path"])
    found = daemon.look(path)
    wanted = plan.wanted(module.params, found.settings)
    changed = found.serving is None or wanted != found.settings
    serving, settings = found.serving, wanted
    fixed_port = module.params["port"] is not None
    if module.check_mode:
        daemon.check_start(path, wanted, found, fixed_port=fixed_port)
    elif changed:
        serving = daemon.start(path, wanted, fixed_port=fixed_port)
        settings = daemon.look(path).settings or wanted
    diff = {
        "before": plan.shown(found.settings, started=found.serving is not None),
        "after": plan.shown(settings, started=True, before=found.settings),
    }
    return {**described(path, settings, serving), "changed": changed, "diff": diff}


def stopped(module: AnsibleModule) -> Result:
    path = os.path.abspath(module.params["path"])
    found = daemon.look(path)
    changed = found.held
    if changed and not module.check_mode:
        daemon.stop(path)
    diff = {
        "before": plan.shown(found.settings, started=found.held),
        "after": plan.shown(found.settings, started=False),
    }
    serving = found.serving if module.check_mode else None
    return {**described(path, found.settings, serving), "changed": changed, "diff": diff}


def described(path: str, settings: Settings | None, serving: Serving | None) -> Result:
    # Neither "path" nor "state" is among it: to a result with a path, ansible-core adds a "state" of its own.
    accounts = settings.accounts if settings is not None else ()
    return {
        "host": HOST,
        "port": settings.port if settings is not None else None,
        "host_keys": list(hostkeys.stored_lines(os.path.join(path, "host_keys"))),
        "pid": serving.pid if serving is not None else None,
        "accounts": [
            {
                "username": one.username,
                **{name: str(where) for name, where in vars(folders_of(path, one.username)).items()},
            }
            for one in accounts
        ],
    }


if __name__ == "__main__":
    main()
