# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of TLS for an account, and what a connection shows of its server."""

from __future__ import annotations

import base64
import calendar
import hashlib
import os
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ..config.accounts.credentials import require_private
from ..errors import InputError
from ..text import escaped

_VERSION, _UTC_TIME = 0xA0, 0x17  # tags of DER

# Python 3.9 has no name for it. With it, a connection that was cut looks like one that ended.
_IGNORE_UNEXPECTED_END = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)

if TYPE_CHECKING:
    from ..config.accounts.account import Account


def tls_context(account: Account, make: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """Return the rules for TLS of an account.

    :param make: the class of the rules.
    :raises InputError: a file of certificates cannot be used, or others can read the client's private key.
    """
    context = make(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options &= ~_IGNORE_UNEXPECTED_END
    option = "ca_file"
    try:
        if account.tls_fingerprints:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif account.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cafile=account.ca_file)
        if account.client_certificate_file is not None:
            option = "client_certificate_file" if account.client_key_file is None else "client_key_file"
            path = getattr(account, option)
            require_private(path, os.stat(path), option=option)
            option = "client_certificate_file"
            # Without the function, Python would ask for a passphrase at the terminal.
            context.load_cert_chain(account.client_certificate_file, account.client_key_file, lambda: "")
    except (OSError, ValueError) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        finding = f"{option}: {getattr(account, option)} cannot be used: {why.lower()}."
        raise InputError("certificate_unusable", finding, "Set it to a readable file in PEM form.") from error
    return context


def fingerprint_of(connection: ssl.SSLSocket) -> str:
    """Return the fingerprint of the server's certificate, in the form of ``tls_fingerprints``."""
    digest = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def expiry_of(connection: ssl.SSLSocket) -> int | None:
    """Return when the server's certificate expires, in seconds since 1970; None if it does not say that as it should.

    Python itself tells that only of a certificate that it has verified, and not of one that is pinned.
    """
    with suppress(IndexError, ValueError):
        return _not_after(connection.getpeercert(binary_form=True) or b"")
    return None


def _not_after(certificate: bytes) -> int:
    """Read the end of the validity in a certificate's DER form (RFC 5280, section 4.1).

    :raises IndexError, ValueError: it is not there.
    """
    ((_tag, whole),) = _elements(certificate)
    fields = _elements(_elements(whole)[0][1])
    if fields[0][0] == _VERSION:
        fields = fields[1:]
    tag, moment = _elements(fields[3][1])[1]  # after the serial number, the algorithm and the issuer
    digits = moment.decode("ascii")
    if tag == _UTC_TIME:
        digits = ("20" if digits < "50" else "19") + digits
    return calendar.timegm(time.strptime(digits, "%Y%m%d%H%M%SZ"))


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Split a sequence into its elements: their tags and contents."""
    found = []
    while data:
        begin, length = 2, data[1]
        if length & 0x80:
            begin += length & 0x7F
            length = int.from_bytes(data[2:begin], "big")
        found.append((data[0], data[begin : begin + length]))
        data = data[begin + length :]
    return found


class TlsSession(NamedTuple):
    """What a connection shows of its server. The certificate has been verified.

    :ivar subject, issuer: names in the form of RFC 4514, the most specific part first.
    :ivar expires: seconds since 1970; None if the certificate does not say it in a known form.
    :ivar version, cipher: of the connection.
    """

    fingerprint: str
    subject: str
    issuer: str
    expires: int | None
    version: str
    cipher: str


def tls_session(connection: ssl.SSLSocket) -> TlsSession:
    """Return what a connection with a verified certificate shows. A strange certificate is no error."""
    found: Mapping[str, Any] = connection.getpeercert() or {}
    cipher = connection.cipher()
    return TlsSession(
        fingerprint_of(connection),
        _name(found.get("subject", ())),
        _name(found.get("issuer", ())),
        expiry_of(connection),
        connection.version() or "",
        cipher[0] if cipher else "",
    )


_SPECIAL = re.compile(r'[,+"\\<>;]')
_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
}


def _name(parts: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Format a name of a certificate, as ``getpeercert`` returns it."""
    pairs = [pair for part in parts for pair in part]
    return ",".join(f"{_SHORT.get(kind, kind)}={_quoted(value)}" for kind, value in reversed(pairs))


def _quoted(value: str) -> str:
    return escaped(_SPECIAL.sub(r"\\\g<0>", value))
