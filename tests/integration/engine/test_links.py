# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A link that another user can set leads nowhere: no run reads, writes, moves or removes a file behind it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from support.desk import Desk, assert_delivered, digests, fill, outcomes
from support.repeated import repeated
from support.rights import SOMEBODY

AT_FDCWD = -100

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A mailbox of the protocol ``folder``."""
    root = tmp_path / "box"
    for name in ("input", "pickup", "done"):
        (root / name).mkdir(parents=True)
    return root


@pytest.fixture
def desk(tmp_path: Path, box: Path) -> Desk:
    return Desk(tmp_path, {"protocol": "folder", "root": str(box)})


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A folder of ours that nobody may lead a run to."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "secret.xml").write_text("secret")
    yield folder
    assert digests(folder).keys() == {"secret.xml"}
    assert (folder / "secret.xml").read_text() == "secret"


def open_to_others(folder: Path) -> None:
    """Let others set links in a folder."""
    folder.chmod(0o777)


def owned_by_another(folder: Path) -> None:
    os.chown(folder, SOMEBODY, -1)


def linked(tmp_path: Path, target: Path, *, above: bool) -> tuple[Path, Path]:
    """A path to a folder by way of a link, which is its last component or one above it; and the link's folder."""
    shared = tmp_path / "shared"
    shared.mkdir()
    link = shared / "link"
    link.symlink_to(target.parent if above else target)
    return (link / target.name if above else link), shared


HOW = [
    pytest.param(open_to_others, id="a folder that others can write"),
    pytest.param(owned_by_another, id="a folder of another user", marks=needs_root),
]
PLACES = [("dropoff", "src"), ("dropoff", "archive_dir"), ("pickup", "dest")]


@pytest.mark.parametrize("above", [False, True], ids=["last", "above"])
@pytest.mark.parametrize("give", HOW)
@pytest.mark.parametrize(("direction", "option"), PLACES)
def test_a_link_that_others_can_set_is_refused_by_name(
    desk: Desk, box: Path, victim: Path, direction: str, option: str, give: object, above: bool
) -> None:
    sent, there = fill(desk.outbox, 2), fill(box / "pickup", 2)
    path, shared = linked(victim.parent, victim, above=above)
    give(shared)  # type: ignore[operator]
    error = desk.refusal(desk.job(direction, **{option: str(path)}))
    assert error.reason == "link_refused"
    assert str(shared / "link") in str(error)
    assert option in str(error)
    assert (digests(desk.outbox), digests(box / "pickup"), digests(box / "input")) == (sent, there, {})


@pytest.mark.parametrize("above", [False, True], ids=["last", "above"])
@pytest.mark.parametrize(("direction", "option"), PLACES)
def test_a_link_of_ours_in_a_folder_of_ours_is_followed(
    desk: Desk, box: Path, tmp_path: Path, direction: str, option: str, above: bool
) -> None:
    files = fill(desk.outbox if direction == "dropoff" else box / "pickup", 2)
    real = desk.outbox if option == "src" else tmp_path / "real"
    real.mkdir(exist_ok=True)
    path, _shared = linked(tmp_path, real, above=above)
    assert_delivered(desk.run(desk.job(direction, **{option: str(path)})), files)
    assert digests(real / "archive" if option == "src" else real) == files


@needs_root
@pytest.mark.parametrize("owner", [0, SOMEBODY])
def test_a_link_in_a_sticky_folder_is_followed_if_it_is_ours(desk: Desk, box: Path, tmp_path: Path, owner: int) -> None:
    files = fill(box / "pickup", 2)
    path, shared = linked(tmp_path, desk.inbox, above=False)
    shared.chmod(0o1777)
    os.lchown(path, owner, owner)
    job = desk.job("pickup", dest=str(path))
    if owner == 0:
        assert_delivered(desk.run(job), files)
    else:
        assert desk.refusal(job).reason == "link_refused"
        assert digests(desk.inbox) == {}


@pytest.mark.parametrize("mine", [True, False])
def test_an_archive_that_is_a_link_is_refused_before_anything_is_sent(
    desk: Desk, box: Path, victim: Path, mine: bool
) -> None:
    """Whoever has set it: `archive_dir` is the option for another folder."""
    sent = fill(desk.outbox, 2)
    desk.archive.symlink_to(victim)
    if not mine:
        open_to_others(desk.outbox)
    error = desk.refusal(desk.job("dropoff"))
    assert error.reason == "link_refused"
    assert str(desk.archive) in error.finding
    assert (digests(desk.outbox), digests(box / "input")) == (sent, {})


@pytest.mark.parametrize("kind", ["fifo", "file"])
def test_an_archive_that_is_something_else_hangs_nothing(desk: Desk, kind: str) -> None:
    sent = fill(desk.outbox, 1)
    if kind == "fifo":
        os.mkfifo(desk.archive)
    else:
        desk.archive.touch()
    result = desk.drop_off(include=["*.xml"])
    assert [reason for _outcome, reason in outcomes(result).values()] == ["local_missing"]
    assert digests(desk.outbox).items() >= sent.items()


@needs_root
@pytest.mark.parametrize("mode", [0o755, 0o777, 0o2775])
def test_folders_of_another_user_are_fine_for_root(desk: Desk, box: Path, mode: int) -> None:
    sent, there = fill(desk.outbox, 2), fill(box / "pickup", 2)
    for folder in (desk.outbox, desk.inbox, desk.archive):
        folder.mkdir(exist_ok=True)
        owned_by_another(folder)
        folder.chmod(mode)
    assert_delivered(desk.drop_off(), sent)
    assert_delivered(desk.pick_up(), there)
    assert (digests(desk.archive), digests(desk.inbox)) == (sent, there)


def exchange(one: Path, other: Path) -> None:
    """Swap two names at once (renameat2(2), RENAME_EXCHANGE)."""
    call = ctypes.CDLL(None, use_errno=True).renameat2
    if call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), 2) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def swapped(folder: Path, target: Path) -> Iterator[None]:
    """Swap a folder for a link, and back, as quickly as possible, while the block runs."""
    link = folder.with_name("a-link")
    link.symlink_to(target)

    def swap() -> None:
        exchange(folder, link)
        exchange(folder, link)

    try:
        with repeated(swap):
            yield
    finally:
        link.unlink()


@pytest.mark.parametrize("which", ["archive", "outbox", "inbox"])
def test_a_folder_that_is_swapped_for_a_link_during_runs_leads_nowhere(
    desk: Desk, box: Path, victim: Path, which: str
) -> None:
    """Each run works in the folder or is refused. In the end all files are where they belong, once."""
    desk.archive.mkdir()
    direction = "pickup" if which == "inbox" else "dropoff"
    files: dict[str, str] = {}
    folder = getattr(desk, which)
    open_to_others(folder.parent)
    source = box / "pickup" if direction == "pickup" else desk.outbox
    for number in range(10):
        name = f"{number}.xml"
        (source / name).write_text(name)
        files |= {name: digests(source)[name]}
        with swapped(folder, victim), suppress(FiledropError):
            desk.run(desk.job(direction, include=["*.xml"]))
    folder.parent.chmod(0o755)
    result = desk.run(desk.job(direction, include=["*.xml"]))
    assert (result.error, digests(source)) == (None, {})
    if direction == "pickup":
        assert digests(desk.inbox) == files
    else:
        assert (digests(desk.archive), digests(box / "input")) == (files, files)
