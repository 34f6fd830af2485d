# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import fsync as syncer_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.fsync import THREADS, Syncer


@pytest.fixture
def syncer() -> Iterator[Syncer]:
    with closing(Syncer()) as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> Iterator[list[int]]:
    opened = [os.open(tmp_path / str(number), os.O_WRONLY | os.O_CREAT) for number in range(20)]
    yield opened
    for fd in opened:
        os.close(fd)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each descriptor has been synced, on top of its being synced."""
    counts: Counter[int] = Counter()
    real = os.fsync

    def fsync(fd: int) -> None:
        counts[fd] += 1
        real(fd)

    monkeypatch.setattr(syncer_module.os, "fsync", fsync)
    return counts


def test_nothing_is_settled_before_it_is_synced(syncer: Syncer, files: list[int], synced: Counter[int]) -> None:
    answers = [syncer.sync(fd) for fd in files]
    assert not any(answer.done for answer in answers)
    assert not synced
    syncer.run()
    for answer in answers:
        answer.result()
    assert synced == Counter(files)


def test_one_sync_of_a_folder_serves_all_that_wait_for_it(syncer: Syncer, tmp_path: Path, synced: Counter[int]) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    answers = [syncer.sync(folder) for _file in range(100)]
    syncer.run()
    assert all(answer.done for answer in answers)
    assert synced == {folder: 1}
    # What comes after that run is not covered by it.
    again = syncer.sync(folder)
    assert not again.done
    syncer.run()
    assert again.done
    assert synced == {folder: 2}
    os.close(folder)


def _begun(move: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
    """A coroutine that waits for its first answer."""
    move.send(None)
    return move


def test_a_folder_that_files_have_left_is_synced_after_all_others(
    syncer: Syncer, files: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[int] = []
    monkeypatch.setattr(syncer_module.os, "fsync", order.append)
    into, out_of, *others = files
    move = _begun(syncer.sync_move(into, out_of))
    answers = [syncer.sync(fd) for fd in (out_of, *others)]
    syncer.run()
    with pytest.raises(StopIteration):
        move.send(None)
    assert all(answer.done for answer in answers)
    assert sorted(order) == sorted(files)
    assert order[-1] == out_of


def test_a_folder_that_files_have_left_is_not_synced_where_their_new_names_are_not_safe(
    syncer: Syncer, files: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    into, out_of = files[:2]
    tried: list[int] = []

    def fsync(fd: int) -> None:
        tried.append(fd)
        raise OSError(errno.EIO, "of course")

    monkeypatch.setattr(syncer_module.os, "fsync", fsync)
    move = _begun(syncer.sync_move(into, out_of))
    other = syncer.sync(out_of)
    syncer.run()
    assert tried == [into]
    with pytest.raises(DiskError):
        move.send(None)
    with pytest.raises(DiskError):
        other.result()


def test_it_is_due_only_while_somebody_waits(syncer: Syncer, files: list[int]) -> None:
    assert syncer.due is None
    syncer.sync(files[0])
    assert syncer.due is not None
    syncer.run()
    assert syncer.due is None
    syncer.run()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EIO, "disk_failed"),
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EBADF, "disk_failed"),
    ],
)
def test_what_cannot_be_made_durable_is_told_to_all_that_wait_for_it_and_to_nobody_else(
    syncer: Syncer, files: list[int], monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    bad = files[3]

    def fsync(fd: int) -> None:
        if fd == bad:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(syncer_module.os, "fsync", fsync)
    good = [syncer.sync(fd) for fd in files if fd != bad]
    refused = [syncer.sync(bad) for _waiter in range(3)]
    syncer.run()
    for answer in good:
        answer.result()
    for answer in refused:
        with pytest.raises(DiskError) as caught:
            answer.result()
        assert caught.value.reason == reason


def test_a_real_refusal_of_the_system_is_one_too(syncer: Syncer) -> None:
    """fsync of a pipe is EINVAL."""
    reader, writer = os.pipe()
    answer = syncer.sync(writer)
    syncer.run()
    with pytest.raises(DiskError):
        answer.result()
    os.close(reader)
    os.close(writer)


def test_several_are_synced_at_once(syncer: Syncer, files: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the first ones ends only when all of them have begun."""
    together = threading.Barrier(THREADS, timeout=20)

    def fsync(fd: int) -> None:
        if fd in files[:THREADS]:
            together.wait()

    monkeypatch.setattr(syncer_module.os, "fsync", fsync)
    answers = [syncer.sync(fd) for fd in files]
    syncer.run()
    for answer in answers:
        answer.result()


def test_its_threads_end_with_it(files: list[int]) -> None:
    before = threading.active_count()
    with closing(Syncer()) as syncer:
        for fd in files:
            syncer.sync(fd)
        syncer.run()
        assert threading.active_count() > before
    assert threading.active_count() == before
