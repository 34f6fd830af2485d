# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An SSH connection as a `Connection`, and its channels: all that the rest of the engine sees of paramiko."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..._paramiko import paramiko
from ...errors import FiledropError, ServerBusy, UnreachableError
from ..channel import ChannelEnded, ended, silent
from .connect import agreed_algorithms, banner_of, host_key_of
from .handshake import WINDOW
from .receive_buffer import replace_buffers

if TYPE_CHECKING:
    from paramiko import Transport

OPENSSH = "SSH-2.0-OpenSSH_"
"""How the servers of OpenSSH introduce themselves."""

PIECE = 32 * 1024 - 64  # what paramiko sends in one SSH packet to a server with the usual limit

ENDING = 0.5  # seconds that a lost connection may take to be known as such


class SshConnection:
    """An SSH connection; see `channel.Connection`.

    :param timeout: seconds of silence after which the server counts as lost.
    """

    def __init__(self, transport: Transport, *, timeout: float) -> None:
        self._transport = transport
        self._timeout = timeout

    @property
    def is_openssh(self) -> bool:
        return banner_of(self._transport).version.startswith(OPENSSH)

    def info(self) -> Mapping[str, Any]:
        key = host_key_of(self._transport)
        return {
            "host_key": {"type": key.type, "fingerprint": key.fingerprint, "line": key.line},
            "server_version": banner_of(self._transport).version,
            "algorithms": agreed_algorithms(self._transport),
        }

    def open_channel(self) -> SshChannel:
        asked_at = time.monotonic()
        try:
            channel: Any = self._transport.open_session(timeout=self._timeout)
            replace_buffers(channel)
            channel.settimeout(self._timeout)
            with _closing_after(self._timeout, channel, self._transport):
                channel.invoke_subsystem("sftp")
        except paramiko.ChannelException as error:
            raise ServerBusy(
                "session_refused",
                f"The server accepted the login and refused to open a session (code {error.code}).",
                "It may have too many sessions open for this account; ask the provider, or try again later.",
            ) from error
        except Exception as error:  # paramiko raises what has ended its thread, of whatever kind
            if time.monotonic() - asked_at >= self._timeout:
                raise silent(self._timeout) from error
            raise self._no_sftp(error) from error
        return SshChannel(channel, self._transport, timeout=self._timeout)

    def _no_sftp(self, error: Exception) -> FiledropError:
        """The server refuses SFTP, or the connection has ended."""
        if _has_ended(self._transport):
            return ended(self._transport.saved_exception or "right after the login")
        return UnreachableError(
            "sftp_refused",
            f"The server accepted the login and refused SFTP ({error or type(error).__name__}).",
            "Ask the provider whether the account may use SFTP.",
        )

    def close(self) -> None:
        self._transport.close()


class SshChannel:
    """A channel of an SSH connection; see `channel.Channel`."""

    window = WINDOW
    send_size = PIECE

    def __init__(self, channel: Any, transport: Transport, *, timeout: float) -> None:
        self._channel = channel
        self._transport = transport
        self._timeout = timeout

    def fileno(self) -> int:
        return int(self._channel.fileno())

    def send(self, data: bytes) -> int:
        try:
            sent = int(self._channel.send(data))
        except socket.timeout:
            raise silent(self._timeout) from None
        except Exception as error:
            raise (ended(error) if _has_ended(self._transport) else self._end()) from error
        if sent == 0:
            raise self._end()
        return sent

    def receive(self, timeout: float) -> bytes | None:
        try:
            self._channel.settimeout(timeout)
            data: bytes = self._channel.recv(WINDOW)
        except socket.timeout:
            return None
        except Exception as error:
            raise ended(error) from error
        finally:
            self._channel.settimeout(self._timeout)
        if not data:
            raise self._end()
        return data

    def _end(self) -> Exception:
        if _has_ended(self._transport):
            return ended(self._transport.saved_exception or "the server closed it")
        return ChannelEnded("connection_lost", "The connection to the server ended (the server closed the channel).")

    def close(self) -> None:
        self._transport.close()


@contextmanager
def _closing_after(seconds: float, channel: Any, transport: Transport) -> Iterator[None]:
    """End a connection on which paramiko would wait for ever.

    It waits for the channel's event. Where the connection has ended just before, nothing else sets that.
    """

    def close() -> None:
        transport.close()
        channel.event.set()

    watch = threading.Timer(seconds, close)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _has_ended(transport: Transport) -> bool:
    """Whether the connection has ended under its channel. The transport may know it a moment later."""
    if transport.is_active():
        transport.join(ENDING)
    return not transport.is_active()
