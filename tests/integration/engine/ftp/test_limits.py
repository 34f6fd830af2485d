# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits of servers: what is refused for now fails file by file, and later runs complete it."""

from __future__ import annotations

import ftplib
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.desk import MODES, Desk, fill, outcomes
from support.ftpd import PASSWORD, USER, FtpServer


class Holder(ftplib.FTP_TLS):
    """A client that keeps a transfer going."""

    def ntransfercmd(self, cmd: str, rest: Any = None) -> tuple[Any, int | None]:
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        return self.context.wrap_socket(conn, server_hostname=self.host, session=session), size


@contextmanager
def transfer(server: FtpServer, command: str) -> Iterator[None]:
    """Keep a transfer of the kind going: ProFTPD counts STOR and RETR each for itself."""
    server.put("holder", b"x" * 30_000_000, folder="input")
    context = ssl.create_default_context(cafile=str(server.certificate.ca))
    with closing(Holder(context=context, timeout=10)) as client:
        client.connect(server.host, server.port)
        client.login(USER, PASSWORD)
        client.prot_p()
        data = client.transfercmd(f"{command} input/holder")
        yield
        data.close()
    (server.input / "holder").unlink()


@pytest.mark.parametrize("mode", MODES)
def test_a_transfer_that_is_refused_twice_puts_no_reply_out_of_step(tmp_path: Path, mode: str) -> None:
    """ProFTPD sends two replies to a STOR or a RETR beyond its limits. Nothing may be read as the answer to another."""
    with FtpServer("proftpd", config=["MaxTransfersPerHost STOR,RETR 1"]) as server:
        desk = Desk(tmp_path, server.account_options(connections=1))
        source = server.pickup if mode == "pickup" else desk.outbox
        fill(source, 10, 20_000)
        for path in server.pickup.iterdir():
            server.give(path)
        contents = {path.name: path.read_bytes() for path in source.iterdir()}
        with transfer(server, "RETR" if mode == "pickup" else "STOR"):
            result = desk.run(desk.job_of(mode))
        assert set(outcomes(result).values()) == {("failed", "remote_failure")}
        assert "maximum number of data transfers" in result.outcomes[0].message
        result = desk.run(desk.job_of(mode))
        assert set(outcomes(result).values()) == {("delivered", "")}
        target = desk.inbox if mode == "pickup" else server.input
        assert {path.name: path.read_bytes() for path in target.iterdir() if path.name[0] != "."} == contents


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_file_that_is_refused_when_it_is_complete_holds_up_no_other(tmp_path: Path, upload: str) -> None:
    with FtpServer("proftpd", config=["MaxStoreFileSize 100 Kb"]) as server:
        desk = Desk(tmp_path, server.account_options())
        (desk.outbox / "a.xml").write_bytes(b"x" * 105_000)
        names = fill(desk.outbox, 3, 20_000)
        result = desk.drop_off(upload=upload)
        assert result.error is None
        told = outcomes(result)
        assert told.pop("a.xml") in {("failed", "remote_full"), ("failed", "not_completed")}
        assert set(told.values()) == {("delivered", "")}
        assert {path.name for path in server.input.iterdir()} == set(names) - {"a.xml"}


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_server_that_denies_size_is_asked_by_mlst(tmp_path: Path, upload: str) -> None:
    with FtpServer("proftpd", config=["<Limit SIZE>", "DenyAll", "</Limit>"]) as server:
        desk = Desk(tmp_path, server.account_options())
        fill(desk.outbox, 3, 20_000)
        result = desk.drop_off(upload=upload)
        assert {one.verified_by for one in result.outcomes} == {"size"}
        assert set(outcomes(result).values()) == {("delivered", "")}
