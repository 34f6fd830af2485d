# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TCP relay on loopback that stands for the network: it delays chunks, and cuts or stalls connections at a byte.

    with Relay(server.port, rtt=0.02) as relay: ...  # in this process, on threads of its own
    with RelayProcess(server.port, rtt=0.02) as relay: ...  # for benches: shares no interpreter lock with the measured
    with Relay(server.port, faults=[Fault("cut", "down", after=100_000)]) as relay: ...  # the first connection only

Each chunk is held back by half a round trip: chunks wait in a queue with the time at which each is due, so that a delay
costs no throughput. The queue has no bound: what is in flight is bounded by SSH's own windows.

By hand: ``python tests/support/relay.py --to 2222 --rtt 0.02`` prints its port; it ends with its standard input.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable

CHUNK_BYTES = 1 << 20
START_SECONDS = 30.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclasses.dataclass(frozen=True)
class Fault:
    """What happens to one connection.

    :ivar action: ``cut`` resets both ends; ``close`` ends both politely; ``stall`` keeps both open and moves nothing
        more, either way; ``call`` calls ``then`` and goes on.
    :ivar direction: ``up`` counts the client's bytes, ``down`` the server's.
    :ivar after: that many bytes still pass; the next one does not, or not yet.
    :ivar then: what ``call`` calls, from a thread of the relay.
    """

    action: str
    direction: str
    after: int
    then: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        if self.action not in ("cut", "close", "stall", "call") or self.direction not in ("up", "down"):
            raise ValueError(f"no such fault: {self}")


class Relay:
    """Relays a free loopback port to another one.

    :param to_port: where the server listens.
    :param to_host: on which machine; this one, unless said otherwise.
    :param rtt: the round trip to add, in seconds.
    :param faults: one for each connection, in the order of their coming; ``None`` for one that is well, as are all
        those after the last.
    """

    host = "127.0.0.1"

    def __init__(
        self, to_port: int, *, to_host: str = host, rtt: float = 0.0, faults: Iterable[Fault | None] = ()
    ) -> None:
        self._to = (to_host, to_port)
        self._delay = rtt / 2
        self._faults = list(faults)
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._listener = socket.create_server((self.host, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.refuse()
        self.cut()

    @property
    def passed(self) -> dict[str, int]:
        """Bytes that went ``up`` and ``down`` so far, over all connections."""
        with self._lock:
            links = list(self._links)
        return {way: sum(link.passed[way] for link in links) for way in ("up", "down")}

    def cut(self) -> None:
        """Reset every connection now; new ones are welcome."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.end(reset=True)

    def refuse(self) -> None:
        """Take no more connections, for good: the port is closed."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() alone does not
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._to)
            except OSError:
                client.close()
                continue
            with self._lock:
                fault = self._faults.pop(0) if self._faults else None
                self.connections += 1
                link = _Link(client, server, delay=self._delay, fault=fault)
                self._links.append(link)
            link.start()


class _Link:
    """One connection: two sockets, and a pump each way."""

    def __init__(self, client: socket.socket, server: socket.socket, *, delay: float, fault: Fault | None) -> None:
        self.passed = {"up": 0, "down": 0}
        self._sockets = (client, server)
        self._delay = delay
        self._fault = fault
        self._moving = threading.Event()  # cleared by a stall
        self._moving.set()
        self._ended = False
        self._end_lock = threading.Lock()
        self._finished: set[str] = set()
        for end in self._sockets:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        client, server = self._sockets
        for way, source, sink in (("up", client, server), ("down", server, client)):
            pump = self._pump_late if self._delay else self._pump_at_once
            threading.Thread(target=pump, args=(way, source, sink), daemon=True).start()

    def end(self, *, reset: bool) -> None:
        """Close both ends, once."""
        with self._end_lock:
            if self._ended:
                return
            self._ended = True
        for end in self._sockets:
            with contextlib.suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                # Not only close(): a thread that is blocked in recv() would keep the connection open.
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            end.close()
        self._moving.set()

    def _pump_at_once(self, way: str, source: socket.socket, sink: socket.socket) -> None:
        room = memoryview(bytearray(CHUNK_BYTES))
        with contextlib.suppress(OSError):
            while count := source.recv_into(room):
                self._forward(way, sink, room[:count])
            self._finish(way, sink)
            return
        self.end(reset=True)

    def _pump_late(self, way: str, source: socket.socket, sink: socket.socket) -> None:
        waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._deliver, args=(way, sink, waiting), daemon=True).start()
        try:
            while chunk := source.recv(CHUNK_BYTES):
                waiting.put((time.monotonic() + self._delay, chunk))
        except OSError:
            self.end(reset=True)
        waiting.put((time.monotonic() + self._delay, b""))

    def _deliver(self, way: str, sink: socket.socket, waiting: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, chunk = waiting.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not chunk:
                    break
                self._forward(way, sink, memoryview(chunk))
            self._finish(way, sink)
            return
        self.end(reset=True)

    def _forward(self, way: str, sink: socket.socket, chunk: memoryview) -> None:
        fault = self._fault
        if fault is not None and fault.direction == way:
            left = fault.after - self.passed[way]
            if len(chunk) > left:
                sink.sendall(chunk[:left])
                self.passed[way] += left
                self._strike(fault)
                chunk = chunk[left:]
        self._moving.wait()
        sink.sendall(chunk)
        self.passed[way] += len(chunk)

    def _strike(self, fault: Fault) -> None:
        self._fault = None
        if fault.action == "stall":
            self._moving.clear()
        elif fault.then is not None:
            fault.then()
        else:
            self.end(reset=fault.action == "cut")

    def _finish(self, way: str, sink: socket.socket) -> None:
        """One side has said all it had to say; the other may still speak."""
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        self._finished.add(way)
        if self._finished == {"up", "down"}:
            self.end(reset=False)


class RelayProcess:
    """A :class:`Relay` without faults in a process of its own."""

    host = "127.0.0.1"

    def __init__(self, to_port: int, *, rtt: float = 0.0) -> None:
        self._command = [sys.executable, __file__, "--to", str(to_port), "--rtt", str(rtt)]

    def __enter__(self) -> RelayProcess:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout is None:
            raise RuntimeError("no pipe to the relay")
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> int:
    parser = argparse.ArgumentParser(description="Relay a loopback port to another until the standard input ends.")
    parser.add_argument("--to", type=int, required=True, help="the server's port")
    parser.add_argument("--rtt", type=float, default=0.0, help="round trip to add, in seconds")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="ACTION:DIRECTION:BYTES", help="for one connection"
    )
    options = parser.parse_args()
    faults = []
    for text in options.fault:
        action, direction, after = text.split(":")
        faults.append(Fault(action, direction, int(after)))
    with Relay(options.to, rtt=options.rtt, faults=faults) as relay:
        print(relay.port, flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
