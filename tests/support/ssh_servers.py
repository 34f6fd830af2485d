# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP servers of several origins, each with one user, who has the key `user_key`.

with serving("asyncssh", tmp_path) as server:
    account = account_from_options(server.options)
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox

from .ftpd import USER, FtpServer
from .sshd import SshServer, host_key, user_key

PROGRAM = Path(__file__).with_name("asyncssh_server.py")

KINDS = ("openssh", "proftpd", "paramiko", "asyncssh")


class Served(NamedTuple):
    """A running server.

    :ivar options: the account options of its user.
    """

    options: dict[str, object]
    input: Path
    pickup: Path


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[Served]:
    """Run a server of a kind in a folder, which is made. ProFTPD requires root."""
    folder.mkdir()
    with {"openssh": _openssh, "proftpd": _proftpd, "paramiko": _paramiko, "asyncssh": _asyncssh}[kind](folder) as it:
        yield it


@contextmanager
def _openssh(_folder: Path) -> Iterator[Served]:
    with SshServer() as server:
        yield Served(server.account_options(), server.input, server.pickup)


@contextmanager
def _proftpd(folder: Path) -> Iterator[Served]:
    public = Path(f"{user_key().path}.pub")
    exported = subprocess.run(["ssh-keygen", "-e", "-f", str(public)], capture_output=True, check=True)  # RFC 4716
    (folder / "authorized").write_bytes(exported.stdout)
    shutil.copy(host_key("rsa").path, folder / "host_key")
    config = [
        *("ModulePath /usr/lib/proftpd", "LoadModule mod_sftp.c", "SFTPEngine on", f"SFTPLog {folder}/sftp.log"),
        *(f"SFTPHostKey {folder}/host_key", f"SFTPAuthorizedUserKeys file:{folder}/authorized"),
    ]
    with FtpServer("proftpd", tls=None, config=config) as server:
        options = _options(server.host, server.port, USER, [host_key("rsa").public])
        yield Served(options, server.input, server.pickup)


@contextmanager
def _paramiko(folder: Path) -> Iterator[Served]:
    """The sandbox: its SSH is paramiko's."""
    users = [account("acme", public_keys=[user_key().public])]
    with Sandbox(folder / "sandbox", accounts=users, import_delay=3600.0) as sandbox:
        folders = sandbox.folders("acme")
        options = _options(sandbox.host, sandbox.port, "acme", list(sandbox.host_keys))
        yield Served(options, folders.input, folders.pickup)


@contextmanager
def _asyncssh(folder: Path) -> Iterator[Served]:
    root = folder / "root"
    for made in (root / "input", root / "pickup"):
        made.mkdir(parents=True)
    (folder / "authorized").write_text(f"{user_key().public}\n")
    words = [sys.executable, str(PROGRAM), str(root), str(host_key("ed25519").path), str(folder / "authorized")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        port = int(process.stdout.readline()) if process.stdout is not None else 0
        options = _options("127.0.0.1", port, "acme", [host_key("ed25519").public])
        yield Served(options, root / "input", root / "pickup")
    finally:
        process.kill()
        process.wait()


def _options(host: str, port: int, username: str, host_keys: list[str]) -> dict[str, object]:
    return {
        "protocol": "sftp",
        "host": host,
        "port": port,
        "username": username,
        "private_key_file": str(user_key().path),
        "host_keys": host_keys,
    }
