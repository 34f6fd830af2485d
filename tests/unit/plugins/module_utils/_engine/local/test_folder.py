# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import gc
import hashlib
import os
import stat as modes
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError, TransferError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import folder as folder_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import parts
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.folder import (
    Folder,
    LocalFile,
    SourceFile,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.parts import Part
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.dropoff import archive as archive_module
from support.rights import without_privileges

CONTENT = bytes(range(256)) * 400
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "folder").mkdir()
    return Folder(str(tmp_path / "folder"))


@pytest.fixture
def archive(tmp_path: Path) -> Folder:
    """A folder on the same file system."""
    (tmp_path / "archive").mkdir()
    return Folder(str(tmp_path / "archive"))


@pytest.fixture
def far_archive(folder: Folder) -> Iterator[Folder]:
    """A folder on another file system."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        opened = Folder(path)
        assert os.fstat(opened.fd).st_dev != os.fstat(folder.fd).st_dev
        yield opened


@pytest.fixture(params=["known", "missing", "unsupported"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system call; where the C library has none; where it does not know what we ask for."""
    if request.param != "known":
        monkeypatch.setattr(
            folder_module, "_renameat2", None if request.param == "missing" else lambda *_arguments: False
        )


def put(folder: Folder, name: str = "a.xml", content: bytes = CONTENT) -> LocalFile:
    Path(folder.path, name).write_bytes(content)
    return seen(folder, name)


def put_anew(folder: Folder, content: bytes) -> None:
    """As a careful writer does: beside it, then in its place."""
    put(folder, "new", content)
    os.rename(os.path.join(folder.path, "new"), os.path.join(folder.path, "a.xml"))


def seen(folder: Folder, name: str = "a.xml") -> LocalFile:
    found = folder.file(name)
    assert found is not None
    return found


def content_of(folder: Folder, name: str = "a.xml") -> bytes:
    return Path(folder.path, name).read_bytes()


def listed(folder: Folder) -> set[str]:
    return {name for name, _status in folder.listing()}


def open_files() -> int:
    gc.collect()  # what an earlier test dropped is closed by now
    return len(os.listdir("/proc/self/fd"))


def change(folder: Folder, how: str) -> None:
    """Change ``a.xml`` in a way that a writer in the field might."""
    path = Path(folder.path, "a.xml")
    status = path.stat()
    if how == "appended":
        with path.open("ab") as file:
            file.write(b"more")
    elif how == "truncated":
        os.truncate(path, status.st_size // 2)
    elif how == "emptied":
        os.truncate(path, 0)
    elif how == "touched":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    elif how == "swapped":
        other = path.with_name("other")
        other.write_bytes(bytes(status.st_size))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(path)
    elif how == "gone":
        path.unlink()
    else:
        path.unlink()
        ways: dict[str, Callable[[], object]] = {
            "link": lambda: path.symlink_to("/etc/passwd"),
            "fifo": lambda: os.mkfifo(path),
            "folder": path.mkdir,
        }
        ways[how]()


def change_at_each_read(folder: Folder, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = SourceFile.read

    def changed(outgoing: SourceFile, length: int) -> bytes:
        data = read(outgoing, length)
        change(folder, how)
        return data

    monkeypatch.setattr(SourceFile, "read", changed)


# --- folders


def test_a_folder_that_is_missing_or_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name in ("nowhere", "file"):
        with pytest.raises(DiskError) as caught:
            Folder(str(tmp_path / name))
        assert caught.value.reason == "local_missing"
        assert str(tmp_path / name) in caught.value.finding
        assert caught.value.way_out


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    with pytest.raises(DiskError) as caught:
        without_privileges(lambda: Folder(str(tmp_path / "closed")))
    assert caught.value.reason == "local_denied"


def test_a_listing_shows_everything_each_time_and_follows_no_link(folder: Folder) -> None:
    put(folder)
    Path(folder.path, "link").symlink_to("a.xml")
    Path(folder.path, "dangling").symlink_to("nowhere")
    Path(folder.path, "sub").mkdir()
    strange = os.fsdecode(b"caf\xe9\n")
    put(folder, strange)
    for _time in range(2):
        found = dict(folder.listing())
        assert found.keys() == {"a.xml", "link", "dangling", "sub", strange}
        assert modes.S_ISLNK(found["link"].st_mode)
        assert modes.S_ISDIR(found["sub"].st_mode)
        assert found["a.xml"].st_size == len(CONTENT)


def test_what_vanishes_from_a_folder_while_it_is_listed_is_left_out(folder: Folder) -> None:
    for number in range(5):
        put(folder, f"{number}.xml")
    listing = folder.listing()
    first, _status = next(listing)
    for number in range(5):
        if f"{number}.xml" != first:
            Path(folder.path, f"{number}.xml").unlink()
    assert list(listing) == []


def test_a_folder_that_is_replaced_by_a_link_leads_nobody_astray(folder: Folder, archive: Folder) -> None:
    put(folder)
    real = Path(folder.path).rename(Path(folder.path).with_name("moved"))
    Path(folder.path).symlink_to(archive.path)
    part = Part(folder, ".p-")
    part.write(b"data")
    part.close()
    assert parts.publish(folder, part.name, "b.xml")
    assert listed(archive) == set()
    assert {path.name for path in real.iterdir()} == {"a.xml", "b.xml"}


@pytest.mark.parametrize("how", ["link", "fifo", "folder", "gone"])
def test_only_a_regular_file_counts_as_one(folder: Folder, how: str) -> None:
    put(folder)
    change(folder, how)
    assert folder.file("a.xml") is None


def test_the_rights_of_a_folder_are_asked_for_before_it_is_needed(folder: Folder) -> None:
    without_privileges(folder.require_writable)
    os.chmod(folder.path, 0o500)
    with pytest.raises(DiskError) as caught:
        without_privileges(folder.require_writable)
    assert caught.value.reason == "local_denied"
    assert folder.path in caught.value.finding


def test_a_folder_knows_how_much_is_free(folder: Folder) -> None:
    status = os.statvfs(folder.path)
    assert abs(folder.free_bytes() - status.f_bavail * status.f_frsize) < status.f_blocks * status.f_frsize / 10


def test_a_name_is_free_when_nothing_at_all_has_it(folder: Folder) -> None:
    assert folder.free_name("a.xml") == "a.xml"
    put(folder)
    Path(folder.path, "a.2.xml").symlink_to("nowhere")
    Path(folder.path, "a.3.xml").mkdir()
    assert folder.free_name("a.xml") == "a.4.xml"


def test_a_name_that_fills_its_255_bytes_has_a_free_version(folder: Folder) -> None:
    longest = "ü" * 125 + "a.xml"
    put(folder, longest)
    put(folder, folder.free_name(longest))
    assert listed(folder) == {longest, "ü" * 124 + ".2.xml"}


def test_removing_what_is_not_there_is_done_already(folder: Folder) -> None:
    put(folder)
    folder.remove("a.xml")
    folder.remove("a.xml")
    assert listed(folder) == set()


def test_a_folder_is_never_removed_as_a_file(folder: Folder) -> None:
    Path(folder.path, "sub").mkdir()
    with pytest.raises(DiskError):
        folder.remove("sub")
    assert listed(folder) == {"sub"}


def test_a_new_folder_inherits_the_group_without_asking_for_it(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chmod(folder.path, 0o2700)
    asked: list[int] = []
    mkdir = os.mkdir
    monkeypatch.setattr(os, "mkdir", lambda name, mode, **more: (asked.append(mode), mkdir(name, mode, **more)))
    made = folder.make("archive")
    assert asked == [0o700]  # what RestrictSUIDSGID= of systemd lets pass
    assert os.stat(made.path).st_mode & modes.S_ISGID


def test_a_folder_is_made_once_with_the_rights_of_its_parent(folder: Folder) -> None:
    os.chmod(folder.path, 0o700)
    first, second = folder.make("archive"), folder.make("archive")
    assert os.path.samestat(os.fstat(first.fd), os.fstat(second.fd))
    assert modes.S_IMODE(os.fstat(first.fd).st_mode) == 0o700
    assert first.path == os.path.join(folder.path, "archive")


def test_a_folder_cannot_be_made_where_a_file_is(folder: Folder) -> None:
    put(folder, "archive")
    with pytest.raises(DiskError) as caught:
        folder.make("archive")
    assert caught.value.reason == "local_missing"
    assert content_of(folder, "archive") == CONTENT


def test_a_folder_that_nobody_needs_any_more_is_closed(folder: Folder) -> None:
    files = open_files()
    several = [Folder(folder.path) for _folder in range(3)]
    assert open_files() == files + 3
    del several
    assert open_files() == files


# --- reading


def test_a_file_is_read_to_its_end_and_hashed(folder: Folder) -> None:
    outgoing = SourceFile(folder, put(folder))
    assert outgoing.size == len(CONTENT)
    assert outgoing.read(100) + outgoing.read(len(CONTENT) - 100) == CONTENT
    outgoing.check_unchanged()
    assert outgoing.sha256 == DIGEST
    outgoing.close()
    assert folder_module.sha256_of(folder, seen(folder)) == DIGEST
    assert parts.digest_of(folder, "a.xml", "md5") == hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("how", ["appended", "truncated", "emptied", "touched", "swapped", "gone", "fifo", "folder"])
def test_a_file_that_was_changed_since_it_was_seen_is_not_read(folder: Folder, how: str) -> None:
    before = put(folder)
    change(folder, how)
    files = open_files()
    for read in (SourceFile, folder_module.sha256_of):
        with pytest.raises(TransferError) as caught:
            read(folder, before)
        assert caught.value.reason == "changed_while_read"
        assert "a.xml" in caught.value.finding
        assert caught.value.way_out
    assert open_files() == files


def test_a_link_in_the_place_of_a_file_is_not_followed(folder: Folder) -> None:
    before = put(folder)
    change(folder, "link")
    with pytest.raises(DiskError):
        SourceFile(folder, before)
    with pytest.raises(OSError, match="symbolic links"):
        parts.digest_of(folder, "a.xml", "sha256")


@pytest.mark.parametrize("how", ["appended", "truncated", "emptied", "touched"])
def test_a_file_that_changes_while_it_is_read_is_noticed(folder: Folder, how: str) -> None:
    outgoing = SourceFile(folder, put(folder))
    outgoing.read(len(CONTENT) * 3 // 4)
    change(folder, how)
    with pytest.raises(TransferError) as caught:
        _read_on(outgoing)
    outgoing.close()
    assert caught.value.reason == "changed_while_read"


@pytest.mark.parametrize("how", ["truncated", "emptied"])
def test_a_file_that_becomes_shorter_ends_its_reading(folder: Folder, how: str) -> None:
    """Whoever reads on until all of it has come would read for ever."""
    outgoing = SourceFile(folder, put(folder))
    outgoing.read(len(CONTENT) * 3 // 4)
    change(folder, how)
    with pytest.raises(TransferError) as caught:
        outgoing.read(len(CONTENT) // 4)
    outgoing.close()
    assert caught.value.reason == "changed_while_read"


@pytest.mark.parametrize("how", ["appended", "touched"])
def test_a_digest_is_that_of_a_file_which_nobody_changed_meanwhile(
    folder: Folder, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is as long as it should be, and belongs to no file that is there, or ever was."""
    before = put(folder)
    change_at_each_read(folder, how, monkeypatch)
    with pytest.raises(TransferError) as caught:
        folder_module.sha256_of(folder, before)
    assert caught.value.reason == "changed_while_read"


def _read_on(outgoing: SourceFile) -> None:
    outgoing.read(len(CONTENT) // 4)
    outgoing.check_unchanged()


def test_a_file_rewritten_in_place_with_the_same_size_is_noticed_by_its_time(folder: Folder) -> None:
    before = put(folder)
    outgoing = SourceFile(folder, before)
    outgoing.read(10)
    with open(os.path.join(folder.path, "a.xml"), "r+b") as file:
        file.write(bytes(len(CONTENT)))
    os.utime(os.path.join(folder.path, "a.xml"), ns=(before.mtime_ns, before.mtime_ns + 1000))
    outgoing.read(10)
    with pytest.raises(TransferError):
        outgoing.check_unchanged()
    outgoing.close()


@pytest.mark.parametrize("how", ["swapped", "gone"])
def test_whoever_replaces_a_file_while_it_is_read_does_not_mix_the_two(
    folder: Folder, archive: Folder, how: str
) -> None:
    before = put(folder)
    outgoing = SourceFile(folder, before)
    half = outgoing.read(len(CONTENT) // 2)
    change(folder, how)
    assert half + outgoing.read(len(CONTENT) - len(half)) == CONTENT
    outgoing.check_unchanged()
    outgoing.close()
    left = listed(folder)
    for settle in (
        lambda: archive_module.archive(folder, before, archive, part_prefix=".p-"),
        lambda: archive_module.delete(folder, before),
    ):
        with pytest.raises(TransferError) as caught:
            settle()
        assert caught.value.reason == "changed_before_archive"
    assert listed(folder) == left
    assert listed(archive) == set()


def test_a_file_that_may_not_be_read_is_named(folder: Folder) -> None:
    before = put(folder)
    os.chmod(os.path.join(folder.path, "a.xml"), 0o000)
    with pytest.raises(DiskError) as caught:
        without_privileges(lambda: SourceFile(folder, before))
    assert caught.value.reason == "local_denied"
    assert os.path.join(folder.path, "a.xml") in caught.value.finding


# --- writing


def test_a_part_is_hashed_as_it_is_written(folder: Folder) -> None:
    part = Part(folder, ".filedrop-0123-")
    for start in range(0, len(CONTENT), 1000):
        part.write(CONTENT[start : start + 1000])
    assert (part.size, part.sha256) == (len(CONTENT), DIGEST)
    assert part.name.startswith(".filedrop-0123-")
    assert content_of(folder, part.name) == CONTENT
    part.close()
    part.close()


@pytest.mark.parametrize("refusal", [None, OSError(errno.EINVAL, "")])
def test_the_disk_begins_with_a_large_file_while_that_comes(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, refusal: OSError | None
) -> None:
    told: list[tuple[int, int]] = []

    def advise(fd: int, start: int, length: int, advice: int) -> None:
        assert (fd, advice) == (part.fd, os.POSIX_FADV_DONTNEED)
        told.append((start, length))
        if refusal:
            raise refusal

    monkeypatch.setattr(os, "posix_fadvise", advise)
    monkeypatch.setattr(parts, "WRITE_OUT", 1000)
    part = Part(folder, ".p-")
    for _time in range(7):
        part.write(bytes(500))
    assert told == [(0, 1000), (1000, 1000), (2000, 1000)]
    assert content_of(folder, part.name) == bytes(3500)


def test_parts_have_names_of_their_own(folder: Folder) -> None:
    several = [Part(folder, ".p-") for _part in range(20)]
    assert len({part.name for part in several}) == 20
    for part in several:
        part.discard()
        part.discard()
    assert listed(folder) == set()


def test_a_part_never_takes_the_place_of_another(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.secrets, "token_hex", lambda _length: "0")
    first = Part(folder, ".p-")
    first.write(CONTENT)
    with pytest.raises(DiskError):
        Part(folder, ".p-")
    assert content_of(folder, first.name) == CONTENT


def test_a_disk_that_takes_a_part_of_what_it_is_given_is_given_the_rest(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:1000]))
    part = Part(folder, ".p-")
    part.write(CONTENT)
    assert (part.size, content_of(folder, part.name)) == (len(CONTENT), CONTENT)


def test_only_parts_of_the_same_job_that_nobody_needs_are_removed(folder: Folder) -> None:
    for name in (".ours-1.part", ".ours-2.part", ".theirs-1.part", "a.part"):
        put(folder, name)
    parts.remove_parts(folder, ".ours-", keep={".ours-2.part"})
    assert listed(folder) == {".ours-2.part", ".theirs-1.part", "a.part"}


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_part_has_the_mode_that_new_files_have(folder: Folder, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        part = Part(folder, ".p-")
    finally:
        os.umask(before)
    assert modes.S_IMODE(os.fstat(part.fd).st_mode) == mode
    part.discard()


def test_a_part_that_cannot_be_made_names_its_folder(folder: Folder) -> None:
    os.chmod(folder.path, 0o500)
    with pytest.raises(DiskError) as caught:
        without_privileges(lambda: Part(folder, ".p-"))
    assert caught.value.reason == "local_denied"
    assert folder.path in caught.value.finding


def test_a_full_disk_is_called_that(folder: Folder) -> None:
    part = Part(folder, ".p-")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, part.fd)
    os.close(full)
    with pytest.raises(DiskError) as caught:
        part.write(b"data")
    assert caught.value.reason == "disk_full"
    assert folder.path in caught.value.finding
    assert caught.value.way_out
    part.discard()
    assert listed(folder) == set()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "local_denied"),
        (errno.EPERM, "local_denied"),
        (errno.ENOENT, "local_missing"),
        (errno.EIO, "disk_failed"),
        (None, "disk_failed"),
    ],
)
def test_each_trouble_has_its_reason(number: int | None, reason: str) -> None:
    error = folder_module.disk_error(OSError(number, "Input/output error") if number else OSError("odd"), "do it")
    assert error.reason == reason
    assert error.finding.startswith("Cannot do it: ")


# --- publishing


@pytest.mark.usefixtures("_either_way")
def test_a_part_gets_its_final_name(folder: Folder) -> None:
    before = put(folder, "part")
    assert parts.publish(folder, "part", "final")
    assert seen(folder, "final") == before._replace(name="final")
    assert listed(folder) == {"final"}


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("there", ["file", "link", "dangling", "folder", "itself"])
def test_nothing_is_ever_overwritten(folder: Folder, there: str) -> None:
    put(folder, "part")
    put(folder, "other", b"other")
    final = Path(folder.path, "final")
    ways: dict[str, Callable[[], object]] = {
        "file": lambda: final.write_bytes(b"theirs"),
        "link": lambda: final.symlink_to("other"),
        "dangling": lambda: final.symlink_to("nowhere"),
        "folder": final.mkdir,
        "itself": lambda: os.link(os.path.join(folder.path, "part"), final),
    }
    ways[there]()
    before = final.lstat()
    assert not parts.publish(folder, "part", "final")
    after = final.lstat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert content_of(folder, "part") == CONTENT
    assert content_of(folder, "other") == b"other"


@pytest.mark.usefixtures("_either_way")
def test_a_part_that_is_gone_cannot_be_published(folder: Folder) -> None:
    with pytest.raises(DiskError) as caught:
        parts.publish(folder, "part", "final")
    assert caught.value.reason == "part_removed"
    assert os.path.join(folder.path, "part") in caught.value.finding


@pytest.mark.usefixtures("_either_way")
def test_two_who_want_the_same_name_do_not_both_get_it(folder: Folder) -> None:
    put(folder, "one", b"1")
    put(folder, "two", b"2")
    assert [parts.publish(folder, part, "final") for part in ("one", "two")] == [True, False]
    assert (content_of(folder, "final"), content_of(folder, "two")) == (b"1", b"2")


def test_a_system_call_that_does_not_know_what_we_ask_for_is_told_from_one_that_fails(folder: Folder) -> None:
    """NFS answers EINVAL to RENAME_NOREPLACE; so does every file system to moving a folder into itself."""
    call = folder_module._find_renameat2()
    assert call is not None  # in all that we support; without it every test of it would test the fallback instead
    folder.make("sub")
    assert call(folder.fd, b"sub", folder.fd, b"sub/sub") is False
    put(folder)
    assert call(folder.fd, b"a.xml", folder.fd, b"b.xml") is True
    with pytest.raises(FileNotFoundError):
        call(folder.fd, b"a.xml", folder.fd, b"c.xml")


# --- originals


@pytest.mark.usefixtures("_either_way")
def test_an_archived_file_is_the_same_file_elsewhere(folder: Folder, archive: Folder) -> None:
    before = put(folder)
    assert archive_module.archive(folder, before, archive, part_prefix=".p-") == "a.xml"
    assert seen(archive) == before
    assert listed(folder) == set()


@pytest.mark.usefixtures("_either_way")
def test_what_is_in_the_archive_stays_as_it_is(folder: Folder, archive: Folder) -> None:
    for number in range(1, 4):
        name = archive_module.archive(folder, put(folder, content=b"%d" % number), archive, part_prefix=".p-")
        assert name == ("a.xml" if number == 1 else f"a.{number}.xml")
    assert [content_of(archive, name) for name in ("a.xml", "a.2.xml", "a.3.xml")] == [b"1", b"2", b"3"]


def test_on_another_file_system_the_archive_gets_a_copy_with_the_same_time(folder: Folder, far_archive: Folder) -> None:
    put(far_archive, content=b"older")
    before = put(folder)
    assert archive_module.archive(folder, before, far_archive, part_prefix=".p-") == "a.2.xml"
    assert listed(far_archive) == {"a.xml", "a.2.xml"}
    assert content_of(far_archive) == b"older"
    assert content_of(far_archive, "a.2.xml") == CONTENT
    assert seen(far_archive, "a.2.xml").mtime_ns == before.mtime_ns
    assert listed(folder) == set()


def test_a_copy_in_the_archive_shows_itself_to_nobody_else(folder: Folder, far_archive: Folder) -> None:
    put(folder)
    os.chmod(os.path.join(folder.path, "a.xml"), 0o600)
    archive_module.archive(folder, seen(folder), far_archive, part_prefix=".p-")
    status = far_archive.status("a.xml")
    assert status
    assert modes.S_IMODE(status.st_mode) == 0o600


def test_a_copy_of_a_file_that_changes_meanwhile_leaves_no_rest(
    folder: Folder, far_archive: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(folder)
    change_at_each_read(folder, "touched", monkeypatch)
    with pytest.raises(TransferError):
        archive_module.archive(folder, file, far_archive, part_prefix=".p-")
    assert (listed(far_archive), listed(folder)) == (set(), {"a.xml"})


def test_a_copy_in_the_archive_may_not_do_more_than_the_original_might(folder: Folder, far_archive: Folder) -> None:
    file = put(folder)
    os.chmod(os.path.join(folder.path, "a.xml"), 0o6640)
    archive_module.archive(folder, file, far_archive, part_prefix=".p-")
    assert modes.S_IMODE(os.stat(os.path.join(far_archive.path, "a.xml")).st_mode) == 0o640


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("how", ["appended", "truncated", "touched", "swapped", "gone", "link", "folder"])
def test_what_is_not_what_was_sent_is_neither_archived_nor_deleted(
    folder: Folder, archive: Folder, far_archive: Folder, far: bool, how: str
) -> None:
    before = put(folder)
    change(folder, how)
    status = folder.status("a.xml")
    into = far_archive if far else archive
    for settle in (
        lambda: archive_module.archive(folder, before, into, part_prefix=".p-"),
        lambda: archive_module.delete(folder, before),
    ):
        with pytest.raises(TransferError) as caught:
            settle()
        assert caught.value.reason == "changed_before_archive"
    now = folder.status("a.xml")
    assert (now and now.st_ino) == (status and status.st_ino)
    assert listed(into) == set()


def test_an_unchanged_file_is_deleted(folder: Folder) -> None:
    before = put(folder)
    put(folder, "b.xml")
    archive_module.delete(folder, before)
    assert listed(folder) == {"b.xml"}


@pytest.fixture
def at_the_rename(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have others act at the very moment of a rename: each action goes before, or after, one call to the system."""
    real: Any = folder_module._renameat2

    def arrange(*, before: list[Callable[[], object]], after: list[Callable[[], object]] = ()) -> None:  # type: ignore[assignment]
        first, last = iter(before), iter(after)

        def rename(*arguments: object) -> bool:
            next(first, lambda: None)()
            done = real(*arguments)
            next(last, lambda: None)()
            return bool(done)

        monkeypatch.setattr(folder_module, "_renameat2", rename)

    return arrange


@pytest.mark.parametrize("how", ["appended", "truncated", "touched", "swapped"])
def test_whoever_changes_a_file_while_it_is_archived_gets_it_back(
    folder: Folder, archive: Folder, at_the_rename: Callable[..., None], how: str
) -> None:
    before = put(folder)
    at_the_rename(before=[lambda: change(folder, how)])
    with pytest.raises(TransferError) as caught:
        archive_module.archive(folder, before, archive, part_prefix=".p-")
    assert caught.value.reason == "changed_before_archive"
    assert listed(archive) == set()
    assert seen(folder) != before


def test_a_name_that_somebody_takes_in_the_archive_meanwhile_is_left_to_them(
    folder: Folder, archive: Folder, at_the_rename: Callable[..., None]
) -> None:
    before = put(folder)
    at_the_rename(before=[lambda: put(archive, content=b"theirs")])
    assert archive_module.archive(folder, before, archive, part_prefix=".p-") == "a.2.xml"
    assert content_of(archive) == b"theirs"
    assert content_of(archive, "a.2.xml") == CONTENT


def test_a_file_that_can_neither_be_archived_nor_put_back_is_named_where_it_stands(
    folder: Folder, archive: Folder, at_the_rename: Callable[..., None]
) -> None:
    before = put(folder)
    at_the_rename(before=[lambda: put_anew(folder, b"second"), lambda: put_anew(folder, b"third")])
    with pytest.raises(TransferError) as caught:
        archive_module.archive(folder, before, archive, part_prefix=".p-")
    assert caught.value.reason == "changed_before_archive"
    assert os.path.join(archive.path, "a.xml") in caught.value.finding
    assert (content_of(archive), content_of(folder)) == (b"second", b"third")


def test_whoever_empties_the_archive_meanwhile_stops_nothing(
    folder: Folder, archive: Folder, at_the_rename: Callable[..., None]
) -> None:
    before = put(folder)
    at_the_rename(before=[], after=[lambda: archive.remove("a.xml")])
    with pytest.raises(DiskError) as caught:
        archive_module.archive(folder, before, archive, part_prefix=".p-")
    assert os.path.join(archive.path, "a.xml") in caught.value.finding


def test_an_archive_that_cannot_be_written_leaves_the_file_where_it_is(folder: Folder, archive: Folder) -> None:
    before = put(folder)
    os.chmod(archive.path, 0o500)
    with pytest.raises(DiskError) as caught:
        without_privileges(lambda: archive_module.archive(folder, before, archive, part_prefix=".p-"))
    assert caught.value.reason == "local_denied"
    assert archive.path in caught.value.finding
    assert seen(folder) == before


@pytest.mark.parametrize("writable", [True, False])
def test_a_copy_that_fails_leaves_the_file_and_no_rest(
    folder: Folder, far_archive: Folder, writable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either the archive refuses new files, or it is full when the copy is to be made durable."""
    before = put(folder)

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if writable:
        monkeypatch.setattr(folder_module.os, "fsync", full)
    else:
        os.chmod(far_archive.path, 0o500)
    with pytest.raises(DiskError) as caught:
        without_privileges(lambda: archive_module.archive(folder, before, far_archive, part_prefix=".p-"))
    assert caught.value.reason == ("disk_full" if writable else "local_denied")
    os.chmod(far_archive.path, 0o700)
    assert seen(folder) == before
    assert listed(far_archive) == set()
