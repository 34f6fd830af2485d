# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generate the sandbox's host keys once, and keep them in its folder."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from .._engine.keys.formats import PublicKey, load_private_key

if TYPE_CHECKING:
    from .._engine._paramiko import paramiko

#: Two types, like real servers: a client that pins only one of them must get that one.
TYPES = ("ed25519", "ecdsa")


def load_or_create(folder: str) -> list[paramiko.PKey]:
    """Load the host keys from a folder, and create missing ones.

    :raises AuthenticationError: a file is not a private key, or others than its owner can read it.
    :raises OSError: the folder is not writable.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return [_load_or_create(path_of(folder, type_name), type_name) for type_name in TYPES]


def path_of(folder: str, type_name: str) -> str:
    """Return the path of the key of a type."""
    return os.path.join(folder, f"ssh_host_{type_name}_key")


def lines(keys: list[paramiko.PKey]) -> tuple[str, ...]:
    """Return the public keys in the form for an account's ``host_keys``: type and base64."""
    return tuple(PublicKey(type=key.get_name(), blob=key.asbytes()).line for key in keys)


def stored_lines(folder: str) -> tuple[str, ...]:
    """Return the public keys of the stored host keys; empty if there are none yet."""
    if not all(os.path.exists(path_of(folder, type_name)) for type_name in TYPES):
        return ()
    return lines([load_private_key(path_of(folder, type_name), None) for type_name in TYPES])


def _load_or_create(path: str, type_name: str) -> paramiko.PKey:
    if not os.path.exists(path):
        _create(path, type_name)
    return load_private_key(path, None)


def generate(type_name: str) -> paramiko.PKey:
    """Generate a new key without storing it."""
    from .._engine._paramiko import paramiko

    kind = paramiko.Ed25519Key if type_name == "ed25519" else paramiko.ECDSAKey
    key: paramiko.PKey = kind.from_private_key(io.StringIO(_new(type_name).decode("ascii")))
    return key


def _create(path: str, type_name: str) -> None:
    """Write a new key to a temporary file that only its owner can read, and rename it when it is complete."""
    draft = f"{path}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_new(type_name))
    os.rename(draft, path)


def _new(type_name: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    key = ed25519.Ed25519PrivateKey.generate() if type_name == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
