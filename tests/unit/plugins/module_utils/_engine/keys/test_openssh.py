# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file format of OpenSSH's private keys, with comments of every length: paramiko reads what we write."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DependencyError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import formats, openssh
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SECRET = "correct horse: " + "æøå" * 40
KEYS: dict[str, tuple[Any, Any]] = {
    "ed25519": (ed25519.Ed25519PrivateKey.generate(), paramiko.Ed25519Key),
    "ecdsa": (ec.generate_private_key(ec.SECP384R1()), paramiko.ECDSAKey),
    "rsa": (rsa.generate_private_key(public_exponent=65537, key_size=2048), paramiko.RSAKey),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssh, "_ROUNDS", 1)


@pytest.mark.parametrize("passphrase", [None, SECRET])
@pytest.mark.parametrize("end", ["", "ø", "9"])
@pytest.mark.parametrize("kind", KEYS)
def test_a_comment_of_any_length(tmp_path: Path, kind: str, end: str, passphrase: str | None) -> None:
    key, reader = KEYS[kind]
    path = tmp_path / "id"
    for length in range(17):
        comment = "c" * length + end
        body = openssh.sealed(formats.encode_private(key), comment, passphrase)
        path.write_bytes(body)
        assert openssh.comment_inside(body, passphrase) == comment
        public = formats.public_part(key)
        assert formats.public_part(formats.decode_private(body, str(path), passphrase)) == public
        assert formats.public_beside(body) == public
        assert reader.from_private_key_file(str(path), passphrase).asbytes() == public.blob


@pytest.mark.parametrize("kind", KEYS)
def test_no_comment_of_a_file_in_another_format(kind: str) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    body = KEYS[kind][0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert openssh.comment_inside(body, None) is None


def test_encryption_needs_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "bcrypt":
            raise ImportError(name)
        return real(name, *more)

    plain = formats.encode_private(KEYS["ed25519"][0])
    monkeypatch.setattr(builtins, "__import__", without)
    openssh.sealed(plain, "c", None)
    with pytest.raises(DependencyError) as caught:
        openssh.sealed(plain, "c", SECRET)
    assert caught.value.reason == "bcrypt_missing"
