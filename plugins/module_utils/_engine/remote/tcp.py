# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open a TCP connection that detects a dead peer, and report clearly why it failed."""

from __future__ import annotations

import contextlib
import errno
import math
import queue
import socket
import threading
import time
from typing import Any

from ..errors import FiledropError, ServerBusy, UnreachableError

# An address as getaddrinfo gives it: family, kind, protocol, canonical name, socket address.
AddressInfo = tuple[Any, Any, int, str, Any]
NO_ROUTE = "Check the network of this host: route, firewall, VPN."
CLOSED = "Check host and port, that the server runs, and that its firewall lets this host in."


READ_AHEAD = 1024 * 1024  # bytes


class Connection(socket.socket):
    """Read ahead from a TCP connection.

    paramiko reads the length of each packet and then its rest. Without reading ahead, an answer of 40 bytes takes two
    system calls, and two waits for Python's lock (GIL).
    """

    def __init__(self, *kind: Any, **descriptor: Any) -> None:
        super().__init__(*kind, **descriptor)
        self._ahead = memoryview(bytearray(READ_AHEAD))
        self._received = self._taken = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self._taken == self._received:
            self._received, self._taken = self.recv_into(self._ahead, 0, flags), 0
        start, self._taken = self._taken, min(self._taken + size, self._received)
        return bytes(self._ahead[start : self._taken])


def open_connection(host: str, port: int, timeout: float, make: type[socket.socket] = Connection) -> socket.socket:
    """Connect to the first address of a host that answers.

    :param timeout: seconds for the name and all addresses together; later, seconds without any answer from the peer.
    :param make: the class of the socket.
    :raises UnreachableError: ``host_unknown``, ``port_closed``, ``no_answer``, ``no_route``.
    :raises ServerBusy: the server closed the connection at once.
    """
    deadline = time.monotonic() + timeout
    addresses = _resolve(host, port, timeout)
    failures: list[tuple[str, OSError]] = []
    for number, (family, kind, protocol, _name, address) in enumerate(addresses):
        # Each address gets a share of the remaining time, so that a dead one does not use up all of it.
        share = max(0.1, (deadline - time.monotonic()) / (len(addresses) - number))
        try:
            connection = make(family, kind, protocol)
        except OSError as error:
            failures.append((address[0], error))
            continue
        try:
            connection.settimeout(share)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failures.append((address[0], error))
        else:
            detect_dead_peer(connection, timeout)
            return connection
    raise _unreachable(host, port, timeout, failures)


def _resolve(host: str, port: int, timeout: float) -> list[AddressInfo]:
    """Resolve the addresses of a host, in a thread: the system's resolver has no time limit that we could set."""
    answers: queue.Queue[list[AddressInfo] | Exception] = queue.Queue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name="filedrop-resolve").start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise UnreachableError(
            "host_unknown",
            f"No name server answered for {host} within {timeout:g} s.",
            "Check the name resolution of this host.",
        ) from None
    if isinstance(answer, Exception):
        why = answer.strerror if isinstance(answer, OSError) and answer.strerror else str(answer)
        raise UnreachableError(
            "host_unknown",
            f"The host name {host!r} has no address: {why}.",
            "Check the spelling of host, and the name resolution of this host.",
        ) from None
    return answer


def detect_dead_peer(connection: socket.socket, timeout: float) -> None:
    """Send small messages at once, and detect a peer that acknowledges nothing or is gone while the line is idle."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probe = max(1, math.floor(timeout / 4))
    options = {
        "TCP_USER_TIMEOUT": max(1, round(timeout * 1000)),  # milliseconds
        "TCP_KEEPIDLE": probe,
        "TCP_KEEPINTVL": probe,
        "TCP_KEEPCNT": 3,
    }
    for name, value in options.items():
        if hasattr(socket, name):
            # Some platforms define an option but refuse to set it. The remote has time limits of its own.
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _unreachable(host: str, port: int, timeout: float, failures: list[tuple[str, OSError]]) -> FiledropError:
    """Combine the failures of all addresses into one error, by the most informative failure."""
    tried = "; ".join(f"{address}: {_cause(error, timeout)}" for address, error in failures)
    where = f"{host} port {port} ({tried})"
    if any(isinstance(error, ConnectionRefusedError) for _address, error in failures):
        return UnreachableError("port_closed", f"No server listens on {where}.", CLOSED)
    if any(_timed_out(error) for _address, error in failures):
        return UnreachableError("no_answer", f"No answer from {where}.", CLOSED)
    if any(isinstance(error, ConnectionResetError) for _address, error in failures):
        way_out = "Try again later. If it persists, ask the provider how many connections it allows."
        return ServerBusy("server_busy", f"The server closed the connection at once: {where}.", way_out)
    return UnreachableError("no_route", f"There is no route to {where}.", NO_ROUTE)


def _timed_out(error: OSError) -> bool:
    return isinstance(error, (socket.timeout, TimeoutError)) or error.errno == errno.ETIMEDOUT


def _cause(error: OSError, timeout: float) -> str:
    if _timed_out(error):
        return f"no answer within {timeout:g} s"
    return (error.strerror or str(error)).lower()
