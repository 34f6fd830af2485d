# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the private key in a file, however editors, clipboards and CI variables have left it.

These are read: UTF-16, a byte order mark, escaped line breaks (a backslash and ``n``), other white space, text around
the key, the base64 of the whole file, and a key without its first and last line. Other formats are named, together with
the command that converts them. A message never has any of the content.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from typing import NamedTuple

from ..errors import AuthenticationError
from ..text import in_utf8

OPENSSH_MAGIC = b"openssh-key-v1\0"
KEY_FILE_HINT = "Set it to a private key file, such as ssh-keygen makes."

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----\s(.*?)-----END \1PRIVATE KEY-----", re.DOTALL)
_HEADERS = re.compile(rb"\s*(Proc-Type:\s*\S+)\s+(DEK-Info:\s*\S+)\s+(.*)", re.DOTALL)  # RFC 1421
_ESCAPED_BREAK = re.compile(rb"(\\+r)?\\+n")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
_PUBLIC = re.compile(rb"(ssh|ecdsa|sk)-\S+ AAAA|---- BEGIN SSH2 PUBLIC KEY|-----BEGIN (RSA |EC )?PUBLIC KEY")
_CERTIFICATE = re.compile(rb"\S+-cert-v01@openssh\.com |-----BEGIN (TRUSTED |X509 )?CERTIFICATE")


class Pem(NamedTuple):
    """A private key in text form: what its first line calls it (``OPENSSH ``, ``RSA `` or empty), and its content."""

    label: bytes
    content: bytes

    @property
    def text(self) -> bytes:
        """The key in lines of 64 characters, as its formats define it."""
        headers = _HEADERS.match(self.content)
        encoded = b"".join((headers[3] if headers else self.content).split())
        lines = [headers[1], headers[2], b""] if headers else []
        lines += [encoded[start : start + 64] for start in range(0, len(encoded), 64)]
        kind = self.label + b"PRIVATE KEY-----"
        return b"\n".join([b"-----BEGIN " + kind, *lines, b"-----END " + kind, b""])


def find_pem(body: bytes) -> Pem | None:
    """Return the private key in the content of a file, or None."""
    plain = in_utf8(body)
    found = _PEM.search(plain) or _PEM.search(_ESCAPED_BREAK.sub(b"\n", plain))
    if found:
        return Pem(found[1], found[2])
    inner = _from_base64(plain)
    if inner.startswith(OPENSSH_MAGIC):
        return Pem(b"OPENSSH ", plain)
    return find_pem(inner) if inner else None


def _from_base64(body: bytes) -> bytes:
    """Return what a text in base64 stands for; empty if it is something else."""
    text = b"".join(body.strip(b"\"' \t\r\n").split())
    if not _BASE64.fullmatch(text):
        return b""
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def no_key(body: bytes, path: str) -> AuthenticationError:
    """Return the error for a file in which `find_pem` finds nothing: what it is instead, and what to do."""
    plain = in_utf8(body).lstrip()
    inner = in_utf8(_from_base64(plain)).lstrip() or plain
    at = shlex.quote(path)
    if inner.startswith(b"PuTTY-User-Key-File"):
        return _other_format(path, "a key in PuTTY's own format", f"puttygen {at} -O private-openssh-new -o NEWFILE")
    if b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY" in inner or b"---- BEGIN SSH2 PRIVATE KEY" in inner:
        return _other_format(path, "a key in the format of ssh.com (SSH2)", f"ssh-keygen -i -f {at} > NEWFILE")
    if inner.startswith(b"$ANSIBLE_VAULT;"):
        return _other_format(path, "encrypted with Ansible Vault", f"ansible-vault decrypt --output NEWFILE {at}")
    if inner[:1] == b"\x30" and inner[1:2] >= b"\x80":  # a DER sequence of 128 bytes or more
        source, decode = (f" -in {at}", "") if inner is plain else ("", f"base64 -d {at} | ")
        if b"\x02\x01\x03\x30" in inner[:12]:  # PKCS#12 begins with its version, 3 (RFC 7292)
            command = f"{decode}openssl pkcs12{source} -nocerts -nodes -out NEWFILE"
            return _other_format(path, "a binary key store (PKCS#12)", command)
        return _other_format(path, "binary (DER)", f"{decode}openssl pkey -inform DER{source} -out NEWFILE")
    return AuthenticationError("key_malformed", _finding(inner, path), KEY_FILE_HINT)


def _other_format(path: str, what: str, command: str) -> AuthenticationError:
    return AuthenticationError(
        "key_unsupported",
        f"The private key file {path} is {what}, which is not supported.",
        f"Convert it: {command}",
    )


def _finding(text: bytes, path: str) -> str:
    if not text:
        return f"The private key file {path} is empty."
    if _CERTIFICATE.match(text):
        return f"{path} contains a certificate, but the private key is required."
    if _PUBLIC.match(text):
        return f"{path} contains a public key, but the private key is required."
    if b"PRIVATE KEY-----" in text and b"-----BEGIN PGP" not in text:
        return f"The private key in {path} is not complete: its first or its last line is missing or damaged."
    return f"{path} contains no private key in a known format (OpenSSH, PKCS#8 or OpenSSL)."
