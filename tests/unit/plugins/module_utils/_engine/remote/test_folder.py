# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder as a mailbox: what the contract of all remotes does not say."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    FiledropError,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
    UnreachableError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import folder as local_folder
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.permissions import Permissions
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Remote, entries_in
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.registry import connect
from support.odd_server import Sink, upload
from support.rights import without_privileges


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("input", "pickup"):
        (tmp_path / "root" / name).mkdir(parents=True)
    return tmp_path / "root"


def opened(root: Path, permissions: Permissions | None = None) -> Remote:
    return connect(account_from_options({"protocol": "folder", "root": str(root)}), permissions)


@pytest.fixture
def remote(root: Path) -> Iterator[Remote]:
    remote = opened(root)
    yield remote
    remote.close()


def run(remote: Remote, work: Any) -> Any:
    async def main() -> Any:
        return await work

    return Loop(remote, remote.batches).run(main())


def failure(remote: Remote, work: Any) -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        run(remote, work)
    return caught.value


async def put(remote: Remote, path: str, content: bytes = b"x", *, over: bool = False) -> None:
    uploaded = await upload(remote, path, content, over=over)
    await uploaded.size()
    await uploaded.close()


def test_a_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as caught:
        opened(tmp_path / "nowhere")
    assert caught.value.reason == "root_unusable"
    assert str(tmp_path / "nowhere") in caught.value.finding


def test_a_path_is_inside_the_root_with_and_without_a_slash(remote: Remote, root: Path) -> None:
    run(remote, put(remote, "/input//./a.xml"))
    assert run(remote, remote.stat("input/a.xml")).size == 1
    assert (root / "input" / "a.xml").read_bytes() == b"x"
    assert {entry.name for entry in run(remote, entries_in(remote, ""))} == {"input", "pickup"}
    assert {entry.name for entry in run(remote, entries_in(remote, "/"))} == {"input", "pickup"}
    assert run(remote, remote.stat(".")).kind == run(remote, remote.stat("/")).kind == "folder"


OUTSIDE = ("../secret", "input/../../secret", "..", "input/..", "/../secret")


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_leads_out_of_the_root(remote: Remote, root: Path, path: str) -> None:
    (root.parent / "secret").write_bytes(b"secret")
    requests: list[Callable[[], Any]] = [
        lambda: remote.stat(path),
        lambda: entries_in(remote, path),
        lambda: remote.remove(path),
        lambda: remote.rename(path, "input/a"),
        lambda: remote.download(path, Sink(), size=6),
        lambda: upload(remote, path, b"x"),
        lambda: upload(remote, path, b"x", over=True),
    ]
    for request in requests:
        assert isinstance(failure(remote, request()), RemoteDenied)
    assert (root.parent / "secret").read_bytes() == b"secret"


def test_a_link_to_a_folder_is_not_followed(remote: Remote, root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "a.xml").write_bytes(b"secret")
    (root / "link").symlink_to(outside)
    for request in (
        lambda: entries_in(remote, "link"),
        lambda: remote.download("link/a.xml", Sink(), size=6),
        lambda: upload(remote, "link/b.xml", b"x"),
        lambda: remote.remove("link/a.xml"),
        lambda: remote.rename("link/a.xml", "input/a.xml"),
    ):
        assert isinstance(failure(remote, request()), (RemoteDenied, RemoteMissing))
    assert run(remote, remote.stat("link/a.xml")) is None
    assert run(remote, remote.stat("link")).kind == "link"
    assert [path.name for path in outside.iterdir()] == ["a.xml"]


def test_a_link_to_a_file_is_neither_read_nor_written(remote: Remote, root: Path) -> None:
    (root.parent / "secret").write_bytes(b"secret")
    (root / "input" / "a.xml").symlink_to(root.parent / "secret")
    assert isinstance(failure(remote, remote.download("input/a.xml", Sink(), size=6)), RemoteDenied)
    assert isinstance(failure(remote, upload(remote, "input/a.xml", b"x", over=True)), RemoteDenied)
    assert isinstance(failure(remote, upload(remote, "input/a.xml", b"x")), RemoteError)
    assert (root.parent / "secret").read_bytes() == b"secret"


def test_a_root_may_itself_be_a_link(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    remote = opened(root.parent / "link")
    assert run(remote, remote.stat("input")).kind == "folder"
    remote.close()


def test_what_is_not_a_file_is_not_opened(remote: Remote, root: Path) -> None:
    os.mkfifo(root / "pickup" / "fifo")
    for path in ("pickup/fifo", "pickup"):
        assert isinstance(failure(remote, remote.download(path, Sink(), size=1)), RemoteDenied)
    assert {entry.kind for entry in run(remote, entries_in(remote, "pickup"))} == {"other"}


@pytest.mark.parametrize("over", [False, True])
def test_a_file_gets_its_permissions_before_its_first_byte(root: Path, over: bool) -> None:
    if over:
        (root / "input" / "a.xml").write_bytes(b"part")
    remote = opened(root, Permissions(gid=os.getegid(), mode=0o640))
    seen: list[os.stat_result] = []

    async def created(_upload: object) -> None:
        seen.append((root / "input" / "a.xml").stat())

    class Nothing(Sink):
        size = 0

        def read(self, length: int) -> bytes:
            return b""

        def check_unchanged(self) -> None:
            pass

    run(remote, remote.upload("input/a.xml", Nothing(), over=over, temporary=False, created=created))
    remote.close()
    assert [(stat.S_IMODE(one.st_mode), one.st_size, one.st_gid) for one in seen] == [(0o640, 0, os.getegid())]


def test_where_permissions_cannot_be_given_nothing_is_left(root: Path) -> None:
    def attempt() -> FiledropError:
        remote = opened(root, Permissions(gid=1))
        try:
            return failure(remote, put(remote, "input/a.xml"))
        finally:
            remote.close()

    error = without_privileges(attempt)
    assert isinstance(error, RemoteDenied)
    assert list((root / "input").iterdir()) == []


def test_where_nothing_may_be_written_it_is_denied(root: Path) -> None:
    (root / "input").chmod(0o500)

    def attempt() -> FiledropError:
        remote = opened(root)
        try:
            return failure(remote, put(remote, "input/a.xml"))
        finally:
            remote.close()

    assert isinstance(without_privileges(attempt), RemoteDenied)


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (errno.ENOSPC, RemoteError, "remote_full"),
        (errno.EIO, RemoteError, "remote_failure"),
        (errno.ESTALE, ConnectionLost, "connection_lost"),
    ],
)
def test_what_a_disk_says_is_told(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[FiledropError], reason: str
) -> None:
    async def full() -> None:
        def fail(_fd: int) -> None:
            raise OSError(number, os.strerror(number))

        uploaded = await upload(remote, "input/a.xml", b"x")
        await uploaded.size()
        monkeypatch.setattr(os, "fsync", fail)
        await uploaded.close()

    error = failure(remote, full())
    assert (type(error), error.reason) == (kind, reason)


def test_what_is_acknowledged_is_on_the_disk(remote: Remote, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def note(fd: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))

    monkeypatch.setattr(os, "fsync", note)
    run(remote, put(remote, "input/a.xml"))
    assert synced == ["a.xml", "input"]
    run(remote, remote.rename("input/a.xml", "input/b.xml"))
    assert synced == ["a.xml", "input", "input"]
    run(remote, remote.rename("input/b.xml", "pickup/b.xml"))
    assert synced[3:] == ["pickup", "input"]
    run(remote, remote.remove("pickup/b.xml"))
    assert synced[5:] == ["pickup"]


def test_a_rename_replaces_nothing_where_the_file_system_knows_no_such_rename(
    remote: Remote, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS."""
    monkeypatch.setattr(local_folder, "_renameat2", None)
    for name in ("a", "b"):
        (root / "input" / name).write_bytes(name.encode())
    assert isinstance(failure(remote, remote.rename("input/a", "input/b")), RemoteError)
    run(remote, remote.rename("input/a", "input/c"))
    assert {path.name: path.read_bytes() for path in (root / "input").iterdir()} == {"b": b"b", "c": b"a"}


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    remote = opened(root)
    (root / "pickup" / "a.xml").write_bytes(b"x" * 10)

    async def many() -> None:
        for number in range(5):
            await put(remote, f"input/{number}")
            await (await upload(remote, f"input/given-up-{number}", b"x")).discard()
            await remote.download("pickup/a.xml", Sink(), size=10)
            await remote.stat("nowhere/x")
        await upload(remote, "input/left", b"x")

    Loop(remote).run(many())
    remote.close()
    assert len(os.listdir("/proc/self/fd")) == before
