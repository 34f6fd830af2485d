# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Amili's files API as a Remote: many files in one request, and an answer with an entry for each.

- `ApiRemote.submit` gives each file a place in a request. A request leaves when it is full, or when no other file can
  join it. Each connection has a thread that sends one request at a time.
- The server is asked again after a refusal that concerns a request as a whole. Files without an entry of their own
  then go in smaller requests, until the file that caused it is alone.
- A busy server gets the same files again after a pause, for a minute at most.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import FiledropError, JobStopped, RemoteUnsupported, ServerBusy
from ...loop.loop import Batch, Future
from ..interface import Entry, Features, Judgement, Parcel, Reply
from .backoff import Backoff
from .envelope import Place, Request, Settled
from .https import Answer, HttpsClient
from .services import describe, examine
from .token import Tokens
from .words import BUSY, Words
from .worker import Event, Worker

if TYPE_CHECKING:
    from ...config.accounts.account import Account
    from ...local.permissions import Permissions

PATIENCE = 0.05  # seconds that a request waits for more files
LEAST_WIDTH = 64  # files at once: with fewer, the loop would not wait until a request is full
MOST_WIDTH = 4096

STOPPING: Mapping[int, tuple[str, str]] = {
    401: ("login_refused", "Ask the provider whether this client may use the files API."),
    404: ("service_not_found", "Check client_no and base_url. If they are right, ask the provider."),
}
"""Statuses that refuse all files of a job: the reason, and what to do."""


def api_remote(account: Account, permissions: Permissions) -> ApiRemote:
    """Open a session: get a token, unless an earlier run has left one that is still good.

    :raises TrustError, AuthenticationError, UnreachableError, ServerBusy: see `errors`.
    """
    del permissions
    remote = ApiRemote(account)
    try:
        remote.log_in()
    except BaseException:
        remote.close()
        raise
    return remote


class ApiRemote(Batch):
    """See `interface.RequestRemote`."""

    clock: float | None = None
    most_open = 0
    learned: Mapping[str, bool] = {}

    def __init__(self, account: Account) -> None:
        super().__init__()
        api = account.api
        width = min(max(LEAST_WIDTH, 2 * account.connections * api.max_files), MOST_WIDTH)
        self.features = Features(
            stat=False,
            rename=False,
            exclusive_create=False,
            partial_uploads=False,
            max_in_flight=width,
            many_per_request=True,
        )
        self.identity = f"amili_api {api.base_url} {api.client_no}"
        self.batches: Sequence[Batch] = (self,)
        self.notes: list[str] = []
        self._account = account
        self._tokens = Tokens(account)
        self._client = HttpsClient(account)
        self._workers: list[Worker] = []
        self._open: Request | None = None
        self._full: deque[Request] = deque()
        self._under_way: set[Request] = set()
        self._completing: set[Request] = set()
        self._most: dict[str, int] = {}  # by fileId: how many files a request with it may have
        self._backoff = Backoff()
        self._stopped: FiledropError | None = None
        self._events: deque[Event] = deque()
        self._wake = threading.Event()

    def log_in(self) -> None:
        self._tokens.usable(self._client)

    @property
    def certificate_expires(self) -> int | None:
        sessions = list(self._client.sessions.values())  # threads may add some
        times = [session.expires for session in sessions if session.expires is not None]
        return min(times, default=None)

    def close(self) -> None:
        for request in self._under_way:
            request.cancel()
        for worker in self._workers:
            worker.stop()
        self._client.close()

    def info(self) -> Mapping[str, Any]:
        """Return what the services say of themselves, and their certificates."""
        return describe(self._client, self._tokens)

    def examine(self) -> None:
        self.notes.extend(examine(self._client, self._tokens))

    # --- the files

    async def submit(self, parcel: Parcel) -> Reply:
        if self._stopped is not None:
            raise self._stopped
        place = Place(parcel, self._most.get(parcel.file_id, self._account.api.max_files))
        request = self._join(place)
        try:
            early = await place.completing
            if early is not None:
                return early
            await parcel.completing(request.id)
            request.approve()
            return await place.reply
        except BaseException:
            if request is self._open or request in self._full:
                request.leave(place)
            else:
                request.cancel()
            raise

    def _join(self, place: Place) -> Request:
        """Give a file a place in the next request that has room for it."""
        if self._open is not None and not self._open.has_room_for(place, self._account.api.max_bytes):
            self._close_open()
        if self._open is None:
            self._open = Request(self._account.api.user_id)
        request = self._open
        request.add(place)
        self._joined()
        if request.is_full:
            self._close_open()
            self._dispatch()
        return request

    def _close_open(self) -> None:
        if self._open is not None:
            self._full.append(self._open)
        self._open, self.joined, self._since = None, 0, None

    def _dispatch(self) -> None:
        """Send the requests that are full, as far as connections are free."""
        while self._full and self._has_room and not self._backoff.rest:
            request = self._full.popleft()
            if request.places:
                self._under_way.add(request)
                self._free_worker().put(request)

    @property
    def _has_room(self) -> bool:
        return len(self._under_way) < self._account.connections

    def _free_worker(self) -> Worker:
        for worker in self._workers:
            if worker.request is None:
                return worker
        self._workers.append(Worker(self._client, self._tokens, self._tell))
        return self._workers[-1]

    # --- the loop

    @property
    def due(self) -> float | None:
        """See `loop.Batch`. A request that is not full waits until a connection is free."""
        if self._since is None or self._full or not self._has_room or self._backoff.rest:
            return None
        return self._since + PATIENCE

    def _run(self) -> None:
        self._close_open()
        self._dispatch()

    @property
    def pending(self) -> int:
        """See `loop.Source`. A request that waits for the ledger needs nothing from here."""
        sent = (request for request in self._under_way if request not in self._completing or request.is_decided)
        files = sum(len(request.places) for request in sent)
        return files + self.joined + sum(len(request.places) for request in self._full)

    def poll(self, timeout: float | None) -> bool:
        """See `loop.Source`."""
        rest = self._backoff.rest
        waits = [wait for wait in (timeout, rest or None) if wait is not None]
        if not self._events and timeout != 0:
            self._wake.wait(min(waits) if waits else None)
        self._wake.clear()
        heard = bool(self._events)
        while self._events:
            self._hear(self._events.popleft())
        self._dispatch()
        return heard

    def _tell(self, event: Event) -> None:
        """Called in the threads."""
        self._events.append(event)
        self._wake.set()

    def _hear(self, event: Event) -> None:
        request = event.request
        if event.results is None:
            self._completing.add(request)
            for place in request.places:
                place.completing.set_result(None)
            return
        self._under_way.discard(request)
        self._completing.discard(request)
        event.worker.request = None
        results = event.results
        if event.answer is not None:
            results = self._after(event.answer, request, results)
        self._stopped = self._stopped or event.stop
        for place, result in zip(request.places, results):
            place.settle(result)
        if self._stopped is not None:
            self._refuse_rest(self._stopped)

    def _after(self, answer: Answer, request: Request, results: Sequence[Settled]) -> Sequence[Settled]:
        """Decide what an answer means for those of its files that have to be sent again."""
        is_busy = answer.status in BUSY or answer.status >= 500
        error: FiledropError | None = None
        if not is_busy:
            self._backoff.end()
            error = self._stop_at(answer, request)
        elif not self._backoff.pause(answer.headers.get("retry-after")):
            error = self._busy(answer, request)
        if error is not None:
            self._stopped = self._stopped or error
            return [error if is_again(result) else result for result in results]
        if not is_busy and answer.status != 401:
            again = [place for place, result in zip(request.places, results) if is_again(result)]
            for place in again:
                self._most[place.parcel.file_id] = max(1, min(place.most, len(request.places) // 2))
        return results

    def _stop_at(self, answer: Answer, request: Request) -> FiledropError | None:
        """Return the error for a status that refuses all files; None if others can be sent."""
        status = answer.status
        is_last = status == 401 and self._tokens.is_given_up
        if not (status in STOPPING or 300 <= status < 400) or (status == 401 and not is_last):
            return None
        redirect = ("redirected", "Redirects are not followed, as they could lead to another host. Correct base_url.")
        reason, way_out = STOPPING.get(status, redirect)
        finding = f"The service answered with status {status}{self._words(request).of_body(answer.body)}."
        return JobStopped(reason, finding, way_out)

    def _busy(self, answer: Answer, request: Request) -> ServerBusy:
        words = self._words(request).of_body(answer.body)
        finding = f"The service is busy. It answered with status {answer.status}{words}, and took nothing."
        return ServerBusy("server_busy", finding, "The next run tries again. If it persists, ask the provider.")

    def _words(self, request: Request) -> Words:
        latest = self._tokens.latest
        return Words(self._account, latest.value if latest else None, request.token)

    def _refuse_rest(self, error: FiledropError) -> None:
        """Give up all files that wait for a request."""
        self._close_open()
        while self._full:
            for place in self._full.popleft().places:
                place.settle(error)

    # --- what this protocol does not have

    def _unsupported(self, what: str) -> Future[Any]:
        future: Future[Any] = Future()
        finding = f"The protocol amili_api cannot {what}."
        future.set_exception(RemoteUnsupported("remote_unsupported", finding, "Use an account of another protocol."))
        return future

    def stat(self, path: str) -> Future[Entry | None]:
        return self._unsupported(f"look at {path!r}")

    def rename(self, old: str, new: str) -> Future[None]:
        del new
        return self._unsupported(f"rename {old!r}")

    def remove(self, path: str) -> Future[None]:
        return self._unsupported(f"remove {path!r}")

    def digest(self, path: str) -> Future[tuple[str, str]]:
        return self._unsupported(f"tell the digest of {path!r}")

    def make_folder(self, path: str) -> Future[None]:
        return self._unsupported(f"make the folder {path!r}")

    async def list(self, folder: str, take: object) -> None:
        del take
        await self._unsupported(f"list {folder!r}")

    async def download(self, path: str, into: object, *, size: int) -> Any:
        del into, size
        await self._unsupported(f"fetch {path!r}")

    async def upload(self, path: str, source: object, **options: Any) -> Any:
        del source, options
        await self._unsupported(f"send {path!r} other than in a request")


def is_again(result: Settled) -> bool:
    return isinstance(result, Reply) and result.judgement is Judgement.AGAIN
