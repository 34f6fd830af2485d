# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a connection test and a check tell of a files API: token, health, latency and certificates."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import trustme
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.diagnose import describe
from support.files_api import SECRET, Answer, FilesApi, files_api

from .test_amili_api import Host, api, host
from .test_api_ways import Far, far

__all__ = ["api", "far", "host"]
OK: Answer = (200, {"status": "ok"})
NO: Answer = (401, {"message": f"no {SECRET} token-1"})
BUSY: Answer = (503, {"title": f"down, {SECRET} token-1"})


def told(tmp_path: Path, api: FilesApi, **options: Any) -> dict[str, Any]:
    account = account_from_options(api.options(**options))
    return describe(account, (), None, ledger=str(tmp_path / "ledger.sqlite3"))


@pytest.fixture
def trusted(tmp_path: Path) -> Iterator[tuple[FilesApi, str]]:
    """A service whose certificate is valid for nine days and a half, and its authority."""
    authority = trustme.CA(organization_name="Acme, Inc.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expires = datetime.now(timezone.utc) + timedelta(days=9, hours=12)
    authority.issue_cert("127.0.0.1", common_name="api.example.com", not_after=expires).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with files_api(context) as found:
        yield found, str(tmp_path / "ca.pem")


def test_token_health_latency_and_certificate_are_told(tmp_path: Path, trusted: tuple[FilesApi, str]) -> None:
    api, authority = trusted
    api.pages = {"/verify": OK, "/health": OK}
    found = told(tmp_path, api, ca_file=authority)
    assert found["protocol"] == "amili_api"
    assert found["health"] == "ok"
    assert 0 < found["latency"] < 5
    assert found["token"]["verified"] == "yes"
    assert 3500 < found["token"]["seconds_left"] <= 3600
    expires = datetime.fromisoformat(found["token"]["expires"].replace("Z", "+00:00"))
    assert abs(expires.timestamp() - time.time() - found["token"]["seconds_left"]) < 60
    certificate = found["certificate"]
    assert found["token"]["certificate"] == certificate
    assert certificate["days_left"] == 9
    assert certificate["subject"].startswith("CN=api.example.com,")
    assert certificate["issuer"].endswith("O=Acme\\, Inc.")
    assert certificate["fingerprint"].startswith("SHA256:")
    assert found["tls"]["version"] == "TLSv1.3"
    (note,) = found["notes"]
    assert certificate["expires"] in note
    assert api.requests == []
    assert "token-1" not in str(found)


@pytest.mark.parametrize(
    ("verify", "health", "verified", "said"),
    [
        (NO, BUSY, "no", 'status 503: "down, *** ***"'),
        ((403, b""), (200, b""), "no", "ok"),
        ((404, {}), (404, {}), "unknown", "unknown"),
        ((405, {}), (501, {}), "unknown", "unknown"),
        ((503, {}), (401, {}), "unknown", "unknown"),
        ((302, {"headers": {"Location": "http://127.0.0.1:1/"}}), (429, {}), "unknown", "status 429"),
        (None, None, "unknown", "unknown"),
    ],
)
def test_the_services_beside_the_token_are_told_where_they_answer(
    tmp_path: Path, api: FilesApi, verify: Answer | None, health: Answer | None, verified: str, said: str
) -> None:
    api.pages = {"/verify": verify, "/health": health}
    found = told(tmp_path, api)
    assert (found["token"]["verified"], found["health"]) == (verified, said)
    assert (found["latency"] is None) == (health is None)
    assert (found["certificate"], found["tls"]) == (None, None)
    assert len(found["notes"]) == (verified == "no") + said.startswith("status")


def test_an_address_of_the_api_that_is_not_trusted_is_the_reason(
    tmp_path: Path, host: Host, api: FilesApi, trusted: tuple[FilesApi, str]
) -> None:
    wrong = {"base_url": trusted[0].url}
    with pytest.raises(FiledropError) as caught:
        told(tmp_path, api, **wrong)
    assert caught.value.reason == "certificate_untrusted"
    host.put("a.csv")
    checked = host.send(api, wrong, check=True)
    assert checked.error is not None
    assert checked.error.reason == "certificate_untrusted"


def test_a_check_tells_what_speaks_against_a_run(host: Host, api: FilesApi) -> None:
    host.put("a.csv")
    api.pages = {"/verify": OK, "/health": OK}
    host.send(api)
    assert host.send(api, check=True).notes == []
    api.pages = {"/verify": NO, "/health": BUSY}
    verified, health = host.send(api, check=True).notes
    assert "/verify" in verified
    assert '/health beside token_url answers with status 503: "down, ***' in health
    assert api.requests == [["a.csv"]]
    host.put("b.csv")
    assert host.send(api).notes == []


def test_a_connection_test_takes_the_way_of_the_proxy(tmp_path: Path, far: Far) -> None:
    way = {**far.account, "proxy": f"http://127.0.0.1:{far.proxy.port}"}
    assert told(tmp_path, far.api, **way)["certificate"]["days_left"] > 0
