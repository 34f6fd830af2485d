# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way to a files API: proxies, authorities and redirects; large files; and files that belong together."""

from __future__ import annotations

import base64
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from support import driver
from support.files_api import FilesApi, answer, entry, files_api
from support.http_proxy import HttpProxy, http_proxy

from .test_amili_api import Host, api, host, outcomes

__all__ = ["api", "host"]
NAME = "api.example.com"
SIZE = 200 * 1024**2
MARGIN = 32 * 1024**2
_MEASURE = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
sys.stderr.write(f"most {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}")
sys.exit(status)
"""


class Far:
    """A service that only a proxy reaches, by a name that this machine does not know."""

    def __init__(self, api: FilesApi, proxy: HttpProxy, authority: Path) -> None:
        self.api, self.proxy = api, proxy
        self.account = {
            "base_url": f"https://{NAME}/arm",
            "token_url": f"https://{NAME}/token",
            "ca_file": str(authority),
        }


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    with files_api(context) as api, http_proxy(int(api.url.rpartition(":")[2])) as proxy:
        yield Far(api, proxy, path)


def test_the_proxy_of_the_account_is_used_and_sees_no_secret(host: Host, far: Far) -> None:
    host.put("a.csv")
    result = host.send(far.api, {**far.account, "proxy": f"http://127.0.0.1:{far.proxy.port}"})
    assert outcomes(result) == {"a.csv": ("delivered", "")}
    assert set(far.proxy.asked) == {f"{NAME}:443"}
    assert set(far.proxy.logins) == {""}


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_the_proxy_of_the_environment_is_used(
    host: Host, far: Far, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, f"http://ann:hush@127.0.0.1:{far.proxy.port}")
    host.put("a.csv")
    assert outcomes(host.send(far.api, far.account)) == {"a.csv": ("delivered", "")}
    assert set(far.proxy.logins) == {f"Basic {base64.b64encode(b'ann:hush').decode()}"}


def test_no_proxy_of_the_environment_is_used_where_it_says_so(
    host: Host, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{far.proxy.port}")
    monkeypatch.setenv("no_proxy", "example.com")
    host.put("a.csv")
    assert host.send(far.api, far.account).error is not None
    assert far.proxy.asked == []


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_told_and_no_file_waits_for_a_person(host: Host, far: Far, status: int) -> None:
    far.proxy.status = status
    account = {**far.account, "proxy": f"http://127.0.0.1:{far.proxy.port}"}
    host.put("a.csv")
    result = host.send(far.api, account)
    assert result.error is not None
    assert result.error.reason == "proxy_refused"
    assert str(status) in result.error.finding
    far.proxy.status = 200
    assert outcomes(host.send(far.api, account)) == {"a.csv": ("delivered", "")}


def test_a_proxy_that_reads_what_is_encrypted_gets_no_secret(host: Host, far: Far, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    account = {**far.account, "proxy": f"http://127.0.0.1:{far.proxy.port}", "ca_file": str(tmp_path / "other.pem")}
    host.put("a.csv")
    result = host.send(far.api, account)
    assert result.error is not None
    assert result.error.reason == "certificate_untrusted"
    assert (far.api.tokens, far.api.requests) == (0, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("asks_for_token", [True, False])
def test_no_redirect_brings_a_secret_to_another_host(
    host: Host, api: FilesApi, status: int, asks_for_token: bool
) -> None:
    with files_api() as other:
        headers = {"headers": {"Location": f"{other.url}/token"}}
        if asks_for_token:
            api.token_status, api.token_headers = status, headers["headers"]
        else:
            api.scripts = [lambda _api, _body: (status, headers)]
        host.put("a.csv")
        result = host.send(api)
        assert (other.tokens, other.requests) == (0, [])
    is_taken_perhaps = status == 303 and not asks_for_token  # it says where to look for what became of a request
    assert result.counts["held"] == is_taken_perhaps
    assert is_taken_perhaps or (result.error is not None and result.error.reason == "redirected")


def test_a_large_file_needs_no_more_memory_than_a_small_one(tmp_path: Path, api: FilesApi) -> None:
    api.discards = True
    most = []
    for size in (1000, SIZE):
        folder = tmp_path / str(size)
        folder.mkdir()
        with open(folder / "a.csv", "wb") as file:
            file.truncate(size)
        job = {"direction": "dropoff", "src": str(folder), "settle": 0, "file_types": {"*.csv": "Doc"}}
        spec = driver.spec(job, api.options(timeout=60), tmp_path / f"{size}.sqlite3", new=True)
        process = driver.start(
            {**spec, "job": {**job, "protocol": "amili_api"}}, prefix=[sys.executable, "-c", _MEASURE]
        )
        output, errors = process.communicate(timeout=driver.RUN_SECONDS)
        assert process.returncode == 0, errors
        assert '"delivered"' in output
        most.append(int(errors.rpartition("most ")[2]))
    assert (len(api.requests), most[1] - most[0] < MARGIN) == (2, True), most


def test_files_that_belong_together_go_in_their_order(host: Host, api: FilesApi) -> None:
    host.put("a.csv", "a.pdf", "b.csv")
    types: dict[str, Any] = {"file_types": {"*": "Doc"}, "companions": ["*.pdf", "*.csv"]}
    result = host.send(api, **types)
    assert outcomes(result) == {
        "a.csv": ("delivered", ""),
        "a.pdf": ("delivered", ""),
        "b.csv": ("waiting", "companion_missing"),
    }
    assert api.requests == [["a.pdf"], ["a.csv"]]
    assert host.left == ["b.csv"]


def refused(_api: FilesApi, body: dict[str, Any]) -> Any:
    return answer([entry(file, "FAILED", "REJECTED") for file in body["files"]], 207)


@pytest.mark.parametrize(
    ("script", "first"), [(refused, ("failed", "rejected")), (lambda _api, _body: None, ("held", "ambiguous"))]
)
def test_a_file_waits_for_the_one_before_it_in_its_set(
    host: Host, api: FilesApi, script: Any, first: tuple[str, str]
) -> None:
    host.put("a.csv", "a.pdf")
    api.scripts = [script]
    types: dict[str, Any] = {"file_types": {"*": "Doc"}, "companions": ["*.pdf", "*.csv"]}
    found = outcomes(host.send(api, **types))
    assert found["a.pdf"] == first
    assert found["a.csv"] == ("waiting", "companion_waiting")
    assert host.send(api, **types).counts["delivered"] == 0
    assert api.requests == [["a.pdf"]]
