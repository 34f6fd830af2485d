# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key pairs on a real disk: complete or not at all, private from the first instant, and the old one never lost."""

from __future__ import annotations

import errno
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError, FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import apply, formats, openssh, pair, spec
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import found as found_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import plan as plan_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.spec import KeyPairSpec
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.folder import Folder

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "id"


def ensure(path: Path, **options: Any) -> apply.Backup:
    want = KeyPairSpec(str(path), **options)
    there = found_module.inspect(want)
    plan = plan_module.make_plan(want, there)
    backup = apply.carry_out(want, there, plan)
    after = found_module.inspect(want)
    assert not plan_module.make_plan(KeyPairSpec(str(path), **{**options, "regenerate": "fail"}), after).changed
    return backup


def content(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("kind", "bits"),
    [("ed25519", None), ("ecdsa", None), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048), ("rsa", None)],
)
def test_every_kind_is_made(path: Path, kind: str, bits: int | None) -> None:
    ensure(path, type=kind, bits=bits, comment="for the bank")
    key = formats.load_private_key(str(path), None)
    line = path.with_suffix(".pub").read_text()
    public = formats.parse_line(*line.split()[:2])
    assert key.asbytes() == public.blob
    assert public.bits == (bits or spec.DEFAULT_BITS[kind])
    assert line == f"{public.line} for the bank\n"


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_the_modes_are_right_whatever_the_umask(path: Path, umask: int) -> None:
    path.parent.mkdir()
    before = os.umask(umask)
    try:
        ensure(path)
    finally:
        os.umask(before)
    assert (mode(path), mode(path.with_suffix(".pub"))) == (0o600, 0o644)


def test_a_missing_folder_is_made_for_its_owner_alone(path: Path) -> None:
    ensure(path)
    assert mode(path.parent) == 0o700
    assert sorted(content(path.parent)) == ["id", "id.pub"]


def test_an_encrypted_pair_needs_its_passphrase(path: Path) -> None:
    ensure(path, passphrase="correct horse")
    assert formats.is_encrypted(path.read_bytes())
    assert formats.load_private_key(str(path), "correct horse").can_sign()
    before = content(path.parent)
    with pytest.raises(FiledropError) as caught:
        ensure(path, passphrase="battery staple")
    assert caught.value.reason == "key_passphrase"
    assert content(path.parent) == before


def test_a_replaced_pair_stays_usable_beside_the_new_one(path: Path) -> None:
    ensure(path, comment="old")
    old = content(path.parent)
    backup = ensure(path, type="ecdsa", regenerate="full_idempotence")
    assert backup.private is not None
    assert backup.public == f"{backup.private}.pub"
    assert Path(backup.private).read_bytes() == old["id"]
    assert Path(backup.public).read_bytes() == old["id.pub"]
    assert formats.load_private_key(backup.private, None).can_sign()
    again = ensure(path, type="ecdsa", regenerate="always")
    assert again.private not in (None, backup.private)
    assert len(content(path.parent)) == 6


def test_a_backup_is_closed_to_others_too(path: Path) -> None:
    ensure(path)
    path.chmod(0o644)
    backup = ensure(path, regenerate="always")
    assert backup.private is not None
    assert mode(Path(backup.private)) == 0o600


def test_a_public_key_alone_is_saved(path: Path) -> None:
    path.parent.mkdir()
    path.with_suffix(".pub").write_text("ssh-ed25519 something registered\n")
    backup = ensure(path, regenerate="full_idempotence")
    assert backup.private is None
    assert backup.public is not None
    assert Path(backup.public).read_text() == "ssh-ed25519 something registered\n"


def test_the_public_key_file_follows_the_private_one(path: Path) -> None:
    ensure(path, comment="mine")
    private, public = path.read_bytes(), path.with_suffix(".pub").read_bytes()
    path.with_suffix(".pub").unlink()
    ensure(path, comment="mine")
    assert (path.read_bytes(), path.with_suffix(".pub").read_bytes()) == (private, public)
    path.with_suffix(".pub").write_bytes(b"ssh-rsa AAAA broken")
    ensure(path)
    assert path.with_suffix(".pub").read_bytes() == public  # the comment is inside the private key, too
    assert sorted(content(path.parent)) == ["id", "id.pub"]


def test_a_public_key_file_that_is_written_anew_is_made_durable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(path)
    path.with_suffix(".pub").unlink()
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(fd: int) -> None:
        fsync(fd)
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "file")

    def replaced(*names: str, **folders: Any) -> None:
        replace(*names, **folders)
        done.append("named")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    ensure(path)
    assert done == ["file", "named", "folder"]


def test_a_key_open_to_others_is_closed(path: Path) -> None:
    ensure(path)
    path.chmod(0o666)
    ensure(path)
    assert mode(path) == 0o600


def test_rights_are_given(path: Path) -> None:
    if os.geteuid() == 0:
        ensure(path, uid=12345, gid=54321)
        entries = (path, path.with_suffix(".pub"), path.parent)
        assert {(entry.stat().st_uid, entry.stat().st_gid) for entry in entries} == {(12345, 54321)}
        ensure(path, regenerate="always")
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)
        ensure(path, uid=0)
        assert (path.stat().st_uid, path.stat().st_gid) == (0, 54321)
    else:
        with pytest.raises(FiledropError) as caught:
            plan_module.check_possible(KeyPairSpec(str(path), uid=0), plan_module.Plan("create", ""))
        assert caught.value.reason in ("owner_denied", "folder_missing")


@pytest.mark.parametrize("link", ["id", "id.pub"])
def test_a_link_is_not_followed(path: Path, link: str) -> None:
    ensure(path)
    other = path.with_name("other")
    other.with_suffix(".pub" if link.endswith(".pub") else "").symlink_to(path)
    with pytest.raises(FiledropError) as caught:
        found_module.inspect(KeyPairSpec(str(other)))
    assert caught.value.reason == "path_is_link"
    assert str(path) in caught.value.finding


def test_a_public_key_that_is_a_folder_is_refused(path: Path) -> None:
    path.with_suffix(".pub").mkdir(parents=True)
    with pytest.raises(FiledropError) as caught:
        found_module.inspect(KeyPairSpec(str(path)))
    assert caught.value.reason == "public_not_a_file"


@pytest.mark.parametrize("above", [False, True], ids=["last", "above"])
def test_a_link_to_the_folder_that_others_can_set_is_not_followed(path: Path, tmp_path: Path, above: bool) -> None:
    ensure(path)
    before = content(path.parent)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "link").symlink_to(tmp_path if above else path.parent)
    other = shared / "link" / ("keys/new" if above else "new")
    for there in (other, other.with_name("id")):
        with pytest.raises(FiledropError) as caught:
            ensure(there)
        assert caught.value.reason == "link_refused"
        assert str(shared / "link") in caught.value.finding
    assert content(path.parent) == before


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_what_takes_the_place_of_a_file_meanwhile_is_neither_read_nor_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, public: bool
) -> None:
    """Between the look at its status and its opening."""
    ensure(path)
    swapped = path.with_suffix(".pub") if public else path
    status = Folder.status

    def meanwhile(folder: Folder, name: str) -> os.stat_result | None:
        found = status(folder, name)
        if name == swapped.name and not stat.S_ISFIFO(swapped.lstat().st_mode) and not swapped.is_symlink():
            swapped.rename(path.with_name("aside"))
            os.mkfifo(swapped) if kind == "fifo" else swapped.symlink_to("aside")
        return found

    monkeypatch.setattr(Folder, "status", meanwhile)
    if public:
        found = found_module.inspect(KeyPairSpec(str(path))).public
        assert found is not None
        assert found.text == ""
    else:
        with pytest.raises(FiledropError):
            found_module.inspect(KeyPairSpec(str(path)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_with_a_second_name_is_not_given_away(path: Path) -> None:
    ensure(path)
    os.link(path, path.with_name("of-root"))
    with pytest.raises(FiledropError, match="second name"):
        ensure(path, uid=12345)
    assert path.stat().st_uid == 0


@pytest.mark.parametrize("step", ["fchown", "fsync", "replace"])
def test_a_killed_run_leaves_no_key_behind_after_the_next_one(path: Path, step: str) -> None:
    ensure(path, comment="old")
    child = os.fork()
    if child == 0:
        setattr(os, step, lambda *_args, **_more: os.kill(os.getpid(), signal.SIGKILL))
        ensure(path, regenerate="always")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert [name for name in content(path.parent) if name.startswith(".filedrop-key-")]
    ensure(path, regenerate="always")
    assert [name for name in content(path.parent) if name.startswith(".filedrop-")] == []


@pytest.mark.parametrize("name", ["a\nb", "a\u2028b", "a\x1b[2J"])
def test_a_path_with_control_characters_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FiledropError, match="control character"):
        spec.spec_from_options({"path": f"{tmp_path}/{name}"})


class Failing:
    """A function that fails at its n-th call."""

    def __init__(self, function: Any, at: int) -> None:
        self.function = function
        self.left = at

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise FULL
        return self.function(*args, **options)


STEPS = [("fsync", at) for at in (1, 2, 3)] + [("replace", 1), ("replace", 2), ("link", 1), ("link", 2), ("fchown", 2)]


@pytest.mark.parametrize(("step", "at"), STEPS)
def test_whatever_fails_the_old_pair_is_in_place(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int
) -> None:
    ensure(path, comment="old")
    before = content(path.parent)
    with monkeypatch.context() as patched:
        patched.setattr(os, step, Failing(getattr(os, step), at))
        with pytest.raises(DiskError) as caught:
            ensure(path, regenerate="always")
    assert caught.value.reason == "disk_full"
    assert str(path) in caught.value.finding
    assert content(path.parent) == before


@pytest.mark.parametrize("at", [1, 2, 3])
def test_whatever_fails_no_half_of_a_new_pair_is_left(path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", Failing(os.fsync, at))
        with pytest.raises(DiskError):
            ensure(path)
    assert content(path.parent) == {}
    ensure(path)


def test_a_pair_that_somebody_else_has_just_made_is_not_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(kind: str, bits: int) -> Any:
        monkeypatch.undo()
        ensure(path, comment="theirs")
        return apply.generate(kind, bits)

    monkeypatch.setattr(apply, "generate", meanwhile)
    want = KeyPairSpec(str(path))
    there = found_module.inspect(want)
    with pytest.raises(DiskError) as caught:
        apply.carry_out(want, there, plan_module.make_plan(want, there))
    assert caught.value.reason == "key_appeared"
    assert sorted(content(path.parent)) == ["id", "id.pub"]
    assert path.with_suffix(".pub").read_text().endswith(" theirs\n")
    ensure(path)


@pytest.mark.parametrize(("step", "at"), [("fsync", 1), ("link", 1), ("link", 2), ("unlink", 1), ("unlink", 2)])
def test_whatever_fails_a_pair_that_is_to_be_removed_is_in_place(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int
) -> None:
    ensure(path, comment="old")
    before = content(path.parent)
    with monkeypatch.context() as patched:
        patched.setattr(os, step, Failing(getattr(os, step), at))
        with pytest.raises(DiskError):
            pair.ensure(KeyPairSpec(str(path), present=False), check=False)
    assert content(path.parent) == before


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_run_killed_while_it_changes_a_comment_leaves_the_key(path: Path, step: str) -> None:
    ensure(path, comment="old")
    before = path.read_bytes()
    child = os.fork()
    if child == 0:
        setattr(os, step, lambda *_args, **_more: os.kill(os.getpid(), signal.SIGKILL))
        ensure(path, comment="new")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert path.read_bytes() == before
    ensure(path, comment="new")
    assert [name for name in content(path.parent) if name.startswith(".filedrop-")] == []


def test_a_key_that_is_replaced_meanwhile_gets_no_comment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(path, comment="old")

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        theirs = path.with_name("theirs")
        theirs.write_text("another key")
        theirs.replace(path)
        return openssh.sealed(*arguments)

    monkeypatch.setattr(apply, "sealed", meanwhile)
    with pytest.raises(DiskError) as caught:
        ensure(path, comment="new")
    assert caught.value.reason == "key_appeared"
    assert path.read_text() == "another key"
