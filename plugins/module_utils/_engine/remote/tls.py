# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of TLS for an account, and the fingerprint of a certificate."""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
from typing import TYPE_CHECKING

from ..config.credentials import require_private
from ..errors import InputError

# Python 3.9 has no name for it. With it, a connection that was cut looks like one that ended.
_IGNORE_UNEXPECTED_END = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)

if TYPE_CHECKING:
    from ..config.account import Account


def tls_context(account: Account) -> ssl.SSLContext:
    """Return the rules for TLS of an account.

    :raises InputError: a file of certificates cannot be used, or others can read the client's private key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
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
