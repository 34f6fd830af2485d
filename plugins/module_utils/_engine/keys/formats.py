# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Public keys as bytes and lines, and the loading of a private key.

A public key's *blob* is its encoding of RFC 4253 section 6.6: a string with the type, then the key's own fields. The
*line* is what stands in ``authorized_keys``, ``known_hosts`` and ``.pub`` files: the type, the blob in base64, perhaps
a comment.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import io
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from .._deps import paramiko, require
from ..config.credentials import forbidden_mode
from ..errors import AuthenticationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from paramiko import PKey

    PrivateKey = Union[ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]

MAX_KEY_FILE = 65536  # bytes; the largest real key, RSA of 16,384 bits, takes less than a fifth of it
OPENSSH_MAGIC = b"openssh-key-v1\0"
CURVES = {"nistp256": 256, "nistp384": 384, "nistp521": 521}
PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----\s(.*?)-----END \1PRIVATE KEY-----", re.DOTALL)
NAME_IT = "Name the file that ssh-keygen or the module courier.filedrop.keypair has made."
PUBLIC_STARTS = (b"ssh-", b"ecdsa-", b"sk-", b"---- BEGIN SSH2 PUBLIC", b"-----BEGIN PUBLIC", b"-----BEGIN RSA PUBLIC")


@dataclass(frozen=True)
class PublicKey:
    """An SSH public key: its type, such as ``ssh-ed25519``, and its blob."""

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
        """The size as ``ssh-keygen -l`` tells it."""
        return _checked_bits(self.type, _fields(self.blob))


def fingerprint(public_blob: bytes) -> str:
    """``SHA256:`` and the digest of the blob in base64 without padding, as ``ssh-keygen -l`` prints it."""
    digest = hashlib.sha256(public_blob).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def parse_blob(blob: bytes) -> PublicKey:
    """The public key that a blob encodes.

    :raises ValueError: it is cut short, has something behind its end, or is of a type that filedrop does not take.
    """
    fields = _fields(blob)
    if not fields:
        raise ValueError("it is empty")
    type_name = fields[0].decode("ascii", "backslashreplace")
    _checked_bits(type_name, fields)
    return PublicKey(type=type_name, blob=blob)


def parse_line(type_name: str, encoded: str) -> PublicKey:
    """The public key of the first two words of a line.

    :raises ValueError: the words do not make one; the text says why.
    """
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its second word is not base64") from None
    key = parse_blob(blob)
    if key.type != type_name:
        raise ValueError(f"it says {type_name}, and its base64 part says {key.type}")
    return key


def _fields(blob: bytes) -> list[bytes]:
    """The strings (RFC 4251 section 5) that a blob consists of."""
    fields = []
    position = 0
    while position < len(blob):
        field, position = _string(blob, position)
        fields.append(field)
    return fields


def _string(data: bytes, position: int) -> tuple[bytes, int]:
    """The string at a position, and the position behind it."""
    start = position + 4
    length = int.from_bytes(data[position:start], "big")
    if start > len(data) or start + length > len(data):
        raise ValueError("it is cut short")
    return data[start : start + length], start + length


def _checked_bits(type_name: str, fields: list[bytes]) -> int:
    """The size of a key in bits, once its fields are seen to be those of its type (RFC 4253, 5656, 8709)."""
    if type_name == "ssh-ed25519":
        if [len(field) for field in fields[1:]] != [32]:
            raise ValueError("it is not as long as an ed25519 key")
        return 256
    if type_name == "ssh-rsa":
        if len(fields) != 3 or not fields[1] or not fields[2]:
            raise ValueError("it does not have the two numbers of an RSA key")
        return int.from_bytes(fields[2], "big").bit_length()
    if type_name.startswith("ecdsa-sha2-"):
        curve = type_name[len("ecdsa-sha2-") :]
        if curve in CURVES and len(fields) == 3 and fields[1] == curve.encode("ascii"):
            if len(fields[2]) == 1 + 2 * ((CURVES[curve] + 7) // 8) and fields[2][0] == 4:
                return CURVES[curve]
            raise ValueError(f"it has no point of the curve {curve}")
    raise ValueError(f"keys of type {type_name} are not supported")


def load_private_key(path: str, passphrase: str | None) -> PKey:
    """The private key in a file, ready to log in with.

    Takes ed25519, ECDSA and RSA keys in the formats of OpenSSH, PKCS#8 and OpenSSL. A passphrase that the key does not
    need is ignored.

    :raises AuthenticationError: the key cannot be used. It names the file and the reason, and nothing of the content.
    """
    require()
    body, status = read_private(path)
    mode = stat.S_IMODE(status.st_mode)
    if mode & forbidden_mode(path):
        raise AuthenticationError(
            "key_exposed",
            f"The private key file {path} has mode {mode:04o}: others than its owner may use it.",
            f"Run: chmod 600 {path}. If others may have read it, make a new key and have the provider remove this one.",
        )
    key = decode_private(body, path, passphrase)
    # The one format that paramiko has read for all types since 2.12.
    plain = io.StringIO(encode_private(key, None).decode("ascii"))
    type_name = public_part(key).type
    if type_name == "ssh-ed25519":
        return paramiko.Ed25519Key.from_private_key(plain)
    if type_name == "ssh-rsa":
        return paramiko.RSAKey.from_private_key(plain)
    return paramiko.ECDSAKey.from_private_key(plain)


def read_private(path: str) -> tuple[bytes, os.stat_result]:
    """The content and status of a private key file, whatever its mode.

    :raises AuthenticationError: ``key_missing``, ``key_unreadable``, ``key_malformed``.
    """
    try:
        # A named pipe must not hang us, so it is opened without waiting.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _cannot_open(path, error) from None
    except ValueError:
        raise AuthenticationError(
            "key_missing", f"A private key file {path!r} cannot exist: the name has a null byte.", NAME_IT
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise AuthenticationError("key_unreadable", f"{path} is {kind}, not a private key file.", NAME_IT)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            body = file.read(MAX_KEY_FILE + 1)
    finally:
        os.close(descriptor)
    if len(body) > MAX_KEY_FILE:
        raise AuthenticationError("key_malformed", f"{path} is larger than any private key.", NAME_IT)
    return body, status


def _cannot_open(path: str, error: OSError) -> AuthenticationError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return AuthenticationError(
            "key_missing",
            f"The private key file {path} does not exist.",
            "Name the right file, or make a key pair with the module courier.filedrop.keypair and have it registered.",
        )
    return AuthenticationError(
        "key_unreadable",
        f"The private key file {path} cannot be read: {(error.strerror or str(error)).lower()}.",
        "Run as the user who owns the key, or name a key of this user.",
    )


def decode_private(body: bytes, path: str, passphrase: str | None) -> PrivateKey:
    """The key in the content of a private key file, as an object of the library cryptography.

    :raises AuthenticationError: ``key_malformed``, ``key_encrypted`` (there is no passphrase), ``key_passphrase``
        (it is another one), ``key_unsupported``.
    """
    from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    armoured = PEM.search(body)
    if armoured is None:
        raise _no_key(body, path)
    encrypted = is_encrypted(body)
    if encrypted and not passphrase:
        raise AuthenticationError(
            "key_encrypted",
            f"The private key {path} is encrypted, and there is no passphrase.",
            "Set passphrase, or use a key without one.",
        )
    secret = passphrase.encode("utf-8", "surrogateescape") if encrypted and passphrase else None
    load = load_ssh_private_key if armoured[1] == b"OPENSSH " else load_pem_private_key
    try:
        key = load(armoured[0] + b"\n", secret)
    except UnsupportedAlgorithm:
        raise _unsupported(path, "cryptography does not know its type, or the way it is encrypted") from None
    except (ValueError, TypeError, InvalidTag):
        raise _undecodable(path, encrypted) from None
    if not isinstance(key, (ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise _unsupported(path, "it is neither ed25519 nor ECDSA nor RSA")
    return key


def encode_private(key: PrivateKey, passphrase: str | None) -> bytes:
    """The content of a private key file, in the format of OpenSSH."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        KeySerializationEncryption,
        NoEncryption,
        PrivateFormat,
    )

    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        encryption = BestAvailableEncryption(passphrase.encode("utf-8", "surrogateescape"))
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption)


def public_part(key: PrivateKey) -> PublicKey:
    """The public key that belongs to a private one."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    type_name, encoded = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii").split()
    return parse_line(type_name, encoded)


def is_encrypted(body: bytes) -> bool:
    """Whether the private key in a file's content needs a passphrase."""
    found = PEM.search(body)
    if found is None:
        return False
    if found[1] == b"OPENSSH ":
        cipher, _public = _envelope(found[2])
        return cipher not in (b"", b"none")
    return found[1] == b"ENCRYPTED " or b"Proc-Type: 4,ENCRYPTED" in found[2]


def public_beside(body: bytes) -> PublicKey | None:
    """The public key that stands unencrypted in a file of OpenSSH's format; None in other formats."""
    found = PEM.search(body)
    if found is None or found[1] != b"OPENSSH ":
        return None
    try:
        return parse_blob(_envelope(found[2])[1])
    except ValueError:
        return None


def _envelope(encoded: bytes) -> tuple[bytes, bytes]:
    """Cipher name and public blob of a file in OpenSSH's format (OpenSSH's PROTOCOL.key); empty where it is damaged."""
    try:
        content = base64.b64decode(encoded)
        if not content.startswith(OPENSSH_MAGIC):
            return b"", b""
        cipher, position = _string(content, len(OPENSSH_MAGIC))
        _kdf, position = _string(content, position)
        _options, position = _string(content, position)
        public, _end = _string(content, position + 4)  # past the number of keys
    except ValueError:
        return b"", b""
    return cipher, public


def _no_key(body: bytes, path: str) -> AuthenticationError:
    if body.startswith(b"PuTTY-User-Key-File"):
        return AuthenticationError(
            "key_unsupported",
            f"{path} is a key in PuTTY's own format.",
            f"Convert it: puttygen {path} -O private-openssh-new -o NEWFILE",
        )
    if body.lstrip().startswith(PUBLIC_STARTS):
        finding = f"{path} holds a public key, and the private one is needed."
    elif not body.strip():
        finding = f"The private key file {path} is empty."
    else:
        finding = f"{path} holds no private key that filedrop knows (in the format of OpenSSH, PKCS#8 or OpenSSL)."
    return AuthenticationError("key_malformed", finding, NAME_IT)


def _undecodable(path: str, encrypted: bool) -> AuthenticationError:
    if encrypted:
        return AuthenticationError(
            "key_passphrase",
            f"The private key {path} cannot be decrypted: it has another passphrase, or is damaged.",
            f"Set the right passphrase; the command ssh-keygen -y -f {path} tries one.",
        )
    return AuthenticationError(
        "key_malformed", f"The private key {path} is damaged.", f"See what the command ssh-keygen -y -f {path} says."
    )


def _unsupported(path: str, why: str) -> AuthenticationError:
    return AuthenticationError(
        "key_unsupported", f"The private key {path} cannot be used: {why}.", "Make one of type ed25519, ecdsa or rsa."
    )
