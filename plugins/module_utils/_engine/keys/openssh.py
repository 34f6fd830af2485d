# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write the file format of OpenSSH's private keys, with what cryptography leaves out: the comment inside.

OpenSSH's PROTOCOL.key defines the format: a magic word, the names of cipher and key derivation (KDF), its options, the
number of keys, the public blob and a private section. The section has a check number twice, the key, its comment, and a
padding to the cipher's block size. If there is a passphrase, the section is encrypted.
"""

from __future__ import annotations

import base64
import os
from typing import NamedTuple

from ..errors import DependencyError
from .armour import OPENSSH_MAGIC, Pem, find_pem

_CIPHER, _KDF = b"aes256-ctr", b"bcrypt"  # what ssh-keygen uses
_ROUNDS = 16  # of bcrypt, as ssh-keygen's default up to OpenSSH 9.3, and cryptography's
_KEY, _IV = 32, 16  # bytes
_NUMBERS = {b"ssh-ed25519": 2, b"ssh-rsa": 6}
"""How many strings follow the type in the private section; others (ECDSA) have three."""


class Envelope(NamedTuple):
    """The parts of a key file."""

    cipher: bytes
    kdf: bytes
    options: bytes
    public: bytes
    private: bytes


def open_envelope(encoded: bytes) -> Envelope | None:
    """Take a key file apart, from its content in base64; None if it is damaged."""
    try:
        content = base64.b64decode(encoded)
        if not content.startswith(OPENSSH_MAGIC):
            return None
        position = len(OPENSSH_MAGIC)
        parts = []
        for skipped in (0, 0, 0, 4, 0):  # the number of keys has 4 bytes
            part, position = read_string(content, position + skipped)
            parts.append(part)
    except ValueError:
        return None
    return Envelope(*parts)


def read_string(data: bytes, position: int) -> tuple[bytes, int]:
    """Return the string at a position, and the position after it (RFC 4251 section 5).

    :raises ValueError: it is cut short.
    """
    start = position + 4
    length = int.from_bytes(data[position:start], "big")
    if start > len(data) or start + length > len(data):
        raise ValueError("it is cut short")
    return data[start : start + length], start + length


def _packed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def comment_inside(body: bytes, passphrase: str | None) -> str | None:
    """Return the comment inside a usable private key file; None for other formats, and for other ciphers."""
    pem = find_pem(body)
    envelope = open_envelope(pem.content) if pem is not None and pem.label == b"OPENSSH " else None
    if envelope is None:
        return None
    private = envelope.private
    if envelope.cipher == _CIPHER and envelope.kdf == _KDF and passphrase is not None:
        salt, position = read_string(envelope.options, 0)
        rounds = int.from_bytes(envelope.options[position : position + 4], "big")
        private = _crypt(private, passphrase, salt, rounds)
    elif envelope.cipher != b"none":
        return None
    try:
        start = _comment_start(private)
        return read_string(private, start)[0].decode("utf-8", "backslashreplace").strip()
    except ValueError:
        return None


def sealed(plain: bytes, comment: str, passphrase: str | None) -> bytes:
    """Return the content of a key file with a comment inside, encrypted if there is a passphrase.

    :param plain: the key as cryptography encodes it, without passphrase.
    :raises DependencyError: encryption requires the library bcrypt.
    """
    pem = find_pem(plain)
    envelope = open_envelope(pem.content) if pem is not None else None
    if envelope is None:
        raise ValueError("it is not in OpenSSH's format")
    private = _padded(envelope.private[: _comment_start(envelope.private)], comment, 8 if passphrase is None else 16)
    cipher, kdf, options = b"none", b"none", b""
    if passphrase is not None:
        salt = os.urandom(16)
        cipher, kdf, options = _CIPHER, _KDF, _packed(salt) + _ROUNDS.to_bytes(4, "big")
        private = _crypt(private, passphrase, salt, _ROUNDS)
    one = (1).to_bytes(4, "big")
    content = OPENSSH_MAGIC + _packed(cipher, kdf, options) + one + _packed(envelope.public, private)
    return Pem(b"OPENSSH ", base64.b64encode(content)).text


def _padded(key: bytes, comment: str, block: int) -> bytes:
    """Return a private section with a comment, padded to the block size in a way that every tool reads.

    paramiko takes the last byte for the length of the padding, unless it is printable ASCII, the end of a comment. It
    refuses more than 15. So it cannot read a section without a padding if the comment is empty or ends otherwise.
    """
    text = comment.encode("utf-8")
    found = key + _packed(text)
    if len(found) % block == 0 and (not text or text[-1] >= 0x80):
        if block < 16:
            return found + bytes(range(1, 1 + block))
        found = key + _packed(text + b" ")  # `comment_inside` does not return this space
    return found + bytes(range(1, 1 + -len(found) % block))


def _comment_start(private: bytes) -> int:
    """Return the position of the comment in a private section that is not encrypted."""
    kind, position = read_string(private, 8)  # past the two check numbers
    for _number in range(_NUMBERS.get(kind, 3)):
        _part, position = read_string(private, position)
    return position


def _crypt(data: bytes, passphrase: str, salt: bytes, rounds: int) -> bytes:
    """Encrypt or decrypt a private section: in the mode CTR, both are the same."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    require_bcrypt()
    import bcrypt

    secret = passphrase.encode("utf-8", "surrogateescape")
    derived = bcrypt.kdf(secret, salt, _KEY + _IV, rounds, ignore_few_rounds=True)
    worker = Cipher(algorithms.AES(derived[:_KEY]), modes.CTR(derived[_KEY:])).encryptor()
    return worker.update(data) + worker.finalize()


def require_bcrypt() -> None:
    """:raises DependencyError: the library bcrypt is missing."""
    try:
        import bcrypt  # noqa: F401 (cryptography uses it, and says less clearly that it is missing)
    except ImportError:
        raise DependencyError(
            "bcrypt_missing",
            "Encrypting a private key requires the Python library bcrypt, which is missing.",
            "Install it: the package python3-bcrypt, or bcrypt from PyPI.",
        ) from None
