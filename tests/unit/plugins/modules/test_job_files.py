# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files on a host know the modules' options by the same names, and a few that only make sense there."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import (
    ACCOUNT_OPTIONS,
    JOB_OPTIONS,
    SECRETS,
)
from ansible_collections.courier.filedrop.plugins.module_utils._module import ACCOUNT_SPEC, LEDGER_SPEC

ONLY_IN_FILES = {
    "account",
    "direction",
    "enabled",
    "every",
    "on_calendar",
    "time_limit",
    "retention",
    "max_age",
    "share",
    "expect",
    "stop_above",
    "notify",
}
ONLY_OF = {"dropoff": {"on_arrival", "group", "file_mode", "by_hand", "taken_within"}, "pickup": {"group", "file_mode"}}


class Built(Exception):
    """An AnsibleModule was about to be made of these."""


def spec(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found = importlib.import_module(f"ansible_collections.courier.filedrop.plugins.modules.{name}")

    def build(**arguments: Any) -> None:
        raise Built(arguments["argument_spec"])

    monkeypatch.setattr(found, "AnsibleModule", build)
    with pytest.raises(Built) as caught:
        found.main()
    return dict(caught.value.args[0])


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_job_files(direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = set(spec(direction, monkeypatch)) - set(ACCOUNT_SPEC) - set(LEDGER_SPEC)
    assert set(JOB_OPTIONS[direction]) == modules | ONLY_IN_FILES | ONLY_OF[direction]
    assert len(JOB_OPTIONS[direction]) == len(set(JOB_OPTIONS[direction]))


def test_account_files() -> None:
    """An account is named like its file, and its secrets may stand in files of their own."""
    assert set(ACCOUNT_OPTIONS) == set(ACCOUNT_SPEC) - {"account"} | {f"{secret}_file" for secret in SECRETS}
