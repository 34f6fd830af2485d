# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import AuthenticationError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import formats
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

# A key that was only made for this, and what `ssh-keygen -l` of OpenSSH 9.2 says about it.
LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/C8zjCJ1iEgg6cZUMMFMqUWtLIVuzTMG6zdIchAJzQ"
FINGERPRINT = "SHA256:nNC+1kvy3p/Y/Eh5iOkHc6AKDEszoLgMUsMsSNhezHc"
SECRET = "correct horse"

KEYS: dict[str, formats.PrivateKey] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa256": ec.generate_private_key(ec.SECP256R1()),
    "ecdsa384": ec.generate_private_key(ec.SECP384R1()),
    "ecdsa521": ec.generate_private_key(ec.SECP521R1()),
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
BITS = {"ed25519": 256, "ecdsa256": 256, "ecdsa384": 384, "ecdsa521": 521, "rsa": 2048}
FORMATS = {
    "openssh": PrivateFormat.OpenSSH,
    "pkcs8": PrivateFormat.PKCS8,
    "openssl": PrivateFormat.TraditionalOpenSSL,
}


def encoded(name: str, style: str, passphrase: str | None) -> bytes:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return KEYS[name].private_bytes(Encoding.PEM, FORMATS[style], encryption)


def key_file(folder: Path, body: bytes, mode: int = 0o600) -> str:
    path = folder / "key"
    path.write_bytes(body)
    path.chmod(mode)
    return str(path)


def refusal(path: str, passphrase: str | None = None) -> AuthenticationError:
    with pytest.raises(AuthenticationError) as caught:
        formats.load_private_key(path, passphrase)
    assert path in caught.value.finding
    assert caught.value.way_out
    return caught.value


def test_a_line_and_its_fingerprint_are_those_of_ssh_keygen() -> None:
    key = formats.parse_line(*LINE.split())
    assert (key.type, key.bits, key.fingerprint, key.line) == ("ssh-ed25519", 256, FINGERPRINT, LINE)
    assert formats.fingerprint(key.blob) == FINGERPRINT


@pytest.mark.parametrize("name", KEYS)
def test_every_type_of_public_key_is_read(name: str) -> None:
    line = KEYS[name].public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    key = formats.parse_line(*line.split())
    assert (key.line, key.bits) == (line, BITS[name])
    assert formats.public_part(KEYS[name]) == key


@pytest.mark.parametrize("name", KEYS)
def test_a_damaged_blob_is_refused(name: str) -> None:
    blob = formats.public_part(KEYS[name]).blob
    for damaged in (blob[:-1], blob + b"\0", blob + b"\0\0\0\0", blob[:10], b"", b"\xff" * 8):
        with pytest.raises(ValueError, match=r"^(it|keys of) "):
            formats.parse_blob(damaged)


def test_a_line_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="its type is ssh-rsa, but its base64 part contains a key of type ssh-ed25519"):
        formats.parse_line("ssh-rsa", LINE.split()[1])
    with pytest.raises(ValueError, match="not base64"):
        formats.parse_line("ssh-ed25519", "AAAA*")


@pytest.mark.parametrize("passphrase", [None, SECRET])
@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("name", KEYS)
def test_every_type_and_format_can_log_in(tmp_path: Path, name: str, style: str, passphrase: str | None) -> None:
    if name == "ed25519" and style == "openssl":
        style = "pkcs8"  # OpenSSL's own format was never made for it
    path = key_file(tmp_path, encoded(name, style, passphrase))
    key = formats.load_private_key(path, passphrase)
    assert key.asbytes() == formats.public_part(KEYS[name]).blob
    assert key.can_sign()


def test_a_passphrase_that_is_not_needed_is_ignored(tmp_path: Path) -> None:
    path = key_file(tmp_path, encoded("ed25519", "openssh", None))
    assert formats.load_private_key(path, SECRET).get_name() == "ssh-ed25519"


@pytest.mark.parametrize("style", FORMATS)
def test_an_encrypted_key_needs_its_own_passphrase(tmp_path: Path, style: str) -> None:
    path = key_file(tmp_path, encoded("rsa", style, SECRET))
    assert refusal(path).reason == "key_encrypted"
    error = refusal(path, "battery staple")
    assert error.reason == "key_passphrase"
    assert "staple" not in repr(error)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o677])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    error = refusal(key_file(tmp_path, encoded("ed25519", "openssh", None), mode))
    assert error.reason == "key_exposed"
    assert f"{mode:04o}" in error.finding
    assert "chmod 600" in error.way_out


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        (LINE.encode(), "key_malformed", "contains a public key"),
        (b"", "key_malformed", "is empty"),
        (b"hello\n", "key_malformed", "contains no private key"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "key_unsupported", "PuTTY"),
        (b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "key_malformed", "is damaged"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "key_malformed", "damaged"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "key_malformed", "is not complete"),
        (b"x" * 70000, "key_malformed", "too large to be a private key"),
    ],
)
def test_what_is_no_private_key_is_told(tmp_path: Path, body: bytes, reason: str, words: str) -> None:
    error = refusal(key_file(tmp_path, body))
    assert error.reason == reason
    assert words in error.finding


def test_a_key_cut_short_shows_nothing_of_itself(tmp_path: Path) -> None:
    lines = encoded("rsa", "openssh", None).splitlines(keepends=True)
    path = key_file(tmp_path, b"".join(lines[:3] + lines[-1:]))
    error = refusal(path)
    assert error.reason == "key_malformed"
    assert lines[2].decode().strip() not in repr(error)


def test_a_dsa_key_is_refused(tmp_path: Path) -> None:
    key = dsa.generate_private_key(key_size=2048)
    path = key_file(tmp_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert refusal(path).reason == "key_unsupported"


def test_a_missing_key_is_told(tmp_path: Path) -> None:
    assert refusal(str(tmp_path / "none")).reason == "key_missing"
    assert refusal(str(tmp_path / "none" / "below")).reason == "key_missing"


def test_what_is_no_file_is_told_at_once(tmp_path: Path) -> None:
    assert refusal(str(tmp_path)).reason == "key_unreadable"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(str(tmp_path / "pipe")).reason == "key_unreadable"


def test_the_public_part_of_an_encrypted_key_is_known_without_its_passphrase() -> None:
    public = formats.public_part(KEYS["ed25519"])
    assert formats.public_beside(encoded("ed25519", "openssh", SECRET)) == public
    assert formats.public_beside(encoded("ed25519", "pkcs8", SECRET)) is None
    assert formats.public_beside(b"nothing") is None
    assert formats.is_encrypted(encoded("ed25519", "openssh", SECRET))
    assert not formats.is_encrypted(encoded("ed25519", "openssh", None))
