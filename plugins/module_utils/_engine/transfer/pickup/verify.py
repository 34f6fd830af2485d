# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetching a remote file so that it is known to be whole: a server's "no error" is never taken for that."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ...errors import TransferError
from ...local.folder import digest_of
from ..selection import DIGESTS

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ...local.folder import Folder, Part
    from ...remote import Entry, Remote

LONGEST_SIDECAR = 4096  # bytes


async def download_whole(remote: Remote, entry: Entry, part: Part) -> Awaitable[Entry | None]:
    """Fetch as much as was listed; return what the server says of the file behind the last byte.

    :raises TransferError: ``size_unknown``, ``incomplete``, ``longer_than_listed``.
    """
    if entry.size is None:
        raise TransferError(
            "size_unknown",
            f"The server does not tell the size of {entry.path!r}, so it cannot be verified.",
            "It stays there; ask the provider whether its server can tell sizes.",
        )
    received = await remote.download(entry.path, part, size=entry.size)
    if received.size != entry.size:
        raise _incomplete(entry, received.size)
    return received.entry


def require_unchanged(entry: Entry, now: Entry | None) -> None:
    """Compare what was listed with what the server says behind the last byte.

    :raises TransferError: ``changed_while_read``.
    """
    if now is None or (now.size, now.mtime) != (entry.size, entry.mtime):
        raise TransferError(
            "changed_while_read",
            f"{entry.path!r} was changed on the server while it was fetched.",
            "It stays there; the next run fetches it. Raise `settle` if its writer takes longer.",
        )


async def reread(remote: Remote, entry: Entry, part: Part) -> None:
    """Fetch a second time, and compare the hashes.

    :raises TransferError: ``not_the_same_twice``.
    """
    again = _Digest()
    await remote.download(entry.path, again, size=entry.size or 0)
    if again.sha256 != part.sha256:
        raise TransferError(
            "not_the_same_twice",
            f"{entry.path!r} was read twice, with different content.",
            "It stays on the server; the next run tries again. If it goes on, ask the provider.",
        )


async def compare_with_sidecar(remote: Remote, entry: Entry, sidecar: Entry | None, part: Part, folder: Folder) -> None:
    """Compare with the checksum that the provider has put beside the file.

    :raises TransferError: ``sidecar_missing``, ``checksum_differs``.
    """
    if sidecar is None or not sidecar.size or sidecar.size > LONGEST_SIDECAR:
        suffixes = ", ".join(f".{digest}" for digest in DIGESTS)
        raise TransferError(
            "sidecar_missing",
            f"There is no checksum beside {entry.path!r} ({suffixes}).",
            "It stays on the server until there is one; use `verify: size` if the provider sends none.",
        )
    text = _Text()
    await remote.download(sidecar.path, text, size=sidecar.size)
    digest = sidecar.name.rpartition(".")[2]
    found = part.sha256 if digest == "sha256" else digest_of(folder, part.name, digest)
    if found not in text.content.decode("utf-8", "replace").lower().split():
        raise TransferError(
            "checksum_differs",
            f"The {digest} of {entry.path!r} is not the one that {sidecar.path!r} tells.",
            "It stays on the server; ask the provider to send it again.",
        )


class _Digest:
    """Takes a download only to hash it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self._hash.update(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class _Text:
    """Takes a small download into memory."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: bytes | memoryview) -> None:
        self.content += data


def _incomplete(entry: Entry, received: int) -> TransferError:
    if received > (entry.size or 0):
        return TransferError(
            "longer_than_listed",
            f"{entry.path!r} has more than the {entry.size} bytes that the server lists.",
            "It stays there; the next run fetches it if its size is right by then.",
        )
    return TransferError(
        "incomplete",
        f"{entry.path!r} was cut short: {received} of {entry.size} bytes came, though the server reported no error.",
        "It stays there; the next run fetches it again.",
    )
