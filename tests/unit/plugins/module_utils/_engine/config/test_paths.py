# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.paths import default_ledger


def test_root_has_the_ledger_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_ledger() == "/var/lib/filedrop/ledger.sqlite3"


@pytest.mark.parametrize(
    ("state", "ledger"),
    [
        ("/state", "/state/filedrop/ledger.sqlite3"),
        ("", "/home/ann/.local/state/filedrop/ledger.sqlite3"),
        ("relative", "/home/ann/.local/state/filedrop/ledger.sqlite3"),
        (None, "/home/ann/.local/state/filedrop/ledger.sqlite3"),
    ],
)
def test_others_have_one_in_their_state_folder(monkeypatch: pytest.MonkeyPatch, state: str | None, ledger: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if state is not None:
        monkeypatch.setenv("XDG_STATE_HOME", state)
    assert default_ledger() == ledger
