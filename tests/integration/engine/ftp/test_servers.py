# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drop-offs and pickups over FTP and FTPS, against vsftpd, ProFTPD and pyftpdlib."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.desk import Desk, assert_delivered, fill, outcomes
from support.ftpd import KINDS, FtpServer, make_certificate


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str) -> Iterator[FtpServer]:
    with FtpServer(kind) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: FtpServer) -> Desk:
    return Desk(tmp_path, server.account_options(connections=3))


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_files_are_dropped_off_and_archived(desk: Desk, server: FtpServer, upload: str) -> None:
    names = fill(desk.outbox, 30, 20_000)
    contents = {name: (desk.outbox / name).read_bytes() for name in names}
    result = desk.drop_off(upload=upload)
    assert_delivered(result, names)
    assert {path.name: path.read_bytes() for path in server.input.iterdir()} == contents
    assert {outcome.verified_by for outcome in result.outcomes} == {"size"}
    assert result.notes == []


def test_files_are_picked_up_and_deleted(desk: Desk, server: FtpServer) -> None:
    names = fill(server.pickup, 30, 20_000)
    for path in server.pickup.iterdir():
        server.give(path)
    contents = {name: (server.pickup / name).read_bytes() for name in names}
    assert_delivered(desk.pick_up(), names)
    assert {path.name: path.read_bytes() for path in desk.inbox.iterdir()} == contents
    assert list(server.pickup.iterdir()) == []


def test_a_name_that_is_taken_is_not_overwritten(desk: Desk, server: FtpServer) -> None:
    (desk.outbox / "a.xml").write_bytes(b"ours")
    server.put("a.xml", b"theirs", folder="input")
    assert outcomes(desk.drop_off()) == {"a.xml": ("waiting", "name_taken")}
    assert [path.name for path in server.input.iterdir()] == ["a.xml"]
    assert (server.input / "a.xml").read_bytes() == b"theirs"


@pytest.mark.parametrize("tls", [None, "implicit"])
def test_other_kinds_of_ftp(tmp_path: Path, kind: str, tls: str | None) -> None:
    if kind == "pyftpdlib" and tls:
        pytest.skip("pyftpdlib has no implicit TLS")
    with FtpServer(kind, tls=tls) as server:
        desk = Desk(tmp_path, server.account_options())
        names = fill(desk.outbox, 3, 5000)
        result = desk.drop_off()
        assert_delivered(result, names)
        assert [note.partition(":")[0] for note in result.notes] == ([] if tls else ["cleartext"])


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_the_session_of_tls_is_reused(tmp_path: Path, version: str) -> None:
    with FtpServer("proftpd", max_tls=version) as server:
        desk = Desk(tmp_path, server.account_options(connections=2))
        names = fill(desk.outbox, 10, 5000)
        assert_delivered(desk.drop_off(), names)


@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize("line", ["HiddenStores on", "AllowOverwrite off", "UseSendfile off", "MaxStoreFileSize 1 Kb"])
def test_proftpd_as_providers_set_it(tmp_path: Path, line: str, upload: str) -> None:
    with FtpServer("proftpd", config=[line]) as server:
        desk = Desk(tmp_path, server.account_options(connections=2))
        names = fill(desk.outbox, 10, 5000)
        result = desk.drop_off(upload=upload)
        if line.startswith("MaxStoreFileSize"):
            assert result.counts["failed"] == 10
            assert list(server.input.iterdir()) == []
            assert len(list(desk.outbox.iterdir())) == 10
        else:
            assert_delivered(result, names)


def test_fewer_connections_than_wanted_are_enough(tmp_path: Path) -> None:
    with FtpServer("proftpd", config=["MaxClientsPerHost 2"]) as server:
        desk = Desk(tmp_path, server.account_options(connections=6))
        names = fill(desk.outbox, 300, 1000)
        result = desk.drop_off()
        assert_delivered(result, names)
        assert any("fewer connections" in note for note in result.notes)


def test_ipv6_goes_by_epsv(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "tls", host="::1")
    with FtpServer("pyftpdlib", host="::1", certificate=certificate) as server:
        (tmp_path / "desk").mkdir()
        desk = Desk(tmp_path / "desk", server.account_options(connections=2))
        names = fill(desk.outbox, 3, 5000)
        assert_delivered(desk.drop_off(), names)
