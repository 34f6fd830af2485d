# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of FTP servers that cannot be read, or that say less than they seem to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ftp import control
from support.desk import Desk, assert_delivered, outcomes, put
from support.lying_ftp import TIME, LyingFtp, Session

CONTENT = bytes(range(256)) * 400
ONLY_MLST = ("MLST size*;modify*;type*;",)
OLD = ("SIZE", "MDTM")


# --- looks that say that something is there


@pytest.mark.parametrize("upload", ["direct", "rename"])
@pytest.mark.parametrize("features", [ONLY_MLST, (*OLD, *ONLY_MLST)], ids=len)
@pytest.mark.parametrize(
    "answer",
    [
        f"250 type=file;size=6;modify={TIME}; input/a.xml",
        f"250-here\r\n type=file;size=6;modify={TIME} input/a.xml\r\n250 end",
        "250-here\r\n  input/a.xml\r\n250 end",
        "250 ok",
        "200 ok",
        "350 go on",
    ],
)
def test_mlst_that_cannot_be_read_is_no_free_name(
    desk: Desk, server: LyingFtp, answer: str, features: tuple[str, ...], upload: str
) -> None:
    server.features = features
    server.files["input/a.xml"] = b"theirs"
    put(desk.outbox, CONTENT)
    server.hooks["MLST"] = lambda session, path: session.say(answer) if path.endswith("/a.xml") else True
    assert desk.drop_off(upload=upload).counts["delivered"] == 0
    assert server.files["input/a.xml"] == b"theirs"


@pytest.mark.parametrize("upload", ["direct", "rename"])
@pytest.mark.parametrize("answer", ["213 -5", "213 6 bytes", "213 99999999999999999999", "213", "200 6", "350 go on"])
def test_size_that_cannot_be_read_is_no_free_name(desk: Desk, server: LyingFtp, answer: str, upload: str) -> None:
    server.features = OLD
    server.files["input/a.xml"] = b"theirs"
    put(desk.outbox, CONTENT)
    server.hooks["SIZE"] = lambda session, path: session.say(answer) if path.endswith("/a.xml") else True
    assert desk.drop_off(upload=upload).counts["delivered"] == 0
    assert server.files["input/a.xml"] == b"theirs"


def test_size_tells_what_mlst_does_not(desk: Desk, server: LyingFtp) -> None:
    put(desk.outbox, CONTENT)
    server.hooks["MLST"] = lambda session, path: session.say("250 ok") if session.path(path) in server.files else True
    assert_delivered(desk.drop_off(), ["a.xml"])


# --- codes of 3xx


def test_a_rename_that_asks_for_more_is_not_done(desk: Desk, server: LyingFtp) -> None:
    put(desk.outbox, CONTENT)
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

    put(desk.outbox, CONTENT)
    server.hooks["STOR"] = ask
    assert desk.drop_off(upload=upload).counts["delivered"] == 0
    assert (desk.outbox / "a.xml").read_bytes() == CONTENT


# --- codes of 1xx


@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_a_greeting_that_never_ends_ends_the_run(tmp_path: Path, server: LyingFtp, pause: float) -> None:
    def greet(session: Session, _argument: str) -> None:
        while True:
            session.say("120 soon")
            time.sleep(pause)

    server.hooks["greeting"] = greet
    result = Desk(tmp_path, server.account_options(timeout=0.5)).pick_up()
    assert result.error is not None
    assert result.error.reason == "server_busy"
    assert "120 soon" in result.error.finding


def test_a_greeting_that_is_late_is_waited_for(desk: Desk, server: LyingFtp) -> None:
    server.hooks["greeting"] = lambda session, _argument: session.say("120 soon\r\n120 soon\r\n220 ready")
    put(desk.outbox, CONTENT)
    assert_delivered(desk.drop_off(), ["a.xml"])


@pytest.mark.parametrize("note", ["150 opening", "110 restart", "125 it is open\r\n150 still at it"])
def test_a_transfer_may_be_announced_more_than_once(desk: Desk, server: LyingFtp, note: str) -> None:
    def announced(session: Session, _path: str) -> bool:
        session.say(note)
        return True

    server.hooks.update(STOR=announced, RETR=announced, MLSD=announced)
    server.files["pickup/b.xml"] = CONTENT
    put(desk.outbox, CONTENT)
    assert_delivered(desk.drop_off(), ["a.xml"])
    assert_delivered(desk.pick_up(), ["b.xml"])
    assert server.files == {"input/a.xml": CONTENT}


@pytest.mark.parametrize("note", ["150 still at it", "425 no"])
def test_a_transfer_whose_replies_never_end_fails(tmp_path: Path, server: LyingFtp, note: str) -> None:
    def repeat(session: Session, _path: str) -> None:
        while True:
            session.say(note)

    server.files["pickup/a.xml"] = CONTENT
    server.hooks["RETR"] = repeat
    result = Desk(tmp_path, server.account_options(timeout=0.5)).pick_up()
    assert result.counts["delivered"] == 0
    assert server.files == {"pickup/a.xml": CONTENT}


# --- commands of one write


def silent(_session: Session) -> None:
    """The command is lost."""


def closes(session: Session) -> None:
    session.end()


def garbles(session: Session) -> None:
    session.say("what is this?")


@pytest.mark.parametrize("refuse", [silent, closes, garbles])
@pytest.mark.parametrize("command", ["RNTO", "STOR"])
def test_a_server_that_loses_the_second_command_of_a_write_is_remembered(
    tmp_path: Path, server: LyingFtp, command: str, refuse: Callable[[Session], None]
) -> None:
    server.features = ONLY_MLST
    server.hooks[command] = lambda session, _path: refuse(session) if len(server.writes[-1]) > 1 else True
    desk = Desk(tmp_path, server.account_options(timeout=0.5))
    put(desk.outbox, CONTENT, "a.xml", "b.xml", "c.xml")
    assert desk.drop_off().counts["delivered"] == 3
    assert server.files == dict.fromkeys(("input/a.xml", "input/b.xml", "input/c.xml"), CONTENT)
    control._ONE_BY_ONE.clear()  # as in another process
    before = len(server.writes)
    put(desk.outbox, CONTENT, "d.xml", "e.xml")
    assert_delivered(desk.drop_off(), ["d.xml", "e.xml"])
    assert all(len(commands) == 1 for commands in server.writes[before:])


# --- what is no reply


NO_REPLIES = ["what is this?", "9" * 100_000, "", "226-never" + "\r\n more" * 100_000]


@pytest.mark.parametrize("text", NO_REPLIES, ids=len)
def test_one_download_whose_reply_is_none_does_not_keep_the_others(desk: Desk, server: LyingFtp, text: str) -> None:
    names = [f"{number:02}.xml" for number in range(12)]
    server.files.update({f"pickup/{name}": CONTENT for name in names})
    server.hooks["RETR"] = lambda session, path: session.say(text) if path.endswith("/00.xml") else True
    result = desk.pick_up()
    assert {one.name for one in result.outcomes if one.outcome == "delivered"} == set(names[1:])
    assert server.files == {"pickup/00.xml": CONTENT}


@pytest.mark.parametrize("text", NO_REPLIES, ids=len)
def test_one_upload_whose_reply_is_none_does_not_keep_the_others(desk: Desk, server: LyingFtp, text: str) -> None:
    def store(session: Session, path: str) -> None:
        session.store(path, text="")
        session.say(text if server.files[session.path(path)] == b"poison" else "226 done")

    names = [f"{number:02}.xml" for number in range(12)]
    put(desk.outbox, CONTENT, *names)
    (desk.outbox / "00.xml").write_bytes(b"poison")
    server.hooks["STOR"] = store
    result = desk.drop_off()
    assert {one.name for one in result.outcomes if one.outcome == "delivered"} == set(names[1:])
    assert (desk.outbox / "00.xml").read_bytes() == b"poison"


def test_a_port_that_talks_another_language_ends_the_run(desk: Desk, server: LyingFtp) -> None:
    server.hooks["greeting"] = lambda session, _argument: session.say("SSH-2.0-OpenSSH_9.2")
    result = desk.pick_up()
    assert result.error is not None
    assert result.error.reason == "protocol_error"
    assert server.logins == 1
