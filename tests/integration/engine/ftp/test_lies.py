# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FTP servers that lie, break the rules, or fall silent: nothing is lost, delivered twice, or taken for complete."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ftp import control
from support.desk import Desk, assert_delivered, outcomes, put
from support.lying_ftp import LyingFtp, Session

CONTENT = bytes(range(256)) * 400
NEVER_SENT = "never sent"
OLD = ("SIZE", "MDTM")


def once(*answers: Callable[[Session, str], object]) -> Callable[[Session, str], object]:
    """A hook that does each of these once, and then what the server does."""
    left = list(answers)
    return lambda session, argument: left.pop(0)(session, argument) if left else True


# --- downloads


def short(session: Session, _path: str) -> None:
    session.send_data(CONTENT[:1000])


def unended(session: Session, path: str) -> None:
    session.send_data(session.server.files[session.path(path)], ends_tls=False)


def aborted(session: Session, _path: str) -> None:
    session.send_data(CONTENT[:1000], text="426 aborted")


def failed(session: Session, _path: str) -> None:
    session.send_data(CONTENT, text="451 local error")


@pytest.mark.parametrize(
    ("lie", "reason"), [(short, "incomplete"), (aborted, "remote_failure"), (failed, "remote_failure")]
)
def test_a_download_that_is_not_whole_stays_there(
    desk: Desk, server: LyingFtp, lie: Callable[[Session, str], object], reason: str
) -> None:
    server.files["pickup/a.xml"] = CONTENT
    server.hooks["RETR"] = lie
    assert outcomes(desk.pick_up()) == {"a.xml": ("failed", reason)}
    assert server.files == {"pickup/a.xml": CONTENT}
    assert list(desk.inbox.iterdir()) == []
    del server.hooks["RETR"]
    assert_delivered(desk.pick_up(), ["a.xml"])
    assert server.files == {}


def test_a_download_that_goes_on_is_not_taken(desk: Desk, server: LyingFtp) -> None:
    server.files["pickup/a.xml"] = CONTENT
    server.hooks["RETR"] = lambda session, _path: session.send_data(CONTENT + b"more")
    assert outcomes(desk.pick_up()) == {"a.xml": ("failed", "longer_than_listed")}
    assert server.files == {"pickup/a.xml": CONTENT}


def test_a_file_that_changes_during_the_download_stays(desk: Desk, server: LyingFtp) -> None:
    server.files["pickup/a.xml"] = CONTENT

    def change(session: Session, _path: str) -> None:
        session.send_data(CONTENT)
        server.files["pickup/a.xml"] = CONTENT + b"x"

    server.hooks["RETR"] = change
    assert outcomes(desk.pick_up()) == {"a.xml": ("failed", "changed_while_read")}
    assert "pickup/a.xml" in server.files


# --- uploads


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_an_upload_of_which_the_server_has_less_is_not_delivered(desk: Desk, server: LyingFtp, upload: str) -> None:
    put(desk.outbox, CONTENT)
    server.hooks["STOR"] = lambda session, path: session.store(path, keep=1000)
    assert outcomes(desk.drop_off(upload=upload)) == {"a.xml": ("failed", "incomplete")}
    assert server.files == {}
    assert (desk.outbox / "a.xml").read_bytes() == CONTENT


@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize("text", ["426 cut", "451 no", "452 disk full"])
def test_an_upload_that_is_refused_at_its_end_is_sent_again(
    desk: Desk, server: LyingFtp, upload: str, text: str
) -> None:
    put(desk.outbox, CONTENT)
    server.hooks["STOR"] = once(lambda session, path: session.store(path, keep=10, text=text))
    assert outcomes(desk.drop_off(upload=upload))["a.xml"][0] == "failed"
    assert server.files == {}
    assert_delivered(desk.drop_off(upload=upload), ["a.xml"])
    assert server.files == {"input/a.xml": CONTENT}


def test_a_direct_upload_that_is_gone_at_once_is_a_matter_for_ambiguous(desk: Desk, server: LyingFtp) -> None:
    put(desk.outbox, CONTENT)

    def take(session: Session, path: str) -> None:
        session.store(path, text="")
        del server.files[session.path(path)]
        session.say("226 done")

    server.hooks["STOR"] = take
    assert outcomes(desk.drop_off(upload="direct")) == {"a.xml": ("held", "ambiguous")}
    assert (desk.outbox / "a.xml").exists()


def test_a_late_answer_is_waited_for(desk: Desk, server: LyingFtp) -> None:
    put(desk.outbox, CONTENT)
    server.hooks["STOR"] = lambda session, path: session.store(path, wait=2.0)
    assert_delivered(desk.drop_off(), ["a.xml"])


def test_a_name_that_is_taken_in_between_is_not_overwritten(desk: Desk, server: LyingFtp) -> None:
    put(desk.outbox, CONTENT)

    def theirs(session: Session, path: str) -> None:
        session.store(path)
        server.files["input/a.xml"] = b"theirs"

    server.hooks["STOR"] = theirs
    assert outcomes(desk.drop_off()) == {"a.xml": ("waiting", "name_taken")}
    assert server.files == {"input/a.xml": b"theirs"}


@pytest.mark.parametrize("reply", ["550 internal error", "550 permission denied", "450 busy", "451 try again"])
@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_look_that_fails_is_no_free_name(desk: Desk, server: LyingFtp, reply: str, upload: str) -> None:
    server.features = OLD
    server.files["input/a.xml"] = b"theirs"
    put(desk.outbox, CONTENT)
    server.hooks["SIZE"] = lambda session, path: session.say(reply) if path.endswith("a.xml") else True
    result = desk.drop_off(upload=upload)
    assert result.counts["delivered"] == 0
    assert server.files["input/a.xml"] == b"theirs"


# --- sessions


@pytest.mark.parametrize("command", ["STOR", "SIZE", "RNTO", "RETR", "MLSD", "DELE", "EPSV"])
def test_a_session_that_the_server_ends_is_made_again(desk: Desk, server: LyingFtp, command: str) -> None:
    def bye(session: Session, _argument: str) -> None:
        session.say("421 timeout")
        session.end()

    put(desk.outbox, CONTENT)
    server.files["pickup/b.xml"] = CONTENT
    server.hooks[command] = once(bye)
    assert_delivered(desk.drop_off(), ["a.xml"])
    assert_delivered(desk.pick_up(), ["b.xml"])
    assert server.files == {"input/a.xml": CONTENT}
    assert (desk.inbox / "b.xml").read_bytes() == CONTENT
    assert server.logins == 3


def test_a_data_connection_that_never_opens_ends_the_run_in_time(tmp_path: Path, server: LyingFtp) -> None:
    desk = Desk(tmp_path, server.account_options(timeout=0.5))
    server.files["pickup/a.xml"] = CONTENT
    server.hooks["MLSD"] = lambda _session, _path: time.sleep(20)
    began = time.monotonic()
    result = desk.pick_up()
    assert result.error is not None
    assert result.error.reason == "connection_lost"
    assert time.monotonic() - began < 15
    assert server.files == {"pickup/a.xml": CONTENT}


def test_a_port_that_nobody_listens_on_is_named(desk: Desk, server: LyingFtp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    server.hooks["EPSV"] = lambda session, _argument: session.say(f"229 there (|||{port}|)")
    server.hooks["MLSD"] = lambda session, _argument: session.say("425 no data connection")
    result = desk.pick_up()
    assert result.error is not None
    assert result.error.reason == "data_connection_failed"


def test_pasv_is_used_where_epsv_is_refused_and_its_address_is_not(desk: Desk, server: LyingFtp) -> None:
    def foreign(session: Session, _argument: str) -> None:
        port = session.listen()
        session.say(f"227 entering (192,0,2,1,{port // 256},{port % 256})")

    server.hooks["EPSV"] = lambda session, _argument: session.say("500 no EPSV")
    server.hooks["PASV"] = foreign
    put(desk.outbox, CONTENT)
    assert_delivered(desk.drop_off(), ["a.xml"])
    result = desk.drop_off(account={"passive_host": "given", "timeout": 0.5}, job="second")
    assert result.error is None  # nothing to do


def test_epsv_that_is_refused_later_is_not_followed_by_an_upload_that_counts(desk: Desk, server: LyingFtp) -> None:
    """The server refuses EPSV with STOR behind it; then commands go one by one."""
    put(desk.outbox, CONTENT, "a.xml", "b.xml")
    seen: list[str] = []

    def second_time(session: Session, _argument: str) -> object:
        seen.append("EPSV")
        if len(seen) == 2:
            session.say("522 not now")
            return None
        return True

    server.hooks["EPSV"] = second_time
    server.hooks["STOR"] = lambda session, _path: True if session.passive else session.say("425 use PASV first")
    assert_delivered(desk.drop_off(), ["a.xml", "b.xml"])
    assert server.files == {"input/a.xml": CONTENT, "input/b.xml": CONTENT}
    again = [number for number, commands in enumerate(server.writes) if commands[0].startswith("USER")][-1]
    assert again
    assert all(len(commands) == 1 for commands in server.writes[again:])
    control._ONE_BY_ONE.clear()  # as in another process
    before = len(server.writes)
    put(desk.outbox, CONTENT, "c.xml")
    assert_delivered(desk.drop_off(), ["c.xml"])
    assert all(len(commands) == 1 for commands in server.writes[before:])


ALLOWED = ({"SIZE"}, {"RNFR", "RNTO"}, {"EPSV", "STOR"})


def test_only_these_commands_go_in_one_write(desk: Desk, server: LyingFtp) -> None:
    put(desk.outbox, CONTENT, *(f"{number}.xml" for number in range(20)))
    server.files["pickup/b.xml"] = CONTENT
    assert desk.drop_off().counts["delivered"] == 20
    assert_delivered(desk.drop_off(upload="direct", job="direct"), [])
    assert_delivered(desk.pick_up(), ["b.xml"])
    together = [{command.partition(" ")[0] for command in commands} for commands in server.writes if len(commands) > 1]
    assert together
    assert all(names in ALLOWED for names in together)


def test_a_session_that_ended_while_it_was_idle_is_no_reason_to_go_slower(desk: Desk, server: LyingFtp) -> None:
    def bye(session: Session, _argument: str) -> object:
        session.do_mdtm("pickup/a.xml")
        session.say("421 idle for too long")
        return None

    server.features = OLD
    server.files["pickup/a.xml"] = CONTENT
    server.hooks["MDTM"] = once(bye)
    assert_delivered(desk.pick_up(), ["a.xml"])
    put(desk.outbox, CONTENT, "b.xml", "c.xml")
    before = len(server.writes)
    assert_delivered(desk.drop_off(), ["b.xml", "c.xml"])
    assert any(len(commands) == 2 for commands in server.writes[before:])


# --- replies


def test_a_reply_that_comes_byte_by_byte_is_read(desk: Desk, server: LyingFtp) -> None:
    def slowly(session: Session, _argument: str) -> None:
        for letter in b"211-Features:\r\n SIZE\r\n MDTM\r\n MLST size*;\r\n211 End\r\n":
            session.control.sendall(bytes([letter]))

    server.hooks["FEAT"] = slowly
    put(desk.outbox, CONTENT)
    assert_delivered(desk.drop_off(), ["a.xml"])


@pytest.mark.parametrize(
    "text", ["", "nonsense\r\n", "9" * 100_000, "999 what\r\n", "213-never\r\n" + "  more\r\n" * 100_000], ids=len
)
def test_what_is_no_reply_ends_the_run(tmp_path: Path, server: LyingFtp, text: str) -> None:
    desk = Desk(tmp_path, server.account_options(timeout=1))
    put(desk.outbox, CONTENT)
    server.hooks["SIZE"] = lambda session, _argument: session.control.sendall(text.encode())
    result = desk.drop_off()
    assert result.error is not None
    assert result.error.reason in ("protocol_error", "connection_lost")
    assert (desk.outbox / "a.xml").exists()
    assert "input/a.xml" not in server.files


def test_a_missing_150_ends_the_session(tmp_path: Path, server: LyingFtp) -> None:
    desk = Desk(tmp_path, server.account_options(timeout=0.5))
    put(desk.outbox, CONTENT)
    server.hooks["STOR"] = lambda session, _path: session.say("226 done")
    result = desk.drop_off()
    assert result.error is not None
    assert (desk.outbox / "a.xml").exists()
    assert "input/a.xml" not in server.files


def test_binary_mode_is_asked_for_again_where_sizes_need_it(desk: Desk, server: LyingFtp) -> None:
    server.features = OLD
    server.files["pickup/a.xml"] = CONTENT
    server.hooks["SIZE"] = once(lambda session, _path: session.say("550 SIZE not allowed in ASCII mode"))
    assert_delivered(desk.pick_up(), ["a.xml"])
    assert [command for command in server.heard if command.startswith("TYPE")] == ["TYPE I"] * 2


@pytest.mark.parametrize("reply", ["530 Sorry, too many connections", "421 busy"])
def test_a_server_that_is_full_is_busy(desk: Desk, server: LyingFtp, reply: str) -> None:
    server.hooks["PASS"] = once(lambda session, _argument: session.say(reply))
    server.files["pickup/a.xml"] = CONTENT
    assert_delivered(desk.pick_up(), ["a.xml"])


def test_a_password_that_is_echoed_is_masked(desk: Desk, server: LyingFtp) -> None:
    server.hooks["PASS"] = lambda session, argument: session.say(f"530 wrong: {argument}")
    result = desk.pick_up()
    assert result.error is not None
    assert result.error.reason == "login_refused"
    assert "***" in str(result.error)
    assert "a pass word" not in str(result.error)
