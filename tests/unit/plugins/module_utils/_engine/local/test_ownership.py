# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat as modes
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.ownership import (
    leave_to_owner,
    make_folder,
)
from support.rights import SOMEBODY, as_somebody, somebodys_folder


def test_a_folder_is_made_with_all_above_it_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    make_folder(str(path))
    make_folder(str(path))
    assert [modes.S_IMODE(made.stat().st_mode) for made in (path, path.parent)] == [0o700, 0o700]


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(OSError, match="Not a directory"):
            make_folder(str(path))


def test_a_ledger_that_root_makes_in_somebody_s_folder_is_theirs() -> None:
    with somebodys_folder() as folder:
        path = folder / "state" / "filedrop" / "ledger.sqlite3"

        def use() -> None:
            with closing(Ledger(str(path))) as ledger:
                ledger.learn("acme", "rename", allowed=True)

        Ledger(str(path), create=True).close()
        assert {made.stat().st_uid for made in (path, path.parent, path.parent.parent)} == {SOMEBODY}
        as_somebody(use)


def test_what_root_makes_in_its_own_folder_stays_its_own(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ledger.sqlite3"
    Ledger(str(path), create=True).close()
    assert {made.stat().st_uid for made in (path, path.parent)} == {os.geteuid()}


def test_root_gives_away_nothing_that_has_another_name_or_another_owner() -> None:
    with somebodys_folder() as folder:
        linked, theirs = folder / "linked", folder / "theirs"
        (folder / "elsewhere").touch()
        os.link(folder / "elsewhere", linked)
        theirs.touch()
        os.chown(theirs, SOMEBODY + 1, -1)
        for path in (linked, theirs):
            fd = os.open(path, os.O_RDONLY)
            leave_to_owner(fd, str(folder))
            os.close(fd)
        assert (linked.stat().st_uid, theirs.stat().st_uid) == (0, SOMEBODY + 1)
