# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the body of a request from many files, piece by piece, while it is sent.

The body is JSON, with the content of each file in base64. Its length is known before its first byte. Its last bytes
leave only after the durable point of each file, so a request that was cut before has never been complete.
"""

from __future__ import annotations

import json
import secrets
import threading
from binascii import b2a_base64
from collections.abc import Iterator
from typing import Union

from ...errors import FiledropError
from ...loop.loop import Future
from ..interface import Judgement, Parcel, Reply

CHUNK = 3 * 64 * 1024
"""Bytes of a file that are read at once. Base64 turns 3 bytes into 4 without padding."""

PIECE = 256 * 1024  # bytes that are sent at once

LARGEST_COUNT = 1 << 30  # files of a request that has none yet

_TAIL = b"]}"

Settled = Union[Reply, Exception]


class Cancelled(Exception):
    """The request must not be completed, because of one of its files."""


class Place:
    """A file's place in a request.

    :ivar completing: done with None when the request is about to be complete, or with the reply if it has ended before.
    :ivar reply: done when the request has ended.
    :ivar most: how many files a request with this file may have.
    """

    def __init__(self, parcel: Parcel, most: int) -> None:
        self.parcel = parcel
        self.most = most
        self.completing: Future[Reply | None] = Future()
        self.reply: Future[Reply] = Future()
        self.begin = _member(parcel)
        self.length = len(self.begin) + 4 * -(-parcel.source.size // 3) + len('"},')

    def settle(self, result: Settled) -> None:
        """Tell the coroutine that waits."""
        future: Future[Reply] | Future[Reply | None] = self.reply if self.completing.done else self.completing
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


class Request:
    """Files that go in one request. It belongs to the loop, and while it is sent to one thread as well.

    :ivar id: names it in the ledger, and to the server.
    :ivar places: changed by `add` and `leave` only.
    :ivar token: with which it is sent.
    :ivar blamed: the file that ended it.
    :ivar is_released: its last bytes have left, so it may arrive.
    """

    def __init__(self, user_id: str) -> None:
        self.id = secrets.token_hex(8)
        self.places: list[Place] = []
        self.token = ""
        self.is_released = False
        self._head = f'{{"metadata":{{"userId":{json.dumps(user_id)}}},"files":['.encode()
        self._content = 0  # bytes of the members of all files
        self._most = LARGEST_COUNT
        self._lock = threading.Lock()
        self._decided = threading.Event()
        self._approved = 0
        self._failure: Exception | None = None
        self.blamed: Place | None = None

    @property
    def length(self) -> int:
        """Return the length of the body in bytes."""
        return len(self._head) + self._content - (1 if self.places else 0) + len(_TAIL)

    def has_room_for(self, place: Place, largest: int) -> bool:
        most = min(place.most, self._most)
        return not self.places or (len(self.places) < most and self.length + place.length <= largest)

    @property
    def is_full(self) -> bool:
        return len(self.places) >= self._most

    def add(self, place: Place) -> None:
        self.places.append(place)
        self._content += place.length
        self._most = min(self._most, place.most)

    def leave(self, place: Place) -> None:
        """Take out a file before the request is sent."""
        self.places.remove(place)
        self._content -= place.length

    # --- in the loop

    def approve(self) -> None:
        """Count a file whose durable point has passed. After the last one, the request may be completed."""
        self._approved += 1
        if self._approved == len(self.places):
            self._decided.set()

    def cancel(self) -> None:
        """Forbid to complete the request, and to read its files. Nothing happens if it was completed."""
        with self._lock:
            self._failure = self._failure or Cancelled()
        self._decided.set()

    @property
    def is_decided(self) -> bool:
        """Return whether the thread may go on, one way or the other."""
        return self._decided.is_set()

    # --- in the thread

    def pieces(self, complete: Iterator[None]) -> Iterator[bytes]:
        """Yield the body.

        :param complete: advanced once, when only the last bytes are missing.
        :raises Cancelled: the request must not be completed.
        """
        waiting = bytearray(self._head)
        for number, place in enumerate(self.places):
            waiting += (b"," if number else b"") + place.begin
            rest = place.parcel.source.size
            while rest:
                data = self._read(place, min(rest, CHUNK))
                rest -= len(data)
                waiting += b2a_base64(data, newline=False)
                if len(waiting) >= PIECE:
                    yield bytes(waiting)
                    waiting.clear()
            self._read(place, 0)
            waiting += b'"}'
        if waiting:
            yield bytes(waiting)
        for _step in complete:
            break
        self._decided.wait()
        if self._failure is not None:
            raise self._failure
        yield _TAIL
        self.is_released = True  # only now: whoever sends the pieces comes back if the last one could be sent

    def _read(self, place: Place, length: int) -> bytes:
        """Read the next bytes of a file; at its end (0), check that it has not changed.

        The loop closes files only after `cancel`. So no descriptor is used that means another file by then.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            try:
                if length:
                    return place.parcel.source.read(length)
                place.parcel.source.check_unchanged()
                return b""
            except (FiledropError, OSError) as error:
                self._failure, self.blamed = error, place
                raise Cancelled from error

    @property
    def failure(self) -> Exception | None:
        return self._failure


def _member(parcel: Parcel) -> bytes:
    """Return the beginning of a file's member, up to its content."""
    fields = {"fileId": parcel.file_id, "type": parcel.kind, "name": parcel.name}
    return (json.dumps(fields)[:-1] + ', "content": "').encode()


AGAIN = Reply(Judgement.AGAIN)
