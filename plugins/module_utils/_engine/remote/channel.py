# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a protocol of packets needs of the connection below it: streams of bytes, whatever carries them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..errors import ConnectionLost


class ChannelEnded(ConnectionLost):
    """The server has ended this stream. The connection that carries it goes on."""


class Channel(Protocol):
    """A stream of bytes to a server and back.

    Sending may block. That is safe only while the answers that were asked for fit into ``window``: then the server can
    always get rid of them, and goes on reading.

    :ivar window: bytes that the server can send before we read them.
    :ivar send_size: bytes that one `send` should have at most.
    """

    @property
    def window(self) -> int:
        """The size of the receive window, in bytes."""

    @property
    def send_size(self) -> int:
        """The largest number of bytes that can be sent at once."""

    def send(self, data: bytes) -> int:
        """Send some of the data, one byte at least; return how much.

        :raises ConnectionLost: the connection has ended, or takes nothing for the account's timeout.
        """

    def receive(self, timeout: float) -> bytes | None:
        """Wait for bytes, and return all that have come; None if none have come in so many seconds.

        :raises ChannelEnded: the server has ended the stream.
        :raises ConnectionLost: the connection has ended.
        """

    def fileno(self) -> int:
        """A descriptor that is readable when bytes may have come."""

    def close(self) -> None:
        """End the stream, and the connection that carries it."""


class Connection(Protocol):
    """A connection to a server, the user logged in, ready to carry channels.

    :ivar is_openssh: whether the server says that it is OpenSSH.
    """

    @property
    def is_openssh(self) -> bool:
        """Whether the server is OpenSSH."""

    def open_channel(self) -> Channel:
        """Open a channel to the SFTP server.

        :raises ServerBusy: ``session_refused``: the server has no room for a further channel.
        :raises UnreachableError: ``sftp_refused``: the server has no SFTP for this user.
        :raises ConnectionLost: the connection has ended, or the server does not answer.
        """

    def info(self) -> Mapping[str, Any]:
        """What is known of the server and the connection, for people."""

    def close(self) -> None:
        """End the connection."""


def silent(timeout: float) -> ConnectionLost:
    """The error for a server that does not answer."""
    return ConnectionLost(
        "connection_lost",
        f"The server has not answered for {timeout:g} seconds.",
        "Raise `timeout` if it is only slow.",
    )


def ended(why: object) -> ConnectionLost:
    """The error for a connection that has ended.

    :param why: a text, or an exception.
    """
    return ConnectionLost("connection_lost", f"The connection to the server ended ({why or type(why).__name__}).")
