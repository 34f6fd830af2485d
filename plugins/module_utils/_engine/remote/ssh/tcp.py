# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TCP connection that notices a dead peer, and says plainly why there is none."""

from __future__ import annotations

import contextlib
import errno
import math
import queue
import socket
import threading
import time
from typing import Any

from ...errors import UnreachableError

# An address as getaddrinfo gives it: family, kind, protocol, canonical name, socket address.
AddressInfo = tuple[Any, Any, int, str, Any]
NO_ROUTE = "Check the network of this host: route, firewall, VPN."
CLOSED = "Check host and port, that the server runs, and that its firewall lets this host in."


READ_AHEAD = 1024 * 1024  # bytes


class Connection(socket.socket):
    """A TCP connection that reads ahead. paramiko asks for the length of each packet and then for the rest: two system
    calls, and two waits for Python's lock, for an answer of 40 bytes.
    """

    def __init__(self, *kind: Any, **descriptor: Any) -> None:
        super().__init__(*kind, **descriptor)
        self._ahead = memoryview(bytearray(READ_AHEAD))
        self._came = self._taken = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self._taken == self._came:
            self._came, self._taken = self.recv_into(self._ahead, 0, flags), 0
        start, self._taken = self._taken, min(self._taken + size, self._came)
        return bytes(self._ahead[start : self._taken])


def connect(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to the first address of a host that answers.

    :param timeout: seconds for the name and all addresses together, and later without any sign of life from the peer.
    :raises UnreachableError: ``host_unknown``, ``port_closed``, ``no_answer``, ``no_route``.
    """
    deadline = time.monotonic() + timeout
    addresses = _resolve(host, port, timeout)
    failures: list[tuple[str, OSError]] = []
    for number, (family, kind, protocol, _name, address) in enumerate(addresses):
        # Each address gets its share of the time that is left: a dead one must not starve the next.
        share = max(0.1, (deadline - time.monotonic()) / (len(addresses) - number))
        try:
            connection = Connection(family, kind, protocol)
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
            _watch(connection, timeout)
            return connection
    raise _unreachable(host, port, timeout, failures)


def _resolve(host: str, port: int, timeout: float) -> list[AddressInfo]:
    """The addresses of a host. The system's resolver has no time limit of its own to set, so it runs aside."""
    answers: queue.Queue[list[AddressInfo] | Exception] = queue.Queue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name="filedrop-resolve").start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise UnreachableError(
            "host_unknown",
            f"No name server told the address of {host} within {timeout:g} s.",
            "Check the name service of this host.",
        ) from None
    if isinstance(answer, Exception):
        why = answer.strerror if isinstance(answer, OSError) and answer.strerror else str(answer)
        raise UnreachableError(
            "host_unknown",
            f"The host name {host!r} has no address: {why}.",
            "Check the spelling of host, and the name service of this host.",
        ) from None
    return answer


def _watch(connection: socket.socket, timeout: float) -> None:
    """Small messages leave at once; a peer that acknowledges nothing, or is gone while all is quiet, is noticed."""
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
            # Not every platform that names an option lets it be set; the remote has time limits of its own.
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _unreachable(host: str, port: int, timeout: float, failures: list[tuple[str, OSError]]) -> UnreachableError:
    """One error for all addresses, by the failure that tells most."""
    tried = "; ".join(f"{address}: {_cause(error, timeout)}" for address, error in failures)
    where = f"{host} port {port} ({tried})"
    if any(isinstance(error, ConnectionRefusedError) for _address, error in failures):
        return UnreachableError("port_closed", f"No server listens on {where}.", CLOSED)
    if any(_timed_out(error) for _address, error in failures):
        return UnreachableError("no_answer", f"No answer from {where}.", CLOSED)
    return UnreachableError("no_route", f"There is no way to {where}.", NO_ROUTE)


def _timed_out(error: OSError) -> bool:
    return isinstance(error, (socket.timeout, TimeoutError)) or error.errno == errno.ETIMEDOUT


def _cause(error: OSError, timeout: float) -> str:
    if _timed_out(error):
        return f"nothing within {timeout:g} s"
    return (error.strerror or str(error)).lower()
