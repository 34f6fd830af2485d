# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hand a key pair from one host to another, through a third one that cannot read it.

The receiver makes a key for this purpose, and the giver encrypts the pair for it: ECDH on P-256, HKDF with SHA-256,
AES-256-GCM. So what passes through the control node, its logs and its memory is of no use to others.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from typing import TYPE_CHECKING

from ..errors import InputError
from ..local.folder import Folder, rename_new
from .apply import appeared, key_folder, put, write_beside
from .formats import read_private
from .spec import KeyPairSpec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

REQUEST = ".request"
_PURPOSE = b"filedrop: a key pair for one host"
_NONCE = 12  # bytes


def request(wanted: KeyPairSpec) -> str:
    """Return the public key for which a giver can encrypt. Its private key stays in ``NAME.request``."""
    from cryptography.hazmat.primitives.asymmetric import ec

    own = ec.generate_private_key(ec.SECP256R1())
    with key_folder(wanted) as folder:
        _write(wanted, folder, _pem(own), f"{wanted.name}{REQUEST}")
    return base64.b64encode(_point(own.public_key())).decode("ascii")


def seal(wanted: KeyPairSpec, public: str) -> str:
    """Encrypt a pair for a receiver.

    :param public: what `request` returned there.
    :raises FiledropError: the pair is missing, or the request is malformed.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        receiver = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.b64decode(public))
    except ValueError:
        raise InputError("handover_malformed", f"The request for {wanted.path} is malformed.", "Run again.") from None
    with key_folder(wanted) as folder:
        private, public_line = (
            read_private(folder.path_of(name), folder=folder.fd)[0] for name in (wanted.name, wanted.public_name)
        )
    body = json.dumps({"private": private.decode("latin-1"), "public": public_line.decode("latin-1")}).encode()
    own = ec.generate_private_key(ec.SECP256R1())
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(_secret(own, receiver)).encrypt(nonce, body, None)
    return base64.b64encode(_point(own.public_key()) + nonce + sealed).decode("ascii")


def unseal(wanted: KeyPairSpec, sealed: str) -> None:
    """Decrypt a pair that was encrypted for this host, and put it in place. An existing key is never replaced.

    :raises FiledropError: the pair is for another request, or a private key exists already.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    request_name = f"{wanted.name}{REQUEST}"
    refusal = InputError(
        "handover_malformed",
        f"The key pair that was handed over for {wanted.path} is not for this host's request.",
        "Run again.",
    )
    with key_folder(wanted) as folder:
        own = load_pem_private_key(read_private(folder.path_of(request_name), folder=folder.fd)[0], None)
        if not isinstance(own, ec.EllipticCurvePrivateKey):
            raise refusal
        given = base64.b64decode(sealed)
        length = len(_point(own.public_key()))
        try:
            giver = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), given[:length])
            nonce, body = given[length : length + _NONCE], given[length + _NONCE :]
            pair = json.loads(AESGCM(_secret(own, giver)).decrypt(nonce, body, None))
        except (ValueError, InvalidTag):
            raise refusal from None
        temporary = write_beside(wanted, folder, pair["private"].encode("latin-1"), 0o600, _owner(wanted))
        if not rename_new(folder, temporary, folder, wanted.name):
            os.unlink(temporary, dir_fd=folder.fd)
            raise appeared(folder, wanted.name)
        _write(wanted, folder, pair["public"].encode("latin-1"), wanted.public_name, mode=0o644)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(request_name, dir_fd=folder.fd)


def _write(wanted: KeyPairSpec, folder: Folder, body: bytes, name: str, *, mode: int = 0o600) -> None:
    put(folder, write_beside(wanted, folder, body, mode, _owner(wanted)), name)


def _owner(wanted: KeyPairSpec) -> tuple[int, int]:
    return (-1 if wanted.uid is None else wanted.uid), (-1 if wanted.gid is None else wanted.gid)


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _point(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _secret(own: EllipticCurvePrivateKey, other: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    shared = own.exchange(ec.ECDH(), other)
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(shared)
