# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pass the bytes of a connection through the faults of the network.

pyftpdlib and OpenSSL need a real socket. So a faulty connection ends here, and its bytes go on through a second one.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Sequence
from typing import Callable, TypeVar

from ..faults import Fault
from ..server import listen

_CHUNK = 65536

_Result = TypeVar("_Result")


def relayed(accepted: socket.socket, faults: Sequence[Fault]) -> socket.socket:
    """Return the socket to serve: the accepted one, or one behind the faults that concern this connection."""
    link = accepted
    for fault in faults:
        link = fault.link(link)
    if link is accepted:
        return accepted
    ours, served = _pair()
    accepted.setblocking(True)
    for source, target in ((link, ours), (ours, link)):
        threading.Thread(target=_pass, args=(source, target, served), name="sandbox relay", daemon=True).start()
    return served


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets of TCP. Those of ``socketpair`` have no addresses, which pyftpdlib needs."""
    with listen(0) as listener:
        ours = socket.create_connection(listener.getsockname())
        served, _address = listener.accept()
    for one in (ours, served):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, served


def _pass(source: socket.socket, target: socket.socket, served: socket.socket) -> None:
    """Pass bytes on until the source ends. A fault may raise a timeout to say that nothing passes now."""
    try:
        while data := _when_possible(functools.partial(source.recv, _CHUNK), served):
            while data:
                data = data[_when_possible(functools.partial(target.send, data), served) :]
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone, so the other one ends, too.
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _when_possible(operation: Callable[[], _Result], served: socket.socket) -> _Result:
    while True:
        try:
            return operation()
        except socket.timeout:
            if served.fileno() < 0:
                raise
