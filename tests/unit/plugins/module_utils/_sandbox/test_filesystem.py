# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import (
    DROP_BOX,
    Filesystem,
    OpenFile,
    Parts,
    Refused,
    Rights,
    resolve,
)
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import NOTHING_SAID, Attributes, Code

NEW = wire.WRITE | wire.CREATE | wire.EXCLUSIVE


@pytest.fixture
def complete() -> list[Parts]:
    """The files that were said to be complete, in their order."""
    return []


@pytest.fixture
def files(tmp_path: Path, complete: list[Parts]) -> Filesystem:
    made = Filesystem(str(tmp_path / "root"), on_complete=complete.append)
    made.create()
    return made


@pytest.fixture
def root(files: Filesystem) -> Path:
    return Path(os.fsdecode(files.root))


def create(files: Filesystem, path: bytes, content: bytes = b"x") -> OpenFile:
    file = files.open(path, NEW, NOTHING_SAID)
    os.write(file.descriptor, content)
    return file


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        (b"", ()),
        (b".", ()),
        (b"/", ()),
        (b"..", ()),
        (b"/../../..", ()),
        (b"input/../../input/./a", (b"input", b"a")),
        (b"//input///a//", (b"input", b"a")),
        (b"input/..a", (b"input", b"..a")),
        (b"input/\xff\n", (b"input", b"\xff\n")),
    ],
)
def test_paths_end_at_the_root(path: bytes, parts: Parts) -> None:
    assert resolve(path) == parts


def test_a_name_with_nul_is_refused() -> None:
    with pytest.raises(Refused, match="NUL"):
        resolve(b"input/a\0b")


@pytest.mark.parametrize("path", [b"/etc/passwd", b"../outside", b"input/../../outside", b"outside"])
def test_only_the_accounts_folders_exist(files: Filesystem, tmp_path: Path, root: Path, path: bytes) -> None:
    (tmp_path / "outside").write_text("secret")
    (root / "outside").write_text("not the account's")
    with pytest.raises(FileNotFoundError):
        files.stat(path, follow=True)
    with pytest.raises((FileNotFoundError, Refused)):
        files.open(path, wire.READ, NOTHING_SAID)


def test_the_root_shows_the_folders_and_nothing_else(files: Filesystem, root: Path) -> None:
    (root / "stray").write_text("x")
    listing = files.open_folder(b".")
    assert {name.name for name in listing.next(100)} == {b".", b"..", b"input", b"pickup"}
    assert listing.next(100) == []
    listing.close()


@pytest.mark.parametrize("target", ["../../outside", "/etc"])
def test_no_link_is_followed(files: Filesystem, tmp_path: Path, root: Path, target: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a").write_text("secret")
    (root / "pickup" / "link").symlink_to(target)
    (root / "pickup" / "file").symlink_to("../../outside/a")
    assert stat.S_ISLNK(files.stat(b"pickup/link", follow=False).permissions or 0)
    with pytest.raises(Refused, match="not followed"):
        files.stat(b"pickup/link", follow=True)
    for path in (b"pickup/link/a", b"pickup/link/passwd"):
        with pytest.raises(NotADirectoryError):
            files.stat(path, follow=True)
        with pytest.raises(NotADirectoryError):
            files.open(path, wire.READ, NOTHING_SAID)
    with pytest.raises(OSError, match="symbolic links"):
        files.open(b"pickup/file", wire.READ, NOTHING_SAID)
    with pytest.raises(OSError, match=r"[Dd]irectory|symbolic"):
        files.open_folder(b"pickup/link")
    files.remove(b"pickup/file")
    assert (tmp_path / "outside" / "a").read_text() == "secret"


@pytest.mark.parametrize(
    ("path", "flags"),
    [
        (b"input/there", wire.READ),
        (b"input/there", wire.READ | wire.WRITE),
        (b"pickup/new", NEW),
        (b"pickup/there", wire.WRITE),
        (b"pickup/there", wire.READ | wire.TRUNCATE),
        (b"pickup/there", wire.APPEND),
        (b"new", NEW),
        (b"input", wire.READ),
    ],
)
def test_a_drop_box_refuses(files: Filesystem, root: Path, path: bytes, flags: int) -> None:
    for folder in DROP_BOX:
        (root / folder / "there").write_text("content")
    with pytest.raises(Refused) as refused:
        files.open(path, flags, NOTHING_SAID)
    assert refused.value.code == Code.PERMISSION_DENIED
    assert (root / "pickup" / "there").read_text() == "content"
    assert not (root / "pickup" / "new").exists()


def test_an_exclusive_create_never_opens_what_is_there(files: Filesystem, root: Path) -> None:
    (root / "input" / "a").write_text("first")
    with pytest.raises(FileExistsError):
        files.open(b"input/a", NEW, NOTHING_SAID)
    assert (root / "input" / "a").read_text() == "first"


def test_a_pipe_in_a_folder_hangs_nobody(files: Filesystem, root: Path) -> None:
    os.mkfifo(root / "pickup" / "pipe")
    with pytest.raises(Refused, match="not a file"):
        files.open(b"pickup/pipe", wire.READ, NOTHING_SAID)


def test_a_rename_replaces_only_where_that_is_asked_for(files: Filesystem, root: Path) -> None:
    (root / "input" / "a").write_text("a")
    (root / "input" / "b").write_text("b")
    with pytest.raises(FileExistsError):
        files.rename(b"input/a", b"input/b")
    assert (root / "input" / "b").read_text() == "b"
    files.rename(b"input/a", b"input/b", replace=True)
    assert (root / "input" / "b").read_text() == "a"
    assert os.listdir(root / "input") == ["b"]


@pytest.mark.parametrize(
    ("path", "target"),
    [(b"input/a", b"pickup/a"), (b"pickup/a", b"input/b"), (b"pickup/a", b"pickup/b"), (b"input", b"x")],
)
def test_files_are_renamed_within_input_only(files: Filesystem, root: Path, path: bytes, target: bytes) -> None:
    for folder in DROP_BOX:
        (root / folder / "a").write_text("a")
    with pytest.raises(Refused) as refused:
        files.rename(path, target)
    assert refused.value.code == Code.PERMISSION_DENIED


def test_folders_may_be_set_up_otherwise(tmp_path: Path) -> None:
    moving = Rights(read=True, remove=True, rename=True)
    files = Filesystem(str(tmp_path), {"pickup": moving, "done": Rights(rename=True)})
    files.create()
    (tmp_path / "pickup" / "a").write_text("a")
    files.rename(b"pickup/a", b"done/a")
    assert (tmp_path / "done" / "a").read_text() == "a"


def test_nothing_is_removed_but_files(files: Filesystem, root: Path) -> None:
    (root / "pickup" / "folder").mkdir()
    with pytest.raises(OSError, match=r"directory|permitted"):
        files.remove(b"pickup/folder")
    for path in (b"input", b"."):
        with pytest.raises(Refused):
            files.remove(path)


def test_attributes_can_be_set_in_input_only(files: Filesystem, root: Path) -> None:
    for folder in DROP_BOX:
        (root / folder / "a").write_text("abc")
    wish = Attributes(size=2, permissions=0o040, atime=5, mtime=6)
    files.set_attributes(b"input/a", wish)
    found = (root / "input" / "a").stat()
    # The owner's rights stay: the import monitor must be able to read it.
    assert (found.st_size, stat.S_IMODE(found.st_mode), found.st_mtime) == (2, 0o640, 6)
    with pytest.raises(Refused):
        files.set_attributes(b"pickup/a", wish)
    with pytest.raises(Refused, match="owner"):
        files.set_attributes(b"input/a", Attributes(uid=found.st_uid + 1, gid=found.st_gid))


def test_a_file_is_complete_when_its_client_closes_it(files: Filesystem, complete: list[Parts], tmp_path: Path) -> None:
    file = create(files, b"input/a")
    assert not files.take((b"input", b"a"), str(tmp_path / "taken"))
    files.close(file, finished=True)
    assert complete == [(b"input", b"a")]
    assert files.take((b"input", b"a"), str(tmp_path / "taken"))
    assert (tmp_path / "taken").read_bytes() == b"x"


def test_a_file_whose_client_went_away_is_not(
    files: Filesystem, complete: list[Parts], tmp_path: Path, root: Path
) -> None:
    files.close(create(files, b"input/a"), finished=False)
    assert complete == []
    assert not files.take((b"input", b"a"), str(tmp_path / "taken"))
    assert os.listdir(root / "input") == ["a"]


def test_a_file_that_is_only_read_is_not(files: Filesystem, complete: list[Parts], root: Path) -> None:
    (root / "pickup" / "a").write_text("x")
    files.close(files.open(b"pickup/a", wire.READ, NOTHING_SAID), finished=True)
    assert complete == []


def test_a_file_is_complete_when_the_last_writer_closes_it(files: Filesystem, complete: list[Parts]) -> None:
    first = create(files, b"input/a")
    second = files.open(b"input/a", wire.WRITE, NOTHING_SAID)
    files.close(first, finished=True)
    assert complete == []
    files.close(second, finished=True)
    assert complete == [(b"input", b"a")]


def test_a_complete_file_that_is_written_again_is_not(files: Filesystem, complete: list[Parts], tmp_path: Path) -> None:
    files.close(create(files, b"input/a"), finished=True)
    files.close(files.open(b"input/a", wire.WRITE | wire.TRUNCATE, NOTHING_SAID), finished=False)
    assert complete == [(b"input", b"a")]
    assert not files.take((b"input", b"a"), str(tmp_path / "taken"))


def test_a_renamed_file_is_complete_under_its_new_name(
    files: Filesystem, complete: list[Parts], tmp_path: Path
) -> None:
    files.close(create(files, b"input/a.part"), finished=True)
    files.rename(b"input/a.part", b"input/a")
    assert complete == [(b"input", b"a.part"), (b"input", b"a")]
    assert not files.take((b"input", b"a.part"), str(tmp_path / "part"))
    assert files.take((b"input", b"a"), str(tmp_path / "taken"))


def test_a_file_renamed_while_it_is_written_is_complete_at_its_close(files: Filesystem, complete: list[Parts]) -> None:
    file = create(files, b"input/a.part")
    files.rename(b"input/a.part", b"input/a")
    assert complete == []
    files.close(file, finished=True)
    assert complete == [(b"input", b"a")]


@pytest.mark.parametrize("lost", ["removed", "replaced"])
def test_closing_a_lost_file_completes_no_other_of_its_name(
    files: Filesystem, complete: list[Parts], tmp_path: Path, lost: str
) -> None:
    file = create(files, b"input/a")
    if lost == "removed":
        files.remove(b"input/a")
    else:
        part = create(files, b"input/b")
        files.close(part, finished=False)
        files.rename(b"input/b", b"input/a", replace=True)
        complete.clear()
        files.take((b"input", b"a"), str(tmp_path / "earlier"))
    files.close(create(files, b"input/a", b"a part"), finished=False)
    files.close(file, finished=True)
    assert complete == []
    assert not files.take((b"input", b"a"), str(tmp_path / "taken"))


def test_taking_never_replaces(files: Filesystem, tmp_path: Path, root: Path) -> None:
    files.close(create(files, b"input/a"), finished=True)
    (tmp_path / "taken").write_text("earlier")
    with pytest.raises(FileExistsError):
        files.take((b"input", b"a"), str(tmp_path / "taken"))
    assert files.take((b"input", b"a"), str(tmp_path / "taken-2"))
    assert ((tmp_path / "taken").read_text(), os.listdir(root / "input")) == ("earlier", [])
