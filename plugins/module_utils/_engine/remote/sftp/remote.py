# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP as a Remote, over one or several sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable

from ..interface import Entry, Features, Incoming, Outgoing, Received, Uploaded
from . import requests
from .download import Download
from .listing import list_folder
from .looks import Look
from .sessions import Sessions
from .upload import Upload

if TYPE_CHECKING:
    from ...config.accounts.account import Account
    from ...loop.loop import Batch, Future

FEATURES = Features(
    stat=True,
    rename=True,
    exclusive_create=True,
    partial_uploads=None,
    max_in_flight=1024,  # enough to hide a round trip of 100 ms
)


class SftpRemote:
    """A mailbox over SFTP; see `interface.Remote` for what its methods promise."""

    features = FEATURES
    batches: Sequence[Batch] = ()
    notes: Sequence[str] = ()
    learned: Mapping[str, bool] = {}
    certificate_expires = None

    def __init__(self, account: Account) -> None:
        self._sessions = Sessions(account)
        key = self._sessions.info().get("host_key")
        server = key["fingerprint"] if key else f"{account.host} {account.port}"
        self.identity = f"sftp {server} {account.username}"
        if self._sessions.is_openssh_sftp:
            self.features = self.features._replace(partial_uploads=True)

    @property
    def clock(self) -> float | None:
        return self._sessions.clock

    @property
    def most_open(self) -> int:
        return self._sessions.most_open

    @property
    def pending(self) -> int:
        return self._sessions.pending

    def poll(self, timeout: float | None) -> bool:
        return self._sessions.poll(timeout)

    def close(self) -> None:
        self._sessions.close()

    def info(self) -> Mapping[str, Any]:
        return self._sessions.info()

    async def list(self, folder: str, take: Callable[[Sequence[Entry]], None]) -> None:
        await list_folder(self._sessions.idlest(), folder, take)

    def stat(self, path: str) -> Look:
        return Look(self._sessions.idlest(), path)

    async def download(self, path: str, into: Incoming, *, size: int) -> Received:
        handle = await requests.open_for_reading(self._sessions.idlest(), path)
        session = handle.session
        download = Download(
            handle, rate_limiter=self._sessions.rate_limiter, is_in_order=self._sessions.is_in_order(session)
        )
        try:
            received = await download.into(into, size)
        finally:
            requests.close(handle)  # nobody waits for the answer
        return Received(received, download.entry or Look(session, path))

    async def upload(
        self,
        path: str,
        source: Outgoing,
        *,
        over: bool,
        temporary: bool,
        created: Callable[[Uploaded], Awaitable[None]],
        ask_size: bool = True,
        final: str | None = None,
    ) -> Upload:
        del final  # a look of its own costs nothing, because it does not wait for other answers
        open_file = requests.rewrite if over else requests.create
        handle = await open_file(self._sessions.idlest(), path)
        upload = Upload(self._sessions, handle, temporary=temporary, ask_size=ask_size)
        await created(upload)
        await upload.send(source)
        return upload

    def rename(self, old: str, new: str) -> Future[None]:
        return requests.rename(self._sessions.idlest(), old, new)

    def remove(self, path: str) -> Future[None]:
        return requests.remove(self._sessions.idlest(), path)

    def digest(self, path: str) -> Future[tuple[str, str]]:
        return requests.digest(self._sessions.idlest(), path)

    def make_folder(self, path: str) -> Future[None]:
        return requests.make_folder(self._sessions.idlest(), path)
