# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the configuration for the system's ``ssh``: all of it, so that no file of the user's or the system's counts.

Each file is in memory. ``ssh`` opens it as ``/proc/PID/fd/N`` of this process, so nothing is left on a disk.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ...config.accounts.account import LEGACY_ALGORITHMS, Hop
from ...errors import InputError
from ...keys.armour import find_pem, no_key
from ...keys.formats import encrypted_error, is_encrypted, read_private, require_unexposed
from .hostkeys import AUTHORITY, REVOKED, SIGNATURES, TrustedKeys

if TYPE_CHECKING:
    from ...config.accounts.account import Account

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
}

_OPTIONS_OF_ALGORITHMS: Mapping[str, str] = {
    "Ciphers": "^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
    "MACs": "-*sha1*,*md5*,umac-64*",
    "KexAlgorithms": "-*sha1",
    "PubkeyAcceptedAlgorithms": "-ssh-rsa,ssh-rsa-cert-v01@openssh.com,ssh-dss*",
}
"""``^`` puts the fastest first, and ``-`` leaves weak ones out."""

_STRONG: Mapping[str, str] = {
    "Ciphers": "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,"
    "aes256-ctr,aes192-ctr,aes128-ctr",
    "MACs": "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,umac-128-etm@openssh.com,"
    "hmac-sha2-256,hmac-sha2-512,umac-128@openssh.com",
}
"""What goes before the weak algorithms that an account allows: ``+`` would add them to a default that has other weak
ones."""

_OPTION_OF = {"kex": "KexAlgorithms", "key": "PubkeyAcceptedAlgorithms", "cipher": "Ciphers", "mac": "MACs"}

_PUBLIC = re.compile(rb"(?:ssh|ecdsa|sk)-\S+ AAAA")


def why_not(account: Account) -> str | None:
    """Return why this account cannot use the system's ssh; None if it can."""
    if account.password is not None:
        return "it has a password, and ssh could be made to send it to another host"
    if account.passphrase is not None:
        return "its key has a passphrase, and ssh could be made to send it to another host"
    users = {account.username, *(hop.username for hop in account.proxy_jump)}
    if any(not set(user) <= set(_PLAIN_USER) or user.startswith("-") for user in users):
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
    """The files for ``ssh`` of one account: configuration, known hosts, the private key and its certificate.

    :raises InputError: a host on the way has no whole key; the caller resolves fingerprints before.
    :raises AuthenticationError: the private key or its certificate cannot be read.
    """

    def __init__(self, account: Account) -> None:
        self._files: list[MemoryFile] = []
        try:
            self.uses_agent, key = _key(account)
            self._identity = {"IdentityFile": self._add("key", key)}
            if self.uses_agent:
                self._identity["IdentityAgent"] = "SSH_AUTH_SOCK"
            if account.certificate_file is not None:
                certificate = self._add("certificate", _certificate(account.certificate_file))
                self._identity["CertificateFile"] = certificate
            self.configuration = self._add("ssh_config", "".join(self._blocks(account)).encode())
        except BaseException:
            self.close()
            raise

    def _blocks(self, account: Account) -> Iterator[str]:
        """Yield a block for each hop, in the order of the way, and one for the server."""
        hops = [(hop.host, hop.port) for hop in account.proxy_jump]
        before = "none"
        for number, hop in enumerate(account.proxy_jump):
            trusted = TrustedKeys.parse(account.host_keys, hops[number], hops=hops)
            name = f"filedrop-hop-{number + 1}"
            # Without the banners of hops: they could say what this process reads of the server.
            yield self._block(name, account, trusted, hop, {"ProxyJump": before, "LogLevel": "ERROR"})
            before = name
        trusted = TrustedKeys.parse(account.host_keys, hops=hops)
        target = Hop(account.username, account.host, account.port)
        # DEBUG1 is the only level that tells what was agreed on.
        yield self._block(TARGET, account, trusted, target, {"ProxyJump": before, "LogLevel": "DEBUG1"})

    def _block(self, name: str, account: Account, trusted: TrustedKeys, host: Hop, more: Mapping[str, str]) -> str:
        known = self._add(f"known_hosts_{name}", known_hosts(trusted, host).encode())
        options = {
            **_COMMON,
            **_legacy(account.legacy_algorithms),
            "HostName": host.host.replace("%", "%%"),
            "Port": str(host.port),
            "User": f'"{host.username}"',
            "HostKeyAlias": host.host,  # so the port does not count in the file of known hosts
            "UserKnownHostsFile": known,
            "HostKeyAlgorithms": ",".join(_signatures(trusted, account.legacy_algorithms)),
            "ConnectTimeout": str(max(1, round(account.timeout))),
            "ServerAliveInterval": str(max(1, round(account.timeout / 3))),
            **self._identity,
            **more,
        }
        return "".join([f"Host {name}\n", *(f"    {option} {value}\n" for option, value in options.items())])

    def _add(self, name: str, content: bytes) -> str:
        self._files.append(MemoryFile(name, content))
        return self._files[-1].path

    def close(self) -> None:
        for file in self._files:
            file.close()


def known_hosts(trusted: TrustedKeys, host: Hop) -> str:
    """Return the lines of known_hosts for one host.

    :raises InputError: it has no whole key.
    """
    if not trusted.keys and not trusted.authorities:
        raise InputError(
            "host_keys_malformed",
            f"host_keys has no whole key for {host.host} port {host.port}, and the transport openssh needs one.",
            "Add a line of known_hosts with its name and its key, or set transport to paramiko.",
        )
    lines = [
        *(f"{host.host} {key.line}" for key in trusted.keys),
        *(f"{REVOKED} {host.host} {key.line}" for key in trusted.revoked),
        *(f"{AUTHORITY} {host.host} {key.line}" for key in trusted.authorities),
    ]
    return "".join(f"{line}\n" for line in lines)


def _key(account: Account) -> tuple[bool, bytes]:
    """Return whether the private key is in an agent, and what ssh needs: the key, or its public part.

    It may be a type of key that only ssh supports, such as a FIDO key.

    :raises AuthenticationError: the key cannot be read, is encrypted, or others than its owner can read it.
    """
    path = account.private_key_file or ""
    body, status = read_private(path)
    if _PUBLIC.match(body) and os.environ.get("SSH_AUTH_SOCK"):
        return True, body
    require_unexposed(path, status)
    if is_encrypted(body):
        raise encrypted_error(path)
    found = find_pem(body)
    if found is None:
        raise no_key(body, path)
    return False, found.text


def _certificate(path: str) -> bytes:
    body, _status = read_private(path)
    return body


def _signatures(trusted: TrustedKeys, legacy: Sequence[str]) -> Sequence[str]:
    """Return the algorithms of the pinned types, so that no other key is asked for."""
    names = [*trusted.algorithms(legacy)]
    if trusted.authorities:
        names += [f"{name}-cert-v01@openssh.com" for each in SIGNATURES.values() for name in each]
    return names


def _legacy(names: Sequence[str]) -> Mapping[str, str]:
    """Return the options for the weak algorithms that an account allows, in place of those that exclude them."""
    found = dict(_OPTIONS_OF_ALGORITHMS)
    for kind, option in _OPTION_OF.items():
        allowed = [name for name in names if LEGACY_ALGORITHMS[name] == kind]
        if allowed:
            found[option] = ",".join(
                [_STRONG[option], *allowed] if option in _STRONG else ["+" + allowed[0], *allowed[1:]]
            )
    return found
