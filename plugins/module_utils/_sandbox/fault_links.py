# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the network and of the login. They occur before there is an SFTP session."""

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
    from .._engine._paramiko import paramiko

# Seconds after which a stalled socket lets paramiko check whether it should end.
_LOOK = 0.1


@dataclass(eq=False)
class LinkBreaks(Fault):
    """Cut or stall a connection after a number of bytes.

    :param amount: bytes, including those of the handshake (about 3,000 up and 2,000 down).
    :param direction: whose bytes count: ``up`` the client's, ``down`` the server's.
    :param stall: keep the connection open without any traffic in either direction; otherwise it is cut.
    """

    amount: int
    direction: str
    stall: bool = False
    aim: Aim = field(default_factory=Aim)

    def link(self, link: socket.socket) -> socket.socket:
        return cast("socket.socket", _Link(link, self)) if self.aim.hits() else link


class _Link:
    """A socket with the methods that paramiko uses, which can break."""

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
        """Break this direction if the other one has broken."""
        if self._left <= 0:
            self._room()

    def _room(self) -> int:
        """Return how many bytes may still pass. :raises OSError: none."""
        if self._left > 0:
            return self._left
        if self._fault.stall:
            time.sleep(_LOOK)
            # paramiko treats this as "no data yet", and then checks whether it should end.
            raise socket.timeout
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._link.close()
        raise ConnectionResetError(errno.ECONNRESET, "cut by a fault of the sandbox")


@dataclass(eq=False)
class LoginSlow(Fault):
    """Delay every login attempt."""

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
    """Refuse every login."""

    aim: Aim = field(default_factory=Aim)

    def authenticate(self, username: str, method: str) -> bool:
        del method
        return not self.aim.hits(username)


@dataclass(eq=False)
class HostKeyChanged(Fault):
    """Present other host keys of the same types, as after a reinstallation, or as an attacker would."""

    aim: Aim = field(default_factory=Aim)
    _others: list[paramiko.PKey] = field(default_factory=list, init=False, repr=False)

    def host_keys(self, keys: Sequence[paramiko.PKey]) -> Sequence[paramiko.PKey]:
        if not self.aim.hits():
            return keys
        if not self._others:
            self._others = [hostkeys.generate(type_name) for type_name in hostkeys.TYPES]
        return self._others
