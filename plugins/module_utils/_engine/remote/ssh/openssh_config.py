# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the configuration for the system's ``ssh``: all of it, so that no file of the user's or the system's counts.

Each file is in memory. ``ssh`` opens it as ``/proc/PID/fd/N`` of this process, so nothing is left on a disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ...errors import FiledropError, InputError
from ...keys.armour import find_pem
from ...keys.formats import encrypted_error, is_encrypted, read_private, require_unexposed
from .hostkeys import SIGNATURES, TrustedKeys

if TYPE_CHECKING:
    from ...config.account import Account

TARGET = "filedrop-target"
"""The name of the server in the configuration. Its host key is known by this name, too."""

_PLAIN_USER = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+=:,/~#-"
"""The characters of user names that mean the same in every release of ssh, in its configuration."""

_COMMON: Mapping[str, str] = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "GlobalKnownHostsFile": "none",
    "UpdateHostKeys": "no",
    "VerifyHostKeyDNS": "no",
    "CheckHostIP": "no",
    "HashKnownHosts": "no",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "PreferredAuthentications": "publickey",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "GSSAPIAuthentication": "no",
    "HostbasedAuthentication": "no",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "EscapeChar": "none",
    "RequestTTY": "no",
    "ControlMaster": "no",
    "ControlPath": "none",
    "Compression": "no",
    "ConnectionAttempts": "1",
    "TCPKeepAlive": "yes",
    "ServerAliveCountMax": "2",
    "RekeyLimit": "default none",
    "Ciphers": "^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
    "MACs": "-*sha1*,*md5*,umac-64*",
    "KexAlgorithms": "-*sha1",
    "PubkeyAcceptedAlgorithms": "-ssh-rsa,ssh-rsa-cert-v01@openssh.com,ssh-dss*",
}


def why_not(account: Account) -> str | None:
    """Return why this account cannot use the system's ssh; None if it can."""
    if account.password is not None:
        return "it has a password, and ssh could be made to send it to another host"
    if account.passphrase is not None:
        return "its key has a passphrase, and ssh could be made to send it to another host"
    if not set(account.username) <= set(_PLAIN_USER) or account.username.startswith("-"):
        return "its user name has characters that ssh does not take as they are"
    if not hasattr(os, "memfd_create") or not os.path.isdir("/proc/self/fd"):
        return "this system has neither files in memory nor /proc"
    return None


class MemoryFile:
    """A file in memory that a child of this process can open by its path, as the same user."""

    def __init__(self, name: str, content: bytes) -> None:
        self._fd = os.memfd_create(name, os.MFD_CLOEXEC)
        try:
            os.fchmod(self._fd, 0o600)  # ssh takes no key that others can read
            os.write(self._fd, content)
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._fd)


class OpenSshFiles:
    """The files for ``ssh`` of one account: configuration, known hosts, and the private key.

    :raises InputError: ``host_keys`` has no whole key; the caller resolves fingerprints before.
    :raises AuthenticationError: the private key cannot be read.
    """

    def __init__(self, account: Account, trusted: TrustedKeys) -> None:
        self._files: list[MemoryFile] = []
        try:
            known = self._add("known_hosts", "".join(f"{TARGET} {key.line}\n" for key in trusted.keys).encode())
            key = self._add("key", private_key(account))
            text = configuration(account, trusted, known_hosts=known, key=key)
            self.configuration = self._add("ssh_config", text.encode())
        except BaseException:
            self.close()
            raise

    def _add(self, name: str, content: bytes) -> str:
        self._files.append(MemoryFile(name, content))
        return self._files[-1].path

    def close(self) -> None:
        for file in self._files:
            file.close()


def private_key(account: Account) -> bytes:
    """Return the private key in the form that ssh reads. It may be one that only ssh supports, such as a FIDO key.

    :raises AuthenticationError: it cannot be read, or others than its owner can read it.
    """
    path = account.private_key_file or ""
    body, status = read_private(path)
    require_unexposed(path, status)
    if is_encrypted(body):
        raise encrypted_error(path)
    found = find_pem(body)
    return body if found is None else found.text


def configuration(account: Account, trusted: TrustedKeys, *, known_hosts: str, key: str) -> str:
    """Return the text of the configuration."""
    alive = max(1, round(account.timeout / 3))
    options = {
        **_COMMON,
        "HostName": account.host.replace("%", "%%"),
        "Port": str(account.port),
        "User": f'"{account.username}"',
        "HostKeyAlias": TARGET,
        "UserKnownHostsFile": known_hosts,
        "IdentityFile": key,
        "HostKeyAlgorithms": ",".join(_signatures(trusted)),
        "ConnectTimeout": str(max(1, round(account.timeout))),
        "ServerAliveInterval": str(alive),
        "LogLevel": "DEBUG1",  # the only one that tells what was agreed on
    }
    return _block(TARGET, options)


def _block(name: str, options: Mapping[str, str]) -> str:
    return "".join([f"Host {name}\n", *(f"    {option} {value}\n" for option, value in options.items())])


def _signatures(trusted: TrustedKeys) -> Sequence[str]:
    """Return the signature algorithms of the pinned types, so that no other key is asked for."""
    names: Iterable[str] = dict.fromkeys(name for key in trusted.keys for name in SIGNATURES[key.type])
    return list(names)


def require_whole_keys(trusted: TrustedKeys) -> None:
    """:raises InputError: no entry of ``host_keys`` is a whole key."""
    if not trusted.keys:
        raise InputError(
            "host_keys_malformed",
            "host_keys has only fingerprints, and the transport openssh needs whole keys.",
            "Add the whole key, or set transport to paramiko.",
        )


def usable(account: Account) -> bool:
    """Return whether this account can use the system's ssh."""
    try:
        return why_not(account) is None and bool(private_key(account))
    except FiledropError:
        return False
