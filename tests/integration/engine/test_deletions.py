# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deletions never travel: what is removed on one side stays on the other, and is not moved again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, assert_delivered, digests
from support.sshd import SshServer

ALONE: dict[str, Any] = {}
TOGETHER: dict[str, Any] = {"companions": ["*.pdf", "*.xml"]}
FILES = ["a.pdf", "a.xml", "b.csv"]


def sides(desk: Desk, sshd: SshServer, direction: str) -> tuple[Path, Path]:
    """The folder of the originals, and that of the copies."""
    return (desk.outbox, sshd.input) if direction == "dropoff" else (sshd.pickup, desk.inbox)


def fill(folder: Path, sshd: SshServer) -> None:
    for name in FILES:
        (folder / name).write_text(name)
        sshd.give(folder / name)


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
@pytest.mark.parametrize("options", [ALONE, TOGETHER], ids=["alone", "together"])
def test_a_copy_that_is_removed_is_not_made_again_and_its_original_stays(
    desk: Desk, sshd: SshServer, direction: str, options: dict[str, Any]
) -> None:
    origin, target = sides(desk, sshd, direction)
    fill(origin, sshd)
    job = desk.job(direction, after="keep", **options)
    assert_delivered(desk.run(job), FILES)
    for path in target.iterdir():
        path.unlink()
    for _run in range(2):
        assert_delivered(desk.run(job), [])
        assert digests(target) == {}
        assert digests(origin).keys() == set(FILES)


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
@pytest.mark.parametrize("options", [ALONE, TOGETHER], ids=["alone", "together"])
def test_an_original_that_is_removed_leaves_its_copy_alone(
    desk: Desk, sshd: SshServer, direction: str, options: dict[str, Any]
) -> None:
    origin, target = sides(desk, sshd, direction)
    fill(origin, sshd)
    job = desk.job(direction, after="keep", **options)
    assert_delivered(desk.run(job), FILES)
    for name in FILES:
        (origin / name).unlink()
    for _run in range(2):
        assert_delivered(desk.run(job), [])
        assert digests(target).keys() == set(FILES)


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_an_original_that_comes_back_unchanged_is_not_moved_again(desk: Desk, sshd: SshServer, direction: str) -> None:
    origin, target = sides(desk, sshd, direction)
    fill(origin, sshd)
    job = desk.job(direction, after="keep")
    assert_delivered(desk.run(job), FILES)
    hidden = (origin / "b.csv").rename(desk.outbox.parent / "b.csv")
    assert_delivered(desk.run(job), [])
    hidden.rename(origin / "b.csv")
    (target / "b.csv").unlink()
    assert_delivered(desk.run(job), [])
    assert "b.csv" not in digests(target)
