# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Download a remote file, and verify that it is complete. The absence of an error is never taken as evidence."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ...errors import TransferError
from ...local.parts import digest_of
from ..selection import DIGESTS
from .sidecar import digests_for

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ...local.folder import Folder
    from ...local.parts import Part
    from ...remote.interface import Entry, Remote

LONGEST_SIDECAR = 32768  # bytes; each file that is being verified may hold so many in memory


async def download_whole(remote: Remote, entry: Entry, part: Part) -> Awaitable[Entry | None]:
    """Download a file of the listed size. Return an awaitable of its entry, requested after the last byte.

    :raises TransferError: ``size_unknown``, ``incomplete``, ``longer_than_listed``.
    """
    if entry.size is None:
        raise TransferError(
            "size_unknown",
            f"The server does not report the size of {entry.path!r}, so the file cannot be verified.",
            "The file stays on the server. Ask the provider whether the server can report sizes.",
        )
    received = await remote.download(entry.path, part, size=entry.size)
    if received.size != entry.size:
        raise _incomplete(entry, received.size)
    return received.entry


def changed_while_read(entry: Entry) -> TransferError:
    return TransferError(
        "changed_while_read",
        f"{entry.path!r} was changed on the server during the download.",
        "The file stays on the server, and the next run fetches it. If its writer needs longer, increase `settle`.",
    )


async def reread(remote: Remote, entry: Entry, part: Part) -> None:
    """Download a file a second time, and compare the hashes (SHA-256).

    :raises TransferError: ``not_the_same_twice``.
    """
    again = _Digest()
    await remote.download(entry.path, again, size=entry.size or 0)
    if again.sha256 != part.sha256:
        raise TransferError(
            "not_the_same_twice",
            f"{entry.path!r} was read twice, with different content.",
            "The file stays on the server, and the next run retries. If this continues, ask the provider.",
        )


async def compare_with_sidecar(remote: Remote, entry: Entry, sidecar: Entry | None, part: Part, folder: Folder) -> None:
    """Compare a download with the checksum file beside the original.

    :param entry: the original, under its own name.
    :raises TransferError: ``sidecar_missing``, ``checksum_missing``, ``checksum_differs``.
    """
    name = entry.name
    if sidecar is None or not sidecar.size or sidecar.size > LONGEST_SIDECAR:
        wanted = " or ".join(repr(f"{name}.{digest}") for digest in DIGESTS)
        raise TransferError(
            "sidecar_missing",
            f"The checksum file of {entry.path!r} is missing, empty or over {LONGEST_SIDECAR} bytes. "
            f"It must be called {wanted}.",
            "The file stays on the server until it has one. If the provider sends none, set `verify: size`.",
        )
    text = _Text()
    await remote.download(sidecar.path, text, size=sidecar.size)
    algorithm = sidecar.name.rpartition(".")[2].lower()
    wanted_digests = digests_for(name, text.content, algorithm)
    if not wanted_digests:
        raise TransferError(
            "checksum_missing",
            f"The checksum file {sidecar.path!r} holds no {algorithm} of {name!r}.",
            "The file stays on the server. Ask the provider for a checksum file in the form of sha256sum.",
        )
    found = part.sha256 if algorithm == "sha256" else digest_of(folder, part.name, algorithm)
    if found not in wanted_digests:
        raise TransferError(
            "checksum_differs",
            f"The {algorithm} of {entry.path!r} differs from the one in {sidecar.path!r}.",
            "The file stays on the server. Ask the provider to send it again.",
        )


class _Digest:
    """Receive a download, and keep only its hash."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self._hash.update(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class _Text:
    """Receive a small download in memory."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: bytes | memoryview) -> None:
        self.content += data


def _incomplete(entry: Entry, received: int) -> TransferError:
    if received > (entry.size or 0):
        return TransferError(
            "longer_than_listed",
            f"{entry.path!r} has more than the {entry.size} bytes that the server lists.",
            "The file stays on the server. The next run fetches it if the listed size is right then.",
        )
    return TransferError(
        "incomplete",
        f"{entry.path!r} is incomplete: {received} of {entry.size} bytes arrived, but the server reported no error.",
        "The file stays on the server. The next run fetches it again.",
    )
