# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blocking code behind the Remote interface: threads, time limits, and what must not go wrong between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    ProtocolError,
    RemoteDenied,
    RemoteError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Future, Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import (
    Entry,
    Features,
    entries_in,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.threaded import CHUNK, ThreadedRemote
from support.odd_server import Memory, Sink, upload

FEATURES = Features(stat=True, rename=True, exclusive_create=True, partial_uploads=True, max_in_flight=8)


class Slow:
    """A connection whose calls a test can hold up, and that notes what is done in which thread.

    :ivar gate: calls wait for it.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.content = b""
        self.piece = CHUNK
        self.closed = threading.Event()
        self.answers: dict[str, Callable[[], Any]] = {}

    def _do(self, what: str, default: Any = None) -> Any:
        self.gate.wait(30)
        self.done.append(what)
        self.threads.add(threading.current_thread().name)
        name = what.split()[0]
        return self.answers[name]() if name in self.answers else default

    def list(self, folder: str) -> Generator[Sequence[Entry], None, None]:
        self._do(f"list {folder}")
        yield from ()

    def stat(self, path: str) -> Entry | None:
        found: Entry | None = self._do(f"stat {path}")
        return found

    def open(self, path: str) -> Slow:
        self._do(f"open {path}")
        return self

    def create(self, path: str, temporary: bool) -> Slow:
        self._do(f"create {path}")
        return self

    def rewrite(self, path: str) -> Slow:
        self._do(f"rewrite {path}")
        return self

    def rename(self, old: str, new: str) -> None:
        self._do(f"rename {old}")

    def remove(self, path: str) -> None:
        self._do(f"remove {path}")

    def digest(self, path: str) -> tuple[str, str]:
        self._do(f"digest {path}")
        return "sha256", ""

    def make_folder(self, path: str) -> None:
        self._do(f"make_folder {path}")

    def read(self, length: int) -> bytes:
        length = min(length, self.piece)
        data: bytes = self._do(f"read {length}", self.content[:length])
        self.content = self.content[length:]
        return data

    def write(self, data: bytes) -> None:
        self._do(f"write {len(data)}")
        self.content += data

    def size(self, final: str | None) -> int | None:
        size: int | None = self._do("size", len(self.content))
        return size

    def abort(self) -> None:
        self._do("abort")

    def close(self) -> None:
        if threading.current_thread().name == "filedrop-remote":
            self.done.append("close")
        self.closed.set()


@pytest.fixture
def connections() -> list[Slow]:
    return [Slow(), Slow()]


def remote_of(connections: Sequence[Slow], *, timeout: float = 30.0, rate: int | None = None) -> ThreadedRemote:
    return ThreadedRemote(
        connections, features=FEATURES, identity="", clock=None, info=dict, timeout=timeout, bandwidth_limit=rate
    )


@pytest.fixture
def remote(connections: list[Slow]) -> Iterator[ThreadedRemote]:
    remote = remote_of(connections)
    yield remote
    for connection in connections:
        connection.gate.set()
    remote.close()


def run(remote: ThreadedRemote, work: Any) -> Any:
    async def main() -> Any:
        return await work

    return Loop(remote).run(main())


def test_calls_run_in_threads_of_their_own(remote: ThreadedRemote, connections: list[Slow]) -> None:
    run(remote, remote.stat("a"))
    assert connections[0].threads | connections[1].threads == {"filedrop-remote"}


def test_calls_about_one_path_run_in_their_order(remote: ThreadedRemote, connections: list[Slow]) -> None:
    for connection in connections:
        connection.gate.clear()
    asked: list[Future[Any]] = [
        remote.remove("a"),
        remote.rename("b", "c"),
        remote.stat("c"),
        remote.stat("a"),
        remote.stat("b"),
    ]
    for connection in connections:
        connection.gate.set()

    async def all_of_them() -> None:
        for one in asked:
            await one

    Loop(remote).run(all_of_them())
    done = sorted([connections[0].done, connections[1].done])
    assert done == [["remove a", "stat a"], ["rename b", "stat c", "stat b"]]


def test_a_call_that_takes_too_long_ends_the_session(connections: list[Slow]) -> None:
    remote = remote_of(connections, timeout=0.3)
    connections[0].gate.clear()
    asked = [remote.stat("a"), remote.stat("a"), remote.stat("b")]
    began = time.monotonic()
    with pytest.raises(ConnectionLost) as caught:
        run(remote, asked[0])
    assert 0.3 <= time.monotonic() - began < 10
    assert "0.3 seconds" in caught.value.finding
    assert asked[1].done
    with pytest.raises(ConnectionLost):
        run(remote, remote.stat("c"))
    remote.close()
    connections[0].gate.set()
    assert connections[0].closed.wait(10)
    assert connections[0].done.count("stat a") == 1, "what was not begun is not done any more"


def test_waiting_for_ones_turn_takes_no_time(connections: list[Slow]) -> None:
    """Calls that are each in time may take longer together than one of them may."""
    remote = remote_of(connections[:1], timeout=1.0)
    connections[0].answers["stat"] = lambda: time.sleep(0.4)
    asked = [remote.stat("a") for _call in range(5)]
    assert run(remote, asked[-1]) is None
    remote.close()


def test_closing_waits_for_what_is_under_way_but_not_for_ever(connections: list[Slow]) -> None:
    remote = remote_of(connections)
    connections[0].gate.clear()
    remote.stat("a")
    remote.poll(0.0)
    began = time.monotonic()
    remote.close()
    assert time.monotonic() - began < 5
    connections[0].gate.set()
    assert connections[0].closed.wait(10)
    assert connections[1].closed.is_set()


@pytest.mark.parametrize("error", [ConnectionLost("connection_lost", "gone"), ProtocolError("protocol_error", "odd")])
def test_what_ends_a_connection_ends_the_session(
    remote: ThreadedRemote, connections: list[Slow], error: Exception
) -> None:
    def fail() -> None:
        raise error

    connections[0].answers["stat"] = fail
    with pytest.raises(type(error)):
        run(remote, remote.stat("a"))
    with pytest.raises(type(error)):
        run(remote, remote.stat("a"))


def test_a_refusal_ends_nothing(remote: ThreadedRemote, connections: list[Slow]) -> None:
    def fail() -> None:
        raise RemoteError("remote_failure", "no")

    connections[0].answers["stat"] = fail
    with pytest.raises(RemoteError):
        run(remote, remote.stat("a"))
    assert run(remote, entries_in(remote, "")) == []


def test_an_upload_stays_on_its_connection(remote: ThreadedRemote, connections: list[Slow]) -> None:
    async def there() -> int | None:
        uploaded = await upload(remote, "a", bytes(CHUNK + 1))
        size = await uploaded.size()
        await uploaded.close()
        return size

    assert Loop(remote).run(there()) == CHUNK + 1
    assert connections[0].done == ["create a", f"write {CHUNK}", "write 1", "size", "close"]
    assert connections[1].done == []


def test_a_size_that_may_not_be_asked_for_is_none(remote: ThreadedRemote, connections: list[Slow]) -> None:
    def fail() -> None:
        raise RemoteDenied("remote_denied", "no")

    connections[0].answers["size"] = fail

    async def there() -> int | None:
        return await (await upload(remote, "a", b"x")).size()

    assert Loop(remote).run(there()) is None


def test_a_write_that_fails_is_told_with_the_size(remote: ThreadedRemote, connections: list[Slow]) -> None:
    def fail() -> None:
        raise RemoteError("remote_full", "full")

    connections[0].answers["write"] = fail

    async def there() -> int | None:
        return await (await upload(remote, "a", b"x")).size()

    with pytest.raises(RemoteError):
        Loop(remote).run(there())
    assert remote.writing.in_use == 0


def test_what_is_given_up_is_removed_before_it_is_closed(remote: ThreadedRemote, connections: list[Slow]) -> None:
    async def give_up() -> bool:
        return await (await upload(remote, "a", b"x")).discard()

    assert Loop(remote).run(give_up())
    assert connections[0].done == ["create a", "write 1", "size", "remove a", "abort"]


def test_more_than_was_asked_for_is_a_breach_of_the_protocol(remote: ThreadedRemote, connections: list[Slow]) -> None:
    connections[0].answers["read"] = lambda: bytes(100)
    with pytest.raises(ProtocolError):
        run(remote, remote.download("a", Sink(), size=10))


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_reads_may_give_less_than_was_asked_for(remote: ThreadedRemote, connections: list[Slow], piece: int) -> None:
    connections[0].piece = piece
    expected = connections[0].content = bytes(range(250)) * 4
    sink = Sink()
    received = run(remote, remote.download("a", sink, size=1000))
    assert (received.size, bytes(sink.content)) == (1000, expected)


def test_bytes_go_no_faster_than_allowed(connections: list[Slow]) -> None:
    rate = 64 * 1024
    remote = remote_of(connections, rate=rate)
    began = time.monotonic()
    run(remote, upload(remote, "a", Memory(bytes(rate // 2))))
    took = time.monotonic() - began
    remote.close()
    assert took >= 0.5 - 1 / 8
    assert max(int(line.split()[1]) for line in connections[0].done if line.startswith("write")) == rate // 8


# --- connections that can do one transfer at a time


def exclusive(connections: Sequence[Slow], more: Sequence[Callable[[], Slow | None]] = ()) -> ThreadedRemote:
    return ThreadedRemote(
        connections,
        features=FEATURES,
        identity="",
        clock=None,
        info=dict,
        timeout=30.0,
        bandwidth_limit=None,
        exclusive=True,
        more=more,
    )


def test_nothing_else_comes_between_the_calls_of_a_transfer() -> None:
    connection = Slow()
    remote = exclusive([connection])

    async def send(name: str) -> None:
        uploaded = await upload(remote, name, Memory(b"content"), temporary=True)
        await uploaded.size()
        await uploaded.close()

    flow = Loop(remote)
    flow.run(flow.each(send, ["a.part", "b.part", "c.part"], width=3))
    remote.close()
    done = [what for what in connection.done if what.split()[0] in ("create", "write", "size")]
    assert [what.split()[0] for what in done] == ["create", "write", "size"] * 3


def test_further_connections_are_made_once_something_waits() -> None:
    made: list[Slow] = []

    def make() -> Slow:
        made.append(Slow())
        return made[-1]

    first = Slow()
    remote = exclusive([first], [make, lambda: None])
    run(remote, remote.stat("a"))
    assert made == []

    async def send(name: str) -> None:
        await (await upload(remote, name, Memory(b"content"), temporary=True)).size()

    flow = Loop(remote)
    flow.run(flow.each(send, [f"{number}.part" for number in range(50)], width=10))
    assert len(made) == 1
    remote.close()
    assert first.closed.wait(5)
    assert made[0].closed.wait(5)
    assert len([what for what in (*first.done, *made[0].done) if what.startswith("create")]) == 50
