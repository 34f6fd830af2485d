# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs of the command over FTPS, by a Python that has no paramiko."""

from __future__ import annotations

import ssl
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Host
from support.desk import digests, fill
from support.ftpd import PASSWORD, FtpServer


@pytest.fixture
def server() -> Iterator[FtpServer]:
    with FtpServer("vsftpd") as server:
        yield server


def options_of(server: FtpServer, folder: Path, **changes: object) -> dict[str, object]:
    return server.account_options(password=None, password_file=str(folder / "password"), **changes)


@pytest.fixture
def host(tmp_path: Path, program: Path, server: FtpServer) -> Host:
    venv.create(tmp_path / "bare", symlinks=True)
    (tmp_path / "host").mkdir()
    host = Host(tmp_path / "host", program, str(tmp_path / "bare" / "bin" / Path(sys.executable).name))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "password").chmod(0o600)
    host.account("acme", options_of(server, tmp_path, connections=2))
    assert host.run("init").status == 0
    return host


def test_files_go_and_come_over_ftps_without_paramiko(host: Host, server: FtpServer, tmp_path: Path) -> None:
    host.dropoff()
    host.pickup()
    sent, there = fill(host.outbox, 20), fill(server.pickup, 20)
    for path in server.pickup.iterdir():
        server.give(path)
    for job in ("invoices", "reports"):
        ended = host.run("run", job, "--json", "--metrics", str(tmp_path / "metrics"))
        assert ended.status == 0, ended.err
    expires = f'filedrop_certificate_not_after_timestamp_seconds{{account="acme"}} {_end_of_certificate(server)}\n'
    assert expires in (tmp_path / "metrics").read_text()
    assert digests(server.input) == sent
    assert digests(host.inbox) == there
    assert digests(server.pickup) == {}
    assert host.run("check", "invoices").status == 0


def _end_of_certificate(server: FtpServer) -> int:
    """When the server's certificate expires, as OpenSSL says."""
    command = ["openssl", "x509", "-noout", "-enddate", "-in", str(server.certificate.path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return ssl.cert_time_to_seconds(told.strip().partition("=")[2])


def test_a_certificate_that_is_not_trusted_is_an_error_of_the_job(
    host: Host, server: FtpServer, tmp_path: Path
) -> None:
    host.dropoff()
    fill(host.outbox, 1)
    host.account("acme", options_of(server, tmp_path, ca_file=None))
    ended = host.run("run", "invoices")
    assert ended.status == 2
    assert "tls_fingerprints" in ended.err + ended.out
    assert digests(server.input) == {}
