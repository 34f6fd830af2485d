# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send one request at a time over one connection, in a thread, and judge its answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Callable, NamedTuple

from ...errors import AuthenticationError, ConnectionLost, FiledropError, ServerBusy, UnreachableError
from ..interface import Judgement, Reply
from .answers import judge
from .envelope import AGAIN, Cancelled, Request, Settled
from .https import Answer, extend_limit
from .words import Words

if TYPE_CHECKING:
    from .https import HttpsClient
    from .token import Tokens

ANSWER = 1024 * 1024  # bytes of an answer that are read, and so many for each file:
ANSWER_PER_FILE = 4096


class Event(NamedTuple):
    """What a thread tells the loop of a request: that it is about to be complete (no results), or that it has ended.

    :ivar stop: an error that concerns all files that are still to be sent.
    """

    request: Request
    worker: Worker
    results: Sequence[Settled] | None = None
    answer: Answer | None = None
    stop: FiledropError | None = None


class Worker:
    """A thread that sends one request at a time over its connection.

    :ivar request: the one under way; it belongs to the loop.
    """

    def __init__(self, client: HttpsClient, tokens: Tokens, tell: Callable[[Event], None]) -> None:
        self.request: Request | None = None
        self._client = client
        self._account = client.account
        self._tokens = tokens
        self._tell = tell
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="filedrop-api", daemon=True).start()

    def put(self, request: Request) -> None:
        self.request = request
        self._queue.put(request)

    def stop(self) -> None:
        self._queue.put(None)

    def _work(self) -> None:
        while (request := self._queue.get()) is not None:
            self._tell(self._sent(request))

    def _sent(self, request: Request) -> Event:
        count = len(request.places)
        try:
            answer = self._post(request)
        except Cancelled:
            blamed: Settled = request.failure or AGAIN
            return Event(request, self, [blamed if place is request.blamed else AGAIN for place in request.places])
        except Exception as error:
            if request.is_released and isinstance(error, ConnectionLost):
                return Event(request, self, [Reply(Judgement.UNKNOWN, f": {error.finding}")] * count)
            self._tokens.doubt(request.token)
            return self._failed(error, request)
        results = self._judged(answer, request)
        if answer.status == 401:
            try:
                self._tokens.renew(self._client, request.token)
            except Exception as error:
                return self._failed(error, request)
        else:
            self._tokens.accepted(request.token)
        return Event(request, self, results, answer)

    def _failed(self, error: Exception, request: Request) -> Event:
        """Return the event for a request that took no file, whatever happens to its connection."""
        if isinstance(error, UnreachableError):  # the run tries again with a new session
            error = ConnectionLost(error.reason, error.finding, error.way_out)
        return Event(
            request,
            self,
            [error] * len(request.places),
            stop=error if isinstance(error, (AuthenticationError, ServerBusy)) else None,
        )

    def _post(self, request: Request) -> Answer:
        request.token = self._tokens.usable(self._client).value
        api = self._account.api
        headers = {
            "Authorization": f"Bearer {request.token}",
            "Content-Type": "application/json",
            "Content-Length": str(request.length),
            "X-Request-Id": request.id,
        }
        url = f"{api.base_url}/clients/{api.client_no}/files"
        largest = ANSWER + ANSWER_PER_FILE * len(request.places)
        return self._client.send("POST", url, headers, self._paced(request), largest=largest)

    def _paced(self, request: Request) -> Iterator[bytes]:
        """Yield the body within the limits of time and bandwidth."""
        rate = (self._account.bandwidth_limit or 0) / self._account.connections

        def complete() -> Iterator[None]:
            self._tell(Event(request, self))
            yield

        for piece in request.pieces(complete()):
            began = time.monotonic()
            extend_limit(self._account.timeout)
            yield piece
            if rate:
                time.sleep(max(0.0, began + len(piece) / rate - time.monotonic()))
        extend_limit(self._account.timeout)

    def _judged(self, answer: Answer, request: Request) -> Sequence[Settled]:
        """Judge each file. One without an entry of its own goes again, if another one may be to blame."""
        verdicts = judge(
            answer.status,
            answer.body,
            [place.parcel.file_id for place in request.places],
            client_no=self._account.api.client_no,
            words=Words(self._account, request.token),
            is_complete=request.is_released,
        )
        refused = (Judgement.REFUSED, Judgement.FORBIDDEN)
        return [
            AGAIN
            if verdict.judgement in refused and not verdict.is_own and len(request.places) > 1
            else Reply(verdict.judgement, verdict.words)
            for verdict in verdicts.values()
        ]
