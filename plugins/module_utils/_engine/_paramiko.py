# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import paramiko and cryptography in one place, and report when they are missing.

Importing the engine never fails because of a missing library, so ``ansible-doc`` and the sanity tests can load every
file. ``require()`` raises an error before the first use.
"""

from __future__ import annotations

import socket
import warnings
from functools import cache
from operator import attrgetter

from .errors import DependencyError

__all__ = ["IMPORT_ERROR", "cryptography", "paramiko", "require"]

IMPORT_ERROR: ImportError | None = None

try:
    with warnings.catch_warnings():
        # paramiko 2.12 names ciphers that newer releases of cryptography deprecate. Users need not see that warning.
        warnings.simplefilter("ignore")
        import cryptography
        import paramiko
except ImportError as error:
    IMPORT_ERROR = error
    # The type checker knows an imported name as a module. Callers run `require` first, which raises if it is None.
    cryptography = None  # type: ignore[assignment]
    paramiko = None  # type: ignore[assignment]

TESTED = "2.12 to 5.1"
"""The releases of paramiko with which this engine is tested."""

_PARTS_OF_TRANSPORT = (
    "_parse_disconnect",
    "_parse_kex_init",
    "disabled_algorithms",
    "packetizer.REKEY_BYTES",
    "packetizer.complete_handshake",
    "packetizer.read_all",
    "packetizer.readline",
    "packetizer.send_message",
    "saved_exception",
    "server_extensions",
)
_PARTS_OF_CHANNEL = ("event",)
"""What is replaced or used of paramiko although it is not documented. Without it, the promises would not hold."""


def require() -> None:
    """Raise DependencyError unless paramiko (and with it cryptography) can be used."""
    if IMPORT_ERROR is not None:
        raise DependencyError(
            "paramiko_missing",
            "The Python library paramiko (2.12 or newer) cannot be imported on this host.",
            "Install it: the package python3-paramiko on Debian, Ubuntu and RHEL (EPEL), or paramiko from PyPI.",
        ) from IMPORT_ERROR
    missing = _missing_parts()
    if missing:
        raise DependencyError(
            "paramiko_unknown",
            f"The paramiko {paramiko.__version__} of this host is unknown to filedrop: it has no {', '.join(missing)}.",
            f"Install a release from {TESTED}, or a newer filedrop.",
        )


@cache
def _missing_parts() -> tuple[str, ...]:
    """Return the parts of paramiko that are needed and missing."""
    with socket.socket() as unconnected:
        try:
            transport, channel = paramiko.Transport(unconnected), paramiko.Channel(0)
        except Exception as error:
            return (f"usable Transport and Channel ({type(error).__name__})",)
    return (
        *(f"Transport.{name}" for name in _PARTS_OF_TRANSPORT if not _has(transport, name)),
        *(f"Channel.{name}" for name in _PARTS_OF_CHANNEL if not _has(channel, name)),
    )


def _has(thing: object, name: str) -> bool:
    try:
        attrgetter(name)(thing)
    except AttributeError:
        return False
    return True
