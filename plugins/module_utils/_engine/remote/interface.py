# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Remote interface: what a workflow can ask of a server, whatever its protocol."""

from __future__ import annotations

import stat as modes
from collections.abc import Awaitable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Protocol, Union

from ..errors import RemoteError

if TYPE_CHECKING:
    from ..loop.loop import Batch

_KINDS = {0: "file", modes.S_IFREG: "file", modes.S_IFDIR: "folder", modes.S_IFLNK: "link"}


class Entry(NamedTuple):
    """One name in a remote folder, as the server describes it.

    Bytes of a name that are not UTF-8 appear as surrogate escapes. ``size`` is in bytes, ``mtime`` in whole seconds
    since 1970 (UTC). Both are None where the server does not tell.
    """

    name: str
    path: str
    size: int | None
    mtime: int | None
    permissions: int | None

    @property
    def kind(self) -> str:
        """``file``, ``folder``, ``link`` or ``other``. A name without a type is taken for a file."""
        return _KINDS.get(modes.S_IFMT(self.permissions or 0), "other")


class Features(NamedTuple):
    """What a protocol can do at all. What one server allows is a capability, and is kept in the ledger.

    :ivar stat: it can tell size and time of one file.
    :ivar rename: it can rename a file.
    :ivar exclusive_create: it can ask for a new file that must not exist yet.
    :ivar partial_uploads: True: a file is visible under its name while it is written. False: it is not. None: that
        depends on the server.
    :ivar max_in_flight: how many files to work on at once.
    :ivar stat_while_open: a file can be looked at while it is uploaded.
    :ivar size_is_final: `Uploaded.size` of a temporary file is told after the file was closed, and its final name is
        looked at then. So neither an earlier look nor one after the rename shows more.
    :ivar lists_hidden: a listing has names that begin with a dot, too.
    :ivar many_per_request: it takes many files in one request and judges each in its answer; see `RequestRemote`.
        Nothing else of `Remote` is supported then.
    :ivar has_digests: it announces that it computes digests. A server that does not may have them all the same.
    """

    stat: bool
    rename: bool
    exclusive_create: bool
    partial_uploads: bool | None
    max_in_flight: int
    stat_while_open: bool = True
    size_is_final: bool = False
    lists_hidden: bool = True
    many_per_request: bool = False
    has_digests: bool = False


class Outgoing(Protocol):
    """A local file that is being uploaded."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read(self, length: int) -> bytes:
        """Return exactly the next ``length`` bytes."""

    def check_unchanged(self) -> None:
        """Raise TransferError if the file is no longer the one that the upload began with."""


class Incoming(Protocol):
    """Where the bytes of a download go, in their order."""

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""


class Received(NamedTuple):
    """A download that has ended.

    :ivar size: bytes that came; one more than expected if the file goes on.
    :ivar entry: what the server says of the file after its last byte, as by `Remote.stat`. It has been asked already.
    """

    size: int
    entry: Awaitable[Entry | None]


class Uploaded(Protocol):
    """One upload, from the moment that its name is ours."""

    async def size(self) -> int | None:
        """Wait until the server has acknowledged every byte; return how many bytes it holds, by its own word.

        None if the server does not tell, or was not asked. A server that told a wrong size is asked again, because it
        may have answered before it had processed every byte. No request is made that fails on a server that hides
        files until they are closed.

        :raises RemoteError: it refused some of the bytes, or to tell the size of a temporary file.
        """

    def close(self) -> Awaitable[None]:
        """Complete the upload. An error means that the server did not take the file.

        A second call returns the same future.
        """

    async def discard(self) -> bool:
        """Remove what was uploaded. Return whether nothing of it is left.

        The path is removed before the file is closed, unless the file is being closed already: closing may be what
        makes the provider take it. Where that removal fails, the path is removed again afterwards.
        """


class Remote(Protocol):
    """A connected session with a server, whatever its protocol.

    A request leaves with the call, and awaiting it only waits for the answer. So several requests can be under way
    before the first is awaited. A coroutine (``async def``) starts when it is awaited.

    Every request raises one of these:

    - RemoteMissing, RemoteDenied, RemoteUnsupported or RemoteError: the server refuses it.
    - ConnectionLost: the session has ended, or was silent for the account's timeout.
    - ProtocolError: the server broke the rules of the protocol.

    :ivar features: what the protocol can do.
    :ivar batches: work of the remote that the loop has to drive; empty for most.
    """

    @property
    def features(self) -> Features:
        """What the server can do."""

    @property
    def batches(self) -> Sequence[Batch]:
        """What is to be done in batches."""

    @property
    def clock(self) -> float | None:
        """Return by how many seconds the clock of the files' times is ahead of ours; None if that is unknown.

        An upload of this session may have shown it.
        """

    @property
    def notes(self) -> Sequence[str]:
        """Return what people should know of a run over this session. It grows while the session lasts."""

    @property
    def learned(self) -> Mapping[str, bool]:
        """Return what this session has learned of the server, for later ones: capabilities by their names."""

    @property
    def certificate_expires(self) -> int | None:
        """Return when the first of the server's certificates expires, in seconds since 1970; None if it has none."""

    @property
    def most_open(self) -> int:
        """Return to how many open files the server's refusals have reduced this session; 0 if they have not."""

    @property
    def identity(self) -> str:
        """Return what identifies the mailbox, whatever name or address its server was reached by."""

    @property
    def pending(self) -> int:
        """See `loop.Source`."""

    def poll(self, timeout: float | None) -> bool:
        """See `loop.Source`."""

    def close(self) -> None:
        """End the session. Requests under way fail with ConnectionLost."""

    def info(self) -> Mapping[str, Any]:
        """What is known of the server and the session, for people. The keys depend on the protocol."""

    async def list(self, folder: str, take: Callable[[Sequence[Entry]], None]) -> None:
        """List a folder: pass all names but ``.`` and ``..`` on as they come, some at a time.

        A folder may have a million names, so nobody keeps them all. An error can come after some were passed on.
        """

    def stat(self, path: str) -> Awaitable[Entry | None]:
        """The file itself (a link is not followed), or None if there is none."""

    async def download(self, path: str, into: Incoming, *, size: int) -> Received:
        """Fetch a file of the expected size to its real end, but not more than one byte beyond that size.

        What comes beyond the expected size is counted and not written.
        """

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
    ) -> Uploaded:
        """Upload a file; return when every byte has been handed to the transport.

        The server may not have acknowledged the bytes by then: see `Uploaded.size`. A request that is made afterwards
        leaves right behind the bytes.

        Errors of the source, of ``created`` and of the server are raised as they are. The caller then calls
        `Uploaded.discard`. An error before ``created`` is called leaves nothing open and nothing to discard.

        :param over: replace our own unfinished file; else create a file that must not exist yet, as far as the server
            honours that.
        :param temporary: nobody acts on a file of this name, so the remote may close it early, or write it over
            several connections.
        :param created: awaited once the name is ours and before the first byte is sent: the durable point. It gets
            the upload, so that the caller can discard it whatever happens later.
        :param final: the name that a temporary file gets afterwards. The caller looks at it right behind the upload.
        :param ask_size: False if the account may not look at files. Then `Uploaded.size` is None.
        """

    def rename(self, old: str, new: str) -> Awaitable[None]:
        """Give a file another name; never one that exists, as far as the server honours that."""

    def remove(self, path: str) -> Awaitable[None]:
        """Delete a file."""

    def digest(self, path: str) -> Awaitable[tuple[str, str]]:
        """Return the server's own digest of a file: the name of the algorithm in hashlib, and hexadecimal digits.

        It is SHA-256 where the server has that, else SHA-1.

        :raises RemoteUnsupported: the server or the protocol has none.
        """

    def make_folder(self, path: str) -> Awaitable[None]:
        """Make a folder in one that exists. A folder that exists already is an error, too."""


class Judgement(Enum):
    """What is known of a file after the request in which it was."""

    TAKEN = "taken"
    REFUSED = "refused: the file itself is not wanted"
    FORBIDDEN = "refused: this client may not send this type of file"
    AGAIN = "nothing of it was taken: it has to be submitted again"
    UNKNOWN = "it may have been taken"


class Reply(NamedTuple):
    """The judgement on one file.

    :ivar words: the server's own, as the end of a sentence; often empty.
    """

    judgement: Judgement
    words: str = ""


class Parcel(NamedTuple):
    """One file for a request.

    :ivar file_id: identifies the file to the server. It is the same in every retry.
    :ivar kind: the server's type of the file.
    :ivar completing: awaited with the id of the request, before its last bytes leave: the durable point. Before it,
        the request is incomplete, so the server cannot have taken the file.
    """

    file_id: str
    kind: str
    name: str
    source: Outgoing
    completing: Callable[[str], Awaitable[None]]


class RequestRemote(Remote, Protocol):
    """A remote that takes many files in one request."""

    def examine(self) -> None:
        """Ask the server, without a request, whether it would take one. What speaks against it is added to `notes`.

        :raises TrustError, UnreachableError: a service of the account cannot be used.
        """

    async def submit(self, parcel: Parcel) -> Reply:
        """Send a file in a request with others; return what the answer says of it.

        Errors of the source and of ``completing`` are raised as they are. They end that request only: the other files
        in it are judged AGAIN.

        :raises ServerBusy: the server was busy for too long. It did not take the file.
        :raises JobStopped: the server refuses all files.
        """


def join(folder: str, name: str) -> str:
    """The path of a name in a remote folder; the empty folder is where the server puts us at login."""
    return name if folder in ("", ".") else f"{folder.rstrip('/')}/{name}"


async def entries_in(remote: Remote, folder: str) -> Sequence[Entry]:
    """All names in a folder that is known to be small, or of which a person wants to see all."""
    entries: list[Entry] = []
    await remote.list(folder, entries.extend)
    return entries


class UploadRefused(RemoteError):
    """The server did not take what was sent. Where a size can be asked only afterwards, that is when this is heard."""


async def size_or_none(size: Awaitable[int | None]) -> int | None:
    """Return a size; None if the server does not tell it. Some servers know of no file while it is open."""
    try:
        return await size
    except UploadRefused:
        raise
    except RemoteError:
        return None


Found = Optional[Union[Entry, RemoteError]]
"""What a look at a name gave: an entry, None if there is none, or the refusal."""


async def try_look(asked: Awaitable[Entry | None]) -> Found:
    """Return what the server shows under a name. A refusal is a result, too."""
    try:
        return await asked
    except RemoteError as error:
        return error


async def succeeds(request: Awaitable[None]) -> bool:
    """Return whether a request succeeds. The caller cleans up, so a refusal is not an error."""
    try:
        await request
    except RemoteError:
        return False
    return True
