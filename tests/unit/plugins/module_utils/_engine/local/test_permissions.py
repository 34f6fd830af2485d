# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import grp
import os
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.permissions import (
    Permissions,
    permissions_for,
)

OURS = grp.getgrgid(os.getegid())


def given(access: Permissions, folder: Path) -> os.stat_result:
    path = folder / "file"
    path.touch(mode=0o600)
    with path.open("rb") as file:
        access.give(file.fileno())
    return path.stat()


def test_a_group_by_name_and_by_number_is_the_same() -> None:
    assert (
        permissions_for(OURS.gr_name, None) == permissions_for(str(OURS.gr_gid), None) == Permissions(gid=OURS.gr_gid)
    )


def test_a_file_gets_both(tmp_path: Path) -> None:
    found = given(permissions_for(OURS.gr_name, 0o2640 & 0o777), tmp_path)
    assert (found.st_gid, found.st_mode & 0o7777) == (OURS.gr_gid, 0o640)


def test_nothing_asked_for_is_nothing_changed(tmp_path: Path) -> None:
    assert given(permissions_for(None, None), tmp_path).st_mode & 0o777 == 0o600


def test_a_group_that_is_none_is_told_before_anything_is_fetched() -> None:
    with pytest.raises(DiskError, match="no group 'nobodys_group' on this host") as caught:
        permissions_for("nobodys_group", 0o640)
    assert caught.value.reason == "group_unknown"


def test_a_group_that_the_user_is_not_in_is_told_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "getegid", lambda: 12345)
    monkeypatch.setattr(os, "getgroups", lambda: [12345])
    with pytest.raises(DiskError, match="may not give files to it") as caught:
        permissions_for(OURS.gr_name, None)
    assert caught.value.reason == "group_denied"
    monkeypatch.setattr(os, "getgroups", lambda: [12345, OURS.gr_gid])
    assert permissions_for(OURS.gr_name, None).gid == OURS.gr_gid
