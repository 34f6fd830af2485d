# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare a received file with the checksum file that its sender has put beside it (`verify: sidecar`)."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...errors import TransferError, WaitError
from ...local.folder import Folder, LocalFile, disk_error
from ...local.names import quoted
from ...local.parts import digest_of
from ..pickup.sidecar import digests_for
from ..pickup.verify import LONGEST_SIDECAR
from ..selection import DIGESTS


def sidecars_of(folder: Folder, name: str) -> Iterator[LocalFile]:
    """Yield the checksum files of a file, the strongest first."""
    for digest in DIGESTS:
        for suffix in (digest, digest.upper()):
            found = folder.file(f"{name}.{suffix}")
            if found is not None:
                yield found


def require_sidecar(folder: Folder, file: LocalFile) -> None:
    """Require that a file has the digest that its checksum file gives.

    :raises WaitError: ``sidecar_missing``: there is no checksum file yet.
    :raises TransferError: ``checksum_missing``, ``checksum_differs``.
    """
    sidecar = next(sidecars_of(folder, file.name), None)
    if sidecar is None or not 0 < sidecar.size <= LONGEST_SIDECAR:
        wanted = " or ".join(f"{file.name}.{digest}" for digest in DIGESTS)
        raise WaitError(
            "sidecar_missing",
            f"The checksum file of {quoted(file.name)} is missing, empty or over {LONGEST_SIDECAR} bytes. It must be "
            f"called {wanted}.",
            "A later run takes the file once its checksum file is there.",
        )
    algorithm = sidecar.name.rpartition(".")[2].lower()
    wanted_digests = digests_for(file.name, _content(folder, sidecar.name), algorithm)
    if not wanted_digests:
        raise TransferError(
            "checksum_missing",
            f"The checksum file {quoted(sidecar.name)} holds no {algorithm} of {quoted(file.name)}.",
            "The file stays. Ask its sender for a checksum file in the form of sha256sum.",
        )
    if digest_of(folder, file.name, algorithm) not in wanted_digests:
        raise TransferError(
            "checksum_differs",
            f"The {algorithm} of {quoted(file.name)} differs from the one in {quoted(sidecar.name)}, so the file is "
            "incomplete or damaged.",
            "The file stays. If this continues, ask its sender to send it again.",
        )


def _content(folder: Folder, name: str) -> bytes:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.fd)
        with os.fdopen(fd, "rb") as file:
            return file.read(LONGEST_SIDECAR)
    except OSError as error:
        raise disk_error(error, f"read {folder.path_of(name)!r}") from error
