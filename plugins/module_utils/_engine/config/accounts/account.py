# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define an account: how to reach one mailbox."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ...errors import InputError
from .. import options as read
from . import api_account
from .api_account import ApiSettings
from .presets import Preset, preset_named

PORTS: Mapping[str, int] = {"sftp": 22, "ftps": 21, "ftp": 21}
"""The usual port of each protocol that has ports."""

IMPLICIT_PORT = 990
"""The usual port of ``ftps`` with ``tls: implicit``."""

_OF_HOST = ("host", "port", "username", "password", "password_file", "connections")
_OF_FTP = (*_OF_HOST, "allow_cleartext", "passive_host", "encoding")

_OF_SSH = ("transport", "certificate_file", "proxy_jump", "legacy_algorithms")

OF_PROTOCOL: Mapping[str, tuple[str, ...]] = {
    "sftp": (*_OF_HOST, "host_keys", "max_open", "private_key_file", "passphrase", "passphrase_file", *_OF_SSH),
    "ftps": (*_OF_FTP, "tls", "ca_file", "tls_fingerprints", "client_certificate_file", "client_key_file"),
    "ftp": _OF_FTP,
    "folder": ("root",),
    "amili_api": api_account.OPTIONS,
}
"""The protocols, and the options that each has beside those of every protocol."""

CLEARTEXT = (
    "cleartext: the protocol ftp sends the password and every file unencrypted, because `allow_cleartext` allows it."
)
"""What every run over ``ftp`` says in its notes."""

LEGACY_ALGORITHMS: Mapping[str, str] = {
    **dict.fromkeys(("diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"), "kex"),
    "diffie-hellman-group-exchange-sha1": "kex",
    **dict.fromkeys(("ssh-rsa", "ssh-dss"), "key"),
    **dict.fromkeys(("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"), "cipher"),
    **dict.fromkeys(("hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96", "hmac-sha1-etm@openssh.com"), "mac"),
}
"""Weak algorithms of SSH that an account may allow, and what each is for. ``ssh-rsa`` is the signature with SHA-1."""

TRANSPORTS = ("paramiko", "openssh", "auto")
IN_ONE_WRITE = "in_one_write"
"""The capability of a server to answer several commands in one write in step; see `Account.in_one_write`."""

TLS = ("explicit", "implicit")
PASSIVE_HOSTS = ("control", "given")
ENCODINGS = ("utf-8", "latin-1")

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")
_MAX_CONNECTIONS = 16
_DAY = 86400
_SLOWEST = 1024  # bytes a second
_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?")


class Hop(NamedTuple):
    """A host on the way to the server, through which ssh connects."""

    username: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.username}@{host}:{self.port}"


@dataclass(frozen=True)
class Account:
    """Hold the account's settings. Secrets do not appear in its repr.

    ``timeout`` is in seconds without an answer. ``host_keys`` are public keys or ``SHA256:`` fingerprints, as given.
    ``bandwidth_limit`` is in bytes per second; None means no limit. ``root`` is an absolute path, for the protocol
    ``folder``, which has no host, no user and no key. ``proxy_jump`` has the hops in the order of the way.
    ``tls_fingerprints`` begin with ``SHA256:`` and have no ``=``.
    ``api`` is for the protocol ``amili_api``. Then ``username`` is the client number, and ``host`` and ``port`` are
    those of its ``base_url``.
    ``in_one_write`` is no option: earlier runs learned whether the server can take several commands in one write.
    ``token_file`` is no option: it is the path of a file that keeps the token of the account between runs.
    """

    name: str
    protocol: str
    host: str
    port: int
    username: str
    private_key_file: str | None = None
    passphrase: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    host_keys: tuple[str, ...] = ()
    timeout: float = 30.0
    connections: int = 1
    max_open: int | None = None
    transport: str = "paramiko"
    certificate_file: str | None = None
    proxy_jump: tuple[Hop, ...] = ()
    legacy_algorithms: tuple[str, ...] = ()
    bandwidth_limit: int | None = None
    preset: str | None = None
    root: str | None = None
    tls: str = "explicit"
    ca_file: str | None = None
    tls_fingerprints: tuple[str, ...] = ()
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    passive_host: str = "control"
    encoding: str = "utf-8"
    client_secret: str | None = field(default=None, repr=False)
    api: ApiSettings = field(default_factory=ApiSettings)
    in_one_write: bool = True
    token_file: str | None = None

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What the account allows although it is not secure. Every run says so in its notes."""
        legacy = f"The account allows weak algorithms (`legacy_algorithms`): {', '.join(self.legacy_algorithms)}."
        return (*([CLEARTEXT] if self.protocol == "ftp" else []), *([legacy] if self.legacy_algorithms else []))


def protocol_of(options: Mapping[str, object]) -> str:
    """Return the protocol of an account, from its options or its preset.

    :raises InputError: the preset or the protocol is unknown.
    """
    preset = preset_named(read.text(options, "preset"))
    return read.choice(read.merged(options, preset.account), "protocol", tuple(OF_PROTOCOL), "sftp")


def account_from_options(options: Mapping[str, object]) -> Account:
    """Build an Account from options by their public names. Options that are not given come from ``preset``.

    Entries that are not account options are ignored, so a module can pass all its parameters.

    :raises InputError: an option is invalid, or a required one is missing.
    """
    preset_name = read.text(options, "preset")
    preset = preset_named(preset_name)
    found = read.merged(options, preset.account)
    protocol = protocol_of(options)
    _refuse_other_protocols(options, protocol)
    if protocol == "folder":
        return _folder_account(found)
    if protocol == "amili_api":
        return _api_account(found, preset)
    host = _host(_required(found, "host", preset))
    tls = read.choice(found, "tls", TLS, Account.tls)
    usual_port = IMPLICIT_PORT if tls == "implicit" else PORTS[protocol]
    port = read.integer(found, "port", usual_port, low=1, high=65535)
    username = _username(_required(found, "username", preset))
    if protocol == "sftp":
        private_key_file, passphrase, password = _credentials(found)
    else:
        private_key_file, passphrase, password = None, None, _password(found, protocol)
    client_certificate_file, client_key_file = _client_certificate(found)
    return Account(
        name=_name(found, username, host, port),
        protocol=protocol,
        host=host,
        port=port,
        username=username,
        private_key_file=private_key_file,
        passphrase=passphrase,
        password=password,
        host_keys=read.strings(found, "host_keys") or (),
        timeout=_timeout(found),
        connections=read.integer(found, "connections", 1, low=1, high=_MAX_CONNECTIONS),
        max_open=read.limit(found, "max_open"),
        transport=read.choice(found, "transport", TRANSPORTS, Account.transport),
        certificate_file=_certificate(found),
        proxy_jump=tuple(_hop(entry, username) for entry in read.strings(found, "proxy_jump") or ()),
        legacy_algorithms=_legacy_algorithms(found),
        bandwidth_limit=_bandwidth_limit(found),
        preset=preset_name,
        tls=tls,
        ca_file=read.local_path(found, "ca_file"),
        tls_fingerprints=_tls_fingerprints(found),
        client_certificate_file=client_certificate_file,
        client_key_file=client_key_file,
        passive_host=read.choice(found, "passive_host", PASSIVE_HOSTS, Account.passive_host),
        encoding=read.choice(found, "encoding", ENCODINGS, Account.encoding),
    )


def _folder_account(found: Mapping[str, object]) -> Account:
    root = read.local_path(found, "root")
    if root is None:
        raise read.missing("root", "this option is missing", "Set root to the folder that is the mailbox.")
    given = found.get("account")
    return Account(
        name=root if given is None else read.label(given, name="account"),
        protocol="folder",
        host="",
        port=0,
        username="",
        timeout=_timeout(found),
        bandwidth_limit=_bandwidth_limit(found),
        preset=read.text(found, "preset"),
        root=root,
    )


def _api_account(found: Mapping[str, object], preset: Preset) -> Account:
    api = api_account.api_settings(found, preset.name)
    host, port = api_account.host_and_port(api.base_url)
    return Account(
        name=_name(found, api.client_no, host, port),
        protocol="amili_api",
        host=host,
        port=port,
        username=api.client_no,
        timeout=_timeout(found),
        connections=read.integer(found, "connections", 1, low=1, high=_MAX_CONNECTIONS),
        bandwidth_limit=_bandwidth_limit(found),
        preset=read.text(found, "preset"),
        ca_file=read.local_path(found, "ca_file"),
        client_secret=api_account.client_secret(found),
        api=api,
    )


def _timeout(options: Mapping[str, object]) -> float:
    return read.number(options, "timeout", Account.timeout, low=0, high=_DAY, above=True)


def _refuse_other_protocols(options: Mapping[str, object], protocol: str) -> None:
    """Refuse the options of other protocols: without an error, their effect would be silently missing."""
    for other, names in OF_PROTOCOL.items():
        for name in names:
            if options.get(name) is not None and name not in OF_PROTOCOL[protocol]:
                raise InputError(
                    "option_unknown",
                    f"{name}: unknown option for protocol {protocol}.",
                    f"Leave it out, or set protocol to {other}.",
                )


def _password(options: Mapping[str, object], protocol: str) -> str:
    """Return the password for FTP, which has no keys. Without TLS, ``allow_cleartext`` is required."""
    if protocol == "ftp" and not read.boolean(options, "allow_cleartext", default=False):
        raise read.missing(
            "allow_cleartext",
            "the protocol ftp sends the password and every file unencrypted, so it must be allowed",
            "Set protocol to ftps. If the provider has no TLS at all, set allow_cleartext to true.",
        )
    password = read.text(options, "password", secret=True)
    if password is None:
        finding = f"this option is missing, and the protocol {protocol} has no other login"
        raise read.missing("password", finding, "Set password, or password_file.")
    if not password.isprintable():
        way_out = "Write the password exactly as the provider gave it."
        raise InputError("option_invalid", "password: the value has a line break or a control character.", way_out)
    return password


def _certificate(options: Mapping[str, object]) -> str | None:
    certificate = read.local_path(options, "certificate_file")
    if certificate is not None and options.get("private_key_file") is None:
        finding = "this option is missing, but certificate_file is given, and a certificate is for a key"
        raise read.missing("private_key_file", finding, "Set private_key_file, or remove certificate_file.")
    return certificate


def _hop(given: str, username: str) -> Hop:
    """Read an entry of ``proxy_jump``: ``user@host:port``. The account's user and port 22 are the defaults."""
    user, at, place = given.rpartition("@")
    found = re.fullmatch(r"(\[[^\[\]]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", place)
    port = int(found[2] or PORTS["sftp"]) if found else 0
    if found is None or not 0 < port < 65536 or (at and not user) or ":" in user:
        why = "is not user@host:port"
        raise InputError(
            "option_invalid",
            f"proxy_jump: {read.abbreviated(given) if ':' not in user else 'an entry (not shown)'} {why}.",
            "Write each hop as user@host:port, in the order of the way. An IPv6 address is in brackets.",
        )
    return Hop(_username(user or username), _host(found[1]), port)


def _legacy_algorithms(options: Mapping[str, object]) -> tuple[str, ...]:
    found = read.strings(options, "legacy_algorithms") or ()
    for name in found:
        if name not in LEGACY_ALGORITHMS:
            way_out = f"Use names of these: {', '.join(LEGACY_ALGORITHMS)}."
            raise read.invalid("legacy_algorithms", name, "is not a weak algorithm that can be allowed", way_out)
    return tuple(dict.fromkeys(found))


def _client_certificate(options: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Return the paths of the client's certificate and its key; the key may be in the certificate's file."""
    certificate = read.local_path(options, "client_certificate_file")
    key = read.local_path(options, "client_key_file")
    if key is not None and certificate is None:
        finding = "this option is missing, but client_key_file is given"
        raise read.missing("client_certificate_file", finding, "Set both, or remove client_key_file.")
    return certificate, key


def _tls_fingerprints(options: Mapping[str, object]) -> tuple[str, ...]:
    found = []
    for given in read.strings(options, "tls_fingerprints") or ():
        match = _FINGERPRINT.fullmatch(given)
        if match is None:
            why = "is not the fingerprint of a certificate"
            way_out = (
                "Write SHA256: and the base64 of the SHA-256 of the certificate in DER form. Without a pin, the error "
                "of a certificate that is not trusted shows it."
            )
            raise read.invalid("tls_fingerprints", given, why, way_out)
        found.append(f"SHA256:{match[1]}")
    return tuple(found)


def account_name(options: Mapping[str, object]) -> str | None:
    """Return the account's name in the ledger, from as many options as are given; None if none of them is given.

    ``account`` is not validated, so a default name (made from user name, host and port) is accepted as well.

    :raises InputError: the given options are not enough to determine the name.
    """
    given = read.text(options, "account")
    if given is not None or not any(options.get(name) for name in ("preset", "username", "host", "root", "client_no")):
        return given
    if options.get("root") is not None:
        return account_from_options({**options, **dict.fromkeys(OF_PROTOCOL["sftp"])}).name
    protocol = protocol_of(options)
    if protocol == "amili_api":
        return account_from_options({**options, "client_id": "none", "client_secret": "none"}).name
    nobody: dict[str, object] = {"private_key_file": None, "passphrase": None, "password": "none"}
    if protocol == "ftp":
        nobody["allow_cleartext"] = True
    return account_from_options({**options, **nobody}).name


def _required(options: Mapping[str, object], name: str, preset: Preset) -> str:
    value = read.text(options, name)
    if value is not None:
        return value
    no_default = f", and the preset {preset.name} has no default for it" if preset.name else ""
    raise read.missing(name, f"this option is missing{no_default}", f"Set {name} to what the provider told you.")


def _host(value: str) -> str:
    """Check a host name or an IP address. Text before an @ may be a password, so it is never shown."""
    if "@" in value or "://" in value:
        raise InputError(
            "option_invalid",
            "host: the value looks like a URL or like user@host (not shown here, as it may contain a password).",
            "Set host to the name or the address only; protocol, username and port are options of their own.",
        )
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if _is_address(bare) or _HOST_NAME.fullmatch(value):
        return bare
    why = "is neither a host name nor an IP address"
    raise read.invalid("host", value, why, "Set host to the name or the address only; the port number goes in port.")


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _username(value: str) -> str:
    if not value.isprintable():
        why = "contains a line break or another control character"
        raise read.invalid("username", value, why, "Write the user name exactly as the provider gave it.")
    return value


def _credentials(options: Mapping[str, object]) -> tuple[str | None, str | None, str | None]:
    """Return private key file, passphrase and password. A key or a password is required."""
    private_key_file = read.local_path(options, "private_key_file")
    passphrase = read.text(options, "passphrase", secret=True)
    password = read.text(options, "password", secret=True)
    if private_key_file is None and password is None:
        finding = "this option and password are both missing, and filedrop never tries other keys on its own"
        raise read.missing("private_key_file", finding, "Set private_key_file to the path of your private key.")
    if passphrase is not None and private_key_file is None:
        finding = "this option is missing, but a passphrase is given"
        raise read.missing("private_key_file", finding, "Set private_key_file, or remove passphrase.")
    return private_key_file, passphrase, password


def _bandwidth_limit(options: Mapping[str, object]) -> int | None:
    given = options.get("bandwidth_limit")
    if given is None:
        return None
    rate = read.size(given, name="bandwidth_limit")
    if rate < _SLOWEST:
        why = f"is less than {_SLOWEST} bytes per second, at which servers assume a dead connection"
        raise read.invalid("bandwidth_limit", given, why, "Set bandwidth_limit to 1K or more, such as 500K or 10M.")
    return rate


def _name(options: Mapping[str, object], username: str, host: str, port: int) -> str:
    given = options.get("account")
    if given is not None:
        return read.label(given, name="account")
    return f"{username}@[{host}]:{port}" if ":" in host else f"{username}@{host}:{port}"
