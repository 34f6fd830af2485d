# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that can do less than OpenSSH's, do otherwise than they say, or lie.

OpenSSH's server where it can be told to, else the sandbox with a fault.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Fault, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Folders, Sandbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Code,
    Data,
    Kind,
    Name,
    Names,
    Stats,
    Status,
)
from support.desk import MODES, Desk, assert_delivered, digests, fill, outcomes
from support.sshd import SshServer, user_key

START = Callable[..., tuple[Desk, Folders]]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[START]:
    """Start the sandbox with these faults; a desk with an account there, and the account's folders."""
    started: list[Sandbox] = []

    def start(*faults: Fault | str, **options: object) -> tuple[Desk, Folders]:
        sandbox = Sandbox(
            tmp_path / "provider",
            accounts=[account("2001234", public_keys=[user_key().public])],
            faults=faults,
            **{"import_delay": 3600.0, **options},  # type: ignore[arg-type]
        )
        sandbox.start()
        started.append(sandbox)
        options = {
            "host": sandbox.host,
            "port": sandbox.port,
            "username": "2001234",
            "private_key_file": str(user_key().path),
            "host_keys": list(sandbox.host_keys),
            "account": "provider",
        }
        return Desk(tmp_path, options), sandbox.folders("2001234")

    yield start
    for sandbox in started:
        sandbox.stop()


def _source(desk: Desk, there: Folders, mode: str) -> Path:
    return there.pickup if mode == "pickup" else desk.outbox


def _target(desk: Desk, there: Folders, mode: str) -> Path:
    return desk.inbox if mode == "pickup" else there.input


# What a server may lack


def test_without_the_right_to_rename_one_file_tries_and_the_way_out_is_told(
    tmp_path: Path, start_sshd: Callable[..., SshServer]
) -> None:
    server = start_sshd(sftp_options="-P rename")
    desk = Desk(tmp_path, server.account_options())
    sent = fill(desk.outbox, 5)
    for _run in range(2):
        result = desk.drop_off()
        assert result.error is not None
        assert result.error.reason == "rename_refused"
        assert "upload: direct" in result.error.way_out
        assert {one.reason for one in result.outcomes} == {"rename_refused", "not_reached"}
        assert list(server.input.iterdir()) == []
        assert digests(desk.outbox) == sent
    assert_delivered(desk.drop_off(upload="direct"), sent)
    assert digests(server.input) == sent


@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize(
    ("denied", "reason"),
    [
        ("fstat", None),
        ("lstat", None),
        ("stat,lstat,fstat", None),
        ("lstat,stat,opendir", "stat_refused"),
        ("stat,lstat,fstat,opendir", "stat_refused"),
    ],
)
def test_without_the_right_to_look_nothing_is_sent_unseen(
    tmp_path: Path, start_sshd: Callable[..., SshServer], upload: str, denied: str, reason: str | None
) -> None:
    server = start_sshd(sftp_options=f"-P {denied}")
    desk = Desk(tmp_path, server.account_options())
    sent = fill(desk.outbox, 3)
    result = desk.drop_off(upload=upload)
    if reason is None:
        assert_delivered(result, sent)
        assert digests(server.input) == sent
    else:
        assert result.error is not None
        assert result.error.reason == reason
        assert result.error.way_out
        assert digests(desk.outbox) == sent
        assert digests(server.input) == {}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lack", ["no_extensions", "setstat_refused"])
def test_what_is_not_needed_may_be_missing(provider: START, mode: str, lack: str) -> None:
    desk, there = provider(lack)
    sent = fill(_source(desk, there, mode), 20, 100_000)
    assert_delivered(desk.run(desk.job_of(mode)), sent)
    assert digests(_target(desk, there, mode)) == sent


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_files_that_are_taken_the_moment_they_are_complete_are_delivered(provider: START, upload: str) -> None:
    desk, there = provider(import_delay=0.0)
    sent = fill(desk.outbox, 20)
    assert_delivered(desk.drop_off(upload=upload), sent)
    assert digests(there.input) == {}
    assert digests(desk.archive) == sent
    assert sorted(digests(there.imported).values()) == sorted(sent.values())
    assert_delivered(desk.drop_off(upload=upload), [])


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_refused_close_is_no_delivery(provider: START, upload: str) -> None:
    desk, there = provider("close_fails")
    sent = fill(desk.outbox, 3)
    result = desk.drop_off(upload=upload)
    assert {one.outcome for one in result.outcomes} <= {"failed", "waiting"}
    assert "not_completed" in {one.reason for one in result.outcomes}
    assert digests(desk.outbox) == sent
    assert list(there.input.iterdir()) == []


def test_a_listing_that_is_refused_is_told(provider: START) -> None:
    desk, _there = provider("listing_refused")
    error = desk.refusal(desk.job("pickup"))
    assert error.reason == "remote_denied"
    assert "'pickup'" in error.finding


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_name_is_not_overwritten_where_exclusive_creation_is_a_mere_word(provider: START, upload: str) -> None:
    desk, there = provider("exclusive_ignored")
    sent = fill(desk.outbox, 3)
    first, *rest = sorted(sent)
    (there.input / first).write_bytes(b"theirs")
    result = desk.drop_off(upload=upload)
    assert outcomes(result) == {first: ("waiting", "name_taken"), **dict.fromkeys(rest, ("delivered", ""))}
    assert (there.input / first).read_bytes() == b"theirs"
    assert digests(desk.outbox).keys() == {first}


# What a server may do otherwise


class Altered(Fault):
    """Changes the answers to requests of one kind."""

    def __init__(self, kind: Kind, change: Callable[[Call, Answer], Answer]) -> None:
        self._kind = kind
        self._change = change

    def serve(self, call: Call, go: Serve) -> Answer | None:
        answer = go(call.request)
        return self._change(call, answer) if call.request.kind == self._kind and answer is not None else answer


def _short(_call: Call, answer: Answer) -> Answer:
    return Data(answer.data[: max(1, len(answer.data) // 3)]) if isinstance(answer, Data) else answer


def test_answers_shorter_than_asked_for_are_put_together(provider: START) -> None:
    desk, there = provider(Altered(Kind.READ, _short))
    sent = fill(there.pickup, 3, 300_000)
    assert_delivered(desk.pick_up(), sent)
    assert digests(desk.inbox) == sent


@pytest.mark.parametrize("end", [0, 40_000, 99_999])
def test_a_download_that_is_cut_short_is_no_delivery_whatever_the_server_says(provider: START, end: int) -> None:
    def cut(call: Call, answer: Answer) -> Answer:
        if not call.path.endswith(b"cut.xml") or not isinstance(answer, Data):
            return answer
        data = answer.data[: max(0, end - call.request.offset)]
        return Data(data) if data else Status(Code.EOF)

    desk, there = provider(Altered(Kind.READ, cut))
    (there.pickup / "cut.xml").write_bytes(b"x" * 100_000)
    (there.pickup / "good.xml").write_bytes(b"good")
    result = desk.pick_up()
    assert result.error is None
    assert outcomes(result) == {"good.xml": ("delivered", ""), "cut.xml": ("failed", "incomplete")}
    assert f"{end} of 100000 bytes" in result.outcomes[0].message
    assert {path.name for path in desk.inbox.iterdir()} == {"good.xml"}
    assert digests(there.pickup).keys() == {"cut.xml"}


def test_a_file_that_goes_on_beyond_its_size_is_no_delivery(provider: START) -> None:
    def smaller(call: Call, answer: Answer) -> Answer:
        if not call.path.endswith(b"long.xml") or not isinstance(answer, Stats):
            return answer
        return Stats(dataclasses.replace(answer.attributes, size=10))

    def listed(_call: Call, answer: Answer) -> Answer:
        if not isinstance(answer, Names):
            return answer
        return Names(
            [
                Name(one.name, dataclasses.replace(one.attributes, size=10)) if one.name == b"long.xml" else one
                for one in answer.names
            ]
        )

    desk, there = provider(
        Altered(Kind.STAT, smaller),
        Altered(Kind.LSTAT, smaller),
        Altered(Kind.FSTAT, smaller),
        Altered(Kind.READDIR, listed),
    )
    (there.pickup / "long.xml").write_bytes(b"x" * 1_000_000)
    (there.pickup / "good.xml").write_bytes(b"good")
    result = desk.pick_up()
    assert outcomes(result) == {"good.xml": ("delivered", ""), "long.xml": ("failed", "longer_than_listed")}
    assert {path.name for path in desk.inbox.iterdir()} == {"good.xml"}
    assert digests(there.pickup).keys() == {"long.xml"}


EVIL = [b"../evil", b"/etc/evil", b"a/b", b"..", b".", b"", b"a\x00b", b"\x1b[2J", b"\xff", b"n" * 256, b"n" * 100_000]


@pytest.mark.parametrize("evil", EVIL, ids=lambda name: repr(name[:10]) + str(len(name)))
def test_no_name_of_a_server_leads_out_of_the_destination(provider: START, evil: bytes) -> None:
    told: list[bytes] = []

    def listed(_call: Call, answer: Answer) -> Answer:
        if not isinstance(answer, Names) or told:
            return answer
        told.append(evil)
        return Names([*answer.names, Name(evil, wire.Attributes(size=4, permissions=0o100644, mtime=1))])

    desk, there = provider(Altered(Kind.READDIR, listed))
    (there.pickup / "good.xml").write_bytes(b"good")
    result = desk.pick_up()
    assert result.error is None
    found = outcomes(result)
    assert found.pop("good.xml") == ("delivered", "")
    assert set(found.values()) <= {("failed", "name_refused")}
    assert all(one.as_dict()["name"].isprintable() for one in result.outcomes)
    new = [path for path in desk.inbox.parent.rglob("*") if path.stat().st_size == 4 and path.parts[-2] != "pickup"]
    assert new == [desk.inbox / "good.xml"]
    assert list(desk.inbox.iterdir()) == new


def test_a_name_that_is_listed_twice_is_fetched_once(provider: START) -> None:
    def twice(_call: Call, answer: Answer) -> Answer:
        return Names([*answer.names, *answer.names]) if isinstance(answer, Names) else answer

    desk, there = provider(Altered(Kind.READDIR, twice))
    (there.pickup / "report.xml").write_bytes(b"report")
    result = desk.pick_up()
    assert sorted(one.outcome for one in result.outcomes) in (["delivered"], ["delivered", "failed"])
    assert digests(desk.inbox).keys() == {"report.xml"}
    assert digests(there.pickup) == {}


@pytest.mark.parametrize("mode", MODES)
def test_a_request_that_is_never_answered_ends_within_the_timeout(provider: START, mode: str) -> None:
    class Deaf(Fault):
        def serve(self, call: Call, go: Serve) -> Answer | None:
            answer = go(call.request)
            return None if call.request.kind == Kind.OPEN else answer

    desk, there = provider(Deaf())
    sent = fill(_source(desk, there, mode), 3)
    error = desk.refusal(desk.job_of(mode), {"timeout": 0.5})
    assert error.reason == "connection_lost"
    assert "0.5 s" in error.finding
    assert digests(_source(desk, there, mode)) == sent


def test_a_listing_without_end_is_given_up(provider: START) -> None:
    class Endless(Fault):
        def serve(self, call: Call, go: Serve) -> Answer | None:
            if call.request.kind != Kind.READDIR:
                return go(call.request)
            number = call.request.number
            return Names([Name(b"%d-%d" % (number, one) + b"x" * 200) for one in range(700)])

    desk, _there = provider(Endless())
    error = desk.refusal(desk.job("pickup"))
    assert error.reason == "listing_endless"
    assert "'pickup'" in error.finding
    assert list(desk.inbox.iterdir()) == []
