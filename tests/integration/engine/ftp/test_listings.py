# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listings of FTP servers: those that lie, that say little, or that have names which must not reach a command."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.desk import Desk, assert_delivered, outcomes
from support.lying_ftp import LyingFtp, Session

OLD = ("SIZE", "MDTM")
CONTENT = b"content"


@pytest.fixture
def server() -> Iterator[LyingFtp]:
    with LyingFtp() as server:
        server.files["pickup/good.xml"] = CONTENT
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: LyingFtp) -> Desk:
    return Desk(tmp_path, server.account_options(account="lying"))


@pytest.mark.parametrize("features", [("SIZE", "MDTM", "MLST size*;modify*;type*;"), OLD, ("UTF8",), ()], ids=str)
def test_files_come_whatever_the_server_can_tell(desk: Desk, server: LyingFtp, features: tuple[str, ...]) -> None:
    server.features = features
    if not features:
        server.hooks["FEAT"] = lambda session, _argument: session.say("500 what?")
    if "SIZE" not in features:
        for command in ("SIZE", "MDTM", "MLST", "MLSD"):
            server.hooks[command] = lambda session, _argument: session.say("502 no")
    server.folders.add("pickup/folder")
    result = desk.pick_up()
    assert_delivered(result, ["good.xml"])
    assert server.files == {}


HOSTILE = ["../x.xml", "/etc/x.xml", "a/b.xml", "a\rb.xml", "a\0b.xml", "..", "a\x1b[2Jb.xml"]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize(
    "features", [("SIZE", "MDTM", "MLST type*;size*;modify*;"), OLD, ()], ids=["MLSD", "NLST", "LIST"]
)
def test_a_hostile_name_is_its_own_error(
    desk: Desk, server: LyingFtp, name: str, features: tuple[str, ...], tmp_path: Path
) -> None:
    def list_all(session: Session, _argument: str) -> None:
        if features == OLD:
            session.send_lines([name, "good.xml"])
        elif features:
            session.send_lines([f"type=file;size=7;modify=20261129010203; {one}" for one in (name, "good.xml")])
        else:
            session.send_lines([f"-rw-r--r-- 1 me us 7 Nov 29 01:02 {one}" for one in (name, "good.xml")])

    server.features = features
    if not features:
        for command in ("SIZE", "MDTM"):
            server.hooks[command] = lambda session, _argument: session.say("502 no")
    for command in ("MLSD", "NLST", "LIST"):
        server.hooks[command] = list_all
    found = outcomes(desk.pick_up())
    assert found.pop("good.xml")[0] == "delivered"
    assert {outcome for outcome, _reason in found.values()} <= {"failed"}
    reached = [command for command in server.heard if name in command]
    assert not any(command.startswith(("RETR", "DELE")) for command in reached)
    if "/" in name and features:
        assert reached == []
    assert [path.name for path in desk.inbox.iterdir()] == ["good.xml"]
    assert not (tmp_path / "x.xml").exists()


@pytest.mark.parametrize("text", ["226 Output truncated to 2000 matches", "451 failed", "426 aborted"])
@pytest.mark.parametrize(
    "features", [("SIZE", "MDTM", "MLST type*;size*;modify*;"), OLD, ()], ids=["MLSD", "NLST", "LIST"]
)
def test_a_listing_that_was_cut_short_is_an_error(
    desk: Desk, server: LyingFtp, text: str, features: tuple[str, ...]
) -> None:
    server.features = features
    server.hooks["SIZE"] = lambda session, _path: True if features else session.say("502 no")
    lines = {"MLSD": "type=file;size=7;modify=20261129010203; good.xml", "NLST": "good.xml"}
    lines["LIST"] = "-rw-r--r-- 1 me us 7 Nov 29 01:02 good.xml"
    for command, line in lines.items():
        server.hooks[command] = partial(_send_line, line=line, text=text)
    result = desk.pick_up()
    assert result.error is not None
    assert "pickup/good.xml" in server.files


def _send_line(session: Session, _path: str, *, line: str, text: str) -> None:
    session.send_lines([line], text=text)


def test_a_listing_whose_last_line_is_cut_is_an_error(desk: Desk, server: LyingFtp) -> None:
    whole = b"type=file;size=7;modify=20261129010203; good.xml\r\n"
    server.hooks["MLSD"] = lambda session, _path: session.send_data(whole + whole[:-9])
    result = desk.pick_up()
    assert result.error is not None
    assert result.error.reason == "listing_incomplete"


def test_a_line_that_cannot_be_read_is_its_own_error(desk: Desk, server: LyingFtp) -> None:
    server.hooks["MLSD"] = lambda session, _path: session.send_lines(
        ["what is this", "type=file;size=7;modify=20261129010203; good.xml"]
    )
    result = desk.pick_up()
    assert outcomes(result)["good.xml"][0] == "delivered"
    assert outcomes(result)["what is this"] == ("failed", "size_unknown")
    assert any("cannot be read" in note for note in result.notes)


def test_a_line_without_end_is_not_kept(desk: Desk, server: LyingFtp) -> None:
    server.hooks["MLSD"] = lambda session, _path: session.send_data(b"x" * 1_000_000)
    result = desk.pick_up()
    assert result.error is not None
    assert result.error.reason == "protocol_error"


def test_names_are_in_latin_1_by_option(desk: Desk, server: LyingFtp) -> None:
    desk.account["encoding"] = "latin-1"
    server.files["pickup/r\udce4ksm\udcf6rg\udce5s.xml"] = CONTENT
    (desk.outbox / "räv.xml").write_bytes(CONTENT)
    (desk.outbox / "日本.xml").write_bytes(CONTENT)
    assert outcomes(desk.pick_up())["räksmörgås.xml"][0] == "delivered"
    assert outcomes(desk.drop_off()) == {"räv.xml": ("delivered", ""), "日本.xml": ("failed", "name_refused")}
    assert server.files == {"input/r\udce4v.xml": CONTENT}
