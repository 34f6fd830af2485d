# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FTP and FTPS of the sandbox, as clients see them: ftplib, curl and lftp."""

from __future__ import annotations

import base64
import ftplib
import hashlib
import io
import os
import shutil
import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DependencyError
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.ftp import deps
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox

from .conftest import PASSWORD, USER, Client

Start = Callable[..., Sandbox]
Connect = Callable[..., Client]

CONTENT = os.urandom(300_000)


@pytest.fixture
def sandbox(start: Start) -> Sandbox:
    return start()


@pytest.mark.parametrize("tls", [True, False])
def test_a_file_goes_up_gets_its_name_is_imported_and_a_report_comes_down(
    sandbox: Sandbox, connect: Connect, tls: bool
) -> None:
    client = connect(sandbox, tls=tls)
    client.storbinary("STOR input/a.xml.tmp", io.BytesIO(CONTENT))
    assert client.size("input/a.xml.tmp") == len(CONTENT)
    assert [name for name, _facts in client.mlsd("input")] == client.nlst("input") == ["a.xml.tmp"]
    client.rename("input/a.xml.tmp", "input/a.xml")
    assert sandbox.wait()
    assert (sandbox.folders(USER).imported / "a.xml").read_bytes() == CONTENT
    ((name, facts),) = client.mlsd("pickup")
    report = client.content(f"pickup/{name}")
    assert (name, int(facts["size"])) == ("report-a.json", len(report))
    assert hashlib.sha256(CONTENT).hexdigest().encode() in report
    client.delete(f"pickup/{name}")
    assert client.nlst("pickup") == []


@pytest.mark.parametrize("tls", [True, False])
def test_an_upload_that_is_cut_is_complete_for_the_server(sandbox: Sandbox, connect: Connect, tls: bool) -> None:
    client = connect(sandbox, tls=tls)
    data = client.transfercmd("STOR input/half.xml")
    data.sendall(CONTENT[:1000])
    data.close()
    assert client.voidresp().startswith("226")
    assert sandbox.wait()
    assert (sandbox.folders(USER).imported / "half.xml").read_bytes() == CONTENT[:1000]


def test_an_upload_whose_control_connection_is_gone_is_not_complete(sandbox: Sandbox, connect: Connect) -> None:
    client = connect(sandbox, tls=False)
    data = client.transfercmd("STOR input/half.xml")
    data.sendall(CONTENT[:1000])
    client.close()
    sandbox.stop()
    assert os.listdir(sandbox.folders(USER).imported) == []
    assert os.listdir(sandbox.folders(USER).input) == ["half.xml"]


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("DELE pickup/none", "550 No such file"),
        ("SIZE pickup/none", "550"),
        ("RETR input/a", "550 Permission denied"),
        ("STOR pickup/a", "550 Permission denied"),
        ("MKD input/x", "550 Permission denied"),
        ("RMD input", "550 Permission denied"),
        ("CWD none", "550 No such file"),
        ("CWD input/a", "550 Not a directory"),
        ("DELE ../../../etc/hostname", "550"),
        ("SIZE input/link", "550"),
        ("STOU", "450 Permission denied"),
    ],
)
def test_what_a_client_may_not_do_is_refused(sandbox: Sandbox, connect: Connect, command: str, reply: str) -> None:
    box = sandbox.folders(USER).input
    (box / "a").write_bytes(b"a")
    (box / "link").symlink_to("/etc/hostname")
    client = connect(sandbox)
    with pytest.raises((ftplib.error_perm, ftplib.error_temp), match=reply):
        client.transfercmd(command) if command[:4] in ("RETR", "STOR") else client.sendcmd(command)
    assert (box / "a").read_bytes() == b"a"


def test_rnto_overwrites_and_stor_empties_as_on_most_servers(start: Start, connect: Connect) -> None:
    sandbox = start(import_delay=3600)
    client = connect(sandbox)
    for name, content in (("a.tmp", b"new"), ("a", b"old"), ("b", b"older")):
        client.storbinary(f"STOR input/{name}", io.BytesIO(content))
    client.rename("input/a.tmp", "input/a")
    client.storbinary("STOR input/b", io.BytesIO(b"b"))
    box = sandbox.folders(USER).input
    assert {path.name: path.read_bytes() for path in box.iterdir()} == {"a": b"new", "b": b"b"}


def test_appe_and_rest_go_on_where_a_file_ended(start: Start, connect: Connect) -> None:
    sandbox = start(import_delay=3600)
    client = connect(sandbox)
    for command, content, rest in (("STOR", b"abc", None), ("APPE", b"def", None), ("STOR", b"XY", 1)):
        client.storbinary(f"{command} input/a", io.BytesIO(content), rest=rest)
    assert (sandbox.folders(USER).input / "a").read_bytes() == b"aXYdef"


def test_names_that_are_not_utf_8_survive(sandbox: Sandbox, connect: Connect) -> None:
    name = b"caf\xe9.xml"
    (Path(os.fsdecode(bytes(sandbox.folders(USER).pickup) + b"/" + name))).write_bytes(b"x")
    client = connect(sandbox)
    client.encoding = "latin-1"
    assert client.nlst("pickup") == ["café.xml"]
    assert client.content("pickup/café.xml") == b"x"


def test_only_what_was_asked_for_is_served(start: Start, connect: Connect) -> None:
    sandbox = start(protocols=["ftps"])
    with pytest.raises(ftplib.error_perm, match="550 SSL/TLS required"):
        connect(sandbox, tls=False)
    client = connect(sandbox)
    client.prot_c()
    with pytest.raises(ftplib.error_perm, match="550 SSL/TLS required on the data channel"):
        client.sendcmd("EPSV")
    client.close()
    sandbox.set_protocols(["ftp"])
    with pytest.raises(ftplib.error_perm, match="500"):
        connect(sandbox)
    assert "AUTH" not in connect(sandbox, tls=False).sendcmd("FEAT")
    sandbox.set_protocols([])
    with pytest.raises(KeyError):
        str(sandbox.ftp_port)


@pytest.mark.parametrize("tls", [True, False])
def test_a_wrong_password_is_refused(sandbox: Sandbox, connect: Connect, tls: bool) -> None:
    with pytest.raises(ftplib.error_perm, match="530 Login incorrect"):
        connect(sandbox, tls=tls, password="wrong")


def test_certificate_and_ports_are_kept_and_the_pin_is_right(start: Start, tmp_path: Path) -> None:
    def told(sandbox: Sandbox) -> tuple[object, ...]:
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((sandbox.host, sandbox.implicit_port)))
        pin = base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
        assert sandbox.tls_fingerprints == (f"SHA256:{pin}",)
        return sandbox.ftp_port, sandbox.implicit_port, pin

    with Sandbox(tmp_path / "sandbox", protocols=["ftps"]) as first:
        before = told(first)
    assert told(start(protocols=["ftps"])) == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "sandbox" / "tls").iterdir()} == {0o600}


def test_cutting_ends_every_connection_at_once(sandbox: Sandbox, connect: Connect) -> None:
    client = connect(sandbox)
    sandbox.cut()
    with pytest.raises((EOFError, OSError)):
        client.sendcmd("NOOP")


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_is_served(sandbox: Sandbox, tmp_path: Path, implicit: bool) -> None:
    scheme, port = ("ftps", sandbox.implicit_port) if implicit else ("ftp", sandbox.ftp_port)
    (tmp_path / "a.xml").write_bytes(CONTENT)
    words = ["curl", "-sS", "--ssl-reqd", "--cacert", sandbox.ca_file, "-u", f"{USER}:{PASSWORD}"]
    url = f"{scheme}://{sandbox.host}:{port}/input/a.xml"
    subprocess.run([*words, "-T", str(tmp_path / "a.xml"), url], check=True, timeout=60)
    assert sandbox.wait()
    assert (sandbox.folders(USER).imported / "a.xml").read_bytes() == CONTENT


@pytest.mark.skipif(shutil.which("lftp") is None, reason="needs lftp")
def test_lftp_is_served_with_many_connections(sandbox: Sandbox, tmp_path: Path) -> None:
    pickup = sandbox.folders(USER).pickup
    for number in range(40):
        (pickup / f"{number}.xml").write_bytes(CONTENT[number:20_000])
    script = (
        f"set ssl:ca-file {sandbox.ca_file}; set ftp:ssl-force true; set ftp:ssl-protect-data true; "
        f"open -u {USER},'{PASSWORD}' -p {sandbox.ftp_port} {sandbox.host}; "
        f"mirror --parallel=4 --Remove-source-files pickup {tmp_path}/got"
    )
    subprocess.run(["lftp", "-c", script], check=True, timeout=60)
    got = {path.name: path.read_bytes() for path in (tmp_path / "got").iterdir()}
    assert got == {f"{number}.xml": CONTENT[number:20_000] for number in range(40)}
    assert os.listdir(pickup) == []


def test_without_pyftpdlib_the_sandbox_says_so_and_serves_sftp(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(deps, "IMPORT_ERROR", "ImportError: no module")
    with pytest.raises(DependencyError, match="pyftpdlib") as refused:
        start()
    assert refused.value.reason == "pyftpdlib_missing"
    assert start(protocols=[], path=tmp_path / "other").port
