# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import ServerBusy, UnreachableError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote import tcp


@pytest.fixture
def listener() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return port_of(server)


def test_small_messages_leave_at_once_and_a_dead_peer_is_noticed(listener: socket.socket) -> None:
    with tcp.open_connection("127.0.0.1", port_of(listener), 8.0) as connection:
        option = connection.getsockopt
        assert option(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 8000
            idle, between, count = (
                option(socket.IPPROTO_TCP, name)
                for name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
            assert idle + between * count <= 8


def test_the_next_address_is_tried(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", closed_port())),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", listener.getsockname()),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: addresses)
    with tcp.open_connection("two.example", 22, 5.0) as connection:
        assert connection.getpeername() == listener.getsockname()


def test_a_closed_port_names_what_was_tried() -> None:
    port = closed_port()
    with pytest.raises(UnreachableError) as caught:
        tcp.open_connection("127.0.0.1", port, 5.0)
    assert caught.value.reason == "port_closed"
    assert f"127.0.0.1 port {port} (127.0.0.1: connection refused)" in caught.value.finding


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid", "..", "with\0null"])
def test_an_unknown_host_is_named(host: str) -> None:
    with pytest.raises(UnreachableError) as caught:
        tcp.open_connection(host, 22, 5.0)
    assert caught.value.reason == "host_unknown"
    assert repr(host) in caught.value.finding


def test_a_silent_name_server_does_not_hang_us(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: ended.wait(30))
    started = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        tcp.open_connection("slow.example", 22, 0.2)
    assert caught.value.reason == "host_unknown"
    ended.set()
    assert time.monotonic() - started < 15


def test_an_address_that_does_not_answer_takes_the_timeout_and_no_more() -> None:
    # Nobody accepts, and the queue is full: the kernel drops what comes further, as a firewall does.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        fillers = []
        try:
            for _number in range(3):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(server.getsockname())
                fillers.append(filler)
            started = time.monotonic()
            with pytest.raises(UnreachableError) as caught:
                tcp.open_connection("127.0.0.1", port_of(server), 0.5)
            assert 0.4 < time.monotonic() - started < 15
        finally:
            for filler in fillers:
                filler.close()
    assert caught.value.reason == "no_answer"
    assert "no answer within 0.5 s" in caught.value.finding


def test_no_way_to_a_host_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_self: socket.socket, _address: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(UnreachableError) as caught:
        tcp.open_connection("127.0.0.1", 22, 5.0)
    assert caught.value.reason == "no_route"
    assert "network is unreachable" in caught.value.finding


def test_a_server_that_closes_the_connection_at_once_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_self: socket.socket, _address: object) -> None:
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(ServerBusy) as caught:
        tcp.open_connection("127.0.0.1", 22, 5.0)
    assert caught.value.reason == "server_busy"
    assert caught.value.way_out
