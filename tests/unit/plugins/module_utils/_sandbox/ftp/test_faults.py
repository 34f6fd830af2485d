# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault that occurs over FTP, as a client meets it."""

from __future__ import annotations

import ftplib
import io
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox

from .conftest import USER, Client

Start = Callable[..., Sandbox]
Connect = Callable[..., Client]

CONTENT = b"0123456789" * 5000
LOST = (EOFError, OSError, ftplib.error_temp)


@pytest.fixture
def under(start: Start, connect: Connect) -> Callable[..., tuple[Sandbox, Client]]:
    """A sandbox under faults with a file in pickup, and a client."""

    def begin(*faults: str, tls: bool = True, **options: Any) -> tuple[Sandbox, Client]:
        sandbox = start(*faults)
        (sandbox.folders(USER).pickup / "a").write_bytes(CONTENT)
        return sandbox, connect(sandbox, tls=tls, **options)

    return begin


Under = Callable[..., tuple[Sandbox, Client]]


@pytest.mark.parametrize("tls", [True, False])
def test_a_short_download_ends_with_226(under: Under, tls: bool) -> None:
    _sandbox, client = under("file_short", tls=tls)
    assert client.size("pickup/a") == len(CONTENT)
    assert client.content("pickup/a") == CONTENT[:1000]


def test_a_short_upload_is_confirmed(under: Under) -> None:
    sandbox, client = under("upload_short")
    assert client.storbinary("STOR input/a.tmp", io.BytesIO(CONTENT)).startswith("226")
    assert (sandbox.folders(USER).input / "a.tmp").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize(
    ("fault", "command", "reply"),
    [
        ("command_refused", "SIZE pickup/a", "502"),
        ("command_refused:command=epsv", "EPSV", "502"),
        ("remove_refused", "DELE pickup/a", "550"),
        ("stat_refused", "MDTM pickup/a", "550"),
    ],
)
def test_refusals(under: Under, fault: str, command: str, reply: str) -> None:
    _sandbox, client = under(fault)
    with pytest.raises(ftplib.error_perm, match=reply):
        client.sendcmd(command)


def test_a_refused_command_is_not_offered(under: Under) -> None:
    _sandbox, client = under("command_refused:command=mlsd")
    assert "MLST" not in client.sendcmd("FEAT")
    with pytest.raises(ftplib.error_perm, match="502"):
        list(client.mlsd("pickup"))
    assert client.nlst("pickup") == ["a"]


@pytest.mark.parametrize(
    ("fault", "command"),
    [("write_fails", "STOR input/b"), ("close_fails", "STOR input/b"), ("listing_cut", "NLST pickup")],
)
def test_a_transfer_fails_on_the_side_of_the_server(under: Under, fault: str, command: str) -> None:
    _sandbox, client = under(fault)
    data = client.transfercmd(command)
    if command.startswith("STOR"):
        with suppress(OSError):
            data.sendall(CONTENT)
    else:
        assert data.recv(100) == b"a\r\n"
    data.close()
    assert client.getmultiline().startswith("451")


def test_a_size_and_names_are_lies(under: Under) -> None:
    _sandbox, client = under("size_wrong", "name_hostile:kind=parent")
    assert client.size("pickup/a") == len(CONTENT) + 1
    listed = {name: facts["size"] for name, facts in client.mlsd("pickup")}
    assert listed == {"a": str(len(CONTENT) + 1), "../filedrop-hostile": "32"}


def test_a_listing_has_no_end(under: Under) -> None:
    _sandbox, client = under("listing_endless")
    for command in ("MLSD pickup", "NLST pickup", "LIST pickup"):
        with client.transfercmd(command) as data:
            read = 0
            while read < 1_000_000:
                read += len(data.recv(65536))
        assert client.getmultiline()[:3] == "426"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_service_closes(under: Under, moment: str) -> None:
    sandbox, client = under(f"service_closes:command=dele,moment={moment}")
    client.putcmd("DELE pickup/a")
    replies = [client.getline()[:3] for _reply in range(2 if moment == "after" else 1)]
    assert replies == (["250", "421"] if moment == "after" else ["421"])
    with pytest.raises((EOFError, OSError)):
        client.voidcmd("NOOP")
    assert (sandbox.folders(USER).pickup / "a").exists() == (moment == "before")


def test_the_service_closes_in_the_middle_of_an_upload(under: Under) -> None:
    sandbox, client = under("service_closes:command=stor")
    with pytest.raises(LOST):
        client.storbinary("STOR input/b", io.BytesIO(CONTENT * 100))
    sandbox.stop()
    assert not list(sandbox.folders(USER).imported.iterdir())


def test_replies_are_out_of_step(under: Under) -> None:
    _sandbox, client = under("reply_twice:command=size")
    assert client.size("pickup/a") == len(CONTENT)
    assert client.sendcmd("PWD").startswith("213")


def test_the_address_of_pasv_is_foreign(under: Under) -> None:
    _sandbox, client = under("pasv_foreign", tls=False)
    assert "192,0,2,1" in client.sendcmd("PASV")


def test_a_data_connection_never_opens(under: Under) -> None:
    _sandbox, client = under("data_never_opens")
    client.timeout = 1
    with pytest.raises(socket.timeout):
        client.nlst("pickup")


def test_a_data_connection_ends_without_close_notify(under: Under) -> None:
    _sandbox, client = under("no_close_notify")
    data, _size = client.ntransfercmd("RETR pickup/a")
    data.suppress_ragged_eofs = False
    got = b""
    while len(got) < len(CONTENT):
        got += data.recv(65536)
    assert got == CONTENT
    with pytest.raises(ssl.SSLEOFError):
        data.recv(1)
    assert client.voidresp().startswith("226")


def test_a_session_must_be_reused(under: Under, connect: Connect) -> None:
    sandbox, client = under("session_reuse_required")
    assert client.content("pickup/a") == CONTENT
    stranger = connect(sandbox, resumes=False)
    with pytest.raises((ftplib.error_perm, OSError)):
        stranger.content("pickup/a")


@pytest.mark.parametrize("kind", ["other", "expired", "foreign_name"])
def test_the_certificate_is_wrong(start: Start, connect: Connect, kind: str) -> None:
    sandbox = start(f"certificate_wrong:kind={kind},times=1")
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(sandbox)
    connect(sandbox)


def test_a_login_is_refused(start: Start, connect: Connect) -> None:
    sandbox = start("login_refused")
    with pytest.raises(ftplib.error_perm, match="530"):
        connect(sandbox)


@pytest.mark.parametrize(
    "fault",
    ["connection_cut:bytes=20000,direction=up", "connection_cut:bytes=20000,after=1", "connection_stalled:bytes=20000"],
)
@pytest.mark.parametrize("tls", [True, False])
def test_connections_break(under: Under, fault: str, tls: bool) -> None:
    _sandbox, client = under(fault, tls=tls)
    client.timeout = 2
    try:
        client.storbinary("STOR input/b", io.BytesIO(CONTENT * 100))
        whole = client.content("pickup/a") == CONTENT
    except LOST:
        whole = False
    assert not whole


@pytest.mark.parametrize("fault", ["answer_missing:request=remove", "request_cuts:request=remove,moment=before"])
def test_an_answer_does_not_come(under: Under, fault: str) -> None:
    _sandbox, client = under(fault)
    client.wait_at_most(1)
    with pytest.raises((EOFError, OSError)):
        client.delete("pickup/a")


def test_garbage_is_no_reply(under: Under) -> None:
    _sandbox, client = under("garbage:request=remove,kind=bytes")
    client.wait_at_most(1)
    with pytest.raises((ftplib.Error, EOFError, OSError, UnicodeDecodeError)):
        client.delete("pickup/a")
