# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.courier.filedrop.plugins.doc_fragments import account as account_fragment
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import UnreachableError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.formats import parse_line
from ansible_collections.courier.filedrop.plugins.module_utils._module import ACCOUNT_SPEC
from ansible_collections.courier.filedrop.plugins.modules import host_keys_info

LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/C8zjCJ1iEgg6cZUMMFMqUWtLIVuzTMG6zdIchAJzQ"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF"
FINGERPRINT = "SHA256:nNC+1kvy3p/Y/Eh5iOkHc6AKDEszoLgMUsMsSNhezHc"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def asked() -> list[tuple[str, int, float]]:
    return []


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: list[tuple[str, int, float]]
) -> Run:
    """Run the module with a server that has our keys."""

    def offered(host: str, port: int, timeout: float) -> Any:
        asked.append((host, port, timeout))
        if host == "closed.example":
            raise UnreachableError("port_closed", "Nobody listens.", "Check port.")
        return [parse_line(*line.split()) for line in (LINE, OTHER)]

    def module(**options: Any) -> dict[str, Any]:
        with patch_module_args(options), pytest.raises(SystemExit):
            host_keys_info.main()
        return dict(json.loads(capsys.readouterr().out))

    monkeypatch.setattr(host_keys_info, "offered_host_keys", offered)
    return module


def test_every_account_option_is_documented_and_taken() -> None:
    own = yaml.safe_load(host_keys_info.DOCUMENTATION)
    shared = yaml.safe_load(account_fragment.ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(shared) == set(ACCOUNT_SPEC)
    for name, option in own["options"].items():
        assert {detail: option.get(detail) for detail in ("type", "elements")} == {
            detail: shared[name].get(detail) for detail in ("type", "elements")
        }


@pytest.mark.parametrize("check", [True, False])
def test_the_keys_are_told_with_what_to_compare(run: Run, check: bool) -> None:
    told = run(host="sftp.example.com", port=2222, _ansible_check_mode=check)
    assert (told["changed"], told["host"], told["port"]) == (False, "sftp.example.com", 2222)
    assert told["host_keys"][0] == {
        "type": "ssh-ed25519",
        "bits": 256,
        "fingerprint": FINGERPRINT,
        "line": LINE,
        "trusted": False,
    }


@pytest.mark.parametrize("entry", [LINE, FINGERPRINT])
def test_what_is_pinned_already_is_told(run: Run, entry: str) -> None:
    told = run(host="sftp.example.com", host_keys=[entry])
    assert [key["trusted"] for key in told["host_keys"]] == [True, False]


def test_a_preset_says_where_to_ask(run: Run, asked: list[tuple[str, int, float]]) -> None:
    run(preset="amili_sftp", timeout=3)
    assert asked == [("sftp.amili.se", 22, 3.0)]


def test_the_defaults_of_the_action_group_do_not_disturb(run: Run, asked: list[tuple[str, int, float]]) -> None:
    group = {"account": "amili", "username": "u", "passphrase": "p" * 9, "private_key_file": "/none", "connections": 2}
    assert len(run(host="sftp.example.com", **group)["host_keys"]) == 2
    assert asked == [("sftp.example.com", 22, 30.0)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "option_missing"),
        ({"host": "closed.example"}, "port_closed"),
        ({"host": "sftp.example.com", "host_keys": ["rubbish"]}, "host_keys_malformed"),
    ],
)
def test_failures_have_their_reason(run: Run, options: dict[str, Any], reason: str) -> None:
    told = run(**options)
    assert (told["failed"], told["reason"]) == (True, reason)
