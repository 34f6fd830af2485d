# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox as clients see it: over SSH, in this process."""

from __future__ import annotations

import json
import os
import stat
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Fault, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import Rights
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind
from support.sandbox_client import USERNAME, Key, Raw, begin, connect, make_key, text

NEW = wire.WRITE | wire.CREATE | wire.EXCLUSIVE


def eventually(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_what_is_dropped_off_is_imported_and_reported(sandbox: Sandbox, client: paramiko.SFTPClient) -> None:
    with client.open("input/invoices.xml", "wx") as file:
        file.write(b"content")
    assert sandbox.wait()
    assert client.listdir("input") == []
    with client.open("pickup/report-invoices.json") as file:
        assert json.loads(file.read())["size"] == 7
    client.remove("pickup/report-invoices.json")
    folders = sandbox.folders(USERNAME)
    assert ((folders.imported / "invoices.xml").read_bytes(), os.listdir(folders.pickup)) == (b"content", [])


def test_a_large_file_comes_and_goes_unchanged(sandbox: Sandbox, client: paramiko.SFTPClient, tmp_path: Path) -> None:
    content = os.urandom(5_000_000)
    (tmp_path / "large").write_bytes(content)
    client.put(str(tmp_path / "large"), "input/large.part")
    client.rename("input/large.part", "input/large")
    assert (sandbox.folders(USERNAME).imported / "large").read_bytes() == content
    os.link(tmp_path / "large", sandbox.folders(USERNAME).pickup / "large")
    client.get("pickup/large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content


def test_nobody_else_gets_in(sandbox: Sandbox, key: Key, tmp_path: Path) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        connect(sandbox, make_key(tmp_path, "other"))
    with pytest.raises(paramiko.AuthenticationException):
        connect(sandbox, key, "somebody")
    with paramiko.Transport((sandbox.host, sandbox.port)) as transport:
        transport.start_client(timeout=10)
        with pytest.raises(paramiko.BadAuthenticationType) as refused:
            transport.auth_password(USERNAME, "guess")
        assert refused.value.allowed_types == ["publickey"]


def test_a_password_is_as_good_as_a_key_where_there_is_one(start: Callable[..., Sandbox]) -> None:
    sandbox = start(accounts=[account("alice", password="correct")])
    with paramiko.Transport((sandbox.host, sandbox.port)) as transport:
        transport.start_client(timeout=10)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("alice", "wrong")
        assert transport.auth_password("alice", "correct") == []
        assert begin(transport).ask(Kind.REALPATH, text(b".")).kind == Kind.NAME


def test_accounts_do_not_see_each_other(start: Callable[..., Sandbox], key: Key) -> None:
    sandbox = start(accounts=[account(name, public_keys=[key.public]) for name in ("alice", "bob")])
    (sandbox.folders("bob").pickup / "secret").write_text("secret")
    with connect(sandbox, key, "alice") as transport:
        raw = begin(transport)
        assert raw.ask(Kind.STAT, text(b"pickup/secret")).code == Code.NO_SUCH_FILE
        assert raw.ask(Kind.STAT, text(b"../bob/pickup/secret")).code == Code.NO_SUCH_FILE


def test_accounts_can_change_while_it_runs(sandbox: Sandbox, key: Key, transport: paramiko.Transport) -> None:
    raw = begin(transport)
    sandbox.set_accounts([account("bob", public_keys=[key.public])])
    assert raw.ask(Kind.REALPATH, text(b".")).kind == Kind.NAME
    with pytest.raises(paramiko.AuthenticationException):
        connect(sandbox, key, USERNAME)
    connect(sandbox, key, "bob").close()


def test_host_keys_and_files_are_kept(tmp_path: Path, key: Key) -> None:
    made = []
    for number in range(2):
        with Sandbox(tmp_path / "s", accounts=[account(USERNAME, public_keys=[key.public])]) as sandbox:
            made.append((sandbox.host_keys, os.listdir(sandbox.folders(USERNAME).pickup)))
            (sandbox.folders(USERNAME).pickup / str(number)).touch()
    assert made == [(made[0][0], []), (made[0][0], ["0"])]
    assert [line.split()[0] for line in made[0][0]] == ["ssh-ed25519", "ecdsa-sha2-nistp256"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s" / "host_keys").iterdir()}
    assert modes == {0o600}


def test_nobody_but_sftp_is_served(transport: paramiko.Transport) -> None:
    with pytest.raises(paramiko.SSHException):
        transport.open_session().exec_command("id")
    with pytest.raises(paramiko.SSHException):
        transport.open_session().invoke_shell()
    with pytest.raises(paramiko.ChannelException):
        transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1))
    with pytest.raises(paramiko.ChannelException):
        transport.open_channel("unheard-of")


@pytest.mark.parametrize("most", [1, 3])
def test_sessions_of_a_connection_are_limited_and_freed(start: Callable[..., Sandbox], key: Key, most: int) -> None:
    sandbox = start(max_sessions=most)
    with connect(sandbox, key) as transport:
        opened = [begin(transport) for _each in range(most)]
        with pytest.raises(paramiko.ChannelException):
            transport.open_session()
        for raw in opened:
            raw.channel.close()
        for _each in range(3 * most):
            again = begin(transport)
            again.channel.close()


def test_a_part_of_a_cut_connection_stays_and_is_not_imported(sandbox: Sandbox, key: Key) -> None:
    transport = connect(sandbox, key)
    raw = begin(transport)
    handle = raw.open(b"input/a.xml", NEW).first
    assert raw.write(handle, 0, b"half").code == Code.OK
    transport.sock.close()
    with connect(sandbox, key) as again:
        other = begin(again)
        # Once a new writer can complete it, the old one is gone.
        assert eventually(lambda: threads("sandbox session") == 1)
        assert os.listdir(sandbox.folders(USERNAME).input) == ["a.xml"]
        handle = other.open(b"input/a.xml", wire.WRITE).first
        other.write(handle, 4, b" and half")
        assert other.ask(Kind.CLOSE, text(handle)).code == Code.OK
    assert (sandbox.folders(USERNAME).imported / "a.xml").read_bytes() == b"half and half"


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_a_session_that_is_closed_without_closing_its_files_is_a_cut(sandbox: Sandbox, raw: Raw) -> None:
    raw.open(b"input/a.xml", NEW)
    raw.channel.close()
    assert eventually(lambda: threads("sandbox session") == 0)
    assert os.listdir(sandbox.folders(USERNAME).input) == ["a.xml"]


def test_all_connections_can_be_cut(sandbox: Sandbox, raw: Raw, key: Key) -> None:
    sandbox.cut()
    with pytest.raises((EOFError, OSError)):
        raw.ask(Kind.REALPATH, text(b"."))
    connect(sandbox, key).close()


def test_nothing_is_left_when_it_stops(tmp_path: Path, key: Key) -> None:
    before, opened = set(threading.enumerate()), len(os.listdir("/dev/fd"))
    with Sandbox(tmp_path / "s", accounts=[account(USERNAME, public_keys=[key.public])]) as sandbox:
        transport = connect(sandbox, key)
        raw = begin(transport)
        raw.open(b"input/a", NEW)
        port = sandbox.port
    transport.close()
    assert eventually(lambda: set(threading.enumerate()) <= before)
    assert len(os.listdir("/dev/fd")) <= opened
    with Sandbox(tmp_path / "s", port=port) as sandbox:
        assert sandbox.port == port


def test_a_thousand_files_in_flight_on_one_channel(sandbox: Sandbox, raw: Raw) -> None:
    content = os.urandom(2048)
    names = [b"input/%d" % number for number in range(1000)]
    opening = [raw.send(Kind.OPEN, text(name + b".part") + struct.pack(">II", NEW, 0)) for name in names[:500]]
    for half in (names[:500], names[500:]):
        handles = [raw.answer(number).first for number in opening]
        writing = [raw.send(Kind.WRITE, text(h) + struct.pack(">Q", 0) + text(content)) for h in handles]
        closing = [raw.send(Kind.CLOSE, text(handle)) for handle in handles]
        renaming = [raw.send(Kind.RENAME, text(name + b".part") + text(name)) for name in half]
        rest = names[500:] if half == names[:500] else []
        opening = [raw.send(Kind.OPEN, text(name + b".part") + struct.pack(">II", NEW, 0)) for name in rest]
        assert {raw.answer(number).code for number in (*writing, *closing, *renaming)} == {Code.OK}
    assert sandbox.wait(60)
    folders = sandbox.folders(USERNAME)
    assert len(os.listdir(folders.imported)) == len(os.listdir(folders.pickup)) == 1000
    assert os.listdir(folders.input) == []


def test_it_listens_on_loopback_only(sandbox: Sandbox) -> None:
    port = f"{sandbox.port:04X}"
    listening = [
        line.split()[1]
        for name in ("/proc/net/tcp", "/proc/net/tcp6")
        if os.path.exists(name)
        for line in Path(name).read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port}") and line.split()[3] == "0A"
    ]
    assert listening == [f"0100007F:{port}"]


def test_folders_can_be_set_up_for_a_pickup_that_moves(start: Callable[..., Sandbox], key: Key) -> None:
    moving = Rights(read=True, remove=True, rename=True)
    sandbox = start(folders={"input": Rights(write=True), "pickup": moving, "done": Rights(rename=True)})
    (sandbox.folders(USERNAME).pickup / "a").write_text("a")
    with connect(sandbox, key) as transport:
        raw = begin(transport)
        assert raw.ask(Kind.RENAME, text(b"pickup/a") + text(b"done/a")).code == Code.OK
    assert (sandbox.folders(USERNAME).root / "done" / "a").read_text() == "a"


class CutAtRename(Fault):
    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind == Kind.RENAME:
            raise Cut
        return go(call.request)


def test_a_fault_can_cut_the_connection_at_a_request(start: Callable[..., Sandbox], key: Key) -> None:
    sandbox = start(faults=[CutAtRename()])
    raw = begin(connect(sandbox, key))
    handle = raw.open(b"input/a.part", NEW).first
    assert raw.ask(Kind.CLOSE, text(handle)).code == Code.OK
    with pytest.raises((EOFError, OSError)):
        raw.ask(Kind.RENAME, text(b"input/a.part") + text(b"input/a"))
    assert os.listdir(sandbox.folders(USERNAME).input) == ["a.part"]


def test_a_fault_can_slow_or_refuse_or_cut_a_login(start: Callable[..., Sandbox], key: Key, tmp_path: Path) -> None:
    tried: list[tuple[str, str]] = []

    class Slow(Fault):
        def authenticate(self, username: str, method: str) -> bool:
            tried.append((username, method))
            if username == "cut":
                raise Cut
            return username != "refused"

    known = [account(name, public_keys=[key.public]) for name in ("fine", "refused", "cut")]
    sandbox = start(accounts=known, faults=[Slow()])
    connect(sandbox, key, "fine").close()
    with pytest.raises(paramiko.AuthenticationException):
        connect(sandbox, key, "refused")
    with pytest.raises(paramiko.SSHException):
        connect(sandbox, key, "cut")
    assert {("fine", "publickey"), ("refused", "publickey"), ("cut", "publickey")} == set(tried)


def test_a_fault_can_stand_in_for_the_link(start: Callable[..., Sandbox], key: Key) -> None:
    received = []

    class Count(Fault):
        def link(self, link):  # type: ignore[no-untyped-def]
            class Counted:
                def recv(self, size: int) -> bytes:
                    data = link.recv(size)
                    received.append(len(data))
                    return data

                def __getattr__(self, name: str) -> object:
                    return getattr(link, name)

            return Counted()

    sandbox = start(faults=[Count()])
    with connect(sandbox, key) as transport:
        begin(transport).open(b"input/a", NEW)
    assert sum(received) > 1000
