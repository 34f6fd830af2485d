# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One SFTP session on one channel, with many requests under way at once.

SFTP numbers its requests, so answers may come in any order and nobody needs to wait for one before asking the next.
Requests are collected and sent together. Each answer sets the result of the `Future` of its request.

There is one writer, and it may block. That is safe only because the answers that we have asked for always fit into the
window of the channel, so the server can always get rid of them and go on reading (`CapacityLimiter`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from ...errors import UNSTATED, ConnectionLost, ProtocolError, RemoteError, UnreachableError
from ...loop.limiter import CapacityLimiter
from ...loop.loop import Future
from ..channel import ChannelEnded, silent
from ..listings import SharedListings
from . import packets
from .framing import Packet, Packets, pieces

if TYPE_CHECKING:
    from ..channel import Channel

HOLD_AHEAD = 32 * 1024 * 1024
"""Bytes of downloads that may be requested and not yet written to the disk. A server may answer all requests of a file
but the first, so that nothing can be written."""

WRITE_AHEAD = 1280 * 1024
"""Bytes that may be sent and not yet acknowledged. OpenSSH's server gets slower with more bytes in its buffers: it
copies a growing buffer for every 16 KiB."""

WRITE_FAR_AHEAD = (2048 - 128) * 1024
"""The same for a distant server, where most of these bytes are on the line. It is the window of one OpenSSH channel,
less what OpenSSH reads before it says so. A writer that sends more blocks, and cannot use another channel meanwhile."""

WRITE_FAR_FROM = 0.015
"""Seconds of a round trip. From here on, `WRITE_AHEAD` would limit the rate to less than 80 MiB/s."""

SAFE_CHUNK = 32 * 1024  # what every server must take in one READ or WRITE [draft-ietf-secsh-filexfer-02, 3]
LARGEST_CHUNK = 255 * 1024  # what OpenSSH takes; more would only cost memory

UNTOLD_HANDLES = 64
"""Files that may be open at once on a server that tells no limit."""

SPARE_HANDLES = 4  # of the limit that a server tells, for others on the same connection


class Cost(NamedTuple):
    """What was acquired from a limiter for a request. It is released with the answer."""

    limiter: CapacityLimiter
    amount: int


@dataclass
class Habits:
    """Record what a server does otherwise than OpenSSH's, as its answers have shown.

    :ivar looks: the requests that tell what a path is, best first. One that the server does not know is removed.
    :ivar looks_in_listings: whether a folder had to be listed to tell what a path is.
    :ivar lists_paths: whether its listings hold whole paths.
    :ivar home: the absolute path of the login folder, on a server that takes no relative paths; else empty.
    :ivar lists_one_by_one: whether it refuses a READDIR that is asked ahead.
    :ivar most_open: how many files may be open at once, as far as its refusals have shown; 0 if it has refused none.
    :ivar clock: seconds by which its clock is ahead of ours, as the time of an upload showed; None if unknown.
    :ivar listings: the names that the next listing of a folder decides on; see `looks`.
    """

    looks: tuple[int, ...] = (packets.LSTAT, packets.STAT)
    looks_in_listings: bool = False
    lists_paths: bool = False
    home: str = ""
    lists_one_by_one: bool = False
    most_open: int = 0
    clock: float | None = None
    listings: SharedListings = field(default_factory=SharedListings)

    def notes(self) -> list[str]:
        """Return a sentence for each habit that differs, for people."""
        found = {
            "It does not answer LSTAT. STAT is used, so a link looks like its target.": self.looks == (packets.STAT,),
            "It answers neither LSTAT nor STAT. The listing of the folder is used.": not self.looks,
            "It does not always tell whether a file is missing. The listing of the folder is used then.": (
                bool(self.looks) and self.looks_in_listings
            ),
            "It lists paths in place of names.": self.lists_paths,
            f"It takes no relative paths. They are sent with {self.home!r} before them.": bool(self.home),
            "It refuses to go on with a listing before its last answer. It is asked one by one.": self.lists_one_by_one,
        }
        return [note for note, applies in found.items() if applies]


class _Request(Future[Any]):
    """A pending request, and what its answer must be."""

    __slots__ = ("cost", "decode", "doing", "expected", "missing_ok")

    def __init__(
        self, expected: int, doing: str, decode: Callable[[Any], Any] | None, *, cost: Cost | None, missing_ok: bool
    ) -> None:
        super().__init__()
        self.expected = expected
        self.doing = doing
        self.decode = decode
        self.cost = cost
        self.missing_ok = missing_ok


class Session:
    """An SFTP session: version agreed, limits known, ready for requests.

    :param channel: a stream to the SFTP server of a user who is logged in. It ends with the session.
    :param timeout: seconds without an answer, while requests are pending, after which the session counts as lost.
    :param habits: what is known of the server. All sessions with it share that.
    :param handles: how many files may be open at once, if that does not go by what the server tells.
    :ivar latency: seconds of a round trip; 0 if the server has not been asked for anything that tells.
    :ivar error: what has ended the session, if anything has.
    """

    def __init__(
        self, channel: Channel, *, timeout: float, habits: Habits, handles: CapacityLimiter | None = None
    ) -> None:
        self.timeout = timeout
        self.habits = habits
        self._channel = channel
        self._pending: dict[int, _Request] = {}
        self._next_id = 0
        self._out: list[bytes] = []
        self._unsent = 0  # requests
        self._packets = Packets()
        self._heard_at = time.monotonic()
        self.error: Exception | None = None
        self.reading = CapacityLimiter(_read_ahead(channel.window))
        self.holding = CapacityLimiter(HOLD_AHEAD)
        self.writing = CapacityLimiter(WRITE_AHEAD)
        self.handles = handles or CapacityLimiter(UNTOLD_HANDLES)
        self.latency = 0.0
        self.extensions = self._agree_on_version()
        self.limits = self._ask_limits()
        if not 0 < self.latency < WRITE_FAR_FROM:  # what is not known may be far
            self.writing.resize(WRITE_FAR_AHEAD)
        if self.limits.handles and handles is None:
            self.handles = CapacityLimiter(max(1, self.limits.handles - SPARE_HANDLES))
        self.read_chunk = min(_chunk(self.limits.read), self.reading.total)
        self.write_chunk = _chunk(self.limits.write)

    @property
    def pending(self) -> int:
        """The number of requests without an answer."""
        return len(self._pending)

    def fileno(self) -> int:
        """Readable when answers may have come."""
        return int(self._channel.fileno())

    def request(
        self,
        kind: int,
        body: bytes,
        *,
        expected: int,
        doing: str,
        decode: Callable[[Any], Any] | None = None,
        data: bytes = b"",
        cost: Cost | None = None,
        missing_ok: bool = False,
    ) -> Future[Any]:
        """Queue a request. The result is what ``decode`` makes of the body of the expected packet (None for an OK
        status).

        :param data: is sent right behind the body.
        :param doing: what we ask, as it follows "The server refused" in an error.
        :param cost: what was acquired for the request. It is released with the answer.
        :param missing_ok: "no such file" is the result None, and not an error.
        """
        request = _Request(expected, doing, decode, cost=cost, missing_ok=missing_ok)
        if self.error is not None:
            request.set_exception(self.error)
            return request
        request_id = self._next_id
        self._next_id = (request_id + 1) & 0xFFFFFFFF
        self._pending[request_id] = request
        self._unsent += 1
        self._out.append(packets.packet(kind, request_id, body, len(data)))
        if data:
            self._out.append(data)
        return request

    def exchange(self, timeout: float | None) -> bool:
        """Send what is queued, wait for answers, and process all that have come; return whether any has.

        :param timeout: seconds to wait at most; None: until the server counts as silent.
        """
        try:
            self._send()
            came = self._receive(timeout)
            if not came and self._pending and time.monotonic() - self._heard_at > self.timeout:
                raise silent(self.timeout)
        except (ConnectionLost, ProtocolError) as error:
            self.fail(error)
            return True
        return came

    def fail(self, error: Exception) -> None:
        """End the session. Every pending request gets this error."""
        self.error = error
        self._out.clear()
        pending, self._pending = self._pending, {}
        for request in pending.values():
            request.set_exception(error)
        for limiter in (self.reading, self.holding, self.writing, self.handles):
            limiter.fail(error)
        self._channel.close()

    def _send(self) -> None:
        if self._unsent == len(self._pending):  # the server had nothing to answer until now
            self._heard_at = time.monotonic()
        self._unsent = 0
        while self._out:
            queued, self._out = self._out, []
            for piece in pieces(queued, self._channel.send_size):
                self._send_piece(piece)

    def _send_piece(self, piece: bytes) -> None:
        while piece:
            piece = piece[self._channel.send(piece) :]

    def _receive(self, timeout: float | None) -> bool:
        data = self._channel.receive(self.timeout if timeout is None else timeout)
        if data is None:
            return False
        self._heard_at = time.monotonic()
        for packet in self._packets.taken_from(data):
            self._answered(*packet)
        return True

    def _answered(self, kind: int, request_id: int, body: Any) -> None:
        request = self._pending.pop(request_id, None)
        if request is None:
            raise ProtocolError(
                "protocol_error", f"The server answered a request that nobody made (number {request_id})."
            )
        if request.cost:
            request.cost.limiter.release(request.cost.amount)
        try:
            request.set_result(_value_of(request, kind, body))
        except RemoteError as error:
            request.set_exception(error)
        except ProtocolError as error:
            request.set_exception(error)
            raise

    def share_memory(self, sessions: int) -> None:
        """Ask for less ahead if a run has many sessions. Together they keep no more in memory than two would."""
        if sessions > 2:
            self.reading.resize(max(self.read_chunk, _read_ahead(self._channel.window) * 2 // sessions))
            self.holding.resize(HOLD_AHEAD * 2 // sessions)

    def _agree_on_version(self) -> dict[str, str]:
        self._out.append(packets.hello())
        try:
            self._send()
            kind, version, body = self._first_packet()
        except ChannelEnded as error:
            raise UnreachableError(
                "sftp_refused",
                "The server accepted the login and then closed the SFTP session without a word.",
                "Ask the provider whether the account may use SFTP.",
            ) from error
        if kind != packets.VERSION_REPLY or version != packets.VERSION:
            raise ProtocolError(
                "sftp_version",
                f"The server answered our SFTP version {packets.VERSION} with packet type {kind} "
                f"and version {version}.",
                "filedrop speaks version 3, which all servers in use know; ask the provider to enable it.",
            )
        return packets.extensions(body)

    def _first_packet(self) -> Packet:
        """The first packet, which has the version in place of a request id."""
        deadline = time.monotonic() + self.timeout
        while True:
            data = self._channel.receive(max(0.0, deadline - time.monotonic()))
            if data is None:
                raise silent(self.timeout)
            came = list(self._packets.taken_from(data))
            for unasked in came[1:]:
                self._answered(*unasked)
            if came:
                return came[0]

    def _ask_limits(self) -> packets.Limits:
        if packets.LIMITS not in self.extensions:
            return packets.Limits(0, 0, 0, 0)
        limits = self.request(
            packets.EXTENDED,
            packets.text(packets.LIMITS.encode()),
            expected=packets.EXTENDED_REPLY,
            doing="to tell its limits",
        )
        asked_at = time.monotonic()
        while not limits.done:
            self.exchange(None)
        self.latency = time.monotonic() - asked_at
        try:
            return packets.limits(limits.result())
        except RemoteError:  # it announced the extension and refuses it; we can do without
            return packets.Limits(0, 0, 0, 0)


def _value_of(request: _Request, kind: int, body: Any) -> Any:
    """The result of a request by the packet that answers it.

    :raises RemoteError: the server refuses the request.
    :raises ProtocolError: the packet does not answer that request, or cannot be read.
    """
    if kind == packets.STATUS:
        code = packets.status_code(body)
        if code in packets.MISSING and request.missing_ok:
            return None
        if code != packets.OK:
            raise packets.refusal(body, request.doing)
        if request.expected in (packets.DATA, packets.NAME, packets.ATTRS, packets.EXTENDED_REPLY):
            raise RemoteError(UNSTATED, f"The server answered {request.doing} with OK, and with nothing else.")
    if kind != request.expected:
        raise ProtocolError(
            "protocol_error",
            f"The server answered {request.doing} with a packet of type {kind}, not {request.expected}.",
        )
    return request.decode(body) if request.decode else body


def _chunk(limit: int) -> int:
    """Bytes of one READ or WRITE, by the server's limit (0: it tells none)."""
    return min(limit, LARGEST_CHUNK) if limit else SAFE_CHUNK


def _read_ahead(window: int) -> int:
    """Bytes of files that may have been asked for at once.

    The rest of the window is for what the channel is late in telling the server (a tenth of it over SSH), and for the
    answers to all else. Of SSH's 32 MiB this is more than a link of 100 ms at 1 Gbit/s holds.
    """
    return window * 3 // 4
