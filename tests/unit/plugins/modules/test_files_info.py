# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry
from ansible_collections.courier.filedrop.plugins.modules import files_info

ENTRIES = [
    Entry("b.xml", "pickup/b.xml", 7, 1775800802, 0o100640),
    Entry("sub", "pickup/sub", 4096, 0, 0o40755),
    Entry("a\udcff.xml", "pickup/a\udcff.xml", None, None, None),
    Entry("c.csv", "pickup/c.csv", 0, 4294967295, 0o120777),
]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the module on a folder with our entries, and return its result."""

    def list_folder(account: Account, remote_dir: str) -> list[Entry]:
        assert (account.host, remote_dir) == ("sftp.amili.se", "pickup")
        return ENTRIES

    def run(**options: Any) -> dict[str, Any]:
        given = {"preset": "amili_sftp", "username": "2001234", "password": "hunter-two", **options}
        with patch_module_args(given), pytest.raises(SystemExit):
            files_info.main()
        return dict(json.loads(capsys.readouterr().out))

    monkeypatch.setattr(files_info, "list_folder", list_folder)
    return run


def test_a_folder_is_told_by_name_with_what_the_server_says(told: Any) -> None:
    result = told()
    assert (result["changed"], result["remote_dir"], result["count"]) == (False, "pickup", 4)
    assert [list(entry.values()) for entry in result["files"]] == [
        ["a\\xff.xml", "pickup/a\\xff.xml", None, None, "file", None],
        ["b.xml", "pickup/b.xml", 7, "2026-04-10T06:00:02Z", "file", "0640"],
        ["c.csv", "pickup/c.csv", 0, "2106-02-07T06:28:15Z", "link", "0777"],
        ["sub", "pickup/sub", 4096, "1970-01-01T00:00:00Z", "folder", "0755"],
    ]


def test_patterns_choose(told: Any) -> None:
    assert [entry["name"] for entry in told(include=["*.xml", "sub"], exclude=["b*"])["files"]] == ["a\\xff.xml", "sub"]


def test_what_is_left_out_is_counted_and_warned_of(told: Any) -> None:
    result = told(max_results=1)
    assert (result["count"], len(result["files"])) == (4, 1)
    assert "3 more are not listed" in json.dumps(result["warnings"])
