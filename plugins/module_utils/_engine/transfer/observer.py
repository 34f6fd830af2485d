# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report the progress of a run. Without an observer there is no overhead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ..remote.interface import Incoming, Outgoing, Parcel, Received, Remote, Reply, RequestRemote, Uploaded
    from .result import FileOutcome


class Observer(Protocol):
    """Receive the progress of a run. The methods are called in the run's own thread, so they must return quickly."""

    def planned(self, files: int, size: int) -> None:
        """Receive the number of planned files and their size in bytes. A new attempt calls this again for the rest."""

    def began(self, name: str) -> None:
        """Receive the name of a file whose turn has come."""

    def moved(self, size: int) -> None:
        """Receive how many more bytes were received or sent."""

    def ended(self, outcome: FileOutcome) -> None:
        """Receive the outcome of one file."""


class Counting:
    """An `Observer` that counts. A new attempt moves the bytes of unfinished files again, so it plans them again.

    :ivar files: how many files were planned, in all attempts.
    :ivar files_ended: how many of them have an outcome.
    :ivar size: how many bytes were planned, in all attempts.
    :ivar size_moved: how many bytes were received or sent.
    """

    def __init__(self) -> None:
        self.files = self.files_ended = self.size = self.size_moved = 0

    def planned(self, files: int, size: int) -> None:
        self.files = self.files_ended + files
        self.size = self.size_moved + size

    def began(self, name: str) -> None:
        """Count nothing."""

    def moved(self, size: int) -> None:
        self.size_moved += size

    def ended(self, outcome: FileOutcome) -> None:
        if self.files_ended < self.files and (outcome.is_trouble or outcome.outcome == "delivered"):
            self.files_ended += 1


def watched(remote: Remote, observer: Observer | None) -> Remote:
    """Wrap a remote so that it reports every block of a file; return the remote itself if there is no observer."""
    return remote if observer is None else cast("Remote", _Watched(remote, observer))


class _Watched:
    """Wrap a remote, and report the bytes of its downloads and uploads."""

    def __init__(self, remote: Remote, observer: Observer) -> None:
        self._remote = remote
        self._observer = observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._remote, name)

    async def download(self, path: str, into: Incoming, *, size: int) -> Received:
        return await self._remote.download(path, _Incoming(into, self._observer), size=size)

    async def submit(self, parcel: Parcel) -> Reply:
        """Report the whole file at once: it is read in another thread, and no observer is called there."""
        reply = await cast("RequestRemote", self._remote).submit(parcel)
        self._observer.moved(parcel.source.size)
        return reply

    async def upload(
        self,
        path: str,
        source: Outgoing,
        *,
        over: bool,
        temporary: bool,
        created: Callable[[Uploaded], Awaitable[None]],
        ask_size: bool,
        final: str | None = None,
    ) -> Uploaded:
        watched_source = _Outgoing(source, self._observer)
        return await self._remote.upload(
            path,
            watched_source,
            over=over,
            temporary=temporary,
            created=created,
            ask_size=ask_size,
            final=final,
        )


class _Incoming:
    def __init__(self, into: Incoming, observer: Observer) -> None:
        self._into = into
        self._observer = observer

    def write(self, data: bytes | memoryview) -> None:
        self._into.write(data)
        self._observer.moved(len(data))


class _Outgoing:
    def __init__(self, source: Outgoing, observer: Observer) -> None:
        self.size = source.size
        self._source = source
        self._observer = observer

    def read(self, length: int) -> bytes:
        data = self._source.read(length)
        self._observer.moved(len(data))
        return data

    def check_unchanged(self) -> None:
        self._source.check_unchanged()
