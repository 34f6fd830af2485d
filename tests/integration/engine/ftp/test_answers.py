# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of FTP servers that cannot be read, or that say less than they seem to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.desk import Desk, outcomes
from support.lying_ftp import LyingFtp, Session

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def server() -> Iterator[LyingFtp]:
    with LyingFtp() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: LyingFtp) -> Desk:
    return Desk(tmp_path, server.account_options(account="lying"))


def put_out(desk: Desk, *names: str) -> None:
    for name in names or ("a.xml",):
        (desk.outbox / name).write_bytes(CONTENT)


# --- codes of 3xx


def test_a_rename_that_asks_for_more_is_not_done(desk: Desk, server: LyingFtp) -> None:
    put_out(desk)
    server.hooks["RNTO"] = lambda session, _path: session.say("350 go on")
    assert desk.drop_off().counts["delivered"] == 0
    assert (desk.outbox / "a.xml").read_bytes() == CONTENT


def test_a_deletion_that_asks_for_more_is_not_done(desk: Desk, server: LyingFtp) -> None:
    server.files["pickup/a.xml"] = CONTENT
    server.hooks["DELE"] = lambda session, _path: session.say("350 sure?")
    assert outcomes(desk.pick_up()) != {"a.xml": ("delivered", "")}
    assert server.files == {"pickup/a.xml": CONTENT}


@pytest.mark.parametrize("upload", ["direct", "rename"])
def test_an_upload_whose_end_asks_for_more_is_not_delivered(desk: Desk, server: LyingFtp, upload: str) -> None:
    def ask(session: Session, path: str) -> None:
        session.store(path, text="350 go on")

    put_out(desk)
    server.hooks["STOR"] = ask
    assert desk.drop_off(upload=upload).counts["delivered"] == 0
    assert (desk.outbox / "a.xml").read_bytes() == CONTENT
