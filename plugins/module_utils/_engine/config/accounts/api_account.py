# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the options of an account of the protocol ``amili_api``: addresses, client and limits of a request."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ...errors import InputError
from .. import options as read

PORTS_OF_SCHEMES: Mapping[str, int] = {"https": 443, "http": 80}

OPTIONS = (
    *("base_url", "token_url", "client_id", "client_secret", "client_secret_file", "client_no", "user_id"),
    *("ca_file", "proxy", "max_request_files", "max_request_bytes", "connections"),
)
"""The options that an account of this protocol has beside those of every protocol."""

MOST_FILES = 1000
LARGEST_REQUEST = 1024**4  # bytes

_CLIENT_NO = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")


class ApiSettings(NamedTuple):
    """Hold what an account of the protocol ``amili_api`` has beside others.

    ``base_url`` and ``token_url`` have no slash at the end, no user, no query and no fragment. ``proxy`` is the URL of
    a proxy; None means the environment's proxy, if any. A request has at most ``max_files`` files, and at most
    ``max_bytes`` bytes of content unless one file alone is larger.
    """

    base_url: str = ""
    token_url: str = ""
    client_id: str = ""
    client_no: str = ""
    user_id: str = "filedrop"
    proxy: str | None = None
    max_files: int = 100
    max_bytes: int = 32 * 1024**2


def api_settings(options: Mapping[str, object], preset: str) -> ApiSettings:
    """Read the options.

    :param preset: the name of the account's preset, for errors; empty if there is none.
    :raises InputError: an option is invalid, or a required one is missing.
    """
    base_url = _service(_required(options, "base_url", preset), "base_url")
    token_url = _service(_required(options, "token_url", preset), "token_url")
    return ApiSettings(
        base_url=base_url,
        token_url=token_url,
        client_id=_printable(_required(options, "client_id", preset), "client_id"),
        client_no=_client_no(options, preset),
        user_id=_printable(read.text(options, "user_id") or ApiSettings().user_id, "user_id"),
        proxy=_proxy(options, (base_url, token_url)),
        max_files=read.integer(options, "max_request_files", ApiSettings().max_files, low=1, high=MOST_FILES),
        max_bytes=_max_bytes(options),
    )


def client_secret(options: Mapping[str, object]) -> str:
    """Read the client's secret.

    :raises InputError: it is missing or invalid. The error never shows it.
    """
    secret = read.text(options, "client_secret", secret=True)
    if secret is None:
        finding = "this option is missing, and the protocol amili_api has no other login"
        raise read.missing("client_secret", finding, "Set client_secret, or client_secret_file.")
    if not secret.isprintable():
        way_out = "Write the secret exactly as the provider gave it."
        raise InputError("option_invalid", "client_secret: the value has a line break or a control character.", way_out)
    return secret


def host_and_port(url: str) -> tuple[str, int]:
    """Return the host and the port of a URL that has been checked."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS_OF_SCHEMES[parts.scheme]


def is_loopback(host: str) -> bool:
    """Return whether a host is this host itself, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _required(options: Mapping[str, object], name: str, preset: str) -> str:
    value = read.text(options, name)
    if value is None:
        no_default = f", and the preset {preset} has no default for it" if preset else ""
        raise read.missing(name, f"this option is missing{no_default}", f"Set {name} to what the provider told you.")
    return value


def _printable(value: str, name: str) -> str:
    if not value.isprintable():
        why = "contains a line break or another control character"
        raise read.invalid(name, value, why, "Write it exactly as the provider gave it.")
    return value


def _client_no(options: Mapping[str, object], preset: str) -> str:
    given = options.get("client_no")
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    value = _required({"client_no": given}, "client_no", preset)
    if not _CLIENT_NO.fullmatch(value):
        why = "is not a client number, because it has other characters than letters, digits, - and _"
        raise read.invalid("client_no", value, why, "Write the number alone, as the provider gave it.")
    return value


def _service(value: str, name: str) -> str:
    """Check the URL of a service; return it without a slash at its end."""
    parts = _split(value, name)
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise read.invalid(name, value, "has a query or a fragment", "Write the address without ? and #.")
    if not _PATH.fullmatch(parts.path) or ".." in parts.path.split("/"):
        raise read.invalid(name, value, "has a path with characters that a URL cannot have", "Correct it.")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        why = "is not encrypted, so the secret and every file could be read on the way"
        raise read.invalid(name, value, why, "Use https. Only a service on this host itself may have http.")
    return value.rstrip("/")


def _split(value: str, name: str) -> SplitResult:
    """Split a URL. It may have a password, so no error shows it before that is excluded."""
    if "@" in value:
        finding = f"{name}: the URL has a user or a password (not shown here)."
        raise InputError("option_invalid", finding, f"Remove everything up to the @ from {name}.")
    way_out = "Write it as https://HOST/PATH, or https://HOST:PORT/PATH."
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise read.invalid(name, value, "is not a URL", way_out) from None
    if parts.scheme not in PORTS_OF_SCHEMES:
        raise read.invalid(name, value, "is not an address that begins with https://", way_out)
    host = parts.hostname or ""
    if not (_HOST_NAME.fullmatch(host) or _is_address(host)) or port == 0 or not value.isprintable() or " " in value:
        raise read.invalid(name, value, "has no valid host or port", way_out)
    return parts


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _proxy(options: Mapping[str, object], services: tuple[str, ...]) -> str | None:
    given = read.text(options, "proxy")
    if given is None:
        return None
    parts = _split(given, "proxy")
    if parts.scheme != "http" or parts.path.strip("/") or parts.query or parts.fragment:
        raise read.invalid("proxy", given, "is not the address of an HTTP proxy", "Write it as http://HOST:PORT.")
    if not is_loopback(parts.hostname or "") and any(url.startswith("http:") for url in services):
        why = "is another host, and would get the secret and every file unencrypted"
        raise read.invalid("proxy", given, why, "Use https for base_url and token_url, or remove proxy.")
    return given.rstrip("/")


def _max_bytes(options: Mapping[str, object]) -> int:
    given = options.get("max_request_bytes")
    if given is None:
        return ApiSettings().max_bytes
    found = read.size(given, name="max_request_bytes")
    if not 0 < found <= LARGEST_REQUEST:
        why = "would allow no file in a request" if not found else "is larger than any request can be"
        raise read.invalid("max_request_bytes", given, why, "Set it to what the provider allows, such as 32M.")
    return found
