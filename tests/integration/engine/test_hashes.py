# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`verify: hash` over SFTP: the server's own digest of a file (`check-file`) decides. For FTP see `ftp`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Code,
    Kind,
    Reader,
    Reply,
    Request,
    Status,
    string,
)
from support import odd_desk
from support.desk import Desk, assert_delivered, digests, fill
from support.odd_server import OddServer
from support.ssh_servers import serving, why_not
from support.sshd import SshServer

from .test_ways_in import BOTH

Answering = Callable[[bytes], Answer]
CONTENT = b"content"


@BOTH
@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_proftpd_proves_files_both_ways_and_an_empty_one_by_its_size(
    tmp_path: Path, transport: str, upload: str
) -> None:
    if reason := why_not("proftpd"):
        pytest.skip(reason)
    with serving("proftpd", tmp_path / "server") as server:
        desk = Desk(tmp_path, {**server.options, "transport": transport, "account": "acme"})
        (desk.outbox / "empty.xml").touch()
        names = fill(desk.outbox, 20, 3000)
        sent = desk.drop_off(verify="hash", upload=upload)
        assert_delivered(sent, names)
        assert {one.verified_by for one in sent.outcomes if one.size} == {"hash"}
        assert {one.verified_by for one in sent.outcomes if not one.size} <= {"size", "open handle"}
        for path in server.input.iterdir():
            path.rename(server.pickup / path.name)
        fetched = desk.pick_up(verify="hash")
        assert_delivered(fetched, names)
        assert {one.verified_by for one in fetched.outcomes} == {"hash"}
        assert digests(desk.inbox) == names


@BOTH
@pytest.mark.parametrize("check", [True, False])
def test_openssh_is_refused_before_anything_is_sent(
    tmp_path: Path, sshd: SshServer, transport: str, check: bool
) -> None:
    desk = Desk(tmp_path, sshd.account_options(transport=transport))
    (desk.outbox / "a.xml").write_bytes(CONTENT)
    (sshd.pickup / "b.xml").write_bytes(CONTENT)
    for direction in ("dropoff", "pickup"):
        result = desk.run(desk.job(direction, verify="hash"), check=check)
        assert result.error is not None
        assert result.error.reason == "hash_unsupported"
        assert "SFTP status 8" in result.error.finding
        assert "`verify: size`" in result.error.way_out
    assert digests(sshd.input) == digests(desk.inbox) == {}
    assert (desk.outbox / "a.xml").exists()


def test_a_server_without_digests_sees_no_file(server: OddServer, tmp_path: Path) -> None:
    desk = odd_desk.Desk(tmp_path, server)
    desk.fill(3)
    assert desk.run(desk.dropoff(verify="hash")).error is not None
    assert not {Kind.OPEN, Kind.WRITE, Kind.REMOVE} & {kind for kind, _length in server.seen}


def told(algorithm: str, *, draft: bool = False, of: str = "") -> Answering:
    """Answer with a digest, of another algorithm than it is called if that is given."""
    head = (string(b"check-file") if draft else b"") + string(algorithm.encode())
    return lambda content: Reply(head + hashlib.new(of or algorithm, content).digest())


def offer(server: OddServer, answering: Answering) -> None:
    """Let a server know the request, as far as files are asked for."""

    def serve(call: Call, go: Callable[[Request], Answer | None]) -> Answer | None:
        if call.request.extension != b"check-file-name":
            return go(call.request)
        path = server.input.parent / Reader(call.request.data).string().decode()
        return answering(path.read_bytes()) if path.is_file() else Status(Code.FAILURE, "it is a folder")

    server.hooks[Kind.EXTENDED] = serve


def desk_of(server: OddServer, tmp_path: Path) -> odd_desk.Desk:
    desk = odd_desk.Desk(tmp_path, server)
    (desk.outbox / "a.xml").write_bytes(CONTENT)
    (server.pickup / "b.xml").write_bytes(CONTENT)
    return desk


@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
@pytest.mark.parametrize("draft", [True, False])
def test_the_digest_proves_a_transfer(
    server: OddServer, tmp_path: Path, upload: str, algorithm: str, draft: bool
) -> None:
    desk = desk_of(server, tmp_path)
    offer(server, told(algorithm, draft=draft))
    sent = desk.run(desk.dropoff(verify="hash", upload=upload))
    fetched = desk.run(desk.pickup(verify="hash"))
    assert [(one.outcome, one.verified_by) for one in (*sent.outcomes, *fetched.outcomes)] == [
        ("delivered", "hash")
    ] * 2


LIES: dict[str, tuple[Answering, str, str]] = {
    "other content": (lambda content: told("sha256")(content + b"x"), "hash_differs", "hash_differs"),
    "other content, sha1": (lambda content: told("sha1")(content + b"x"), "hash_differs", "hash_differs"),
    "of nothing": (lambda _content: told("sha256")(b""), "hash_unsupported", "hash_unsupported"),  # ProFTPD 1.3.7
    "not asked for": (told("md5"), "not_completed", "remote_failure"),
    "too short": (told("sha256", of="sha1"), "not_completed", "remote_failure"),
    "no name": (lambda _content: Reply(b""), "protocol_error", "protocol_error"),
    "only ok": (lambda _content: Status(Code.OK), "not_completed", "remote_failure"),
    "refused": (lambda _content: Status(Code.FAILURE, "no"), "not_completed", "remote_failure"),
    "unknown after all": (lambda _content: Status(Code.OP_UNSUPPORTED), "hash_unsupported", "hash_unsupported"),
}


@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize("lie", LIES)
def test_without_the_same_digest_nothing_counts_as_moved(
    server: OddServer, tmp_path: Path, upload: str, lie: str
) -> None:
    desk = desk_of(server, tmp_path)
    answering, sent_reason, fetched_reason = LIES[lie]
    offer(server, answering)
    sent = desk.run(desk.dropoff(verify="hash", upload=upload))
    fetched = desk.run(desk.pickup(verify="hash"))
    for result, reason in ((sent, sent_reason), (fetched, fetched_reason)):
        assert reason in {result.error.reason if result.error else "", *(one.reason for one in result.outcomes)}
        assert "delivered" not in {one.outcome for one in result.outcomes}
    assert (desk.outbox / "a.xml").exists()
    assert (server.pickup / "b.xml").exists()
    assert not list(desk.inbox.glob("*.xml"))
    if sent_reason != "protocol_error":  # then the session is over, and the next run clears up
        assert digests(server.input) == {}
