# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP servers of several origins, each with one user, who has the key `user_key`.

with serving("asyncssh", tmp_path) as server:
    account = account_from_options(server.options)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, NamedTuple

from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox

from . import debian13
from .debian13 import in_container
from .ftpd import USER, FtpServer
from .ports import free_port
from .sshd import SshServer, host_key, user_key

PROGRAM = Path(__file__).with_name("asyncssh_server.py")

KINDS = ("openssh", "openssh-10", "proftpd", "paramiko", "asyncssh")


class Served(NamedTuple):
    """A running server.

    :ivar options: the account options of its user.
    """

    options: dict[str, object]
    input: Path
    pickup: Path


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[Served]:
    """Run a server of a kind in a folder, which is made. See `why_not`."""
    folder.mkdir()
    with _SERVING[kind](folder) as it:
        yield it


@contextmanager
def _openssh(_folder: Path) -> Iterator[Served]:
    with SshServer() as server:
        yield Served(server.account_options(), server.input, server.pickup)


@contextmanager
def _openssh_10(folder: Path) -> Iterator[Served]:
    for made in (folder / "input", folder / "pickup"):
        made.mkdir()
    (folder / "authorized").write_text(f"{user_key().public}\n")
    shutil.copy(host_key("ed25519").path, folder / "host_key")
    port = free_port()
    lines = [
        *(f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder}/host_key", "PermitRootLogin yes"),
        *(f"AuthorizedKeysFile {folder}/authorized", "StrictModes no", "UsePAM no", "PerSourcePenalties no"),
        *("Subsystem sftp internal-sftp", f"ForceCommand internal-sftp -d {folder}"),
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    start = f"mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e -f {folder}/sshd_config"
    with open(folder / "sshd.log", "wb") as log:
        process = subprocess.Popen([*in_container(folder), "sh", "-c", start], stderr=log, stdin=subprocess.DEVNULL)
        while process.poll() is None and b"Server listening" not in (folder / "sshd.log").read_bytes():
            time.sleep(0.01)
    try:
        options = _options("127.0.0.1", port, "root", [host_key("ed25519").public])
        yield Served(options, folder / "input", folder / "pickup")
    finally:
        process.terminate()
        process.wait()


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


_SERVING: Mapping[str, Callable[[Path], AbstractContextManager[Served]]] = {
    "openssh": _openssh,
    "openssh-10": _openssh_10,
    "proftpd": _proftpd,
    "paramiko": _paramiko,
    "asyncssh": _asyncssh,
}


def why_not(kind: str) -> str:
    """Return why a server cannot run here; an empty text if it can."""
    if kind == "proftpd" and os.geteuid() != 0:
        return "only root can run ProFTPD with a user of its own"
    if kind == "asyncssh" and find_spec("asyncssh") is None:
        return "asyncssh is not installed; the older releases of paramiko are tried without it"
    return debian13.why_not() if kind == "openssh-10" else ""
