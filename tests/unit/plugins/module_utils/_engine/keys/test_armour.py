# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key files as editors, clipboards and CI variables leave them: every form of every format is read, or is named."""

from __future__ import annotations

import base64
import functools
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import AuthenticationError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import formats
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)

SECRET = "correct horse"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()

Form = Callable[[bytes], bytes]


def lines(body: bytes, between: bytes) -> bytes:
    return between.join(body.strip().split(b"\n"))


FORMS: dict[str, Form] = {
    "as it was made": lambda body: body,
    "CRLF": lambda body: body.replace(b"\n", b"\r\n"),
    "CR": lambda body: body.replace(b"\n", b"\r"),
    "no last line break": lambda body: body.strip(),
    "empty lines around": lambda body: b"\n\n" + body + b"\n\n",
    "indented": lambda body: b"    " + lines(body, b"\n    "),
    "trailing blanks": lambda body: lines(body, b"  \t\n"),
    "UTF-8 with a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16 LE": lambda body: b"\xff\xfe" + body.decode().encode("utf-16-le"),
    "UTF-16 BE": lambda body: b"\xfe\xff" + body.decode().encode("utf-16-be"),
    "UTF-16 LE without a mark": lambda body: body.decode().encode("utf-16-le"),
    "UTF-16 BE without a mark": lambda body: body.decode().encode("utf-16-be"),
    "UTF-16 with CRLF": lambda body: b"\xff\xfe" + body.decode().replace("\n", "\r\n").encode("utf-16-le"),
    "escaped line breaks": lambda body: lines(body, rb"\n"),
    "escaped CRLF": lambda body: lines(body, rb"\r\n"),
    "escaped twice": lambda body: lines(body, rb"\\n"),
    "a JSON string": lambda body: json.dumps(body.decode()).encode(),
    "in a JSON document": lambda body: json.dumps({"user": "x", "key": body.decode()}).encode(),
    "escaped in UTF-16": lambda body: b"\xff\xfe" + lines(body, rb"\n").decode().encode("utf-16-le"),
    "one line": lambda body: lines(body, b" "),
    "in quotes": lambda body: b"'" + body.strip() + b"'\n",
    "base64": base64.b64encode,
    "base64 in lines": base64.encodebytes,
    "base64 with a mark": lambda body: b"\xef\xbb\xbf" + base64.b64encode(body),
    "base64 in UTF-16": lambda body: b"\xff\xfe" + base64.b64encode(body).decode().encode("utf-16-le"),
    "base64 of UTF-16": lambda body: base64.b64encode(b"\xff\xfe" + body.decode().encode("utf-16-le")),
    "base64 twice": lambda body: base64.b64encode(base64.b64encode(body)),
    "in quotes in base64": lambda body: b'"' + base64.b64encode(body) + b'"',
    "text around": lambda body: b"From: Ann\nSubject: key\n\n" + body + b"-- \nkind regards\n",
    "the public key behind": lambda body: body + b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/C8zjCJ1iEgg6cZUM= x\n",
    "a certificate before": lambda body: b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" + body,
    "YAML": lambda body: b"key: |\n  " + lines(body, b"\n  "),
}
FORMATS: dict[str, tuple[formats.PrivateKey, PrivateFormat]] = {
    "ed25519 of OpenSSH": (ED25519, PrivateFormat.OpenSSH),
    "ed25519 in PKCS#8": (ED25519, PrivateFormat.PKCS8),
    "RSA of OpenSSH": (RSA, PrivateFormat.OpenSSH),
    "RSA in PKCS#8": (RSA, PrivateFormat.PKCS8),
    "RSA of OpenSSL": (RSA, PrivateFormat.TraditionalOpenSSL),
}


@functools.lru_cache
def encoded(name: str, passphrase: str | None) -> bytes:
    key, style = FORMATS[name]
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, style, encryption)


def key_file(folder: Path, body: bytes) -> str:
    path = folder / "a key"
    path.write_bytes(body)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize(
    ("name", "passphrase"), [*((name, None) for name in FORMATS), ("RSA of OpenSSL", SECRET), ("RSA in PKCS#8", SECRET)]
)
@pytest.mark.parametrize("form", FORMS)
def test_every_format_is_read_in_every_form(tmp_path: Path, form: str, name: str, passphrase: str | None) -> None:
    body = FORMS[form](encoded(name, passphrase))
    key = formats.load_private_key(key_file(tmp_path, body), passphrase)
    assert key.asbytes() == formats.public_part(FORMATS[name][0]).blob
    assert formats.is_encrypted(body) is (passphrase is not None)
    public = formats.public_beside(body)
    assert public is None or public.blob == key.asbytes()


@pytest.mark.parametrize("form", [form for form in FORMS if form != "as it was made"])
def test_a_missing_passphrase_is_told_of_every_form(tmp_path: Path, form: str) -> None:
    path = key_file(tmp_path, FORMS[form](encoded("ed25519 of OpenSSH", SECRET)))
    with pytest.raises(AuthenticationError) as caught:
        formats.load_private_key(path, None)
    assert caught.value.reason == "key_encrypted"


def test_a_key_without_its_first_and_last_line_is_read(tmp_path: Path) -> None:
    body = b"".join(encoded("ed25519 of OpenSSH", None).splitlines(keepends=True)[1:-1])
    key = formats.load_private_key(key_file(tmp_path, body), None)
    assert key.asbytes() == formats.public_part(ED25519).blob


PUBLIC = ED25519.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
PUTTY = b"PuTTY-User-Key-File-%d: ssh-ed25519\r\nEncryption: %s\r\nComment: x\r\nPublic-Lines: 2\r\n"
SSH_COM = b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n"
DER = RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
PKCS1 = RSA.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
STORE = pkcs12.serialize_key_and_certificates(b"x", RSA, None, None, BestAvailableEncryption(b"pass"))
VAULT = b"$ANSIBLE_VAULT;1.1;AES256\n6236\n"
CUT = b"".join(encoded("RSA of OpenSSH", None).splitlines(keepends=True)[:-1])
X509 = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

OTHERS = {
    "PuTTY 2": (PUTTY % (2, b"none"), "PuTTY", "puttygen .*key"),
    "PuTTY 3, encrypted": (PUTTY % (3, b"aes256-cbc"), "PuTTY", "puttygen .*key"),
    "ssh.com": (SSH_COM, "ssh.com", "ssh-keygen -i -f .*key"),
    "DER": (DER, "DER", "openssl pkey -inform DER -in .*key"),
    "DER of PKCS#1": (PKCS1, "DER", "openssl pkey -inform DER -in .*key"),
    "DER in base64": (b"\n" + base64.encodebytes(DER), "DER", r"base64 -d .*key.* \| openssl pkey -inform DER -out"),
    "PKCS#12": (STORE, "PKCS#12", "openssl pkcs12 -in .*key"),
    "Ansible Vault": (VAULT, "Ansible Vault", "ansible-vault decrypt"),
    "an OpenSSH public key": (PUBLIC, "public key", "private key file"),
    "an SSH2 public key": (b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "public key", "private key file"),
    "a PEM public key": (b"-----BEGIN PUBLIC KEY-----\nMIIB\n", "public key", "private key file"),
    "an OpenSSH certificate": (b"ssh-ed25519-cert-v01@openssh.com AAAA x\n", "certificate", "private key file"),
    "an X.509 certificate": (X509, "certificate", "private key file"),
    "cut at its end": (CUT, "not complete", "private key file"),
    "its begin cut": (encoded("RSA of OpenSSL", None)[20:], "not complete", "private key file"),
    "OpenPGP": (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ\n", "no private key in a known format", "private key"),
    "nothing": (b"", "is empty", "private key file"),
    "blanks": (b" \n", "", "private key file"),
    "a mark": (b"\xff\xfe", "is empty", "private key file"),
    "binary": (b"\0\0\xff" * 50, "no private key in a known format", "private key file"),
}


@pytest.mark.parametrize("form", ["as it was made", "UTF-8 with a byte order mark", "UTF-16 LE", "base64"])
@pytest.mark.parametrize("name", OTHERS)
def test_what_cannot_be_read_is_named_with_the_way_out(tmp_path: Path, name: str, form: str) -> None:
    original, what, way_out = OTHERS[name]
    body = original
    if body.strip().isascii() and not (form == name[-6:] == "base64"):  # editors leave binary files alone
        body = FORMS[form](body)
    path = key_file(tmp_path, body)
    with pytest.raises(AuthenticationError) as caught:
        formats.load_private_key(path, None)
    assert path in caught.value.finding
    assert what in caught.value.finding
    assert re.search(way_out, caught.value.way_out)
    for word in re.findall(r"[A-Za-z0-9+/]{20,}", original.decode("latin-1")):
        assert word not in str(caught.value) or word in ("PRIVATE", path)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("name", ["DER", "DER of PKCS#1", "DER in base64"])
def test_the_command_that_is_named_converts_the_key(tmp_path: Path, name: str) -> None:
    path = key_file(tmp_path, OTHERS[name][0])
    with pytest.raises(AuthenticationError) as caught:
        formats.load_private_key(path, None)
    command = caught.value.way_out.partition("Convert it: ")[2].replace("NEWFILE", "new")
    subprocess.run(["sh", "-c", f"umask 077; {command}"], check=True, cwd=tmp_path)
    assert formats.load_private_key(str(tmp_path / "new"), None).asbytes() == formats.public_part(RSA).blob
