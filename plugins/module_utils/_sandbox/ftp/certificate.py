# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generate the certificate of the sandbox's FTPS server once, and keep it in its folder.

It is its own authority, so clients can use its file as ``ca_file``, or pin its fingerprint.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
from datetime import datetime, timedelta, timezone

from ..server import HOST

#: What a server can present: its own certificate, or those of the fault ``certificate_wrong``.
OWN, EXPIRED, FOREIGN_NAME, OTHER = KINDS = ("own", "expired", "foreign_name", "other")

_YEARS = timedelta(days=3650)


def path_of(folder: str, kind: str = OWN) -> str:
    """Return the path of a certificate, in PEM."""
    return os.path.join(folder, f"{kind}.pem")


def key_path_of(folder: str, kind: str = OWN) -> str:
    """Return the path of the private key of a certificate."""
    return os.path.join(folder, f"{kind}.key")


def create_missing(folder: str, kind: str = OWN) -> None:
    """Create a certificate and its key, unless they exist. :raises OSError: the folder is not writable."""
    if os.path.exists(path_of(folder, kind)):
        return
    os.makedirs(folder, mode=0o700, exist_ok=True)
    certificate, key = _generate(kind)
    # The certificate comes last: if it exists, both are complete.
    _write(key_path_of(folder, kind), key)
    _write(path_of(folder, kind), certificate)


def stored_fingerprints(folder: str) -> tuple[str, ...]:
    """Return the fingerprints of the stored certificate, as for ``tls_fingerprints``; empty if there is none yet."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        with open(path_of(folder), "rb") as file:
            certificate = x509.load_pem_x509_certificate(file.read())
    except FileNotFoundError:
        return ()
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return (f"SHA256:{base64.b64encode(digest).decode('ascii').rstrip('=')}",)


def _write(path: str, content: bytes) -> None:
    draft = f"{path}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.rename(draft, path)


def _generate(kind: str) -> tuple[bytes, bytes]:
    """Return a certificate and its key, in PEM. It has the extensions that strict clients require (RFC 5280)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "filedrop sandbox")])
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    if kind == FOREIGN_NAME:
        names = [x509.DNSName("ftp.example.net")]
    now = datetime.now(timezone.utc)
    usage = {"digital_signature": True, "key_cert_sign": True}
    others = (
        "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only",
        "decipher_only",
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1) if kind == EXPIRED else now + _YEARS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage, **dict.fromkeys(others, False)), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return (
        builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
