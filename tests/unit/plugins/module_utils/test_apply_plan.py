# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a deployment in a folder of another user: no link leads anywhere, and no secret is copied, shown or left."""

from __future__ import annotations

import grp
import json
import os
import pwd
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils import _apply_plan
from support.rights import SOMEBODY
from support.stage import InProcess, Step

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
SECRET = "hunter2-hunter2"


def name_of(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


OWNER = {"owner": name_of(SOMEBODY), "group": grp.getgrgid(pwd.getpwuid(SOMEBODY).pw_gid).gr_name}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    os.chown(folder, SOMEBODY, -1)
    return folder


@pytest.fixture
def shadow(tmp_path: Path) -> Path:
    """A file that only we can read."""
    path = tmp_path / "shadow"
    path.write_text(SECRET)
    path.chmod(0o600)
    return path


def apply(here: InProcess, *, diff: bool = False, check: bool = False, **options: Any) -> dict[str, Any]:
    step = Step("__internal.apply_plan", options, diff=diff, check=check)
    played = here.play(step)
    assert SECRET not in played.output
    return played.results[0]


@pytest.fixture
def here(tmp_path: Path) -> InProcess:
    return InProcess(tmp_path)


def kept(path: Path) -> list[dict[str, str]]:
    return [{"path": str(path), "mode": "0640", **OWNER}]


def test_a_kept_file_gets_its_owner_and_mode_without_being_read_or_copied(here: InProcess, keys: Path) -> None:
    path = keys / "acme"
    path.write_text(SECRET)
    path.chmod(0o604)
    before = path.stat()
    assert apply(here, kept=kept(path), diff=True)["written"] == [str(path)]
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns, stat.S_IMODE(after.st_mode)) == (before.st_ino, before.st_mtime_ns, 0o640)
    assert after.st_uid == SOMEBODY
    assert not apply(here, kept=kept(path))["changed"]
    assert not apply(here, kept=kept(keys / "missing"))["changed"]
    assert os.listdir(keys) == ["acme"]


@pytest.mark.parametrize("kind", ["link", "link to nothing", "fifo", "folder", "device", "hard link"])
@pytest.mark.parametrize("what", ["kept", "secrets"])
def test_what_is_no_file_of_its_own_is_refused(here: InProcess, keys: Path, shadow: Path, kind: str, what: str) -> None:
    path = keys / "acme"
    if kind == "device" and os.geteuid() != 0:
        pytest.skip("only root can make a device")
    before = shadow.stat()
    kinds: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(shadow),
        "link to nothing": lambda: path.symlink_to(keys / "nothing"),
        "fifo": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3)),
        "hard link": lambda: os.link(shadow, path),
    }
    kinds[kind]()
    options: dict[str, Any] = (
        {"kept": kept(path)} if what == "kept" else {"secrets": [{"path": str(path), "content": "new", **OWNER}]}
    )
    result = apply(here, diff=True, **options)
    if (kind, what) == ("hard link", "secrets"):
        assert path.read_text() == "new"  # the name is replaced, and the other file is untouched
    else:
        assert result["failed"]
        assert str(path) in result["msg"]
    after = shadow.stat()
    assert (after.st_uid, after.st_mode, shadow.read_text()) == (before.st_uid, before.st_mode, SECRET)


def test_a_folder_of_the_plan_that_is_a_link_is_refused(here: InProcess, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "keys").symlink_to(tmp_path / "elsewhere")
    result = apply(here, folders=[{"path": str(tmp_path / "keys"), "mode": "0777", **OWNER}])
    assert "not a regular folder" in result["msg"]
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o700


@needs_root
def test_a_name_that_is_swapped_for_a_link_to_a_file_of_root_gives_nothing_away(
    here: InProcess, keys: Path, shadow: Path
) -> None:
    path, link, hard = keys / "acme", keys / "link", keys / "hard"
    path.write_text("own")
    link.symlink_to(shadow)
    swapper = os.fork()
    while swapper == 0:
        os.link(shadow, hard)
        for other in (link, hard):
            os.rename(path, keys / "aside")
            os.rename(other, path)
            os.rename(path, other)
            os.rename(keys / "aside", path)
        hard.unlink()
    results = [apply(here, kept=[{**kept(path)[0], "mode": f"06{number % 2}0"}]) for number in range(500)]
    os.kill(swapper, signal.SIGKILL)
    os.waitpid(swapper, 0)
    assert {result["failed"] for result in results} == {True, False}
    assert (shadow.stat().st_uid, stat.S_IMODE(shadow.stat().st_mode)) == (0, 0o600)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_killed_call_leaves_no_secret_behind_after_the_next_one(
    here: InProcess, keys: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Also if the next one has nothing to change, or the account is gone."""
    options: dict[str, Any] = {"secrets": [{"path": str(keys / "acme.password"), "content": SECRET, **OWNER}]}
    child = os.fork()
    if child == 0:
        name = {"write": "fchown"}.get(step, step)
        setattr(os, name, lambda *_args, **_more: os.kill(os.getpid(), signal.SIGKILL))
        apply(here, **options)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert len(os.listdir(keys)) == 1
    assert apply(here, check=True, folders=[{"path": str(keys), "mode": "0755", **OWNER}])["changed"] is not None
    assert len(os.listdir(keys)) == 1
    apply(here, folders=[{"path": str(keys), "mode": "0755", **OWNER}])
    assert os.listdir(keys) == []


OLD = {
    "option of an account": ("acme.json", json.dumps({"host": "sftp.example.com", "password": SECRET})),
    "nested": ("acme.json", json.dumps({"accounts": [{"client_secret": SECRET, "passphrase": SECRET}]})),
    "broken JSON": ("acme.json", f'{{"password": "{SECRET}", '),
    "key in an option": ("acme.json", json.dumps({"key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}"})),
    "unit": ("filedrop@x.service", f"[Service]\nEnvironment=PASSWORD={SECRET}\nSetCredential=x:{SECRET}\n"),
    "crontab": ("filedrop.conf", f"FTP_TOKEN = {SECRET}\n* * * * * root x\n"),
    "key in a unit": ("x.conf", f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----\nrest\n"),
}


@pytest.mark.parametrize(("name", "old"), OLD.values(), ids=OLD)
@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_secrets_in_old_content_are_not_shown(here: InProcess, tmp_path: Path, name: str, old: str, how: str) -> None:
    path = tmp_path / name
    path.write_text(old)
    new = [{"path": str(path), "content": "{}", "mode": "0640", **OWNER}] if how == "replaced" else []
    result = apply(here, diff=True, check=True, files=new, exclusive=[str(path)])
    (entry,) = result["diff"]
    assert "not shown" in entry["before"]
    assert "example.com" in entry["before"] or "example.com" not in old


def test_what_is_no_secret_is_shown() -> None:
    for text in (
        '{\n  "password_file": "credential:acme.password",\n  "private_key_file": "/etc/key"\n}\n',
        "[Service]\n# Secrets must not end up in core files.\nLimitCORE=0\nLoadCredential=acme:/etc/keys/acme\n",
    ):
        assert _apply_plan._text(text.encode()) == text


def test_where_a_group_may_write_nothing_is_taken_for_a_leftover(here: InProcess, tmp_path: Path) -> None:
    """A partner may upload a file with such a name."""
    inbox, ours = tmp_path / "input", tmp_path / "keys"
    for folder in (inbox, ours):
        folder.mkdir()
        (folder / ".filedrop-new-0123").write_text("whole")
    me = {"owner": name_of(os.geteuid()), "group": grp.getgrgid(os.getegid()).gr_name}
    folders = [{"path": str(inbox), "mode": "2770", **me}, {"path": str(ours), "mode": "0755", **me}]
    apply(here, folders=folders)
    assert os.listdir(inbox) == [".filedrop-new-0123"]
    assert os.listdir(ours) == []
