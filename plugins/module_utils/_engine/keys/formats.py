# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse public keys as bytes and lines, and load private keys.

A public key's *blob* is its encoding by RFC 4253 section 6.6: a string with the type, then the fields of the key. Its
*line* is the form in ``authorized_keys``, ``known_hosts`` and ``.pub`` files: type, blob in base64, optional comment.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import io
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from .._paramiko import paramiko, require
from ..config.accounts.credentials import forbidden_mode
from ..errors import AuthenticationError
from ..local.identity import as_started
from .armour import KEY_FILE_HINT, find_pem, no_key
from .openssh import open_envelope, read_string

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from paramiko import PKey

    PrivateKey = Union[ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]

MAX_KEY_FILE = 65536  # bytes; the largest real key, RSA with 16,384 bits, needs less than a fifth of it
CURVES = {"nistp256": 256, "nistp384": 384, "nistp521": 521}


@dataclass(frozen=True)
class PublicKey:
    """Hold an SSH public key: its type, such as ``ssh-ed25519``, and its blob."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def line(self) -> str:
        """``type base64``, without a comment."""
        return f"{self.type} {base64.b64encode(self.blob).decode('ascii')}"

    @property
    def bits(self) -> int:
        """The size in bits, as shown by ``ssh-keygen -l``."""
        return _checked_bits(self.type, _fields(self.blob))


def fingerprint(public_blob: bytes) -> str:
    """Return ``SHA256:`` and the digest of the blob in base64 without padding, as printed by ``ssh-keygen -l``."""
    digest = hashlib.sha256(public_blob).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def parse_blob(blob: bytes) -> PublicKey:
    """Parse the blob of a public key.

    :raises ValueError: it is cut short, has extra bytes at its end, or has an unsupported type.
    """
    fields = _fields(blob)
    if not fields:
        raise ValueError("it is empty")
    type_name = fields[0].decode("ascii", "backslashreplace")
    _checked_bits(type_name, fields)
    return PublicKey(type=type_name, blob=blob)


def parse_line(type_name: str, encoded: str) -> PublicKey:
    """Parse a public key from the first two words of a line.

    :raises ValueError: the words are not a valid key; the text says why.
    """
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its second word is not base64") from None
    key = parse_blob(blob)
    if key.type != type_name:
        raise ValueError(f"its type is {type_name}, but its base64 part contains a key of type {key.type}")
    return key


def _fields(blob: bytes) -> list[bytes]:
    """Split a blob into its strings (RFC 4251 section 5)."""
    fields = []
    position = 0
    while position < len(blob):
        field, position = read_string(blob, position)
        fields.append(field)
    return fields


def _checked_bits(type_name: str, fields: list[bytes]) -> int:
    """Check the fields of a key against its type (RFC 4253, 5656, 8709); return the size of the key in bits."""
    if type_name == "ssh-ed25519":
        if [len(field) for field in fields[1:]] != [32]:
            raise ValueError("it does not have the length of an ed25519 key")
        return 256
    if type_name == "ssh-rsa":
        if len(fields) != 3 or not fields[1] or not fields[2]:
            raise ValueError("it does not consist of the two numbers of an RSA key")
        return int.from_bytes(fields[2], "big").bit_length()
    if type_name.startswith("ecdsa-sha2-"):
        curve = type_name[len("ecdsa-sha2-") :]
        if curve in CURVES and len(fields) == 3 and fields[1] == curve.encode("ascii"):
            if len(fields[2]) == 1 + 2 * ((CURVES[curve] + 7) // 8) and fields[2][0] == 4:
                return CURVES[curve]
            raise ValueError(f"it is not a point on the curve {curve}")
    raise ValueError(f"keys of type {type_name} are not supported")


def load_private_key(path: str, passphrase: str | None) -> PKey:
    """Load the private key from a file, ready for a login.

    Supported are ed25519, ECDSA and RSA keys in the formats of OpenSSH, PKCS#8 and OpenSSL, in every form that `armour`
    reads. A passphrase that the key does not need is ignored.

    :raises AuthenticationError: the key cannot be used. The error names the file and the reason, never the content.
    """
    require()
    body, status = read_private(path)
    require_unexposed(path, status)
    key = decode_private(body, path, passphrase)
    # paramiko reads this format for all key types since 2.12.
    plain = io.StringIO(encode_private(key).decode("ascii"))
    type_name = public_part(key).type
    if type_name == "ssh-ed25519":
        return paramiko.Ed25519Key.from_private_key(plain)
    if type_name == "ssh-rsa":
        return paramiko.RSAKey.from_private_key(plain)
    return paramiko.ECDSAKey.from_private_key(plain)


def add_certificate(key: PKey, path: str) -> None:
    """Let a key log in with a certificate, the public one that ssh-keygen makes (``...-cert.pub``).

    :raises AuthenticationError: ``certificate_unusable``.
    """
    try:
        with as_started():
            key.load_certificate(path)
    except Exception as error:  # paramiko raises what it meets in the file, of whatever kind
        raise AuthenticationError(
            "certificate_unusable",
            f"The certificate {path} (certificate_file) cannot be used for the key: {error or type(error).__name__}.",
            "Set certificate_file to the certificate that the provider made of this key's public part.",
        ) from None


def require_unexposed(path: str, status: os.stat_result) -> None:
    """:raises AuthenticationError: ``key_exposed``: users other than the owner of a private key file can use it."""
    mode = stat.S_IMODE(status.st_mode)
    if mode & forbidden_mode(path):
        raise AuthenticationError(
            "key_exposed",
            f"The private key file {path} has mode {mode:04o}: users other than its owner can use it.",
            f"Run: chmod 600 {path}. If others may have read it, make a new key and have this one removed.",
        )


def read_private(path: str, *, folder: int | None = None) -> tuple[bytes, os.stat_result]:
    """Read the content and status of a private key file, whatever its mode.

    :param folder: a descriptor of its folder. Then no link is followed.
    :raises AuthenticationError: ``key_missing``, ``key_unreadable``, ``key_malformed``.
    """
    try:
        # O_NONBLOCK: opening a named pipe must not block.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        with as_started():
            if folder is None:
                descriptor = os.open(path, flags)
            else:
                descriptor = os.open(os.path.basename(path), flags | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        raise _cannot_open(path, error) from None
    except ValueError:
        raise AuthenticationError(
            "key_missing", f"The private key file {path!r} cannot exist: its name contains a null byte.", KEY_FILE_HINT
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise AuthenticationError(
                "key_unreadable", f"{path} is {kind}, so it is not a private key file.", KEY_FILE_HINT
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            body = file.read(MAX_KEY_FILE + 1)
    finally:
        os.close(descriptor)
    if len(body) > MAX_KEY_FILE:
        raise AuthenticationError("key_malformed", f"{path} is too large to be a private key.", KEY_FILE_HINT)
    return body, status


def _cannot_open(path: str, error: OSError) -> AuthenticationError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return AuthenticationError(
            "key_missing",
            f"The private key file {path} does not exist.",
            "Correct the path, or make a key pair (ssh-keygen -t ed25519) and let the provider register it.",
        )
    return AuthenticationError(
        "key_unreadable",
        f"The private key file {path} cannot be read: {(error.strerror or str(error)).lower()}.",
        "Run as the user who owns the key, or use a key of this user.",
    )


def encrypted_error(path: str) -> AuthenticationError:
    return AuthenticationError(
        "key_encrypted",
        f"The private key {path} is encrypted, but no passphrase is given.",
        "Set passphrase, or use a key without one.",
    )


def decode_private(body: bytes, path: str, passphrase: str | None) -> PrivateKey:
    """Decode the content of a private key file, to a key object of the library cryptography.

    :raises AuthenticationError: ``key_malformed``, ``key_encrypted`` (the passphrase is missing), ``key_passphrase``
        (the passphrase is wrong), ``key_unsupported``.
    """
    from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    pem = find_pem(body)
    if pem is None:
        raise no_key(body, path)
    encrypted = is_encrypted(body)
    if encrypted and not passphrase:
        raise encrypted_error(path)
    secret = passphrase.encode("utf-8", "surrogateescape") if encrypted and passphrase else None
    load = load_ssh_private_key if pem.label == b"OPENSSH " else load_pem_private_key
    try:
        key = load(pem.text, secret)
    except UnsupportedAlgorithm:
        raise _unsupported(path, "cryptography does not know its type or its encryption") from None
    except (ValueError, TypeError, InvalidTag):
        raise _undecodable(path, encrypted) from None
    if not isinstance(key, (ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise _unsupported(path, "it is neither ed25519 nor ECDSA nor RSA")
    return key


def encode_private(key: PrivateKey) -> bytes:
    """Encode a private key as the content of a file, in OpenSSH's format, without a passphrase."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def public_part(key: PrivateKey) -> PublicKey:
    """Return the public key that belongs to a private key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    type_name, encoded = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii").split()
    return parse_line(type_name, encoded)


def is_encrypted(body: bytes) -> bool:
    """Whether the private key in a file's content requires a passphrase."""
    pem = find_pem(body)
    if pem is None:
        return False
    if pem.label == b"OPENSSH ":
        envelope = open_envelope(pem.content)
        return envelope is not None and envelope.cipher not in (b"", b"none")
    return pem.label == b"ENCRYPTED " or b"4,ENCRYPTED" in pem.content


def public_beside(body: bytes) -> PublicKey | None:
    """Return the public key that a file in OpenSSH's format contains unencrypted; None for other formats."""
    pem = find_pem(body)
    if pem is None or pem.label != b"OPENSSH ":
        return None
    envelope = open_envelope(pem.content)
    try:
        return parse_blob(envelope.public) if envelope is not None else None
    except ValueError:
        return None


def _undecodable(path: str, encrypted: bool) -> AuthenticationError:
    if encrypted:
        return AuthenticationError(
            "key_passphrase",
            f"The private key {path} cannot be decrypted: the passphrase is wrong, or the file is damaged.",
            f"Set the right passphrase. To test one, run: ssh-keygen -y -f {path}",
        )
    return AuthenticationError(
        "key_malformed", f"The private key {path} is damaged.", f"For details, run: ssh-keygen -y -f {path}"
    )


def _unsupported(path: str, why: str) -> AuthenticationError:
    return AuthenticationError(
        "key_unsupported", f"The private key {path} cannot be used: {why}.", "Use a key of type ed25519, ecdsa or rsa."
    )
