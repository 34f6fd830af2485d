# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run that was cut off leaves of an archive. The rest of originals.py is tried in test_disk.py."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.folder import Folder, LocalFile
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.dropoff import archive as archive_module

PREFIX = ".filedrop-test-"


@pytest.fixture
def source(tmp_path: Path) -> Folder:
    (tmp_path / "a.xml").write_bytes(b"<invoice/>")
    return Folder(str(tmp_path))


@pytest.fixture
def far_archive() -> Iterator[Folder]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield Folder(path)


def seen(folder: Folder) -> LocalFile:
    file = folder.file("a.xml")
    assert file is not None
    return file


def at_each_sync(monkeypatch: pytest.MonkeyPatch, look: Callable[[int], object]) -> None:
    """Look at how things are just before something is made durable."""
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (look(fd), fsync(fd)))


def test_a_copy_that_a_killed_run_has_published_is_not_made_again(source: Folder, far_archive: Folder) -> None:
    shutil.copy2(source.path_of("a.xml"), far_archive.path)

    assert archive_module.archive(source, seen(source), far_archive, part_prefix=PREFIX) == "a.xml"

    assert os.listdir(far_archive.path) == ["a.xml"]
    assert source.file("a.xml") is None


@pytest.mark.parametrize(("content", "later"), [(b"<INVOICE/>", 0), (b"<invoice/> and more", 0), (b"<invoice/>", 1)])
def test_another_file_of_its_name_in_the_archive_is_no_copy(
    source: Folder, far_archive: Folder, content: bytes, later: int
) -> None:
    there = Path(far_archive.path, "a.xml")
    there.write_bytes(content)
    os.utime(there, ns=(seen(source).mtime_ns, seen(source).mtime_ns + later))

    assert archive_module.archive(source, seen(source), far_archive, part_prefix=PREFIX) == "a.2.xml"

    assert there.read_bytes() == content
    assert Path(far_archive.path, "a.2.xml").read_bytes() == b"<invoice/>"


def test_a_file_that_a_cut_has_left_with_both_names_of_a_move_is_archived_once(source: Folder, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.xml").write_bytes(b"<invoice/>")
    os.link(tmp_path / "a.xml", tmp_path / "archive" / "a.2.xml")
    into = Folder(str(tmp_path / "archive"))

    assert archive_module.archive(source, seen(source), into, part_prefix=PREFIX) == "a.2.xml"

    assert sorted(os.listdir(into.path)) == ["a.2.xml", "a.xml"]
    assert source.file("a.xml") is None


def test_a_file_with_both_names_loses_one_only_once_the_other_survives_a_power_cut(
    source: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive").mkdir()
    os.link(tmp_path / "a.xml", tmp_path / "archive" / "a.xml")
    is_there: list[bool] = []
    at_each_sync(monkeypatch, lambda _fd: is_there.append((tmp_path / "a.xml").exists()))

    archive_module.archive(source, seen(source), Folder(str(tmp_path / "archive")), part_prefix=PREFIX)

    assert is_there == [True, True]  # the file, and its name in the archive


def test_a_copy_has_its_time_before_it_is_made_durable(
    source: Folder, far_archive: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a power cut could leave it with another: nobody would know it for a copy, and `retention` not for ours."""
    os.utime(source.path_of("a.xml"), (1_600_000_000, 1_600_000_000))
    times: list[float] = []
    at_each_sync(monkeypatch, lambda fd: times.append(os.fstat(fd).st_mtime))

    archive_module.archive(source, seen(source), far_archive, part_prefix=PREFIX)

    assert times[0] == 1_600_000_000


def test_a_file_that_has_a_second_name_elsewhere_is_archived_as_any_other(source: Folder, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    os.link(tmp_path / "a.xml", tmp_path / "theirs.xml")
    into = Folder(str(tmp_path / "archive"))

    assert archive_module.archive(source, seen(source), into, part_prefix=PREFIX) == "a.xml"

    assert os.listdir(into.path) == ["a.xml"]
    assert source.file("a.xml") is None
