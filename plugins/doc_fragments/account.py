# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Document the options of an account: how to reach one mailbox."""

    DOCUMENTATION = r"""
options:
  account:
    description:
      - The account's name in the ledger. The ledger records sent and fetched files under this name.
      - It has 1 to 63 lower-case letters, digits and underscores, and begins with a letter or a digit.
      - The default name is made from the user name, the host and the port, such as
        C(2001234@sftp.example.com:22). Set O(account) if the host or the port of a mailbox may change. Otherwise the
        ledger does not find the files that were sent before the change.
    type: str
  preset:
    description:
      - The name of a provider that the collection knows. A preset provides defaults for other options. An option
        that is set explicitly always wins.
      - V(amili_sftp) is Amili's standard SFTP service. It connects to C(sftp.amili.se) on port 22, drops off into
        C(input) with O(ignore:upload=direct), because Amili's guide grants no right to rename there, and picks up
        from C(pickup).
      - V(amili_api) is Amili's files API, over O(protocol=amili_api), with O(token_url) of Amili's identity service. It
        has no pickup.
      - V(billit_sftp) is the automatic exchange with Billit, in both directions. It drops off UBL (C(*.xml)), C(*.pdf),
        C(*.zip) and images. The jobs of a host run every 30 minutes. O(ignore:remote_dir) has no default, because the
        folders are free settings.
      - V(billit_ftp) is for an export to Billit's folders by hand, over FTPS. It has no pickup. It keeps the originals
        (O(ignore:after=keep)), and takes CODA files (C(*.cod), C(*.coda)), too.
      - Without a preset, there are no such defaults, and the options without a default of their own are required.
    type: str
  protocol:
    description:
      - The protocol of the server.
      - V(ftps) is FTP over TLS. The control connection and every data connection are encrypted. TLS 1.2 is the minimum.
      - V(ftp) is FTP without encryption. It needs O(allow_cleartext=true).
      - V(folder) is a folder of the host that runs the module, or of a network mount on it, that is used as a mailbox.
        It needs O(root), and has no host, port, user, keys or connections.
      - V(amili_api) is Amili's files API over HTTPS. It needs O(base_url), O(token_url), O(client_id), O(client_secret)
        and O(client_no), and has no host, port, user or keys. It is for drop-offs only.
      - "Default: V(sftp), unless O(preset) has another one."
    type: str
    choices:
      - sftp
      - ftps
      - ftp
      - folder
      - amili_api
  host:
    description:
      - The name or the address of the server, without protocol, user name or port.
      - Required, except with O(protocol=folder) and O(protocol=amili_api), unless O(preset) has a default.
    type: str
  port:
    description:
      - The server's port, from 1 to 65535.
      - "Default: V(22) with O(protocol=sftp), V(990) with O(tls=implicit), and otherwise V(21), unless O(preset) has
        another one."
    type: int
  username:
    description:
      - The user name, as the provider gave it. Required, except with O(protocol=folder). For Amili this is the creditor
        number.
    type: str
  private_key_file:
    description:
      - Path of the private key, on the host that runs the module. Only its owner may be able to read it.
      - Required with O(protocol=sftp), unless O(password) is set. Other protocols have no keys of this kind.
      - A key in the format of OpenSSH, PKCS#8 or OpenSSL, as text. It may be in UTF-16, have escaped line breaks, or be
        the base64 of such a file. A key in the format of PuTTY, ssh.com, DER or PKCS#12 is refused with the command
        that converts it.
      - Only this key is tried, never the keys of an agent or of a home folder.
      - Create one with M(courier.filedrop.keypair).
    type: path
  passphrase:
    description:
      - The passphrase of the encrypted key in O(private_key_file).
    type: str
  password:
    description:
      - A password, for servers that require one. If O(private_key_file) is set as well, the key is tried first.
      - A server may require both, in any order. The password also answers a question for it (keyboard-interactive).
        Questions for one-time codes cannot be answered.
      - Required with O(protocol=ftps) and O(protocol=ftp).
    type: str
  host_keys:
    description:
      - The host keys that the account trusts. Each entry is a public key, such as C(ssh-ed25519 AAAAC3...), a line
        of a C(known_hosts) file, or a fingerprint, such as C(SHA256:3pq...). Several can stand side by side, such as an
        old and a new key.
      - A line with C(@revoked) is a key that is never trusted. A line with C(@cert-authority) is a key whose
        certificates are trusted as host keys, with O(transport=openssh).
      - A line of C(known_hosts) that names a host of O(proxy_jump) is for that host. Everything else is for the server.
      - Without an entry, no server is trusted. If the server's key is not in the list, the task fails before any
        secret or file is sent. The error shows the key that the server offered.
      - M(courier.filedrop.host_keys_info) shows a server's keys. Compare them with those that the provider published
        before you add them here.
    type: list
    elements: str
  timeout:
    description:
      - The number of seconds without an answer from the server after which the connection counts as lost.
      - More than 0, and at most 86400.
      - "Default: V(30), unless O(preset) has another one."
    type: float
  connections:
    description:
      - The maximum number of open connections to the server, from 1 to 16. One is enough for SFTP, which transfers
        many files at the same time over one connection. One large file is split over them only with OpenSSH servers.
      - FTP moves one file at a time over each connection, so several make it faster. If the server allows fewer, the
        run uses those that it got.
      - "Default: V(1), unless O(preset) has another one."
    type: int
  max_open:
    description:
      - The maximum number of files that are open at once on the server, over all connections together. Only for
        O(protocol=sftp).
      - If the server refuses to open more files, the run goes slower by itself. Set this if the server reacts in
        another way, such as by ending the session.
      - "Default: what the server tells (C(limits@openssh.com)), or else 64 for each connection."
    type: int
  transport:
    description:
      - What carries SSH, with O(protocol=sftp).
      - V(paramiko) is the Python library. It takes keys with a passphrase, and passwords.
      - V(openssh) is the system's C(ssh), with a configuration of its own, so no file of the user or the system counts.
        It has post-quantum key exchange from OpenSSH 9.0 on, FIDO keys, host certificates, old algorithms, and keys in
        an agent (then O(private_key_file) is the public key). It needs OpenSSH 8.5, and an account without a passphrase
        and without a password.
      - V(auto) is V(openssh) where the host and the account allow that, and else V(paramiko).
      - "Default: V(paramiko), unless O(preset) has another one."
    type: str
    choices:
      - paramiko
      - openssh
      - auto
  certificate_file:
    description:
      - Path of the certificate of the private key (C(...-cert.pub)), with O(protocol=sftp), if the provider wants one.
    type: path
  proxy_jump:
    description:
      - The hosts through which the connection goes, with O(protocol=sftp), in their order. Each is
        C(user@host:port); the defaults are O(username) and port 22. An IPv6 address is in brackets.
      - The login on each of them is with the same private key. A password is for the server only.
      - Each of them is pinned by a line of known_hosts in O(host_keys) that names it.
    type: list
    elements: str
  legacy_algorithms:
    description:
      - Weak algorithms that are allowed for this account, with O(protocol=sftp), by their names in SSH, such as
        V(ssh-rsa) (signatures with SHA-1), V(diffie-hellman-group14-sha1), V(aes256-cbc) or V(hmac-sha1).
      - They are used only if the server has nothing better. Every run says in its notes that they are allowed.
      - paramiko has no SHA-1 from release 4 on. V(openssh) in O(transport) still has it.
    type: list
    elements: str
  bandwidth_limit:
    description:
      - The maximum number of bytes per second, in both directions and over all connections together. A number, or a
        number with a unit of 1024 bytes, such as V(500K) or V(10M).
      - "Default: no limit."
    type: str
  root:
    description:
      - The folder that is the mailbox, as an absolute path. Required with O(protocol=folder), and only allowed there.
      - Remote folders are inside it, whether or not they begin with a slash. No link below it is followed.
      - Without O(account), this path is the account's name in the ledger.
    type: path
  tls:
    description:
      - How TLS begins with O(protocol=ftps). V(explicit) asks for it with C(AUTH TLS). V(implicit) begins with it.
      - "Default: V(explicit), unless O(preset) has another one."
    type: str
    choices:
      - explicit
      - implicit
  ca_file:
    description:
      - Path of a file with the certificates of the authorities that the account trusts, in PEM form, with
        O(protocol=ftps).
      - "Default: the certificate authorities of the system."
    type: path
  tls_fingerprints:
    description:
      - Pins of the server's certificate, with O(protocol=ftps). Each is C(SHA256:) and the unpadded base64 of the
        SHA-256 of the certificate in DER form.
      - With pins, only they count. The authority, the name and the dates of the certificate are not checked.
      - Without pins, the certificate must be valid, be issued by a trusted authority, and contain the name in O(host).
        The error of a certificate that is not trusted shows its fingerprint.
      - The certificate is checked before the user name is sent.
    type: list
    elements: str
  client_certificate_file:
    description:
      - Path of a client certificate in PEM form, for servers that require one, with O(protocol=ftps).
    type: path
  client_key_file:
    description:
      - Path of the private key of O(client_certificate_file), in PEM form and without a passphrase. Only its owner may
        be able to read it.
      - "Default: the key is in O(client_certificate_file)."
    type: path
  allow_cleartext:
    description:
      - Allows O(protocol=ftp), which sends the password and every file unencrypted. Every run notes it as C(cleartext).
      - It has no effect with O(protocol=ftps), which never falls back to an unencrypted connection.
      - "Default: V(false), unless O(preset) has another one."
    type: bool
  passive_host:
    description:
      - Where FTP opens its data connections, if the server answers C(PASV) with an address.
      - V(control) is the server's address of the control connection. It is right for most servers, also behind NAT.
      - V(given) is the address in the answer. Some load balancers need it. The account then trusts the server to name
        any address.
      - "Default: V(control), unless O(preset) has another one."
    type: str
    choices:
      - control
      - given
  encoding:
    description:
      - The encoding of file names over FTP. V(latin-1) is for old servers without UTF-8.
      - "Default: V(utf-8), unless O(preset) has another one."
    type: str
    choices:
      - utf-8
      - latin-1
  base_url:
    description:
      - The address of the files API, with O(protocol=amili_api), such as C(https://api.example.com/arm). Files go to
        C(/clients/CLIENT_NO/files) below it.
      - It must begin with C(https://), unless the service is on this host itself. It must not have a user or a
        password.
      - Required with O(protocol=amili_api). Amili tells its clients the address.
    type: str
  token_url:
    description:
      - The address that gives tokens, with O(protocol=amili_api). The same rules apply as for O(base_url).
      - Required with O(protocol=amili_api), unless O(preset) has a default.
    type: str
  client_id:
    description:
      - The name of the client, to get a token. Required with O(protocol=amili_api).
    type: str
  client_secret:
    description:
      - The secret of the client, to get a token. Required with O(protocol=amili_api).
      - It goes to O(token_url) only. The token is kept in a file beside the ledger, which only its user can read.
    type: str
  client_no:
    description:
      - The client number at the provider, with O(protocol=amili_api). It has letters, digits, C(-) and C(_) only.
      - Required with O(protocol=amili_api).
    type: str
  user_id:
    description:
      - The user that each request names to the provider, with O(protocol=amili_api).
      - "Default: V(filedrop), unless O(preset) has another one."
    type: str
  proxy:
    description:
      - The HTTP proxy to use with O(protocol=amili_api), such as C(http://proxy.example.com:3128).
      - Without it, the environment's proxy is used (C(https_proxy), C(no_proxy)).
    type: str
  max_request_files:
    description:
      - How many files a request has at most, from 1 to 1000, with O(protocol=amili_api).
      - "Default: V(100), unless O(preset) has another one."
    type: int
  max_request_bytes:
    description:
      - How long the body of a request is at most, in bytes, or with a unit such as V(32M). Content is a third longer in
        a body than in its file. A larger file goes alone, with O(protocol=amili_api).
      - "Default: V(32M), unless O(preset) has another one."
    type: str
requirements:
  - Python 3.9 or newer, on the host that runs the module
  - paramiko 2.12 or newer, on the host that runs the module, with O(protocol=sftp)
  - urllib3 1.26 or newer, on the host that runs the module, with O(protocol=amili_api)
notes:
  - The module runs on the host of the play and connects to the provider from there. To connect from another host, use
    C(delegate_to) or C(connection=local).
"""

    IN_LEDGER = r"""
options:
  account:
    description:
      - The account's name in the ledger, as in O(ignore:account) of the jobs, or as shown in results and errors.
      - The default name is made from O(username), O(host) and O(port), as in the other modules. If none of these and
        no O(preset) is set, the module covers all accounts.
    type: str
  preset:
    description:
      - The name of a provider that the collection knows. It provides defaults for O(host) and O(port).
    type: str
  protocol:
    description:
      - The protocol that the jobs use. It determines the default of O(port).
    type: str
    choices:
      - sftp
      - ftps
      - ftp
      - folder
      - amili_api
  host:
    description:
      - The server, as in the jobs. Used only for the account's name; the module does not connect.
    type: str
  port:
    description:
      - The server's port, as in the jobs. Used only for the account's name.
    type: int
  username:
    description:
      - The user name, as in the jobs. Used only for the account's name.
    type: str
  private_key_file:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: path
  passphrase:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
  password:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
  host_keys:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: list
    elements: str
  timeout:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: float
  connections:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: int
  max_open:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: int
  transport:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
    choices:
      - paramiko
      - openssh
      - auto
  certificate_file:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: path
  proxy_jump:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: list
    elements: str
  legacy_algorithms:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: list
    elements: str
  bandwidth_limit:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
  root:
    description:
      - The folder that is the mailbox, as in the jobs. Used only for the account's name.
    type: path
  tls:
    description:
      - How TLS begins, as in the jobs. It determines the default of O(port).
    type: str
    choices:
      - explicit
      - implicit
  ca_file:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: path
  tls_fingerprints:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: list
    elements: str
  client_certificate_file:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: path
  client_key_file:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: path
  allow_cleartext:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: bool
  passive_host:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
    choices:
      - control
      - given
  encoding:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
    choices:
      - utf-8
      - latin-1
  base_url:
    description:
      - The address of the files API, as in the jobs. Used only for the account's name.
    type: str
  token_url:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
  client_id:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
  client_secret:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
  client_no:
    description:
      - The client number at the provider, as in the jobs. Used only for the account's name.
    type: str
  user_id:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
  proxy:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
  max_request_files:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: int
  max_request_bytes:
    description:
      - Ignored, because the module does not connect. Accepted for C(module_defaults) of the action group.
    type: str
requirements:
  - Python 3.9 or newer, on the host that runs the module
"""
