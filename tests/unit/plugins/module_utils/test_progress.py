# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file in which a module tells its task how far it has come."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome
from ansible_collections.courier.filedrop.plugins.module_utils._progress import (
    MAX_LENGTH,
    VARIABLE,
    Reading,
    parse,
    told_progress,
)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "progress"
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def _outcome(name: str, outcome: str) -> FileOutcome:
    return FileOutcome(name=name, local_path="", remote_path="", origin=name, outcome=outcome)


def test_the_numbers_are_there_during_the_run_and_gone_after_it(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    before = os.umask(0o077)
    try:
        with told_progress() as observer:
            assert observer is not None
            assert stat.S_IMODE(asked.stat().st_mode) == 0o644  # the user who logs in may be another one
            assert parse(asked.read_text()) == Reading(0, 0, 0, 0, 0)
            now[0] += 7  # the time until files are planned is none of theirs
            observer.planned(3, 10**15)
            observer.began("a")
            observer.moved(1000)
            assert parse(asked.read_text()) == Reading(0, 3, 0, 10**15, 0)  # not at each block
            now[0] += 2
            for name, outcome in (("a", "delivered"), ("b", "skipped"), ("c", "failed")):
                observer.ended(_outcome(name, outcome))
                now[0] += 1
            assert parse(asked.read_text()) == Reading(4000, 3, 2, 10**15, 1000)
            observer.planned(1, 500)  # a new attempt, for the file that failed
            assert parse(asked.read_text()) == Reading(5000, 3, 2, 1500, 1000)
    finally:
        os.umask(before)
    assert not asked.exists()
    assert VARIABLE not in os.environ


@pytest.mark.parametrize("there", ["file", "link", "no folder"])
def test_a_path_that_is_not_free_is_left_alone(asked: Path, there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = asked.with_name("target")
    if there == "file":
        asked.write_text("somebody else's")
    elif there == "link":
        asked.symlink_to(target)
    else:
        monkeypatch.setenv(VARIABLE, str(asked / "deeper"))
    with told_progress() as observer:
        assert observer is None
    assert not target.exists()
    assert there != "file" or asked.read_text() == "somebody else's"


def test_nothing_is_written_if_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with told_progress() as observer:
        assert observer is None


LINE = "5000 3 2 1500 1000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        LINE,
        f"{LINE}\n",
        f"{LINE}\n5000 3 2 1500 1001\n",
        f"{LINE}\n{LINE}\n{LINE}\n",
        f"{LINE} 7\n{LINE} 7\n",
        "5000 3 -2 1500 1000\n" * 2,
        "5000 3 \u0662 1500 1000\n" * 2,
        "5000 3 \u00b2 1500 1000\n" * 2,
        f"{LINE}{' ' * MAX_LENGTH}\n" * 2,
    ],
)
def test_what_is_not_ours_is_no_reading(text: str) -> None:
    assert parse(text) is None
    assert parse(f"{LINE}\n{LINE}\n") == Reading(5000, 3, 2, 1500, 1000)
