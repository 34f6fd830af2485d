# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/amili-api.openapi.yaml: the sandbox answers as it says, and our requests are as it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import dropoff_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.api.remote import ApiRemote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.runner import run
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.api.handler import Handler
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from hypothesis import HealthCheck, Phase, settings
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest

DESCRIPTION = Path(__file__).parents[3] / "docs" / "amili-api.openapi.yaml"
CLIENT_NO, SECRET = "2218", "s3cret/+=of the client"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    with Sandbox(folder, accounts=[account(CLIENT_NO, password=SECRET)], protocols=["amili_api"]) as found:
        yield found


def described() -> dict[str, Any]:
    """Return the description, for a service that has everything at one address."""
    found: dict[str, Any] = yaml.safe_load(DESCRIPTION.read_text())
    for path in found["paths"].values():
        path.pop("servers", None)
    return found


def for_this_client() -> dict[str, Any]:
    """Return the description for requests of one client, which have a token already."""
    found = {**described(), "security": []}
    found["paths"]["/verify"]["get"]["security"] = []
    found["paths"]["/clients/{clientno}/files"]["post"]["parameters"][0]["schema"] = {"const": CLIENT_NO}
    return found


schema = schemathesis.openapi.from_dict(for_this_client())


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_sandbox_answers_as_described(case: schemathesis.Case[Any], sandbox: Sandbox) -> None:
    server: Any = sandbox._servers["amili_api"]
    headers = {"Authorization": f"Bearer {server.new_token(CLIENT_NO)}"}
    answer = case.call(base_url=sandbox.base_url, headers=headers)
    # That each fileId is unique in a request cannot be said in the description.
    excluded = [schemathesis.checks.positive_data_acceptance] if answer.status_code == 422 else []
    case.validate_response(answer, headers=headers, excluded_checks=excluded)


def _mocked(
    sandbox: Sandbox, method: str, path: str, headers: dict[str, str], body: bytes | None, media: str
) -> MockRequest:
    return MockRequest(sandbox.base_url, method.lower(), path, headers=headers, data=body, content_type=media)


def test_our_requests_are_as_described(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, bytes, dict[str, str]]] = []
    real = Handler._reply

    def reply(self: Handler, body: bytes) -> Any:
        seen.append((self.command, self.path, body, dict(self.headers)))
        return real(self, body)

    monkeypatch.setattr(Handler, "_reply", reply)
    there = account_from_options(
        {
            "protocol": "amili_api",
            "base_url": sandbox.base_url,
            "token_url": f"{sandbox.base_url}/token",
            "client_id": CLIENT_NO,
            "client_secret": SECRET,
            "client_no": CLIENT_NO,
        }
    )
    src = tmp_path / "src"
    src.mkdir()
    for name in ("a.csv", "b \u00e6\u00f8\u00e5.csv", "empty.csv"):
        (src / name).write_bytes(b"" if name == "empty.csv" else b"\0\xff" * 100_000)
    given = {"src": str(src), "settle": 0, "file_types": {"*.csv": "Doc"}, "protocol": "amili_api"}
    job = dropoff_from_options(given, preset_named(None))
    result = run(job, there, ledger=str(tmp_path / "ledger.sqlite3"), create_ledger=True)
    assert result.counts["delivered"] == 3
    remote = ApiRemote(there)
    remote.info()
    remote.close()

    openapi = OpenAPI.from_dict({**described(), "servers": [{"url": sandbox.base_url}]})
    for method, path, body, headers in seen:
        media = headers.get("Content-Type", "application/json")
        openapi.validate_request(_mocked(sandbox, method, path, headers, body or None, media))
    method, path, body, headers = next(each for each in seen if each[1].startswith("/clients/"))
    wrong = _mocked(sandbox, method, path, headers, body.replace(b'"fileId"', b'"fileid"'), "application/json")
    with pytest.raises(OpenAPIError):
        openapi.validate_request(wrong)
    assert {path for _method, path, _body, _headers in seen} == {
        "/token", "/verify", "/health", f"/clients/{CLIENT_NO}/files",
    }  # fmt: skip
