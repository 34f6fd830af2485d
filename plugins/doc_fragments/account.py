# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of an account: how to reach one mailbox."""

    DOCUMENTATION = r"""
options:
  account:
    description:
      - The account's name in the ledger. What was sent and fetched is remembered under it.
      - It has 1 to 63 small letters, digits and underscores, and begins with a letter or a digit.
      - Without it the name is made from the user name, the host and the port, such as
        C(2001234@sftp.example.com:22). Set it if the host or the port of a mailbox may change; otherwise the files
        that were sent before count as unknown after the change.
    type: str
  preset:
    description:
      - The name of a provider that the collection knows. It gives defaults to the other options; whatever is set
        explicitly wins.
      - V(amili_sftp) is Amili's standard SFTP service. It reaches C(sftp.amili.se) on port 22, drops off into
        C(input) with O(ignore:upload=direct), since Amili's guide names no right to rename there, and picks up from
        C(pickup).
      - Without it nothing is assumed, and the options that have no default of their own must be set.
    type: str
  protocol:
    description:
      - How to talk to the server.
      - V(folder) is a folder of the host that runs the module, or of a network mount on it, that is used as a mailbox.
        It needs O(root), and has no host, port, user, keys or connections.
      - "Default: V(sftp), unless O(preset) says otherwise."
    type: str
    choices:
      - sftp
      - folder
  host:
    description:
      - The name or the address of the server, without protocol, user name or port.
      - Needed with O(protocol=sftp), unless O(preset) says it.
    type: str
  port:
    description:
      - The server's port, from 1 to 65535.
      - "Default: V(22), unless O(preset) says otherwise."
    type: int
  username:
    description:
      - The user name, as the provider gave it. Needed with O(protocol=sftp). For Amili this is the creditor number.
    type: str
  private_key_file:
    description:
      - Path of the private key, on the host that runs the module. Nobody but its owner may be able to read it.
      - Needed with O(protocol=sftp), unless O(password) is set.
      - Only this key is tried; neither an agent nor the keys of a home folder are.
      - Create one with M(courier.filedrop.keypair).
    type: path
  passphrase:
    description:
      - The passphrase that O(private_key_file) is encrypted with.
    type: str
  password:
    description:
      - A password, for servers that want one. With O(private_key_file) set as well, the key is tried first.
    type: str
  host_keys:
    description:
      - The host keys that the server may prove itself with. Each entry is a public key, such as
        C(ssh-ed25519 AAAAC3...), a line of a C(known_hosts) file, or a fingerprint, such as C(SHA256:3pq...).
      - No server is trusted without an entry here. While this is empty, or the server's key is another one, the
        task fails before any secret or file is sent, and the error shows the key that the server offered.
      - See M(courier.filedrop.host_keys_info) for a server's keys. Compare them with what the provider published
        before you pin them.
    type: list
    elements: str
  timeout:
    description:
      - How many seconds the server may stay silent before the connection counts as lost.
      - More than 0, and at most 86400.
      - "Default: V(30), unless O(preset) says otherwise."
    type: float
  connections:
    description:
      - How many connections to the server may be open at once, from 1 to 16. One is enough with SFTP, which keeps
        many files under way on one connection. One large file is shared among them only where the server is OpenSSH.
      - "Default: V(1), unless O(preset) says otherwise."
    type: int
  bandwidth_limit:
    description:
      - How many bytes of files may go and come in a second, over all connections together, as a number or with a unit
        of 1024 bytes, such as V(500K) or V(10M).
      - "Default: as many as go."
    type: str
  root:
    description:
      - The folder that is the mailbox, as an absolute path. Needed with O(protocol=folder), and only allowed there.
      - Remote folders are inside it, whether or not they begin with a slash. No link below it is followed.
      - Without O(account), this path is the account's name in the ledger.
    type: path
requirements:
  - Python 3.9 or newer, on the host that runs the module
  - paramiko 2.12 or newer, on the host that runs the module
notes:
  - The module runs on the host of the play, and reaches the provider from there. Add C(delegate_to) or
    C(connection=local) to go from elsewhere.
"""

    IN_LEDGER = r"""
options:
  account:
    description:
      - The account's name in the ledger, as the jobs have it in O(ignore:account), or as results and errors show it.
      - Without it the name is made from O(username), O(host) and O(port), as the other modules make it. With none of
        them and no O(preset), all accounts are meant.
    type: str
  preset:
    description:
      - The name of a provider that the collection knows. It says O(host) and O(port).
    type: str
  protocol:
    description:
      - How the jobs talk to the server. It decides about the default of O(port).
    type: str
    choices:
      - sftp
      - folder
  host:
    description:
      - The server, as the jobs have it. Only for the account's name; nobody is connected to.
    type: str
  port:
    description:
      - The server's port, as the jobs have it. Only for the account's name.
    type: int
  username:
    description:
      - The user name, as the jobs have it. Only for the account's name.
    type: str
  private_key_file:
    description:
      - Not used, since nobody is connected to. It is taken so that C(module_defaults) of the action group fit.
    type: path
  passphrase:
    description:
      - Not used, since nobody is connected to. It is taken so that C(module_defaults) of the action group fit.
    type: str
  password:
    description:
      - Not used, since nobody is connected to. It is taken so that C(module_defaults) of the action group fit.
    type: str
  host_keys:
    description:
      - Not used, since nobody is connected to. It is taken so that C(module_defaults) of the action group fit.
    type: list
    elements: str
  timeout:
    description:
      - Not used, since nobody is connected to. It is taken so that C(module_defaults) of the action group fit.
    type: float
  connections:
    description:
      - Not used, since nobody is connected to. It is taken so that C(module_defaults) of the action group fit.
    type: int
  bandwidth_limit:
    description:
      - Not used, since nobody is connected to. It is taken so that C(module_defaults) of the action group fit.
    type: str
  root:
    description:
      - The folder that is the mailbox, as the jobs have it. Only for the account's name.
    type: path
requirements:
  - Python 3.9 or newer, on the host that runs the module
"""
