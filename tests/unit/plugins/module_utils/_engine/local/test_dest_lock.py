# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock in `dest` alone. Whole runs with it: tests/integration/engine/test_fleet.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import JobRunning
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.dest_lock import DestLock
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.folder import Folder


def lock_of(ledger: str, dest: Path, remote_dir: str = "pickup") -> DestLock:
    return DestLock(Folder(str(dest)), "a mailbox", remote_dir, ledger, f"/ledgers/{ledger}", is_shared=False)


def test_who_is_refused_does_not_keep_the_owner_from_removing_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the owner's run that ended well would look interrupted for ever."""
    owner, other = lock_of("owner", tmp_path), lock_of("other", tmp_path)
    owner.take()
    read = DestLock._mark

    def meanwhile(lock: DestLock) -> object:
        monkeypatch.undo()
        mark = read(lock)
        owner.release(is_finished=True)
        return mark

    monkeypatch.setattr(DestLock, "_mark", meanwhile)
    with pytest.raises(JobRunning):
        other.take()
    assert os.listdir(tmp_path) == []
    other.take()
    other.release(is_finished=True)


@pytest.mark.parametrize("umask", [0o027, 0o077])
def test_another_user_can_read_whose_lock_it_is_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        lock = lock_of("one", tmp_path)
        lock.take()
    finally:
        os.umask(before)
    assert (tmp_path / lock.name).stat().st_mode & 0o777 == 0o644
    lock.release(is_finished=True)


@pytest.mark.parametrize("path", ["/pickup", "./pickup/", "/home/user/pickup"])
def test_a_folder_is_recognised_however_its_path_is_written(tmp_path: Path, path: str) -> None:
    owner = lock_of("owner", tmp_path)
    owner.take()
    with pytest.raises(JobRunning):
        lock_of("other", tmp_path, path).take()
    owner.release(is_finished=True)
