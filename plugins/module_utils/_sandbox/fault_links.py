# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the network and of the login: they strike before there is an SFTP session."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from . import hostkeys
from .faults import Aim, Fault

if TYPE_CHECKING:
    from .._engine._deps import paramiko

# Seconds for which a stalled socket lets paramiko wait before it may look whether it shall end.
_LOOK = 0.1


@dataclass(eq=False)
class LinkBreaks(Fault):
    """Ends or stalls a connection once so many of its bytes have passed.

    :param amount: bytes, of the handshake as well (it takes some 3,000 up and 2,000 down).
    :param direction: whose bytes count: ``up`` the client's, ``down`` the server's.
    :param stall: the connection stays open, and nothing moves any more, either way; else it is cut.
    """

    amount: int
    direction: str
    stall: bool = False
    aim: Aim = field(default_factory=Aim)

    def link(self, link: socket.socket) -> socket.socket:
        return cast("socket.socket", _Link(link, self)) if self.aim.hits() else link


class _Link:
    """A socket as paramiko uses it, that breaks."""

    def __init__(self, link: socket.socket, fault: LinkBreaks) -> None:
        self._link = link
        self._fault = fault
        self._left = fault.amount

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def recv(self, count: int) -> bytes:
        if self._fault.direction != "up":
            self._check()
            return self._link.recv(count)
        data = self._link.recv(min(count, self._room()))
        self._left -= len(data)
        return data

    def send(self, data: bytes) -> int:
        if self._fault.direction != "down":
            self._check()
            return self._link.send(data)
        sent = self._link.send(data[: self._room()])
        self._left -= sent
        return sent

    def _check(self) -> None:
        """Once one way has broken, so has the other."""
        if self._left <= 0:
            self._room()

    def _room(self) -> int:
        """How many bytes may still pass. :raises OSError: none."""
        if self._left > 0:
            return self._left
        if self._fault.stall:
            time.sleep(_LOOK)
            # What paramiko takes for "nothing yet", so that it can be told to end.
            raise socket.timeout
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._link.close()
        raise ConnectionResetError(errno.ECONNRESET, "cut by a fault of the sandbox")


@dataclass(eq=False)
class LoginSlow(Fault):
    """Lets every attempt to log in wait."""

    seconds: float
    aim: Aim = field(default_factory=Aim)
    _over: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def authenticate(self, username: str, method: str) -> bool:
        del method
        if self.aim.hits(username):
            self._over.wait(self.seconds)
        return True

    def release(self) -> None:
        self._over.set()


@dataclass(eq=False)
class LoginRefused(Fault):
    """Lets nobody in."""

    aim: Aim = field(default_factory=Aim)

    def authenticate(self, username: str, method: str) -> bool:
        del method
        return not self.aim.hits(username)


@dataclass(eq=False)
class HostKeyChanged(Fault):
    """Shows other host keys than the sandbox's own, of the same types: as after a reinstallation, or by an intruder."""

    aim: Aim = field(default_factory=Aim)
    _others: list[paramiko.PKey] = field(default_factory=list, init=False, repr=False)

    def host_keys(self, keys: Sequence[paramiko.PKey]) -> Sequence[paramiko.PKey]:
        if not self.aim.hits():
            return keys
        if not self._others:
            self._others = [hostkeys.generate(type_name) for type_name in hostkeys.TYPES]
        return self._others
