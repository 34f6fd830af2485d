# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model of a disk promises what POSIX does, and nothing that it does not: tried with real system calls."""

from __future__ import annotations

import os
from os.path import abspath
from pathlib import Path
from typing import Callable

import pytest
from faults.power import tracer
from faults.power.cuts import Cut, Depth
from faults.power.disk import Disk
from faults.power.history import nothing
from faults.power.provider import Provider
from faults.power.recording import Recording
from faults.world import File

OLD, NEW = b"o" * 2048, b"n" * 4096


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where all happens: there are a file and an empty folder already."""
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left(folder: Path, work: Callable[[], object]) -> list[dict[str, bytes | None]]:
    """What may be found after a cut right after some work."""
    picture = {str(path): File(0o644, 0, path.read_bytes()) if path.is_file() else None for path in folder.rglob("*")}
    disk = Disk([str(folder)], picture)
    recording = Recording(disk, Provider(str(folder / "there"), {}))
    recording.follow(tracer.parsed(tracer.traced(work, {})), skip=nothing)
    cut = Cut(disk, recording.last)
    found = []
    for name in cut.names(Depth.THOROUGH):
        tree = disk.tree(*cut.survivors(name))
        one = {os.path.relpath(path, folder): file and file.content for path, file in tree.picture.items()}
        if one not in found:
            found.append(one)
    return found


def write(name: str, content: bytes = NEW, *, sync: bool = False) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT)
    os.write(fd, content)
    if sync:
        os.fsync(fd)
    os.close(fd)


def sync(name: str) -> None:
    fd = os.open(name, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def contents(found: list[dict[str, bytes | None]], name: str) -> set[bytes | None]:
    return {one.get(name) for one in found}


def test_a_new_file_may_be_lost_empty_half_or_full_of_zeroes(folder: Path) -> None:
    found = left(folder, lambda: write("new"))
    assert contents(found, "new") == {None, b"", NEW, NEW[:2048], bytes(4096)}


def test_a_synced_file_may_still_lack_its_name(folder: Path) -> None:
    found = left(folder, lambda: write("new", sync=True))
    assert contents(found, "new") == {None, NEW}


def test_a_synced_name_may_still_lack_its_content(folder: Path) -> None:
    found = left(folder, lambda: (write("new"), sync(".")))
    assert contents(found, "new") == {b"", NEW, NEW[:2048], bytes(4096)}


def test_what_is_synced_with_its_name_is_safe(folder: Path) -> None:
    found = left(folder, lambda: (write("new", sync=True), sync(".")))
    assert found == [{"old": OLD, "below": None, "new": NEW}]


def test_a_sync_does_not_help_what_comes_after_it(folder: Path) -> None:
    found = left(folder, lambda: (sync("old"), write("old", b"x"), sync(".")))
    assert contents(found, "old") == {OLD, b"x" + OLD[1:]}


def test_a_rename_is_done_or_not(folder: Path) -> None:
    found = left(folder, lambda: os.rename(abspath("old"), abspath("new")))
    assert [sorted(one) for one in found] == [["below", "old"], ["below", "new"]]


def test_two_renames_may_survive_in_any_order(folder: Path) -> None:
    write("other", sync=True)

    def work() -> None:
        os.rename(abspath("old"), abspath("new"))
        os.rename(abspath("other"), abspath("below/other"))

    assert len(left(folder, work)) == 4


@pytest.mark.parametrize(
    ("synced", "names"),
    [
        ((), [{"old"}, {"below/new"}]),
        (("below",), [{"old", "below/new"}, {"below/new"}]),
        (("below", "."), [{"below/new"}]),
        # Only the name that goes is promised: this is what has to be avoided.
        ((".",), [set(), {"below/new"}]),
    ],
)
def test_a_rename_between_folders_needs_both_of_them(
    folder: Path, synced: tuple[str, ...], names: list[set[str]]
) -> None:
    found = left(folder, lambda: (os.rename(abspath("old"), abspath("below/new")), [sync(name) for name in synced]))
    assert [one.keys() - {"below"} for one in found] == names


def test_a_file_in_a_folder_that_is_lost_is_lost(folder: Path) -> None:
    def work() -> None:
        os.mkdir(abspath("deep"))
        write("deep/new", sync=True)
        sync("deep")

    assert contents(left(folder, work), "deep/new") == {None, NEW}


@pytest.mark.parametrize(("synced", "contents_left"), [((), {OLD, None}), ((".",), {None})])
def test_a_deleted_file_may_come_back(folder: Path, synced: tuple[str, ...], contents_left: set[bytes | None]) -> None:
    found = left(folder, lambda: (os.unlink(abspath("old")), [sync(name) for name in synced]))
    assert contents(found, "old") == contents_left


def test_links_are_one_file(folder: Path) -> None:
    def work() -> None:
        os.link(abspath("old"), abspath("new"))
        sync(".")
        write("new", NEW, sync=True)

    assert left(folder, work) == [{"old": NEW, "new": NEW, "below": None}]


def test_a_call_that_nobody_has_thought_of_is_told(folder: Path) -> None:
    with pytest.raises(ValueError, match="symlink"):
        left(folder, lambda: os.symlink("old", "new"))
    with pytest.raises(ValueError, match="O_SYNC"):
        left(folder, lambda: os.open("old", os.O_WRONLY | os.O_SYNC))
