#!/usr/bin/python
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sandbox
short_description: Start and stop a local provider for tests, over SFTP, FTPS, FTP and the files API
version_added: 1.0.0
description:
  - Runs an SFTP server, and if you want an FTP server, on the host's own loopback address, with accounts like those of
    a provider. So jobs can be tested without a provider. It does not need root.
  - It is for tests, B(never for real data). Only programs on the same host can reach it.
  - Each account has a folder C(input) and a folder C(pickup), and sees nothing else. In C(input), files can be created,
    written, listed, renamed and removed, but not read. In C(pickup), files can be listed, read and removed, but not
    created. Folders and links cannot be created at all.
  - An import monitor takes each file from C(input) as soon as its upload is complete, which means that the client has
    closed it or given it its final name. Then it places a report in C(pickup), such as C(report-invoices.json) for
    C(invoices.xml), with the name, the size, the SHA-256 and the time. It ignores the rest of an interrupted upload,
    and names that end in C(.tmp), C(.part), C(.filepart), C(.temp), C(.inprocess) or C(.uploading).
  - The server continues after the task. It ends with O(state=stopped), when its folder is removed, or by itself after
    O(lifetime).
  - An account with O(accounts[].billit) is one of Billit's instead. Billit is a client of its user's server, so the
    sandbox plays both. Whoever logs in may do everything in C(input), C(pickup) and C(success), and Billit looks at
    them from time to time. It reads UBL invoices, PDFs and images from C(input), and writes invoices to C(pickup).
  - So jobs can stand on either side. They run the server, and feed and empty its folders with C(protocol=folder) and
    RV(accounts[].root). Or they move files over the network, as Billit does, with
    O(accounts[].billit.poll_every=0).
  - To place files for clients to pick up, write them elsewhere and move them into RV(accounts[].pickup).
requirements:
  - pyftpdlib >= 2.2 and pyOpenSSL, for the protocols V(ftps) and V(ftp)
options:
  state:
    description:
      - V(started) runs the sandbox with these settings. If it runs already, it takes over the new settings, and its
        connections continue. It is restarted only for a new O(port).
      - V(stopped) ends it. Files, host keys, accounts and the port are kept for the next start. Remove the folder to
        delete them.
    type: str
    choices:
      - started
      - stopped
    default: started
  path:
    description:
      - The folder for all data of the sandbox. If it is missing, it is created, accessible only to its owner.
      - A folder with other content is an error.
    type: path
    required: true
  accounts:
    description:
      - The accounts that can log in. Other accounts cannot, but their files are kept.
      - Without it, the accounts stay as they were. The first start requires at least one.
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
          - The public keys for the client's login, each on one line as in a C(.pub) file.
          - RV(courier.filedrop.keypair#module:public_key) is such a key.
        type: list
        elements: str
      password:
        description:
          - A password for the login, instead of a key or in addition to one. Only a salted hash of it is stored.
          - FTPS, FTP and the files API always require one.
        type: str
      billit:
        description:
          - Makes it an account of Billit. An empty dictionary is enough.
          - Billit reads what is complete when it looks, as far as it can tell. UBL invoices and credit notes, PDFs and
            images are copied to RV(accounts[].imported). A ZIP is read only after the XML with its name. Everything
            else stays, and so does an XML that is no UBL or is damaged.
          - It ignores hidden names, and names that end in C(.tmp) or another temporary suffix.
          - It writes the files in RV(accounts[].issued) to C(pickup), each under a temporary name first. A name that is
            taken there waits. What was removed from C(pickup) is not written again.
        type: dict
        suboptions:
          poll_every:
            description:
              - The number of seconds between two looks, up to 86400. With V(0), it never looks. The real one looks
                every 30 minutes.
            type: float
            default: 5
          require_pdf:
            description:
              - Whether an XML and the PDF with its name are read only together, as with Billit's setting "Insert PDF
                into folder".
            type: bool
            default: false
          after:
            description:
              - What it does with a file that it has read. V(delete) deletes it, V(move) moves it to C(success), and
                V(move_daily) moves it to a folder in C(success) that is named by the day, such as C(2026-11-29).
            type: str
            choices:
              - delete
              - move
              - move_daily
            default: delete
  port:
    description:
      - The port to listen on, from 1 to 65535.
      - Without it, the last port is used if it is free, otherwise any free one. The port is stored, so it is normally
        the same at each start.
    type: int
  protocols:
    description:
      - What to serve. SFTP is always served.
      - V(ftps) serves FTPS on RV(ftp_port), where clients begin with AUTH TLS, and on RV(implicit_port), where TLS
        begins with the connection. Clients must protect their data connections.
      - V(ftp) serves FTP without encryption on RV(ftp_port).
      - An uploaded file is complete when its data connection ends. As most FTP servers, this one cannot know whether
        the connection was cut. RNTO overwrites an existing file.
      - V(amili_api) serves Amili's files API without encryption on RV(base_url), and its tokens on RV(token_url). The
        C(client_id) and the C(client_no) of an account are its user name, and the C(client_secret) is its password.
        Files arrive in C(input). A request is held in memory.
      - "Default: the last value, or V(sftp) at first."
    type: list
    elements: str
    choices:
      - sftp
      - ftps
      - ftp
      - amili_api
  lifetime:
    description:
      - The sandbox ends by itself if no client sends a request for this many seconds, from 1 to 2592000.
      - A task that finds it running counts as a request.
      - "Default: the last value, or V(3600) at first."
    type: float
  import_delay:
    description:
      - The number of seconds before the import monitor takes a complete file, from 0 to 86400.
      - With V(0), the file is gone before the client gets the answer to its last request. Fast providers can behave in
        this way.
      - "Default: the last value, or V(0) at first."
    type: float
  faults:
    description:
      - Ways in which the server misbehaves, from the next connection on, to test how jobs handle them. The first fault
        sees a request first and its answer last.
      - Without it, the faults stay as they were. At first there are none. An empty list ends all faults.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The fault. Those that say so occur only over SFTP, over FTP and FTPS, or over the files API.
          - "C(answer_delayed): answers requests late. Parameters: O(faults[].seconds), O(faults[].request)."
          - "C(answer_missing): serves requests, but never answers them. Parameters: O(faults[].request)."
          - "C(answer_wrong): takes all files of a request, but answers something that does not prove it. Only the files
            API. Parameters: O(faults[].kind)."
          - "C(certificate_wrong): presents another certificate than before. Only FTPS. Parameters: O(faults[].kind)."
          - "C(close_fails): refuses to close uploaded files."
          - "C(command_refused): does not know a command, nor offers it. Only FTP and FTPS. Parameters:
            O(faults[].command)."
          - "C(connection_cut): cuts each connection after a number of bytes, including the handshake. Parameters:
            O(faults[].bytes), O(faults[].direction)."
          - "C(connection_stalled): stops all traffic after a number of bytes, but keeps the connection open.
            Parameters: O(faults[].bytes), O(faults[].direction)."
          - "C(data_never_opens): accepts data connections, but never serves them. Only FTP and FTPS."
          - "C(deleted_comes_back): confirms a deletion, but restores the file, once for each name."
          - "C(exclusive_ignored): ignores exclusive creation and overwrites an existing file."
          - "C(file_gone_at_close): moves an uploaded file with any name to the folder taken, beside input, when it is
            closed."
          - "C(file_grows): lets files grow while they are read. Parameters: O(faults[].bytes)."
          - "C(file_refused): refuses files, and takes the others of the request. Only the files API. Each file is an
            occasion."
          - "C(file_replaced): replaces a file that was read by another file, once for each name. Parameters:
            O(faults[].moment)."
          - "C(file_short): ends files after a number of bytes, before their reported size. Parameters:
            O(faults[].bytes)."
          - "C(garbage): answers with random bytes, unframed or in a packet. Parameters: O(faults[].request),
            O(faults[].kind), O(faults[].bytes)."
          - "C(host_key_changed): presents other host keys than before. Only SFTP."
          - "C(listing_cut): fails in the middle of a listing."
          - "C(listing_endless): lists new names without an end."
          - "C(listing_refused): refuses to list folders."
          - "C(login_refused): refuses all logins."
          - "C(login_slow): delays each login. Parameters: O(faults[].seconds)."
          - "C(name_hostile): lists a name that leads out of the folder, is invalid, is not a file, or appears twice.
            Parameters: O(faults[].kind)."
          - "C(no_close_notify): ends data connections of TLS without a close_notify. Only FTPS."
          - "C(no_extensions): offers no extensions and serves none. Only SFTP."
          - "C(one_file_open): refuses to open a file while the session has another one open."
          - "C(pasv_foreign): answers PASV with the address of another host. Only FTP and FTPS."
          - "C(read_short): returns fewer bytes than requested in each read. Parameters: O(faults[].bytes)."
          - "C(remove_refused): refuses to delete files."
          - "C(rename_free_only): renames only to free names, even if overwriting was requested."
          - "C(rename_overwrites): overwrites existing files when renaming."
          - "C(rename_refused): refuses to rename files."
          - "C(reply_twice): sends a reply twice. Only FTP and FTPS. Parameters: O(faults[].command)."
          - "C(request_cuts): cuts the connection at a request, before or after it was served. Parameters:
            O(faults[].request), O(faults[].moment)."
          - "C(service_closes): answers 421 and closes the connection, before or after a command was served. Only FTP
            and FTPS. Parameters: O(faults[].command), O(faults[].moment)."
          - "C(session_reuse_required): refuses data connections that do not reuse the TLS session. Only FTPS."
          - "C(setstat_refused): refuses to set permissions and times."
          - "C(size_absurd): reports an absurd size for every file. Parameters: O(faults[].bytes)."
          - "C(size_wrong): reports a wrong size for every file. Parameters: O(faults[].difference)."
          - "C(stat_refused): refuses to report the attributes of files."
          - "C(upload_answered): answers a request with a status, before or after it has taken the files. Only the files
            API. Parameters: O(faults[].status), O(faults[].seconds), O(faults[].moment)."
          - "C(upload_cut): cuts the connection instead of an answer, before or after it has taken the files. Only the
            files API. Parameters: O(faults[].moment)."
          - "C(upload_short): stores only a number of bytes of each file, and confirms all of them. Parameters:
            O(faults[].bytes)."
          - "C(write_fails): accepts only a number of bytes of each file. Parameters: O(faults[].bytes)."
        type: str
        required: true
      account:
        description:
          - The user name of the only account that it hits. Faults that occur before the login do not support this.
        type: str
      after:
        description:
          - The number of occasions that go well first. An occasion is a request of the fault's kind, a login, or a
            connection.
          - "Default: V(0)."
        type: int
      times:
        description:
          - The number of occasions that it hits then. Without it, all of them.
        type: int
      bytes:
        description:
          - A number of bytes. Its meaning depends on the fault.
          - "Default: V(100000) for cut and stalled connections, V(10000) for C(write_fails), V(1000) for C(file_short),
            C(read_short) and C(upload_short), V(100) for C(file_grows), V(64) for C(garbage), V(9223372036854775807)
            for C(size_absurd)."
        type: int
      direction:
        description:
          - Whose bytes count. V(up) counts those of the client, V(down) those of the server.
          - "Default: V(down)."
        type: str
      seconds:
        description:
          - The number of seconds, at most 3600. For C(upload_answered), those of the header Retry-After.
          - "Default: V(0.2) for C(answer_delayed), V(5) for C(login_slow), V(1) for C(upload_answered)."
        type: float
      request:
        description:
          - Only requests of this kind, with the names of SFTP, such as V(open), V(write), V(close), V(rename),
            V(remove) or V(stat). What FTP clients ask of files counts as these requests, too.
          - "Default: V(any)."
        type: str
      command:
        description:
          - Only this command of FTP, in lower case, such as V(size), V(mlsd), V(epsv), V(stor), V(retr) or V(rnto).
          - "Default: V(any), and V(size) for C(command_refused)."
        type: str
      kind:
        description:
          - For C(answer_wrong), what the answer says. V(client_no), another client number; V(file_id), other files;
            V(missing), nothing of the first file; V(twice), the first file twice; V(status), an unknown status;
            V(not_json), no JSON; or V(huge), 10 MiB. Default V(client_no).
          - For C(certificate_wrong), V(other), V(expired) or V(foreign_name). Default V(other).
          - For C(name_hostile), the kind of the name. V(parent), V(absolute), V(nul), V(newline), V(not_utf8), V(long),
            V(link), V(folder) or V(twice). Default V(parent).
          - For C(garbage), whether it is a V(packet), or V(bytes) without a frame. Default V(packet).
        type: str
      moment:
        description:
          - For C(file_replaced), when it happens. V(closed), after the file was read; V(looked), after the next STAT of
            it; or V(removed), when its deletion is requested, so that the new file is deleted. Default V(closed).
          - For C(request_cuts), C(service_closes), C(upload_cut) and C(upload_answered), V(before) or V(after) it is
            served. Default V(after), and V(before) for C(upload_answered).
        type: str
      status:
        description:
          - For C(upload_answered), the status, from 300 to 599.
          - "Default: V(429)."
        type: int
      difference:
        description:
          - The number of bytes to add to the reported size. May be negative.
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
      - Shows the settings before and after. For a password, it shows only whether there is one.
seealso:
  - module: courier.filedrop.keypair
  - module: courier.filedrop.dropoff
  - module: courier.filedrop.pickup
author:
  - The filedrop authors (@courier-filedrop)
"""

EXAMPLES = r"""
- name: Create the folder for all data
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

- name: Drop off the files in a folder
  courier.filedrop.dropoff:
    preset: amili_sftp
    host: "{{ sandbox.host }}"
    port: "{{ sandbox.port }}"
    host_keys: "{{ sandbox.host_keys }}"
    username: "2001234"
    private_key_file: ~/filedrop/id
    src: ~/filedrop/outbox

- name: Test jobs with a quota and a lost connection
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    faults:
      - name: write_fails
        bytes: 10000
      - name: connection_cut
        bytes: 50000
        direction: up
        times: 1

- name: Serve FTPS, too
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    protocols:
      - ftps
    accounts:
      - username: "2001234"
        password: "{{ vault_sandbox_password }}"
  register: sandbox

- name: Test the connection over FTPS
  courier.filedrop.connection_info:
    protocol: ftps
    host: "{{ sandbox.host }}"
    port: "{{ sandbox.ftp_port }}"
    tls_fingerprints: "{{ sandbox.tls_fingerprints }}"
    username: "2001234"
    password: "{{ vault_sandbox_password }}"

- name: Serve the files API, too, and let it refuse the second file
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    protocols:
      - amili_api
    accounts:
      - username: "2218"
        password: "{{ vault_sandbox_password }}"
    faults:
      - name: file_refused
        after: 1
        times: 1

- name: End all faults
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    faults: []

- name: Start a provider with an account of Billit, which reads pairs of XML and PDF every minute
  courier.filedrop.sandbox:
    path: ~/filedrop/billit
    accounts:
      - username: company
        password: "{{ vault_sandbox_password }}"
        billit:
          poll_every: 60
          require_pdf: true
          after: move_daily

- name: Stop the provider
  courier.filedrop.sandbox:
    path: ~/filedrop/provider
    state: stopped
"""

RETURN = r"""
host:
  description: The address that it listens on. This is always the loopback address.
  returned: success
  type: str
  sample: 127.0.0.1
port:
  description: The port, or V(null) if none is chosen yet, for example in check mode before the first start.
  returned: success
  type: int
  sample: 40022
host_keys:
  description: The server's host keys, for the option C(host_keys) of other modules. They never change. Empty if there
    are none yet, for example in check mode before the first start.
  returned: success
  type: list
  elements: str
  sample:
    - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMkPWkUbEDdLSoLZFI57LBLLYhCUeyCZdKZDKIELWSpN
ftp_port:
  description: The port of FTP, and of FTPS with AUTH TLS. V(null) if neither is served, or none is chosen yet.
  returned: success
  type: int
  sample: 40023
implicit_port:
  description: The port of FTPS where TLS begins with the connection. V(null) if it is not served, or none is chosen
    yet.
  returned: success
  type: int
  sample: 40024
base_url:
  description: The address of the files API, for the option C(base_url) of other modules. V(null) if it is not
    served, or none is chosen yet.
  returned: success
  type: str
  sample: http://127.0.0.1:40025
token_url:
  description: The address that gives tokens for it, for the option C(token_url) of other modules.
  returned: success
  type: str
  sample: http://127.0.0.1:40025/token
ca_file:
  description: The file of the server's certificate, for the option C(ca_file) of other modules. It does not change.
    V(null) if FTPS is not served.
  returned: success
  type: str
  sample: /home/alice/filedrop/provider/tls/own.pem
tls_fingerprints:
  description: The fingerprint of that certificate, for the option C(tls_fingerprints) of other modules. Empty if there
    is none yet.
  returned: success
  type: list
  elements: str
  sample:
    - SHA256:XJrIqKpNY9/vMcHzmg6qX5FV3977/ozvq9o+inEpaDM
pid:
  description: The number of the server's process, or V(null) if there is none.
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
      description: The folder into which its clients drop off files.
      type: str
      sample: /home/alice/filedrop/provider/accounts/2001234/input
    pickup:
      description: The folder from which its clients pick up files.
      type: str
      sample: /home/alice/filedrop/provider/accounts/2001234/pickup
    imported:
      description: The folder for the files that the import monitor has taken, or that Billit has read. Clients do
        not see it.
      type: str
      sample: /home/alice/filedrop/provider/imported/2001234
    success:
      description: The folder to which Billit moves what it has read. Only for accounts of Billit.
      type: str
      sample: /home/alice/filedrop/provider/accounts/2001234/success
    issued:
      description: The folder with the invoices that Billit will write to C(pickup). Place files there by moving
        them. Only for accounts of Billit.
      type: str
      sample: /home/alice/filedrop/provider/issued/2001234
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.courier.filedrop.plugins.module_utils._module import Result, run_module
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import daemon, hostkeys, plan, state
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.ftp import certificate
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import (
    base_url_of,
    folders_of,
    tls_folder_of,
)
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.server import HOST
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
                    "billit": {
                        "type": "dict",
                        "options": {
                            "poll_every": {"type": "float", "default": 5.0},
                            "require_pdf": {"type": "bool", "default": False},
                            "after": {"type": "str", "choices": ["delete", "move", "move_daily"], "default": "delete"},
                        },
                    },
                },
            },
            "port": {"type": "int"},
            "protocols": {"type": "list", "elements": "str", "choices": ["sftp", "ftps", "ftp", "amili_api"]},
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
                    "command": {"type": "str"},
                    "kind": {"type": "str"},
                    "moment": {"type": "str"},
                    "status": {"type": "int"},
                    "difference": {"type": "int"},
                },
            },
        },
        supports_check_mode=True,
    )
    run_module(module, lambda: start(module) if module.params["state"] == "started" else stop(module))


def start(module: AnsibleModule) -> Result:
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
        "before": plan.diff_state(found.settings, started=found.serving is not None),
        "after": plan.diff_state(settings, started=True, before=found.settings),
    }
    return {**sandbox_result(path, settings, serving), "changed": changed, "diff": diff}


def stop(module: AnsibleModule) -> Result:
    path = os.path.abspath(module.params["path"])
    found = daemon.look(path)
    changed = found.held
    if changed and not module.check_mode:
        daemon.stop(path)
    diff = {
        "before": plan.diff_state(found.settings, started=found.held),
        "after": plan.diff_state(found.settings, started=False),
    }
    serving = found.serving if module.check_mode else None
    return {**sandbox_result(path, found.settings, serving), "changed": changed, "diff": diff}


def sandbox_result(path: str, settings: Settings | None, serving: Serving | None) -> Result:
    # Neither "path" nor "state" is among it: to a result with a path, ansible-core adds a "state" of its own.
    accounts = settings.accounts if settings is not None else ()
    protocols = settings.protocols if settings is not None else ()
    ports = state.load_ports(path) if protocols else {}
    tls_folder = tls_folder_of(path)
    base_url = base_url_of(ports["amili_api"]) if "amili_api" in protocols and "amili_api" in ports else None
    return {
        "host": HOST,
        "port": settings.port if settings is not None else None,
        "host_keys": list(hostkeys.stored_lines(os.path.join(path, "host_keys"))),
        "ftp_port": ports.get("ftp") if {"ftp", "ftps"} & set(protocols) else None,
        "base_url": base_url,
        "token_url": None if base_url is None else f"{base_url}/token",
        "implicit_port": ports.get("implicit") if "ftps" in protocols else None,
        "ca_file": certificate.path_of(tls_folder) if "ftps" in protocols else None,
        "tls_fingerprints": list(certificate.stored_fingerprints(tls_folder)) if "ftps" in protocols else [],
        "pid": serving.pid if serving is not None else None,
        "accounts": [
            {
                "username": one.username,
                **{
                    name: str(where)
                    for name, where in vars(folders_of(path, one.username)).items()
                    if one.billit is not None or name not in ("success", "issued")
                },
            }
            for one in accounts
        ],
    }


if __name__ == "__main__":
    main()
