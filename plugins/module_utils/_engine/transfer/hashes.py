# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare a file here with the server's own digest of its copy (`verify: hash`)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Callable

from ..errors import JobStopped, RemoteError, RemoteUnsupported, TransferError

if TYPE_CHECKING:
    from ..remote.interface import Remote

BY_HASH = "hash"
"""Evidence of a transfer: the server's own digest of its file is that of ours."""


async def require_digests(remote: Remote, folder: str) -> None:
    """Require that the server computes digests, before any file is moved.

    ProFTPD does not announce that over SFTP. So a server is asked for the digest of a folder. A folder has none, but
    only a server without digests answers that it does not know the request.

    :raises JobStopped: ``hash_unsupported``.
    """
    if remote.features.has_digests:
        return
    try:
        await remote.digest(folder or ".")
    except RemoteUnsupported as error:
        raise _unsupported(error.finding) from error
    except RemoteError:
        return


async def require_same_hash(remote: Remote, path: str, sha256: str, other: Callable[[str], str]) -> None:
    """Require that the server's digest of a file is that of ours.

    :param sha256: of our file, which is not empty.
    :param other: computes another digest of our file, by the name of its algorithm in hashlib.
    :raises JobStopped: ``hash_unsupported``: the server computes none that is known here.
    :raises TransferError: ``hash_differs``.
    :raises RemoteError: it refuses to compute that of this file.
    """
    try:
        algorithm, found = await remote.digest(path)
    except RemoteUnsupported as error:
        raise _unsupported(error.finding) from error
    if found.lower() == hashlib.new(algorithm).hexdigest():
        finding = f"Its {algorithm} of {path!r} is that of an empty file, as with ProFTPD before 1.3.8."
        raise _unsupported(finding)
    ours = sha256 if algorithm == "sha256" else other(algorithm)
    if found.lower() != ours:
        raise TransferError(
            "hash_differs",
            f"The server's {algorithm} of {path!r} is {found.lower()}, but that of the file here is {ours}.",
            "The original stays. The next run tries again. If this continues, ask the provider.",
        )


def _unsupported(finding: str) -> JobStopped:
    return JobStopped(
        "hash_unsupported",
        f"The server computes no digest of files, which `verify: hash` needs. {finding}",
        "Set `verify: size`. A server of SFTP needs the extension check-file, which OpenSSH does not have. A server of "
        "FTP needs the command HASH, XSHA256 or XSHA1.",
    )
