# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions with servers that do not keep to the protocol, or do not answer at all."""

from __future__ import annotations

import struct
import time
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    FiledropError,
    ProtocolError,
    RemoteDenied,
    RemoteError,
    UnreachableError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry, entries_in
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind, Reply, Status
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Version as VersionReply
from support.odd_server import Bytes, OddServer, Packet, drive
from support.pipe import PipeChannel


async def look(remote: SftpRemote, path: str = "pickup") -> Entry | None:
    return await remote.stat(path)


def refuse_to_look(server: OddServer, answer: Answer) -> None:
    """Answer every request so by which a session can tell what a path is."""
    for kind in (Kind.LSTAT, Kind.STAT, Kind.OPENDIR):
        server.answer(kind, answer)


def error_of(remote: SftpRemote, path: str = "pickup") -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        drive(remote, look(remote, path))
    return caught.value


def be_impatient(remote: SftpRemote, seconds: float) -> None:
    """Only now, for on a machine that is busy the login may take a while."""
    for session in remote._sessions.all:
        session.timeout = seconds


# --- its beginning


def test_a_session_knows_what_the_server_offers(server: OddServer) -> None:
    info = server.connect().info()
    assert info["sftp_version"] == 3
    assert "limits@openssh.com" in info["extensions"]
    assert info["limits"]["read"] > 200_000


@pytest.mark.parametrize(
    "greeting",
    [b"Welcome to ACME!\r\n", b"\0\0\0\0", b"\0\0\0\4\2\0\0\0", b"\xff\xff\xff\xff\2\0\0\0\3", b"\1\0\0\1\2\0\0\0\3"],
)
def test_what_is_not_sftp_is_told_with_what_came(server: OddServer, greeting: bytes) -> None:
    """As of a login script that prints something, or of a length that is absurd."""
    server.answer(Kind.INIT, Bytes(greeting))
    with pytest.raises(ProtocolError) as caught:
        server.connect()
    assert caught.value.reason == "not_sftp"
    assert repr(greeting)[2:-1] in caught.value.finding
    assert caught.value.way_out


@pytest.mark.parametrize("version", [0, 2, 4, 6, 2**32 - 1])
def test_another_version_is_refused(server: OddServer, version: int) -> None:
    server.answer(Kind.INIT, VersionReply(version))
    with pytest.raises(ProtocolError) as caught:
        server.connect()
    assert caught.value.reason == "sftp_version"
    assert str(version) in caught.value.finding


@pytest.mark.parametrize(
    "answer",
    [Status(Code.FAILURE, "no"), Bytes(b"\0\0\0\x0a\2\0\0\0\3\0\0\0\x10a"), Bytes(b"\0\0\0\6\2\0\0\0\3x")],
)
def test_a_greeting_that_is_no_version_is_a_breach_of_the_protocol(server: OddServer, answer: Answer) -> None:
    server.answer(Kind.INIT, answer)
    with pytest.raises(ProtocolError):
        server.connect()


@pytest.mark.parametrize("kind", [Kind.INIT, Kind.EXTENDED])
def test_a_server_that_is_silent_from_the_beginning_is_noticed_in_time(server: OddServer, kind: Kind) -> None:
    server.answer(kind, None)
    began = time.monotonic()
    with pytest.raises(ConnectionLost) as caught:
        server.connect(timeout=3.0)
    assert 3.0 <= time.monotonic() - began < 20
    assert "3 seconds" in caught.value.finding
    assert "timeout" in caught.value.way_out


def test_a_server_that_cuts_the_session_at_its_beginning_is_told(server: OddServer) -> None:
    def cut(_call: Call, _go: Serve) -> Answer | None:
        raise Cut

    server.hooks[Kind.INIT] = cut
    with pytest.raises((ConnectionLost, UnreachableError)) as caught:
        server.connect(timeout=3.0)
    assert "has not answered" not in caught.value.finding


def test_a_greeting_may_come_in_pieces_and_together_with_what_follows(server: OddServer) -> None:
    def in_pieces(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return answer and Bytes(answer.encode(call.request.number))

    server.hooks[Kind.INIT] = in_pieces
    remote = server.connect()
    assert drive(remote, look(remote)) is not None


# --- limits


def test_without_the_extension_requests_are_of_the_size_that_every_server_takes(server: OddServer) -> None:
    server.answer(Kind.INIT, VersionReply(extensions=()))
    assert not server.connect().info()["limits"]["read"]
    assert Kind.EXTENDED not in {kind for kind, _length in server.seen}


@pytest.mark.parametrize("refusal", [Status(Code.OP_UNSUPPORTED), Status(Code.FAILURE), Status(Code.PERMISSION_DENIED)])
def test_limits_that_are_promised_and_then_refused_are_none(server: OddServer, refusal: Answer) -> None:
    server.answer(Kind.EXTENDED, refusal)
    remote = server.connect()
    assert remote.info()["limits"] == {"packet": 0, "read": 0, "write": 0, "handles": 0}
    assert drive(remote, look(remote)) is not None


@pytest.mark.parametrize("length", [0, 8, 31])
def test_limits_that_are_cut_short_are_a_breach_of_the_protocol(server: OddServer, length: int) -> None:
    server.answer(Kind.EXTENDED, Reply(bytes(length)))
    with pytest.raises(ProtocolError):
        server.connect()


@pytest.mark.parametrize("limit", [0, 1, 2**64 - 1])
def test_limits_may_be_anything(server: OddServer, limit: int) -> None:
    server.answer(Kind.EXTENDED, Reply(struct.pack(">QQQQ", limit, limit, limit, limit)))
    remote = server.connect()
    assert len(drive(remote, entries_in(remote, "."))) > 1
    session = remote._sessions.all[0]
    assert 1 <= session.read_chunk <= 261120
    assert 1 <= session.write_chunk <= 261120


# --- answers that break the rules

ATTRIBUTES = struct.pack(">IQIIIII", 15, 1, 0, 0, 0o100644, 0, 0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Packet(Kind.ATTRS, ATTRIBUTES, further=1), "protocol_error"),
        (Packet(Kind.ATTRS, ATTRIBUTES, further=-1), "protocol_error"),
        (Packet(Kind.ATTRS, ATTRIBUTES[:-1]), "protocol_error"),
        (Packet(Kind.ATTRS), "protocol_error"),
        (Packet(Kind.ATTRS, b"\x80\0\0\0\xff\xff\xff\xff"), "protocol_error"),
        (Packet(Kind.HANDLE, b"\0\0\0\1h"), "protocol_error"),
        (Packet(Kind.VERSION), "protocol_error"),
        (Packet(255), "protocol_error"),
        (Packet(Kind.STATUS), "protocol_error"),
        (Packet(Kind.STATUS, b"\0\0\0"), "protocol_error"),
        (Bytes(b"\xff\xff\xff\xff" + bytes(100)), "not_sftp"),
        (Bytes(b"\1\0\0\1" + bytes(100)), "not_sftp"),
        (Bytes(bytes(4)), "not_sftp"),
        (Bytes(b"\0\0\0\4\x69\0\0\0"), "not_sftp"),
        (Bytes(b"Connection closed by administrator"), "not_sftp"),
    ],
)
def test_an_answer_that_breaks_the_rules_is_an_error_at_once(server: OddServer, answer: Answer, reason: str) -> None:
    remote = server.connect()
    server.answer(Kind.LSTAT, answer)
    began = time.monotonic()
    error = error_of(remote)
    assert isinstance(error, ProtocolError)
    assert error.reason == reason
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "answer",
    [
        Packet(Kind.ATTRS, ATTRIBUTES, further=1000),
        Packet(Kind.ATTRS, b""),
        Packet(Kind.STATUS, b""),
        Packet(Kind.NAME, b""),
        Bytes(b"\xff\xff\xff\xff"),
    ],
)
def test_whoever_waits_on_a_session_that_breaks_the_rules_gets_the_same_error(
    server: OddServer, answer: Answer
) -> None:
    remote = server.connect()
    server.answer(Kind.LSTAT, None, None, answer)
    errors: list[Exception] = []

    async def watch(path: str) -> None:
        try:
            await remote.stat(path)
        except ProtocolError as error:
            errors.append(error)

    driver = Loop(remote)
    driver.run(driver.each(watch, [f"pickup/{number}" for number in range(3)], width=3))
    assert len(errors) == 3
    assert len({str(error) for error in errors}) == 1
    assert str(error_of(remote)) == str(errors[0])


def test_the_same_answer_twice_is_a_breach_of_the_protocol(server: OddServer) -> None:
    remote = server.connect()

    def twice(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return answer and Bytes(answer.encode(call.request.number) * 2)

    server.hooks[Kind.LSTAT] = twice

    async def look_twice() -> Any:
        return await remote.stat("pickup"), await remote.stat("pickup")

    with pytest.raises(ProtocolError) as caught:
        drive(remote, look_twice())
    assert "nobody made" in caught.value.finding


# --- silence and endings


def test_a_server_that_falls_silent_is_noticed_in_time(server: OddServer) -> None:
    remote = server.connect()
    assert drive(remote, look(remote)) is not None
    be_impatient(remote, 1.0)
    server.answer(Kind.LSTAT, None)
    began = time.monotonic()
    error = error_of(remote)
    assert isinstance(error, ConnectionLost)
    assert 0.9 <= time.monotonic() - began < 15
    assert "1 seconds" in error.finding


@pytest.mark.parametrize("connections", [1, 2])
def test_half_an_answer_is_none(server: OddServer, connections: int) -> None:
    remote = server.connect(connections=connections)
    be_impatient(remote, 1.0)
    server.answer(Kind.LSTAT, Bytes(b"\0\0\0\x25\x69\0\0"))
    began = time.monotonic()
    assert isinstance(error_of(remote), ConnectionLost)
    assert 0.9 <= time.monotonic() - began < 15


def test_to_be_idle_is_not_to_be_silent(server: OddServer) -> None:
    remote = server.connect()
    be_impatient(remote, 1.0)
    time.sleep(1.3)
    assert drive(remote, look(remote)) is not None


def test_to_have_heard_no_question_is_not_to_be_silent(server: OddServer) -> None:
    remote = server.connect()
    be_impatient(remote, 1.0)
    remote.stat("pickup")
    time.sleep(1.3)
    remote.poll(0.0)
    assert drive(remote, look(remote)) is not None


@pytest.mark.parametrize("connections", [1, 2])
def test_a_slow_server_is_waited_for_as_long_as_it_says_something(server: OddServer, connections: int) -> None:
    remote = server.connect(connections=connections)
    be_impatient(remote, 2.0)

    def slowly(call: Call, go: Serve) -> Answer | None:
        time.sleep(0.6)
        return go(call.request)

    server.hooks[Kind.LSTAT] = slowly
    began = time.monotonic()

    async def several() -> list[Entry | None]:
        return [await remote.stat("pickup") for _question in range(4)]

    assert all(drive(remote, several()))
    assert time.monotonic() - began > 2.0


@pytest.mark.parametrize("connections", [1, 2])
def test_a_cut_connection_is_noticed_at_once_by_all_that_wait(server: OddServer, connections: int) -> None:
    remote = server.connect(connections=connections)
    asked = [0]

    def cut_at_the_third(_call: Call, _go: Serve) -> Answer | None:
        asked[0] += 1
        if asked[0] == 3:
            server.cut()
        return None

    server.hooks[Kind.LSTAT] = cut_at_the_third
    began = time.monotonic()

    async def watch(path: str) -> str:
        try:
            await remote.stat(path)
        except ConnectionLost as error:
            return error.reason
        return ""

    reasons: list[str] = []

    async def note(path: str) -> None:
        reasons.append(await watch(path))

    driver = Loop(remote)
    driver.run(driver.each(note, [str(number) for number in range(6)], width=6))
    assert reasons == ["connection_lost"] * 6
    assert time.monotonic() - began < 10
    assert isinstance(error_of(remote), ConnectionLost)


@pytest.mark.parametrize("connections", [1, 2])
def test_a_session_that_the_server_ends_is_noticed_at_once(server: OddServer, connections: int) -> None:
    remote = server.connect(connections=connections)

    def end(_call: Call, _go: Serve) -> Answer | None:
        raise OSError("the session ends")

    server.hooks[Kind.LSTAT] = end
    began = time.monotonic()
    assert isinstance(error_of(remote), ConnectionLost)
    assert time.monotonic() - began < 10


def test_what_is_asked_of_a_closed_session_fails_at_once(server: OddServer) -> None:
    remote = server.connect()
    remote.close()
    assert isinstance(error_of(remote), ConnectionLost)


# --- numbers and refusals


def test_request_numbers_begin_anew_after_the_last(server: OddServer) -> None:
    remote = server.connect()
    remote._sessions.all[0]._next_id = 2**32 - 2

    async def several() -> list[Entry | None]:
        asked = [remote.stat(path) for path in ("pickup", "input", "nowhere", "pickup")]
        return [await answer for answer in asked]

    assert [found and found.name for found in drive(remote, several())] == ["pickup", "input", None, "pickup"]


def test_answers_may_come_in_any_order(server: OddServer) -> None:
    remote = server.connect()
    kept: list[bytes] = []

    def backwards(call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        kept.insert(0, answer.encode(call.request.number) if answer else b"")
        return Bytes(b"".join(kept)) if len(kept) == 3 else None

    server.hooks[Kind.LSTAT] = backwards

    async def several() -> list[Entry | None]:
        asked = [remote.stat(path) for path in ("pickup", "nowhere", "input")]
        return [await answer for answer in asked]

    assert [found and found.name for found in drive(remote, several())] == ["pickup", None, "input"]


def test_a_refusal_ends_nothing(server: OddServer) -> None:
    remote = server.connect()
    refuse_to_look(server, Status(Code.PERMISSION_DENIED, "not you"))
    error = error_of(remote)
    assert isinstance(error, RemoteDenied)
    assert "'not you'" in error.finding
    assert "'pickup'" in error.finding
    server.hooks.clear()
    assert drive(remote, look(remote)) is not None


def test_a_name_that_the_server_cannot_store_is_its_own_trouble_alone(server: OddServer) -> None:
    """OpenSSH says BAD_MESSAGE to ENAMETOOLONG and EINVAL."""
    remote = server.connect()
    name = "pickup/" + "x" * 256
    assert drive(remote, look(remote, name)) is None
    server.answer(Kind.OPENDIR, Status(Code.PERMISSION_DENIED))
    error = error_of(remote, name)
    assert isinstance(error, RemoteError)
    assert error.reason == "remote_bad_message"
    assert drive(remote, look(remote)) is not None


@pytest.mark.parametrize("text", [b"", b"\0\0", b"\0\0\0\x10no", b"\xff\xff\xff\xff", b"\0\0\0\2no"])
def test_a_refusal_needs_no_words(server: OddServer, text: bytes) -> None:
    remote = server.connect()
    refuse_to_look(server, Packet(Kind.STATUS, b"\0\0\0\4" + text))
    assert error_of(remote).__class__ is RemoteError
    server.hooks.clear()
    assert drive(remote, look(remote)) is not None


def test_an_ok_that_has_no_answer_with_it_is_a_refusal(server: OddServer) -> None:
    remote = server.connect()
    refuse_to_look(server, Status(Code.PERMISSION_DENIED))
    server.answer(Kind.LSTAT, Status(Code.OK))
    error = error_of(remote)
    assert error.__class__ is RemoteError
    assert "OK" in error.finding
    server.hooks.clear()
    assert drive(remote, look(remote)) is not None


# --- the window


def test_all_that_is_asked_for_fits_into_the_window_with_what_is_around_it(server: OddServer) -> None:
    """Else the server could wait for us to read, while we wait for it to read what we send."""
    (session,) = server.connect()._sessions.all
    assert session.reading.total <= PipeChannel.window * 3 // 4


@pytest.mark.parametrize("connections", [1, 2, 3, 16])
def test_many_sessions_keep_no_more_in_memory_than_two(server: OddServer, connections: int) -> None:
    """The unit of a job has little memory: a run with 16 connections once took 820 MiB."""
    sessions = server.connect(connections=connections)._sessions.all
    assert len(sessions) == connections
    for limiter, most in (("reading", 24), ("holding", 32)):
        totals = [getattr(session, limiter).total for session in sessions]
        assert sum(totals) <= 2 * most * 1024**2
        assert min(totals) >= 1024**2
