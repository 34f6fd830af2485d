# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import plan
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.state import Settings
from support.sandbox_client import Key

NOTHING: dict[str, Any] = dict.fromkeys(("accounts", "port", "protocols", "lifetime", "import_delay"))


@pytest.fixture
def before(key: Key) -> Settings:
    alice = account("alice", public_keys=[key.public], password="correct horse")
    return Settings(accounts=(alice,), port=4000, lifetime=5.0, import_delay=1.0)


def test_what_is_not_given_stays(before: Settings) -> None:
    assert plan.wanted(NOTHING, before) == before


def test_what_is_given_again_changes_nothing(before: Settings, key: Key) -> None:
    alice = {"username": "alice", "public_keys": [key.public], "password": "correct horse"}
    options = {"accounts": [alice], "port": 4000, "lifetime": 5.0, "import_delay": 1.0}
    assert plan.wanted({**NOTHING, **options}, before) == before


def test_what_is_given_counts(before: Settings) -> None:
    bob = {"username": "bob", "public_keys": None, "password": "x"}
    options = {"accounts": [bob], "port": 5000, "protocols": ["ftp", "sftp"], "lifetime": 6.0, "import_delay": 0.0}
    wanted = plan.wanted(options, before)
    assert (wanted.port, wanted.protocols, wanted.lifetime, wanted.import_delay) == (5000, ("ftp",), 6.0, 0.0)
    assert [one.username for one in wanted.accounts] == ["bob"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"port": 0}, "port_invalid"),
        ({"port": 65536}, "port_invalid"),
        ({"lifetime": 0.5}, "lifetime_invalid"),
        ({"lifetime": float("inf")}, "lifetime_invalid"),
        ({"lifetime": float("nan")}, "lifetime_invalid"),
        ({"import_delay": -1.0}, "import_delay_invalid"),
        ({"import_delay": 1e9}, "import_delay_invalid"),
        ({"accounts": []}, "no_accounts"),
    ],
)
def test_what_cannot_be_is_refused(before: Settings, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError) as refused:
        plan.wanted({**NOTHING, **options}, before)
    assert refused.value.reason == reason
    assert refused.value.way_out


def test_the_first_time_needs_an_account() -> None:
    with pytest.raises(InputError, match="no accounts"):
        plan.wanted(NOTHING, None)


def test_the_difference_shows_no_secret(before: Settings, key: Key) -> None:
    alice = account("alice", public_keys=[key.public], password="another")
    after = replace(before, accounts=(alice, account("bob", public_keys=[key.public])))
    shown = plan.diff_state(after, started=True, before=before)
    assert [one["password"] for one in shown["accounts"]] == ["changed", "none"]
    assert [one["password"] for one in plan.diff_state(before, started=False)["accounts"]] == ["set"]
    assert plan.diff_state(None, started=False) == {"state": "absent"}
    for text in (alice.password, 'another"', "correct horse"):
        assert str(text) not in str(shown)
