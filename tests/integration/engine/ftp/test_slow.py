# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FTP servers that are slow: each command and each data connection has the timeout, and a silent one ends in time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ftp import data
from support.desk import Desk, assert_delivered
from support.lying_ftp import LyingFtp, Session

CONTENT = bytes(range(256)) * 400


def slow(_session: Session, _argument: str) -> bool:
    time.sleep(0.6)
    return True


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_each_command_of_an_upload_has_the_timeout_for_itself(tmp_path: Path, server: LyingFtp, upload: str) -> None:
    desk = Desk(tmp_path, server.account_options(timeout=1.0))
    (desk.outbox / "a.xml").write_bytes(CONTENT)
    server.hooks.update(dict.fromkeys(("MLST", "SIZE", "EPSV"), slow))
    server.hooks["STOR"] = lambda session, path: session.store(path, wait=0.6)
    assert_delivered(desk.drop_off(upload=upload), ["a.xml"])
    assert server.logins == 1


def test_each_command_of_a_download_has_the_timeout_for_itself(tmp_path: Path, server: LyingFtp) -> None:
    desk = Desk(tmp_path, server.account_options(timeout=1.0))
    server.files["pickup/a.xml"] = CONTENT
    server.hooks.update(dict.fromkeys(("EPSV", "RETR", "DELE", "MDTM", "MLSD"), slow))
    assert_delivered(desk.pick_up(), ["a.xml"])
    assert server.logins == 1


def test_a_download_that_trickles_is_given_up(tmp_path: Path, server: LyingFtp) -> None:
    def trickle(session: Session, _path: str) -> None:
        session.say("150 here it comes")
        with session.data() as data:
            while True:
                data.sendall(b"x")
                time.sleep(0.1)

    desk = Desk(tmp_path, server.account_options(timeout=0.5))
    server.files["pickup/a.xml"] = CONTENT
    server.hooks["RETR"] = trickle
    assert desk.pick_up().counts["delivered"] == 0
    assert server.files == {"pickup/a.xml": CONTENT}


@contextmanager
def unanswered_port() -> Iterator[int]:
    """A port that lets no connection in and refuses none, as behind a firewall: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _full in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("answer", ["150 go on", ""])
@pytest.mark.parametrize("mode", ["pickup", "rename"])
def test_a_port_behind_a_firewall_is_named(tmp_path: Path, server: LyingFtp, mode: str, answer: str) -> None:
    desk = Desk(tmp_path, server.account_options(timeout=0.5))
    with unanswered_port() as port:
        server.hooks["EPSV"] = lambda session, _argument: session.say(f"229 there (|||{port}|)")
        server.hooks.update(dict.fromkeys(("MLSD", "STOR"), lambda session, _path: answer and session.say(answer)))
        (desk.outbox / "a.xml").write_bytes(CONTENT)
        result = desk.run(desk.job_of(mode))
    assert result.error is not None
    assert result.error.reason == "data_connection_failed"
    assert f"port {port}: timed out" in result.error.finding


@pytest.mark.parametrize("said", ["226 done", "150 still at it"])
@pytest.mark.parametrize("command", ["RETR", "MLSD"])
def test_a_reply_may_overtake_the_data(
    tmp_path: Path, server: LyingFtp, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    def pause(session: Session, path: str) -> None:
        content = f"size=3;type=file; a.xml\r\nsize={len(CONTENT)};type=file; b.xml\r\n".encode()
        content = content if command == "MLSD" else server.files[session.path(path)]
        session.say("150 here it comes")
        with session.data() as link:
            link.sendall(content[:25])
            time.sleep(0.1)
            session.say(said)
            time.sleep(0.6)
            link.sendall(content[25:])
        if said[0] == "1":
            session.say("226 done")

    monkeypatch.setattr(data, "GRACE", 0.2)
    desk = Desk(tmp_path, server.account_options(timeout=2))
    server.files.update({"pickup/a.xml": b"abc", "pickup/b.xml": CONTENT})
    server.hooks[command] = pause
    assert_delivered(desk.pick_up(), ["a.xml", "b.xml"])
    assert (desk.inbox / "b.xml").read_bytes() == CONTENT


@pytest.mark.parametrize("said", ["226 done", "150 here it comes\r\n226 done"])
def test_a_data_connection_that_is_never_ended_costs_little(
    tmp_path: Path, server: LyingFtp, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    kept: list[socket.socket] = []

    def keep(session: Session, path: str) -> None:
        if said[0] != "1":
            session.say("150 here it comes")
        kept.append(session.data())
        kept[-1].sendall(server.files[session.path(path)])
        session.say(said)

    monkeypatch.setattr(data, "GRACE", 0.2)
    desk = Desk(tmp_path, server.account_options(timeout=60))
    server.files["pickup/a.xml"] = CONTENT
    server.hooks["RETR"] = keep
    assert_delivered(desk.pick_up(), ["a.xml"])
