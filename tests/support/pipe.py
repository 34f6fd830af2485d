# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection without SSH: a local socket below the engine's SFTP session."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.channel import ended, silent


class PipeChannel:
    """A channel over a local socket; see `channel.Channel`.

    A socket holds less than a session's answers. So what has come is taken in while there is no room to send, as the
    thread of an SSH connection does it.
    """

    window = 32 * 1024 * 1024
    send_size = 32 * 1024 - 64

    def __init__(self, end: socket.socket, *, timeout: float) -> None:
        end.setblocking(False)
        self._socket = end
        self._timeout = timeout
        self._came: list[bytes] = []

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, data: bytes) -> int:
        try:
            while True:
                try:
                    return self._socket.send(data)
                except BlockingIOError:
                    self._take_in()
        except OSError as error:
            raise ended(error) from error

    def _take_in(self) -> None:
        """Wait until there is room to send, or something has come; take in the latter."""
        events = self._wait(select.POLLIN | select.POLLOUT, self._timeout)
        if not events:
            raise silent(self._timeout)
        if events & select.POLLIN:
            self._came.append(self._socket.recv(self.window))

    def receive(self, timeout: float) -> bytes | None:
        data = b"".join(self._came)
        self._came.clear()
        try:
            if not data and timeout > 0 and not self._wait(select.POLLIN, timeout):
                return None
            data = data or self._socket.recv(self.window)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ended(error) from error
        if not data:
            raise ended("the server closed it")
        return data

    def _wait(self, events: int, timeout: float) -> int:
        poll = select.poll()
        poll.register(self._socket, events)
        found = poll.poll(timeout * 1000)
        return found[0][1] if found else 0

    def close(self) -> None:
        self._socket.close()


class PipeConnection:
    """A connection that opens a socket for each channel; see `channel.Connection`.

    :param open_socket: returns a socket with an SFTP server at its other end.
    """

    def __init__(self, open_socket: Callable[[], socket.socket], *, timeout: float, is_openssh: bool = False) -> None:
        self.is_openssh = is_openssh
        self._open_socket = open_socket
        self._timeout = timeout
        self._channels: list[PipeChannel] = []

    def open_channel(self) -> PipeChannel:
        self._channels.append(PipeChannel(self._open_socket(), timeout=self._timeout))
        return self._channels[-1]

    def info(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


def unix_socket(address: str) -> socket.socket:
    """A socket that is connected to an address in the file system."""
    end = socket.socket(socket.AF_UNIX)
    end.connect(address)
    return end
