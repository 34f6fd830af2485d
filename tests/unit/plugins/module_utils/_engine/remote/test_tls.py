# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the certificate of a server says, whether it was verified or not."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.tls import expiry_of
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KEY = ec.generate_private_key(ec.SECP256R1())
BEGIN = datetime(2001, 1, 1, tzinfo=timezone.utc)


class Connection:
    def __init__(self, certificate: bytes | None) -> None:
        self._certificate = certificate

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        assert binary_form
        return self._certificate


def _certificate(end: datetime, *, names: int = 1) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ftp.example.com")] * names)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(2**150).not_valid_before(BEGIN).not_valid_after(end)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _expiry(certificate: bytes | None) -> int | None:
    connection: Any = Connection(certificate)
    return expiry_of(connection)


@pytest.mark.parametrize("names", [1, 20])
@pytest.mark.parametrize("end", ["2026-02-28T23:59:59", "2049-12-31T23:59:59", "2050-01-01T00:00:00"])
def test_the_end_of_the_validity(end: str, names: int) -> None:
    moment = datetime.fromisoformat(end).replace(tzinfo=timezone.utc)
    assert _expiry(_certificate(moment, names=names)) == int(moment.timestamp())


def test_a_certificate_that_is_cut_or_changed_says_nothing_and_disturbs_nothing() -> None:
    whole = _certificate(datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert _expiry(None) is _expiry(b"") is None
    for length in range(100):
        assert _expiry(whole[:length]) is None
    for place in range(len(whole)):
        for changed in (0x00, 0x80, 0x84, 0xFF):
            _expiry(whole[:place] + bytes([changed]) + whole[place + 1 :])
